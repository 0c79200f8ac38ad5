import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseConfig } from "../../lib/config/parse.ts";
import { CarryoverError } from "../../lib/errors.ts";
import { diskStorage } from "../../lib/storage/disk.node.ts";
import { runConfig, type RunOptions, type RunOutcome } from "../../lib/job/run.node.ts";
import type { DecisionRecord, Outcome } from "../../lib/types.ts";
import { syntheticBars } from "../../lib/market/synthetic.ts";

// Processes are started here, and a machine may be busy.
setDefaultTimeout(60_000);

let root = "";
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "carryover-run-config-"));
  const bars = join(root, "bars");
  mkdirSync(bars);
  const { bars: all } = syntheticBars({ asset: "AAA", timeframe: "4h", seed: 7, end: "2019-01-01" });
  const rows = all.map((bar) => `${bar.timestamp},${bar.open},${bar.high},${bar.low},${bar.close},${bar.volume}`);
  writeFileSync(join(bars, "AAA_4h.csv"), `timestamp,open,high,low,close,volume\n${rows.join("\n")}\n`);
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** Runs a year of four-hour bars in folders of this test. */
async function run(
  memory: string,
  parts: { yaml?: string; data?: string; period?: string } & Partial<RunOptions> = {},
): Promise<RunOutcome & { notes: string[] }> {
  const notes: string[] = [];
  const { yaml = "", data = "bars", period = "", ...options } = parts;
  const dataDir = data === "synthetic" ? data : join(root, data);
  const text = `
memory: { dir: ${JSON.stringify(join(root, memory))} }
backtest: { assets: [AAA], timeframe: 4h, data_dir: ${JSON.stringify(dataDir)}${period} }
${yaml}`;
  const outcome = await runConfig({
    config: await parseConfig(text, { file: "config.yaml" }),
    baseDir: root,
    onNote: (note) => notes.push(note),
    ...options,
  });
  return { ...outcome, notes };
}

async function refusal(attempt: Promise<unknown>): Promise<CarryoverError> {
  const error = await attempt.catch((thrown: unknown) => thrown);
  if (error instanceof CarryoverError) return error;
  throw new Error("was not refused");
}

const outcomesIn = (memory: string): string[] =>
  readdirSync(join(root, memory))
    .filter((name) => name.startsWith("outcome_"))
    .sort();

