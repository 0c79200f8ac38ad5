/**
 * check-lookahead finds nothing in the code as it is, and finds every mutant of it that peeks by one bar. A mutant is a copy of
 * the project with an edit; each edit must match exactly once, so that none is lost when the code changes.
 */
import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ConfigLookahead } from "../../lib/host/look-ahead.ts";
import { HAS_REAL_BARS, PROJECT_DIR, REAL_BARS_DIR } from "../_samples.ts";
import { filesOf, runScript, type ScriptResult } from "./_run.ts";

// Processes are started here, and a machine may be busy.
setDefaultTimeout(60_000);

const work = mkdtempSync(join(tmpdir(), "carryover-lookahead-"));
afterAll(() => rmSync(work, { recursive: true }));

const NO_MEMORY = join(work, "no-memory");
const PERIOD = ["--start", "2018-03-01", "--end", "2018-04-10", "--chunks", "10d"];
const SHORT = [...PERIOD, "--at", "2018-03-25", "--memory-dir", NO_MEMORY, "--json"];

const reportOf = (stdout: string): ConfigLookahead => JSON.parse(stdout) as ConfigLookahead;

describe("check-lookahead", () => {
  test("finds that 40 synthetic days know nothing of the future, and leaves no files", async () => {
    const { code, stdout } = await runScript("check-lookahead.ts", SHORT);
    expect(code).toBe(0);
    const report = reportOf(stdout);
    expect(report).toMatchObject({
      repeatable: true,
      leaks: 0,
      entered_early: 0,
      memory_enabled: true,
      data: "synthetic",
    });
    expect(report.checks.map(({ changed }) => changed).toSorted()).toEqual(["market", "market", "market", "memory"]);
    for (const check of report.checks) {
      expect(check.decisions).toBeGreaterThan(400);
      expect(check.outcomes).toBeGreaterThan(30);
      // The other future was another one.
      expect(check.later_decisions_changed).toBeGreaterThan(10);
    }
    expect(existsSync(NO_MEMORY)).toBe(false);
  });

  test.skipIf(!HAS_REAL_BARS)(
    `on real bars, with votes of a file and a used memory, changes all three${HAS_REAL_BARS ? "" : " (skipped: no real bars)"}`,
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
      const args = ["--start", "2021-02-01", "--end", "2021-03-01", "--at", "2021-02-10", "--json"];
      const { code, stdout } = await runScript("check-lookahead.ts", args, { cwd: home });
      expect(code).toBe(0);
      const report = reportOf(stdout);
      expect(report.carried_in).toBeGreaterThan(10);
      const memory = report.checks.find(({ changed }) => changed === "memory");
      const market = report.checks.find(({ changed }) => changed === "market");
      // Of the folder and of the run itself: twice what the run still has before it.
      expect(memory!.changed_outcomes).toBeGreaterThan(report.outcomes - memory!.outcomes);
      expect(market!.changed_votes).toBeGreaterThan(0);
      expect(market!.changed_bars).toBeGreaterThan(0);
      expect(filesOf(home)).toEqual(before);
    },
  );

  test("names what differs where a provider throws dice, and exits with 4", async () => {
    const home = join(work, "dice");
    mkdirSync(home);
    writeFileSync(
      join(home, "dice.ts"),
      "let n = 0;\nexport const vote = () => ({ action: n++ % 7 < 4 ? 'BUY' : 'SELL', confidence: 60 });\n",
    );
    writeFileSync(join(home, "config.yaml"), "providers:\n  - { name: dice, type: module, path: dice.ts }\n");
    const { code, stdout } = await runScript("check-lookahead.ts", [...PERIOD, "--memory-dir", NO_MEMORY], {
      cwd: home,
    });
    expect(stdout).toContain("Made twice, it was not the same");
    expect(stdout).toContain("votes");
    expect(code).toBe(4);
  });

  test.each([
    ["2019-01-01", "2019-01-01T00:00:00.000Z"],
    ["soon", '"soon"'],
  ])("refuses --at %s", async (at, named) => {
    const { code, stdout, stderr } = await runScript("check-lookahead.ts", [...PERIOD, "--at", at]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(`Cannot use --at: found ${named}`);
  });
});

