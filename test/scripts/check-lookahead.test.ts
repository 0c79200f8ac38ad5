/** check-lookahead finds nothing in the code as it is. test/slow/mutants.ts shows that it finds planted look-ahead. */
import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LookaheadReport } from "../../lib/experiments/lookahead.ts";
import { runScript } from "./run-script.ts";

// Processes are started here, and a machine may be busy.
setDefaultTimeout(60_000);

const work = mkdtempSync(join(tmpdir(), "carryover-lookahead-"));
afterAll(() => rmSync(work, { recursive: true }));

const NO_MEMORY = join(work, "no-memory");
const PERIOD = ["--synthetic", "--start", "2018-03-01", "--end", "2018-03-25", "--chunks", "10d"];
const SHORT = [...PERIOD, "--at", "2018-03-17", "--memory-dir", NO_MEMORY, "--json"];

const reportOf = (stdout: string): LookaheadReport => JSON.parse(stdout) as LookaheadReport;

describe("check-lookahead", () => {
  test("finds no look-ahead in 24 synthetic days, and leaves no files", async () => {
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
    const kinds = report.checks.map(({ changed }) => changed);
    expect(new Set(kinds)).toEqual(new Set(["market", "bar", "memory"]));
    expect(kinds.length).toBeGreaterThanOrEqual(5);
    for (const check of report.checks) {
      // Fills at the open that stays the same are compared too.
      if (check.changed === "bar") expect(check.entries).toBeGreaterThan(check.outcomes);
      expect(check.decisions).toBeGreaterThan(250);
      expect(check.outcomes).toBeGreaterThan(15);
      // The other data made a difference.
      expect(check.later_decisions_changed).toBeGreaterThan(10);
    }
    expect(existsSync(NO_MEMORY)).toBe(false);
  });

  test.each([
    [
      "2019-01-01",
      'Cannot check a date: found "2019-01-01T00:00:00.000Z", expected a time inside 2018-03-01 to 2018-03-25',
    ],
    ["soon", "--at must be a date such as 2021-01-01"],
  ])("refuses --at %s", async (at, message) => {
    const { code, stdout, stderr } = await runScript("check-lookahead.ts", [
      ...PERIOD,
      "--memory-dir",
      NO_MEMORY,
      "--at",
      at,
    ]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(message);
  });
});