describe("runConfig()", () => {
  test("runs the last full year of the bars in its quarters and remembers every trade", async () => {
    const { summary, chunksRun, notes, memoryDir } = await run("first");
    expect(summary).toMatchObject({
      period: "2018-01-01/2019-01-01",
      data: "bars",
      assets: ["AAA"],
      memory_enabled: true,
    });
    expect(chunksRun).toEqual(["2018Q1", "2018Q2", "2018Q3", "2018Q4"]);
    expect(notes).toEqual([]);
    expect(memoryDir).toBe(join(root, "first"));
    expect(summary.total_trades).toBeGreaterThan(20);
    expect(outcomesIn("first")).toHaveLength(summary.total_trades);
  });

  test("without memory, records in the folder off inside the memory folder", async () => {
    const period = ", start: 2018-01-01, end: 2018-05-01, chunks: month";
    const { memoryDir, summary } = await run("with-off", { period, yaml: "portfolio_memory: { enabled: false }" });
    expect(summary.total_trades).toBeGreaterThan(10);
    expect(memoryDir).toBe(join(root, "with-off", "off"));
    expect(summary).toMatchObject({ memory_enabled: false });
    expect(outcomesIn("with-off/off")).toHaveLength(summary.total_trades);
    expect(outcomesIn("with-off")).toEqual([]);
    expect(summary.providers["memory"]!.abstentions).toBe(summary.decisions);
    for (const weight of Object.values(summary.quarterly_breakdown[3]!.provider_multipliers)) expect(weight).toBe(1);
  });

  test("names a provider that never voted, or held alone, with its last words, also for a finished run", async () => {
    writeFileSync(join(root, "thrower.ts"), 'export function vote() { throw new Error("no such table"); }');
    writeFileSync(
      join(root, "holder.ts"),
      'export const vote = () => ({ action: "HOLD", confidence: 50, reason: "flat" });',
    );
    const yaml = `providers: [{ name: trend, type: trend }, { name: holder, type: module, path: holder.ts },
      { name: mine, type: module, path: thrower.ts, on_error: abstain }]`;
    const period = ", start: 2018-01-01, end: 2018-02-01, chunks: month";
    const { notes, summary } = await run("silent", { yaml, period });
    expect(notes).toEqual([
      expect.stringContaining("1 trade in a month"),
      `"holder" voted HOLD at all ${summary.decisions} decisions (the last: "flat"). Print what it gets: a comparison with undefined or NaN is never true. context.bars has 100 bars; \`bars: N\` asks for more`,
      `"mine" gave no vote at all ${summary.decisions} decisions (the last: "no such table")`,
    ]);
    expect(summary.notes).toEqual(notes);
    expect((await run("silent", { yaml, period })).notes).toEqual(notes);
  });

  test("names a module whose votes know the bars after its decisions, each time", async () => {
    writeFileSync(
      join(root, "oracle.ts"),
      `import { readFileSync } from "node:fs";
const rows = readFileSync(${JSON.stringify(join(root, "bars", "AAA_4h.csv"))}, "utf8").split("\\n").map((line) => line.split(",").map(Number));
const closes = new Map(rows.map((row) => [row[0], row[4]]));
export const vote = ({ timestamp, close }) => ({ action: closes.get(timestamp) > close ? "BUY" : "SELL", confidence: 60 });`,
    );
    const yaml = "providers: [{ name: trend, type: trend }, { name: oracle, type: module, path: oracle.ts }]";
    const period = ", start: 2018-01-01, end: 2018-05-01, chunks: month";
    const note = expect.stringContaining('The votes of "oracle" on AAA seem to know the future: ') as unknown as string;
    expect((await run("oracle", { yaml, period })).notes).toContainEqual(note);
    expect((await run("oracle", { yaml, period })).notes).toContainEqual(note);
  });

  test("has features in decisions, in the sentence that recall compares, and in the identity of the run", async () => {
    const dir = join(root, "features");
    mkdirSync(dir);
    const days = (mood: number): string =>
      Array.from({ length: 400 }, (_, i) => `${Date.UTC(2017, 11, 1 + i)},${mood + (i % 10)}`).join("\n");
    const write = (rows: string): void => writeFileSync(join(dir, "AAA.csv"), `timestamp,mood\n${rows}\n`);
    const period = `, start: 2018-03-01, end: 2018-05-01, chunks: month, features_dir: ${JSON.stringify(dir)}`;
    const yaml = "portfolio_memory: { recall_features: [mood] }";
    write(days(0));
    const first = await run("moods", { period, yaml });
    const [chunk = ""] = first.chunksRun;
    const lines = readFileSync(join(root, "moods", "runs", first.summary.run_id, `${chunk}.decisions.ndjson`), "utf8");
    const { timestamp, situation } = JSON.parse(lines.split("\n")[0]!) as DecisionRecord;
    // 1 December 2017 is day 0; its mood is 0.
    const day = Math.floor((Date.parse(timestamp) - Date.UTC(2017, 11, 1)) / 86_400_000);
    expect(situation.features).toEqual({ mood: day % 10 });
    const [name = ""] = outcomesIn("moods");
    const outcome = JSON.parse(readFileSync(join(root, "moods", name), "utf8")) as Outcome;
    expect(outcome.description).toMatch(/its range of 48 bars, mood (?:very )?(?:low|usual|high) \(\d\)\. Decided/);

    // What is known only after the run does not matter.
    write(`${days(0)}\n2019-05-05,7`);
    expect((await run("moods", { period, yaml })).chunksRun).toEqual([]);
    write(days(1));
    const second = await run("moods", { period, yaml });
    expect(second.notes.join()).toContain(
      `run ${first.summary.run_id.slice(0, 12)} of 2018-03-01 to 2018-05-01 differs in features.AAA`,
    );

    const wrong = await refusal(run("moods", { period, yaml: yaml.replace("mood", "mud") }));
    expect(wrong.code).toBe("NOT_FOUND");
    expect(wrong.message).toBe(
      `Cannot use portfolio_memory.recall_features: found "mud", which no file in "${dir}" has, expected mood`,
    );
  });

  test("refuses a missing folder of features, and names the file that an asset without features would have", async () => {
    const dir = join(root, "few features");
    const period = `, start: 2018-03-01, end: 2018-04-01, chunks: month, features_dir: ${JSON.stringify(dir)}`;
    const missing = await refusal(run("few", { period }));
    expect(missing.code).toBe("NOT_FOUND");
    expect(missing.message).toBe(
      `Cannot load features: found no folder "${dir}", expected the folder that backtest.features_dir names, relative to the configuration`,
    );
    const note = `No features of AAA in "${dir}": expected a file such as "AAA.csv"`;
    mkdirSync(dir);
    expect((await run("few", { period })).notes).toContain(note);
    writeFileSync(join(dir, "AAA_4h.csv"), "timestamp,mood\n2018-01-01,1\n");
    expect((await run("few", { period })).notes).toContain(`${note}, found "AAA_4h.csv"`);
  });

  test("notes that the zeros of a file close no position, and closes positions there with close_on_hold", async () => {
    // Long for a day, with levels that are out of reach.
    const votes = "time,position\n2018-02-02,1\n2018-02-03,0\n";
    writeFileSync(join(root, "positions.csv"), votes);
    const yaml = "providers: [{ name: mine, type: file, path: positions.csv, stamp: known_at }]";
    const period = ", start: 2018-02-01, end: 2018-03-01, risk: { stop_atr: 99, target_atr: 99";
    const zero =
      `"${join(root, "positions.csv")}" of provider "mine" has "0", which closes no position; ` +
      "with backtest.risk.close_on_hold: true it does. It has no -1: if 0 is a label that means down, write -1";
    const open = await run("zeros", { yaml, period: `${period} }` });
    expect(open.notes).toContain(zero);
    expect(open.summary.exits).toEqual({ timeout: 1 });
    const flat = await run("zeros", { yaml, period: `${period}, close_on_hold: true }` });
    expect(flat.notes).not.toContain(zero);
    expect(flat.notes).toContainEqual(expect.stringContaining("differs in config.backtest.risk.close_on_hold"));
    expect([flat.summary.exits, flat.summary.mean_holding_hours]).toEqual([{ hold: 1 }, 24]);
  });

  test("runs on synthetic bars only if it is told to, says so, and keeps their memory apart", async () => {
    const parts = { data: "synthetic", period: ", start: 2018-02-01, end: 2018-05-01" };
    const { summary, notes, memoryDir } = await run("made-up", parts);
    expect(summary.data).toBe("synthetic");
    expect(notes).toEqual(["These bars are synthetic, and say nothing about a real market"]);
    expect(memoryDir).toBe(join(root, "made-up", "synthetic"));
    expect(outcomesIn("made-up/synthetic")).toHaveLength(summary.total_trades);
    expect(readdirSync(join(root, "made-up"))).toEqual(["synthetic"]);
    const off = await run("made-up", { ...parts, yaml: "portfolio_memory: { enabled: false }" });
    expect(off.memoryDir).toBe(join(root, "made-up", "synthetic", "off"));

    const both = await refusal(
      run("mixed", { period: ", start: 2018-02-01, end: 2018-05-01", config: await twoAssets() }),
    );
    expect(both.code).toBe("NOT_FOUND");
    expect(both.message).toContain("BBB_4h.csv");
  });

  test("makes a year of synthetic bars if no period is given, and refuses a period before they begin", async () => {
    const { summary } = await run("synthetic-year", {
      data: "synthetic",
      yaml: "providers: [{ name: t, type: trend }]",
    });
    expect(summary.period).toBe("2024-01-01/2025-01-01");
    const early = await refusal(run("early", { data: "synthetic", period: ", start: 2017-12-01, end: 2018-05-01" }));
    expect(early.code).toBe("NOT_FOUND");
    expect(early.message).toContain("found the start 2017-12-01, expected 2018-01-01 or later");
  });

  test("refuses a missing data folder, before it touches the memory", async () => {
    const error = await refusal(run("untouched", { data: "nothing-here" }));
    expect(error.code).toBe("NOT_FOUND");
    expect(existsSync(join(root, "untouched"))).toBe(false);
  });

  test("refuses a folder that another process writes to, and says who", async () => {
    const period = ", start: 2018-01-01, end: 2018-02-01, chunks: month";
    const lock = await diskStorage(join(root, "held")).lock({
      pid: 4711,
      command: "other run",
      host: "h",
      since: "now",
    });
    try {
      const error = await refusal(run("held", { period }));
      expect(error.code).toBe("LOCKED");
      expect(error.message).toContain("4711");
    } finally {
      await lock.release();
    }
    expect((await run("held", { period })).chunksRun).toEqual(["2018-01"]);
  });

  test("a stopped run keeps its outcomes, says where it was, and goes on from there", async () => {
    const stop = new AbortController();
    const notes: string[] = [];
    const stopped = await run("stopped", {
      signal: stop.signal,
      onNote: (note) => notes.push(note),
      onProgress: ({ chunk, trades }) => {
        if (chunk === "2018Q2" && trades > 12) stop.abort(new Error("interrupted"));
      },
    }).catch((error: Error) => error.message);
    expect(stopped).toBe("interrupted");
    expect(notes).toEqual([
      expect.stringMatching(
        /^Stopped in 2018Q2 at 2018-0[456]-\d\d: all (\d+) outcomes are kept, and the same command goes on/,
      ),
    ]);
    expect(notes[0]).toContain(`all ${outcomesIn("stopped").length} outcomes`);
    const { chunksRun, summary } = await run("stopped");
    expect(chunksRun).toEqual(["2018Q2", "2018Q3", "2018Q4"]);
    expect(summary).toEqual((await run("first")).summary);
  });

  test("a run stopped before its first trade closed does not count trades of other runs", async () => {
    const period = ", start: 2018-01-01, end: 2018-03-01, chunks: month";
    const { summary } = await run("two-runs", { period });
    expect(summary.total_trades).toBeGreaterThan(3);
    const stop = new AbortController();
    const notes: string[] = [];
    await run("two-runs", {
      period,
      yaml: "portfolio_memory: { learning_rate: 0.2 }",
      signal: stop.signal,
      onNote: (note) => notes.push(note),
      onProgress: () => stop.abort(new Error("interrupted")),
    }).catch(() => {});
    expect(notes.at(-1)).toMatch(/^Stopped in 2018-01 at 2018-01-01: no trade had closed yet, and the same command/);
  });

  test("says that an explicit seed has no effect on real bars, and names it once as what makes another run", async () => {
    const period = ", start: 2018-01-01, end: 2018-02-01, chunks: month";
    const { summary } = await run("seeded", { period });
    const { notes, summary: other } = await run("seeded", {
      period: `${period}, seed: 5`,
      seedIsExplicit: true,
      removeCommand: (runId) => `bun scripts/runs.ts remove ${runId} --yes`,
    });
    expect(notes).toEqual([
      "The seed has no effect: it is for synthetic bars, and these are real",
      expect.stringMatching(
        / differs in config\.backtest\.seed\. The older one stays as it is\. Runs of later days remember its \d+ trades, too; another --memory-dir begins afresh\. To remove the older run and its \d+ trades: bun scripts\/runs\.ts remove \w{12} --yes\. For this one, name \w{12}$/,
      ),
    ]);
    expect(other.final_balance).toBe(summary.final_balance);
    const synthetic = await run("seeded-synthetic", { period, data: "synthetic", seedIsExplicit: true });
    expect(synthetic.notes.join()).not.toContain("The seed");
  });
});

async function twoAssets(): Promise<RunOptions["config"]> {
  const text = `backtest: { assets: [AAA, BBB], timeframe: 4h, data_dir: ${JSON.stringify(join(root, "bars"))} }`;
  return parseConfig(text, { file: "config.yaml" });
}
