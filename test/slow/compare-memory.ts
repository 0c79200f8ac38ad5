/** compare-memory against run-chunks, its arms, and the trials that it counts. `bun run test:slow` */
import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ConfigComparison } from "../../lib/experiments/comparisons.node.ts";
import type { Summary } from "../../lib/results/summary-shape.ts";
import { PROJECT_DIR } from "../samples.ts";
import { filesOf, resultOf, runScript } from "../scripts/run-script.ts";

// Processes are started here, and a machine may be busy.
setDefaultTimeout(60_000);

const work = mkdtempSync(join(tmpdir(), "carryover-compare-"));
afterAll(() => rmSync(work, { recursive: true }));

const PERIOD = ["--synthetic", "--start", "2018-03-01", "--end", "2018-05-01", "--chunks", "month"];
const comparisonOf = (text: string): ConfigComparison => JSON.parse(text) as ConfigComparison;

describe("compare-memory", () => {
  test("compares the same runs that run-chunks makes, counts them as trials, and leaves no outcome", async () => {
    const folder = join(work, "used");
    const where = [...PERIOD, "--memory-dir", folder, "--json"];
    const runs = [];
    writeFileSync(join(work, "slow.yaml"), "portfolio_memory: { learning_rate: 0.05 }\n");
    for (const flags of [[], ["--no-memory"], ["--chunks", "10d"], ["--config", join(work, "slow.yaml")]]) {
      const args =
        flags[0] === "--chunks"
          ? [...where.filter((arg) => arg !== "--chunks" && arg !== "month"), ...flags]
          : [...where, ...flags];
      const { stdout } = await runScript("run-chunks.ts", args);
      runs.push(JSON.parse(stdout) as Summary);
    }
    const before = filesOf(folder);
    const { code, stdout, stderr } = await runScript("compare-memory.ts", [
      ...where,
      "--seeds",
      "1",
      "--shuffles",
      "1",
    ]);
    expect(code).toBe(0);
    const comparison = comparisonOf(stdout);
    const [world] = comparison.worlds;
    expect([world!.on.run_id, world!.off.run_id]).toEqual([runs[0]!.run_id, runs[1]!.run_id]);
    expect(comparison.on.return_pct).toBeCloseTo(runs[0]!.total_return_pct, 9);
    expect(comparison.off.return_pct).toBeCloseTo(runs[1]!.total_return_pct, 9);
    expect(comparison.on.sharpe).toBeCloseTo(runs[0]!.annualized_sharpe!, 9);
    expect(comparison.on.win_rate).toBeCloseTo(runs[0]!.overall_win_rate!, 9);
    expect(comparison.on.brier).toBeCloseTo(runs[0]!.confidence.after_calibration!.brier, 9);
    expect(comparison.quarters.map(({ on }) => on.return_pct)).toEqual(
      runs[0]!.quarterly_breakdown.map(({ return_pct: value }) => expect.closeTo(value, 9) as unknown as number),
    );
    // The slow learning rate is a third trial. Chunks of ten days are the first trial again.
    expect(comparison.track_record).toMatchObject({ trials: 3, trials_with_sharpe: 3 });

    const stored = readdirSync(join(folder, "synthetic", "comparisons")).find((name) => name.endsWith(".json"));
    expect(stderr).toContain(join("comparisons", stored!));
    expect(comparisonOf(readFileSync(join(folder, "synthetic", "comparisons", stored!), "utf8"))).toEqual(comparison);
    const after = filesOf(folder);
    for (const name of Object.keys(after)) if (name.startsWith(join("synthetic", "comparisons"))) delete after[name];
    expect(after).toEqual(before);
  });

  test("runs the arms, start days, ablations and costs that are asked for", async () => {
    const args = [
      "--synthetic",
      "--start",
      "2018-03-01",
      "--end",
      "2018-06-10",
      "--seeds",
      "1",
      "--assets",
      "BTCUSD",
      "--json",
    ];
    const more = [
      "--arms",
      "matched",
      "--starts",
      "2",
      "--ablate",
      "--costs",
      "1,0",
      "--memory-dir",
      join(work, "more"),
    ];
    const { code, stdout } = await runScript("compare-memory.ts", [...args, ...more]);
    expect(code).toBe(0);
    const { worlds, matched, shuffled, ablations, costs, betting, on_minus_off } = comparisonOf(stdout);
    expect(worlds.map(({ name, dates }) => [name, dates[0]])).toEqual([
      ["seed 1", "2018-03-01"],
      ["seed 1", "2018-04-20"],
    ]);
    expect(shuffled).toBeNull();
    expect(matched!.trades).toBeGreaterThan(0);
    expect(betting.mean_size_scale).toBeGreaterThan(0.02);
    expect(betting.mean_size_scale).toBeLessThan(1);
    expect(betting.bet_less!.estimate + betting.bet_better!.estimate).toBeCloseTo(on_minus_off.log_growth!.estimate, 6);
    expect(ablations.map(({ part }) => part)).toEqual(["weights", "sizes", "calibration", "recall"]);
    expect(costs!.multiples.map(({ multiple }) => multiple)).toEqual([0, 1]);
    expect(costs!.multiples[1]!.on.return_pct).toBeCloseTo(comparisonOf(stdout).on.return_pct!, 9);
    expect(costs!.multiples[0]!.off.return_pct).toBeGreaterThan(costs!.multiples[1]!.off.return_pct!);
  });

  test("counts the trials of earlier comparisons, equal ones once", async () => {
    const folder = join(work, "tried");
    const days = ["--synthetic", "--start", "2018-03-01", "--end", "2018-03-21", "--chunks", "10d"];
    const run = [...days, "--assets", "BTCUSD", "--memory-dir", folder];
    const counts = [];
    for (const rate of [0.05, 0.2, 0.2, 0.5]) {
      const config = join(work, `rate-${rate}.yaml`);
      writeFileSync(config, `portfolio_memory: { learning_rate: ${rate} }\n`);
      // Without memory the rate changes only the run's id.
      const { code } = await runScript("run-chunks.ts", [...run, "--no-memory", "--config", config]);
      expect(code).toBe(0);
      const { stdout } = await runScript("compare-memory.ts", [
        ...run,
        "--seeds",
        "1",
        "--shuffles",
        "1",
        "--config",
        config,
        "--json",
      ]);
      counts.push(comparisonOf(stdout).track_record.trials);
    }
    expect(counts).toEqual([2, 3, 3, 4]);
  });
});

test("Ctrl-C stores nothing, and says so", async () => {
  // Half a minute of work, of which 3 seconds are waited for.
  const LONG = ["--synthetic", "--seeds", "8", "--year", "2021"];
  const folder = join(work, "stopped");
  const child = Bun.spawn(
    [process.execPath, join(PROJECT_DIR, "scripts", "compare-memory.ts"), ...LONG, "--memory-dir", folder],
    { cwd: PROJECT_DIR, stdin: "ignore", stdout: "pipe", stderr: "pipe" },
  );
  await Bun.sleep(3000);
  child.kill("SIGINT");
  const { code, stdout, stderr } = await resultOf(child);
  expect({ code, stdout }).toEqual({ code: 130, stdout: "" });
  expect(stderr).toContain("Stopped: no comparison is stored, and the same command begins again");
  expect(existsSync(folder)).toBeFalse();
});
