/** Runs that come out differently the second time. `bun run test:slow` */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseConfig } from "../../lib/config/parse.ts";
import { CarryoverError } from "../../lib/errors.ts";
import { runConfig, type RunOptions, type RunOutcome } from "../../lib/job/run.node.ts";
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
  test("finds the run again if its bars lie elsewhere and its period is explicit", async () => {
    const { summary } = await run("first");
    const elsewhere = join(root, "bars-elsewhere");
    mkdirSync(elsewhere);
    writeFileSync(join(elsewhere, "AAA_4h.csv"), readFileSync(join(root, "bars", "AAA_4h.csv")));
    const again = await run("second", { data: "bars-elsewhere", period: ", start: 2018-01-01, end: 2019-01-01" });
    expect(again.summary).toEqual(summary);
    expect(outcomesIn("second")).toEqual(outcomesIn("first"));
    expect((await run("second")).chunksRun).toEqual([]);
  });

  test("starts another run if a file of votes has changed, and says so", async () => {
    const votes = (action: string): void =>
      writeFileSync(join(root, "votes.csv"), `timestamp,asset,action,confidence\n2018-03-01T00:00Z,AAA,${action},60\n`);
    const yaml = "providers: [{ name: recorder, type: file, path: votes.csv }]";
    votes("BUY");
    const first = await run("votes", { yaml });
    votes("SELL");
    const second = await run("votes", { yaml });
    expect(second.summary.run_id).not.toBe(first.summary.run_id);
    expect(second.notes).toHaveLength(2);
    expect(second.notes[1]).toContain('"recorder" has 1 position in this period, but made');
    expect(second.notes[0]).toContain(
      `run ${first.summary.run_id.slice(0, 12)} of 2018-01-01 to 2019-01-01 differs in files.votes.csv. The older one stays`,
    );
    votes("BUY");
    expect((await run("votes", { yaml })).chunksRun).toEqual([]);
  });

  test("refuses a run that comes out differently the second time, and names possible causes", async () => {
    const source = "export const vote = () => ({ action: globalThis.sideOfTest, confidence: 60 });\n";
    writeFileSync(join(root, "fickle.mjs"), source);
    const yaml = "providers: [{ name: fickle, type: module, path: fickle.mjs }]";
    Object.assign(globalThis, { sideOfTest: "BUY" });
    const first = await run("fickle", { yaml });
    rmSync(join(root, "fickle", "runs", first.summary.run_id), { recursive: true });
    Object.assign(globalThis, { sideOfTest: "SELL" });
    const notes: string[] = [];
    const error = await refusal(run("fickle", { yaml, onNote: (note) => notes.push(note) }));
    expect(error.code).toBe("CONFLICT");
    expect(notes.join()).toContain("a provider gives different answers to the same question");
  });

  test("moves a damaged outcome to quarantine, says so, and records it again", async () => {
    await run("damaged");
    const [name] = outcomesIn("damaged");
    const path = join(root, "damaged", name!);
    const bytes = readFileSync(path);
    writeFileSync(path, bytes.subarray(0, 200));
    const { notes, chunksRun } = await run("damaged");
    expect(notes[0]).toStartWith(`Moved "${name}" to quarantine: `);
    expect(notes[1]).toStartWith("Memory no longer matches chunk 2018Q1: ");
    expect(chunksRun).toHaveLength(4);
    expect(readFileSync(path)).toEqual(bytes);
  });
});