interface Edit {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

const edit = (file: string, from: string, to: string): Edit => ({ file, from, to });

/** Keeps the bar after the one that becomes known where an indicator can find it. */
const PEEK = edit(
  "lib/backtest/asset-feed.ts",
  "  feed.tracker.next(bar);\n",
  "  (globalThis as { peeked?: unknown }).peeked = feed.bars[feed.count + 1] ?? bar;\n  feed.tracker.next(bar);\n",
);

const MUTANTS: Record<string, readonly Edit[]> = {
  "an indicator that takes the next bar for its own": [
    edit(
      "lib/backtest/asset-feed.ts",
      "  feed.tracker.next(bar);\n",
      "  feed.tracker.next({ ...(feed.bars[feed.count + 1] ?? bar), timestamp: bar.timestamp });\n",
    ),
  ],
  "an indicator that takes the next bar, and its time": [
    edit(
      "lib/backtest/asset-feed.ts",
      "  feed.tracker.next(bar);\n",
      "  feed.tracker.next(feed.bars[feed.count + 1] ?? bar);\n",
    ),
  ],
  "a regime that looks at the next close": [
    PEEK,
    edit(
      "lib/market/indicators.ts",
      "regime: classifyRegime({ volatilityRank: rank, adx, usualAdx: regimesAdapt ? usualAdx.value : USUAL_ADX })",
      'regime: (globalThis as unknown as { peeked: Bar }).peeked.close > close ? "TRENDING" : "RANGING"',
    ),
  ],
  "recall that knows what closes at the decision": [
    edit(
      "lib/memory/run-memory.ts",
      "const window = windowAt(situation.timestamp);",
      "const window = windowAt(situation.timestamp + 1);",
    ),
  ],
  "weights that know what closes at the decision": [
    edit(
      "lib/memory/run-memory.ts",
      "{ asOf, ...windowAt(asOf), learningRate }",
      "{ asOf, ...windowAt(asOf + 1), learningRate }",
    ),
  ],
  "calibration that knows all that was recorded": [
    edit(
      "lib/memory/learning.ts",
      "calibrateDecision(trades, confidence, strength)",
      "calibrateDecision(sumUp(experience, { ...window, asOf: 2e12, to: experience.exits.length }).trades, confidence, strength)",
    ),
  ],
  "sizes that know all that was recorded": [
    edit(
      "lib/memory/learning.ts",
      "trades.regimes.get(regime)",
      "sumUp(experience, { ...window, asOf: 2e12, to: experience.exits.length }).trades.regimes.get(regime)",
    ),
  ],
  "a memory that begins with what closes in the run's first days": [
    edit("lib/memory/run-memory.ts", "row.exitMs <= options.startMs", "row.exitMs <= options.startMs + 30 * DAY_MS"),
  ],
  "a fill at the open after the next": [
    edit(
      "lib/backtest/chunk-loop.ts",
      "broker.atOpen(feed.asset, nextBar(feed))",
      "broker.atOpen(feed.asset, { ...nextBar(feed), open: feed.bars[feed.count + 1]?.open ?? nextBar(feed).open })",
    ),
  ],
  "a stop that is reached in the next bar": [
    edit(
      "lib/backtest/chunk-loop.ts",
      "broker.insideBar(feed.asset, nextBar(feed))",
      "broker.insideBar(feed.asset, { ...nextBar(feed), low: Math.min(nextBar(feed).low, feed.bars[feed.count + 1]?.low ?? Infinity) })",
    ),
  ],
  "votes that count a bar too early": [
    edit("lib/providers/file.ts", "?? Infinity) <= timestamp)", "?? Infinity) <= timestamp + 3_600_000)"),
  ],
};

/** Copies the project, edits it, and checks it there. */
async function checkMutant(name: string, edits: readonly Edit[]): Promise<ConfigLookahead & { code: number }> {
  const folder = join(work, name.replaceAll(/\W/g, "-"));
  mkdirSync(folder);
  for (const part of ["lib", "scripts", "package.json"]) {
    cpSync(join(PROJECT_DIR, part), join(folder, part), { recursive: true });
  }
  symlinkSync(join(PROJECT_DIR, "node_modules"), join(folder, "node_modules"));
  for (const { file, from, to } of edits) {
    const source = readFileSync(join(folder, file), "utf8");
    expect(source.split(from).length, `${file}: ${from}`).toBe(2);
    writeFileSync(
      join(folder, file),
      source.replace(from, () => to),
    );
  }
  // A memory of another run of the same days, as a folder that was used has one; and votes at every decision.
  const hours = Array.from({ length: 480 }, (_, i) => new Date(Date.UTC(2018, 2, 15) + i * 3_600_000).toISOString());
  const rows = hours.map((hour, i) => `${hour},BTCUSD,${i % 2 === 0 ? "BUY" : "SELL"},90`);
  writeFileSync(join(folder, "votes.csv"), `timestamp,asset,action,confidence\n${rows.join("\n")}\n`);
  const rules = ["trend", "reversion", "breakout", "memory"].map((rule) => `  - { name: ${rule}, type: ${rule} }\n`);
  writeFileSync(
    join(folder, "config.yaml"),
    `backtest: { assets: [BTCUSD, ETHUSD] }\nproviders:\n${rules.join("")}  - { name: votes, type: file, path: votes.csv }\n`,
  );
  cpSync(await usedMemory(), join(folder, "memory"), { recursive: true });
  const args = [
    ...PERIOD,
    "--at",
    "2018-03-16",
    "--at",
    "2018-03-25",
    "--memory-dir",
    join(folder, "memory"),
    "--json",
  ];
  const child = Bun.spawn([process.execPath, join(folder, "scripts", "check-lookahead.ts"), ...args], {
    cwd: folder,
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  const code = await child.exited;
  expect(stdout, stderr).toStartWith("{");
  return { ...reportOf(stdout), code };
}

let used: Promise<string> | undefined;

/** The memory of another run of the same days. */
function usedMemory(): Promise<string> {
  return (used ??= (async () => {
    const folder = join(work, "another-run");
    const { code } = await runScript("run-chunks.ts", [...PERIOD, "--assets", "BTCUSD,GOLD", "--memory-dir", folder]);
    expect(code).toBe(0);
    return folder;
  })());
}

describe("a mutant that peeks is caught:", () => {
  test.concurrent.each(Object.entries(MUTANTS))("%s", async (name, edits) => {
    const { code, repeatable, leaks, entered_early, checks } = await checkMutant(name, edits);
    expect(repeatable).toBe(true);
    expect(leaks + entered_early).toBeGreaterThan(0);
    if (leaks > 0) expect(checks.flatMap((check) => check.first_leak?.fields ?? [])).not.toEqual([]);
    expect(code).toBe(4);
  });

  test.concurrent("while the same copy without an edit is not", async () => {
    const { code, leaks } = await checkMutant("no edit", []);
    expect({ code, leaks }).toEqual({ code: 0, leaks: 0 });
  });
});
