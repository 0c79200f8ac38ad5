import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Summary } from "../../lib/results/summary-shape.ts";
import { hostScripts } from "./hosted-script.ts";
import { filesOf } from "./run-script.ts";

const runScript = hostScripts();

// Processes are started here, and a machine may be busy.
setDefaultTimeout(60_000);

const work = mkdtempSync(join(tmpdir(), "carryover-run-"));
afterAll(() => rmSync(work, { recursive: true }));

/** Two months of synthetic bars: enough to trade, quick enough for a test. */
const TWO_MONTHS = ["--synthetic", "--start", "2018-02-01", "--end", "2018-04-01", "--chunks", "month"];

describe("a run of two months", () => {
  const memory = join(work, "finished");
  const synthetic = join(memory, "synthetic");
  let summary: Summary;
  beforeAll(async () => {
    const { code, stdout, stderr } = await runScript("run-chunks.ts", [
      ...TWO_MONTHS,
      "--memory-dir",
      memory,
      "--json",
    ]);
    expect(code).toBe(0);
    expect(stderr).toContain("These bars are synthetic, and say nothing about a real market");
    summary = JSON.parse(stdout) as Summary;
  });

  test("prints one JSON document, labelled synthetic", () => {
    expect(summary.data).toBe("synthetic");
    expect(summary.period).toBe("2018-02-01/2018-04-01");
    expect(summary.quarterly_breakdown.map(({ quarter }) => quarter)).toEqual(["2018-02", "2018-03"]);
    expect(summary.total_trades).toBeGreaterThan(30);
  });

  test("stores every trade that it counts, so that its figures can be recomputed from the files", () => {
    const outcomes = readdirSync(synthetic)
      .filter((name) => name.startsWith("outcome_"))
      .map((name) => JSON.parse(readFileSync(join(synthetic, name), "utf8")) as { realized_pnl: number });
    expect(summary.memory_persistence).toEqual({
      outcomes_carried_in: 0,
      outcomes_stored: outcomes.length,
      snapshots_stored: 2,
      vectors_stored: outcomes.length,
    });
    expect(summary.total_trades).toBe(outcomes.length);
    const pnl = outcomes.reduce((sum, { realized_pnl }) => sum + realized_pnl, 0);
    expect(summary.total_pnl).toBeCloseTo(pnl, 6);
    expect(summary.final_balance).toBeCloseTo(10_000 + pnl, 6);
    expect(summary.overall_win_rate).toBeCloseTo(
      (100 * outcomes.filter(({ realized_pnl }) => realized_pnl > 0).length) / outcomes.length,
      9,
    );
  });

  test("starts the second month with what was learned in the first", () => {
    const [first, second] = summary.quarterly_breakdown;
    expect(first?.remembered_at_start).toBe(0);
    expect(Object.values(first?.provider_multipliers_at_start ?? {})).toEqual([1, 1, 1, 1]);
    expect(second?.remembered_at_start).toBeGreaterThan(10);
    expect(second?.provider_multipliers_at_start).toEqual(first?.provider_multipliers);
  });

  test("run again, it prints the same and changes no byte", async () => {
    const before = filesOf(memory);
    const again = await runScript("run-chunks.ts", [...TWO_MONTHS, "--memory-dir", memory, "--json"]);
    expect(summary).toMatchObject({ state: "new", chunks_run: ["2018-02", "2018-03"] });
    expect(JSON.parse(again.stdout)).toEqual({ ...summary, state: "complete", chunks_run: [] });
    expect(filesOf(memory)).toEqual(before);
  });

  test("shows every table with --full, of 80 columns", async () => {
    const args = [...TWO_MONTHS, "--memory-dir", memory, "--full"];
    const { stdout } = await runScript("run-chunks.ts", args, { env: { NO_COLOR: "1" } });
    expect(stdout).toMatch(/at the start of +2018-02 +2018-03\n.*\noutcomes +0 +\d\d+\ntrend +1\.00x +\d\.\d\dx\n/);
    expect(stdout.split("\n").filter((line) => line.length > 80 && !line.includes(memory))).toEqual([]);
    expect(stdout).not.toContain("\u001B");
    // Standard errors by chunk.
    const trend = summary.providers["trend"]!;
    for (const { win_rate: rate, win_rate_error_pct: error } of trend.by_quarter) {
      expect(stdout).toContain(`${rate!.toFixed(0)}±${error!.toFixed(0)} `);
    }
    // How often confidence came true.
    const [, before = "", after = ""] = stdout.split(/^(?:Before calibration|After calibration)\n/m);
    for (const [table, scores] of [
      [before, summary.confidence.before_calibration!],
      [after, summary.confidence.after_calibration!],
    ] as const) {
      const rows = [...table.matchAll(/^ *(\d+) to \d+ +[\d.]+ +(\d+) +([\d.]+)%$/gm)];
      expect(rows.map(([, from, trades]) => [Number(from), Number(trades)])).toEqual(
        scores.bins.map(({ from, trades }) => [from, trades]),
      );
    }
  });

  test("shows one screen without --json, and no colours in a pipe", async () => {
    const { stdout } = await runScript("run-chunks.ts", [...TWO_MONTHS, "--memory-dir", memory], {
      env: { NO_COLOR: "1" },
    });
    expect(stdout).toContain("2018-02-01 to 2018-04-01, synthetic bars, memory on\n");
    expect(stdout).toMatch(/runs\/[0-9a-f]{12}\*;\s+complete\s+before;\s+--restart\s+repeats\s+it\n$/);
    expect(stdout.split("\n").length).toBeLessThan(24);
    expect(stdout).not.toContain("\u001B");
  });
});

describe("a bad command line or bad bars", () => {
  const empty = join(work, "empty");
  test("bars of only some assets are refused, because real and synthetic bars never mix", async () => {
    const data = join(work, "data");
    mkdirSync(data);
    writeFileSync(join(data, "BTCUSD_1h.csv"), "timestamp,open,high,low,close\n2021-01-01T00:00:00Z,1,2,1,2\n");
    const { code, stderr } = await runScript("run-chunks.ts", ["--data-dir", data, "--memory-dir", empty]);
    expect(code).toBe(3);
    expect(stderr).toContain('"ETHUSD_1h.csv"');
  });

  test("a damaged bar is refused with file, line and column, before anything is written", async () => {
    const data = join(work, "damaged");
    mkdirSync(data);
    writeFileSync(
      join(data, "BTCUSD_1h.csv"),
      "timestamp,open,high,low,close\n2021-01-01T00:00:00Z,1,2,1,2\n2021-01-01T01:00:00Z,1,2,nan,2\n",
    );
    const { code, stderr } = await runScript("run-chunks.ts", [
      "--data-dir",
      data,
      "--assets",
      "BTCUSD",
      "--memory-dir",
      empty,
    ]);
    expect(code).toBe(4);
    expect(stderr).toContain("BTCUSD_1h.csv");
    expect(stderr).toContain("line 3");
    expect(stderr).toContain("low");
    expect(readdirSync(work)).not.toContain("empty");
  });
});
