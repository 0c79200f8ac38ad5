import { beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parquetReadObjects } from "hyparquet";
import Papa from "papaparse";
import type { Summary } from "../../lib/results/summary-shape.ts";
import type { DecisionRecord, Outcome } from "../../lib/types.ts";
import { makeOutcome } from "../memory/outcome-samples.ts";
import { PROJECT_DIR } from "../samples.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { hostScripts } from "./hosted-script.ts";
import { CANNOT_REFUSE, runRefused, type ScriptResult, writeMemory } from "./run-script.ts";

const runScript = hostScripts();

// Processes are started here, and a machine may be busy.
setDefaultTimeout(60_000);

const work = temporaryFolder("export");
const memory = join(work, "memory", "synthetic");
let run = {} as Summary;
let outcomes: Outcome[] = [];
let decisions: DecisionRecord[] = [];

function exported(args: readonly string[], folder = memory): Promise<ScriptResult> {
  return runScript("export.ts", [...args, "--memory-dir", folder]);
}

type Row = Record<string, unknown>;

async function csv(...args: string[]): Promise<Row[]> {
  const { stdout } = await exported(args);
  const { data, errors } = Papa.parse<Row>(stdout, { header: true, skipEmptyLines: true, dynamicTyping: true });
  expect(errors).toEqual([]);
  return data;
}

async function ndjson(...args: string[]): Promise<Row[]> {
  const { stdout } = await exported([...args, "--format", "ndjson"]);
  return stdout
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Row);
}

async function parquet(...args: string[]): Promise<Row[]> {
  const file = join(work, "table.parquet");
  expect(await exported([...args, "--out", file])).toMatchObject({ code: 0, stdout: "" });
  const { buffer, byteOffset, byteLength } = readFileSync(file);
  return parquetReadObjects({ file: buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer });
}

beforeAll(async () => {
  const args = ["--synthetic", "--start", "2018-02-01", "--end", "2018-03-04", "--chunks", "15d"];
  const { stdout } = await runScript("run-chunks.ts", [...args, "--memory-dir", join(work, "memory"), "--json"]);
  run = JSON.parse(stdout) as Summary;
  const files = readdirSync(memory).toSorted();
  const jsonOf = (name: string): Outcome => JSON.parse(readFileSync(join(memory, name), "utf8")) as Outcome;
  outcomes = files.filter((name) => name.startsWith("outcome_")).map(jsonOf);
  const folder = join(memory, "runs", run.run_id);
  decisions = readdirSync(folder)
    .filter((name) => name.endsWith(".ndjson"))
    .toSorted()
    .flatMap((name) => readFileSync(join(folder, name), "utf8").split("\n").slice(0, -1))
    .map((line) => JSON.parse(line) as DecisionRecord);
});

describe("a round trip", () => {
  test("of trades: CSV, lines of JSON and Parquet say what the outcomes say", async () => {
    const expected = outcomes.map((outcome) => ({
      decision_id: outcome.decision_id,
      run_id: run.run_id,
      entry_price: outcome.entry_price,
      realized_pnl: outcome.realized_pnl,
      expected_r: outcome.expected_r,
      was_profitable: outcome.was_profitable,
      exit_reason: outcome.exit_reason,
    }));
    const times = outcomes.map((outcome) => ({ exit_timestamp: new Date(outcome.exit_timestamp) }));
    expect(outcomes.length).toBeGreaterThan(10);
    // papaparse makes dates of ISO texts.
    expect(await csv("trades")).toMatchObject(expected.map((row, i) => ({ ...row, ...times[i]! })));
    const lines = await ndjson("trades");
    expect(lines).toMatchObject(expected);
    const binary = await parquet("trades");
    expect(binary).toMatchObject(expected.map((row, i) => ({ ...row, ...times[i]! })));
    expect(Object.keys(binary[0]!)).toEqual(Object.keys(lines[0]!));
  });

  test("of decisions and votes", async () => {
    const columns = ({ decision_id, action, size, skipped, situation, context }: DecisionRecord): Row => ({
      decision_id,
      action,
      size,
      skipped,
      rsi: situation.rsi,
      remembered: context.remembered,
      similar_mean_r: context.similar.mean_r,
    });
    expect(await ndjson("decisions")).toMatchObject(decisions.map(columns));
    expect(await parquet("decisions", "latest")).toMatchObject(decisions.map(columns));
    const votes = decisions.flatMap((decision) =>
      decision.votes.map(({ provider, action, confidence, reason, error }) => ({
        decision_id: decision.decision_id,
        provider,
        action,
        confidence,
        calibrated: decision.calibrated[provider],
        weight: decision.weights[provider],
        reason: reason ?? null,
        error: error ?? null,
      })),
    );
    expect(await ndjson("votes")).toMatchObject(votes);
    expect(await csv("votes")).toMatchObject(votes);
  });

  test("of equity, chunk after chunk", async () => {
    const folder = join(memory, "runs", run.run_id);
    const lines = readdirSync(folder)
      .filter((name) => name.endsWith(".equity.csv"))
      .toSorted()
      .flatMap((name) => readFileSync(join(folder, name), "utf8").split("\n").slice(1, -1));
    const rows = await ndjson("equity");
    expect(rows.map((row) => [row["timestamp"], row["equity"], row["open_positions"]].join())).toEqual(lines);
    expect(new Set(rows.map((row) => row["chunk"]))).toEqual(
      new Set(["2018-02-01_15d", "2018-02-16_15d", "2018-03-03_15d"]),
    );
  });
});

