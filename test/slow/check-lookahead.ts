/** check-lookahead on votes, real bars and a provider that throws dice. test/slow/mutants.ts shows that it finds planted look-ahead. */
import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LookaheadReport } from "../../lib/experiments/lookahead.ts";
import { syntheticBars } from "../../lib/market/synthetic.ts";
import { HAS_REAL_BARS, REAL_BARS_DIR } from "../samples.ts";
import { filesOf, runScript, type ScriptResult } from "../scripts/run-script.ts";

// Processes are started here, and a machine may be busy.
setDefaultTimeout(60_000);

const work = mkdtempSync(join(tmpdir(), "carryover-lookahead-"));
afterAll(() => rmSync(work, { recursive: true }));

const NO_MEMORY = join(work, "no-memory");
const PERIOD = ["--synthetic", "--start", "2018-03-01", "--end", "2018-04-10", "--chunks", "10d"];

const reportOf = (stdout: string): LookaheadReport => JSON.parse(stdout) as LookaheadReport;

describe("check-lookahead", () => {
  test.skipIf(!HAS_REAL_BARS)(
    `changes bars, votes of a file and remembered outcomes on real bars${HAS_REAL_BARS ? "" : " (skipped: no real bars)"}`,
    async () => {
      const home = join(work, "used");
      mkdirSync(home);
      const days = Array.from({ length: 60 }, (_, i) => new Date(Date.UTC(2021, 0, 1 + i)).toISOString());
      const rows = days.map(
        (day, i) => `${day},${i % 2 === 0 ? "BTCUSD" : "EURUSD"},${i % 3 === 0 ? "BUY" : "SELL"},70`,
      );
      writeFileSync(join(home, "votes.csv"), `timestamp,asset,action,confidence\n${rows.join("\n")}\n`);
      writeFileSync(
        join(home, "config.yaml"),
        `memory: { dir: memory }
backtest: { assets: [BTCUSD, EURUSD], chunks: month, data_dir: ${JSON.stringify(REAL_BARS_DIR)} }
providers:
  - { name: trend, type: trend }
  - { name: votes, type: file, path: votes.csv }
  - { name: memory, type: memory }
`,
      );
      const run = (start: string, end: string): Promise<ScriptResult> =>
        runScript("run-chunks.ts", ["--start", start, "--end", end], { cwd: home });
      expect((await run("2021-01-01", "2021-02-01")).code).toBe(0);
      expect((await run("2021-02-01", "2021-03-01")).code).toBe(0);
      const before = filesOf(home);
      const args = ["--start", "2021-02-01", "--end", "2021-03-01", "--at", "2021-02-10", "--json", "--seed", "5"];
      const { code, stdout, stderr } = await runScript("check-lookahead.ts", args, { cwd: home });
      expect(code).toBe(0);
      expect(stderr).toContain("The seed has no effect: it is for synthetic bars");
      const report = reportOf(stdout);
      expect(report.carried_in).toBeGreaterThan(10);
      const memory = report.checks.find(({ changed }) => changed === "memory");
      const market = report.checks.find(({ changed }) => changed === "market");
      // Outcomes of the folder and of the run are changed.
      expect(memory!.changed_outcomes).toBeGreaterThan(report.outcomes - memory!.outcomes);
      expect(market!.changed_votes).toBeGreaterThan(0);
      expect(market!.changed_bars).toBeGreaterThan(0);
      expect(filesOf(home)).toEqual(before);
    },
  );

  test("finds votes that are labelled with the start of their bar, and run-chunks warns of them", async () => {
    const home = join(work, "labelled");
    mkdirSync(home);
    const { bars } = syntheticBars({ asset: "BTCUSD", timeframe: "1h", seed: 1, end: Date.parse("2018-03-10") });
    const rows = bars.map(({ timestamp, open, close }) => `${timestamp},BTCUSD,${close > open ? "BUY" : "SELL"},60`);
    writeFileSync(join(home, "votes.csv"), `timestamp,asset,action,confidence\n${rows.join("\n")}\n`);
    const write = (stamp: string): void =>
      writeFileSync(
        join(home, "config.yaml"),
        "memory: { dir: memory }\nbacktest: { assets: [BTCUSD], data_dir: synthetic, start: 2018-03-01, end: 2018-03-10 }\n" +
          `providers:\n  - { name: labelled, type: file, path: votes.csv${stamp} }\n`,
      );
    write("");
    const warning =
      /^The votes of "labelled" on BTCUSD seem to know the future: .*100 % of the moves, by size, of bars that begin when they count go with them/m;
    const check = await runScript("check-lookahead.ts", ["--json", "--at", "2018-03-05"], { cwd: home });
    expect(check.code).toBe(4);
    expect(check.stderr).toMatch(warning);
    expect(check.stderr).toEndWith("warning: Look-ahead found\n");
    const report = reportOf(check.stdout);
    expect(report).toMatchObject({ leaks: 0, vote_leaks: [{ provider: "labelled", lag: 0, asset: "BTCUSD" }] });
    const run = await runScript("run-chunks.ts", ["--json"], { cwd: home });
    expect(run.code).toBe(0);
    expect(run.stderr.match(/seem to know the future/g)).toHaveLength(1);
    expect((JSON.parse(run.stdout) as { notes: string[] }).notes[0]).toMatch(warning);
    write(", stamp: bar_start");
    const honest = await runScript("check-lookahead.ts", ["--at", "2018-03-05"], { cwd: home });
    expect(honest.stdout).not.toContain("know the future");
    expect(honest.code).toBe(0);
  });

  test("does not count checks that could change nothing", async () => {
    const late = [...PERIOD, "--at", "2018-03-25", "--at", "2018-04-09T23:00", "--memory-dir", NO_MEMORY, "--full"];
    const { code, stdout } = await runScript("check-lookahead.ts", late);
    expect(code).toBe(0);
    const laters = [...stdout.matchAll(/^2018-.* the same +(\d+)$/gm)].map(([, later]) => Number(later));
    const [shown, empty] = [laters.filter((later) => later > 0).length, laters.filter((later) => later === 0).length];
    expect(empty).toBeGreaterThan(0);
    expect(stdout).toContain(`No look-ahead in ${shown} check`);
    expect(stdout).toContain(`\n${empty} check${empty === 1 ? "" : "s"} changed nothing later either`);
  });

  test("names what differs if a provider throws dice, and exits with 4", async () => {
    const home = join(work, "dice");
    mkdirSync(home);
    writeFileSync(
      join(home, "dice.ts"),
      "let n = 0;\nexport const vote = () => ({ action: n++ % 7 < 4 ? 'BUY' : 'SELL', confidence: 60 });\n",
    );
    writeFileSync(join(home, "config.yaml"), "providers:\n  - { name: dice, type: module, path: dice.ts }\n");
    const { code, stdout, stderr } = await runScript("check-lookahead.ts", [...PERIOD, "--memory-dir", NO_MEMORY], {
      cwd: home,
    });
    expect(stderr).toEndWith("warning: Two identical runs differ\n");
    expect(stdout).toContain("Two identical runs differ:");
    expect(stdout).toContain("votes");
    expect(code).toBe(4);
  });
});