test("cells that a spreadsheet would run as a formula begin with an apostrophe, in CSV only", async () => {
  const folder = temporaryFolder("formulas");
  const texts = ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", 'plain, "quoted"\nline'];
  await writeMemory(
    folder,
    texts.map((regime, i) => makeOutcome({ decision_id: `20210104T120${i}-BTCUSD-0a1b2c3d`, regime: regime as never })),
  );
  const { stdout } = await exported(["trades"], folder);
  const { data } = Papa.parse<Row>(stdout, { header: true, skipEmptyLines: true });
  expect(data.map(({ regime }) => regime)).toEqual([
    "'=1+1",
    "'+1",
    "'-1",
    "'@SUM(A1)",
    "'\tx",
    'plain, "quoted"\nline',
  ]);
  // Numbers stay numbers.
  expect(data[0]).toMatchObject({ realized_pnl: "110.010016875" });
  const lines = (await exported(["trades", "--format", "ndjson"], folder)).stdout.split("\n").slice(0, -1);
  expect(lines.map((line) => (JSON.parse(line) as Row)["regime"])).toEqual(texts);
});

test("without a run, outcomes of none are exported too; with one, only its own", async () => {
  const copy = join(work, "copy");
  cpSync(memory, copy, { recursive: true });
  await writeMemory(copy, [makeOutcome({ run_id: "b".repeat(64) })]);
  const count = async (...args: string[]): Promise<number> =>
    (await exported(args, copy)).stdout.split("\n").length - 2;
  expect(await count("trades")).toBe(outcomes.length + 1);
  expect(await count("trades", "latest", run.run_id)).toBe(outcomes.length);
});

test("without a run in the folder itself, the newest of the folders in it are named", async () => {
  const { code, stderr } = await exported(["trades"], join(work, "memory"));
  expect(code).toBe(0);
  expect(stderr).toBe(
    `There are no runs in "${join(work, "memory")}" itself: name one in its folders after the table: synthetic/latest\n`,
  );
});

test("an imported outcome has the columns that it has", async () => {
  const folder = temporaryFolder("imported");
  await writeMemory(folder, [makeOutcome()]);
  const imported = {
    decision_id: "x",
    asset_pair: "GOLD",
    action: "SELL",
    entry_timestamp: "2021-01-04T12:00:00Z",
    exit_timestamp: "2021-01-05T12:00:00Z",
    realized_pnl: -5,
    pnl_percentage: -1,
  };
  writeFileSync(join(folder, "outcome_x.json"), JSON.stringify(imported));
  const { stdout } = await exported(["trades", "--format", "ndjson"], folder);
  expect(JSON.parse(stdout.split("\n")[1]!)).toMatchObject({
    ...imported,
    run_id: null,
    result_r: null,
    voted_for: "",
  });
});

test("what is damaged is left out and named, with exit code 4", async () => {
  const copy = join(work, "damaged");
  cpSync(memory, copy, { recursive: true });
  const outcome = readdirSync(copy).find((name) => name.startsWith("outcome_"))!;
  writeFileSync(join(copy, outcome), readFileSync(join(copy, outcome), "utf8").replace("1", "2"));
  const trades = await exported(["trades"], copy);
  expect(trades.code).toBe(4);
  expect(trades.stderr).toContain(`warning: Cannot read "${outcome}"`);
  expect(trades.stdout.split("\n")).toHaveLength(outcomes.length + 1);

  const lines = join(copy, "runs", run.run_id, "2018-02-01_15d.equity.csv");
  writeFileSync(lines, readFileSync(lines, "utf8").replace("0", "1"));
  const equity = await exported(["equity"], copy);
  expect(equity.code).toBe(4);
  expect(equity.stdout).not.toContain("2018-02-01_15d");
  expect(equity.stdout).toContain("2018-02-16_15d");
});

test.skipIf(CANNOT_REFUSE)("an outcome that may not be read ends it, with the file and what to do", async () => {
  const copy = join(work, "refused");
  cpSync(memory, copy, { recursive: true });
  const file = join(
    copy,
    readdirSync(copy).find((name) => name.startsWith("outcome_"))!,
  );
  chmodSync(file, 0);
  const { code, stderr } = await runRefused("export.ts", ["trades", "--memory-dir", copy]);
  expect([code, stderr.split("\n").length]).toEqual([1, 2]);
  expect(stderr).toStartWith(`error: Cannot read "${file}": found EACCES: permission denied`);
});

test("says how many runs it exports, if it was not told which", async () => {
  const copy = join(work, "two-runs");
  cpSync(join(work, "memory"), copy, { recursive: true });
  const args = ["--synthetic", "--start", "2018-03-04", "--end", "2018-03-13", "--memory-dir", copy];
  expect((await runScript("run-chunks.ts", args)).code).toBe(0);
  const inside = join(copy, "synthetic");
  expect((await exported(["trades"], inside)).stderr).toStartWith("Exporting all 2 runs of the folder: ");
  expect((await exported(["trades", "latest"], inside)).stderr).toBe("");
});

describe("a file", () => {
  test("is written whole, in place of an older one", async () => {
    const file = join(work, "out.csv");
    writeFileSync(file, "older");
    const { stderr } = await exported(["trades", "--out", file]);
    expect(stderr).toMatch(/^Wrote .*out\.csv: \d+ rows, [\d.]+ kB\n$/);
    expect(readFileSync(file, "utf8")).toBe((await exported(["trades"])).stdout);
    const { stdout } = await exported(["trades", "--out", file, "--json"]);
    expect(JSON.parse(stdout)).toEqual({
      file,
      format: "csv",
      rows: outcomes.length,
      size_bytes: readFileSync(file).length,
    });
  });

  test("stays as it was if the export fails, and nothing is left beside it", async () => {
    const file = join(work, "kept.csv");
    writeFileSync(file, "older");
    // A pipe in place of an outcome cannot be read as one.
    const copy = join(work, "unreadable");
    cpSync(memory, copy, { recursive: true });
    const outcome = join(
      copy,
      readdirSync(copy).find((name) => name.startsWith("outcome_"))!,
    );
    rmSync(outcome);
    Bun.spawnSync(["mkdir", outcome]);
    const { code } = await exported(["trades", "--out", file], copy);
    expect(code).toBe(1);
    expect(readFileSync(file, "utf8")).toBe("older");
    expect(readdirSync(work).filter((name) => name.startsWith(".tmp-"))).toEqual([]);
    expect(existsSync(join(work, "no", "folder.csv"))).toBeFalse();
    expect((await exported(["trades", "--out", join(work, "no", "folder.csv")])).code).toBe(1);
  });
});

test("ends quietly when the reader of the pipe does", async () => {
  const script = join(PROJECT_DIR, "scripts", "export.ts");
  const command = `"${process.execPath}" "${script}" votes --memory-dir "${memory}" | head -1; echo "\${PIPESTATUS[0]}"`;
  const child = Bun.spawn(["bash", "-c", command], { stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  expect(stdout).toMatch(/^run_id,chunk,.*\n0\n$/);
  expect(stderr).toBe("");
});

test.each([
  [[], "export needs a table; known: trades, equity, decisions, votes"],
  [["trade"], 'unknown table "trade"; did you mean trades?'],
  [["trades", "--format", "xls"], '--format must be csv, parquet, ndjson, found "xls"'],
  [["trades", "--json"], "--json needs --out: stdout has the table"],
])("%j is refused", async (args, message) => {
  const { code, stderr } = await exported(args);
  expect({ code, stderr }).toEqual({ code: 2, stderr: `error: ${message}\n` });
});
