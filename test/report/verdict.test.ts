import { describe, expect, test } from "bun:test";
import type { ReportData } from "../../lib/report/data.ts";
import { verdictOf } from "../../lib/report/verdict.ts";
import type { Interval } from "../../lib/stats/bootstrap.ts";

const interval = (low: number, high: number): Interval => ({ estimate: (low + high) / 2, low, high, p_value: 0.5 });

/** What a comparison says of sizes. */
const LESS = { mean_size_scale: 0.33, bet_less: interval(0.05, 0.15) };

const MEMORY_ON = "memory on";
const MEMORY_OFF = "memory off";

interface Given {
  readonly names?: readonly [string, string?];
  readonly isOfMemory?: boolean;
  readonly isWhole?: boolean;
  readonly sharpe?: Interval;
  readonly better?: Interval;
  /** Of the comparison. */
  readonly pairs?: number;
  readonly period?: string;
  readonly data?: "bars" | "synthetic";
}

/** Of two runs that made +3 % and -2 %. */
function verdict({
  names = [MEMORY_ON, MEMORY_OFF],
  isOfMemory,
  isWhole = true,
  pairs = 1,
  sharpe,
  better,
  ...given
}: Given): readonly string[] {
  const line = (name: string, return_pct: number): object => ({ name, figures: { return_pct } });
  const first = line(names[0], 3);
  const second = names[1] === undefined ? undefined : line(names[1], -2);
  const { period = "2022-01-01/2023-01-01", data = "bars" } = given;
  return verdictOf({
    run: { key: { period }, summary: { memory_enabled: names[0] === MEMORY_ON, total_return_pct: 3, period, data } },
    accounts: [first, ...(second === undefined ? [] : [second])],
    effect: sharpe && { isOfMemory: isOfMemory ?? names[1] === MEMORY_OFF, isWhole, first, second, sharpe },
    comparison: better && { betting: { ...LESS, bet_better: better }, worlds: Array.from({ length: pairs }) },
  } as unknown as ReportData);
}

describe("the first sentence", () => {
  test.each([
    [interval(0.1, 0.9), "Memory helped: the account made +3.0% with it, -2.0% without."],
    [interval(-0.9, -0.1), "Memory hurt: the account made +3.0% with it, -2.0% without."],
    [interval(-0.1, 0.9), "No proof that memory helped or hurt: the account made +3.0% with it, -2.0% without."],
  ])("says whether memory helped by the interval of the Sharpe ratio's difference: %j", (sharpe, expected) => {
    expect(verdict({ sharpe })[0]).toBe(expected);
  });

  test("says what is open without a second run", () => {
    expect(verdict({ names: [MEMORY_ON] })[0]).toBe(
      "The account made +3.0% with memory. Whether memory helped is open: no run without it was found, and compare-memory with the same flags makes one.",
    );
    // Of a session, no command makes another one.
    expect(verdict({ names: [MEMORY_ON], period: "2022-01-01/" })[0]).toEndWith(
      "no run without it was found, and --compare names a session with memory off.",
    );
    expect(verdict({ names: [MEMORY_OFF] })[0]).toBe("The account made +3.0% without memory.");
    expect(verdict({ names: ["a", "b"] })[0]).toBe(
      "The runs a and b have fewer than two days in common, so nothing can be compared.",
    );
  });

  test("says of any other two runs whether they differ", () => {
    const names = ["wide stops", "3f9c"] as const;
    expect(verdict({ names, sharpe: interval(0.1, 0.9) })[0]).toStartWith(
      "The runs wide stops and 3f9c differ: +3.0% against -2.0%",
    );
    expect(verdict({ names, sharpe: interval(-0.1, 0.9) })[0]).toStartWith(
      "The runs wide stops and 3f9c do not differ as far as this much data can show",
    );
    expect(verdict({ names, isWhole: false, sharpe: interval(0.1, 0.9) })[0]).toStartWith(
      "The runs wide stops and 3f9c differ: +3.0% against -2.0%, each in its own period; on the days that both have the Sharpe " +
        "ratio differs by +0.50",
    );
    // Labels may be anything.
    expect(verdict({ isOfMemory: false, sharpe: interval(0.1, 0.9) })[0]).toStartWith(
      "The runs memory on and memory off differ",
    );
  });
});

test("the next sentences say how memory bet, and whether its constants were chosen on this period", () => {
  const sharpe = interval(-1, 1);
  const differs = "Its Sharpe ratio differs by 0.00 (95 % interval -1.00 to +1.00).";
  expect(verdict({ sharpe }).slice(1)).toEqual([differs]);
  expect(verdict({ sharpe, better: interval(-0.2, -0.1), pairs: 3 }).slice(1)).toEqual([
    "It was compared in 3 pairs of runs.",
    "It bet 0.33 of the full size, which alone changes log growth by +0.100.",
    "At equal size it bet worse: log growth -0.150, interval -0.200 to -0.100.",
    differs,
  ]);
  const tuned = "Constants of memory were chosen on bars of 2021, so that year is no test of them.";
  expect(verdict({ sharpe, period: "2021-12-01/2022-02-01" }).at(-1)).toBe(tuned);
  expect(verdict({ sharpe, period: "2020-01-01/2021-01-01" })).toHaveLength(2);
  expect(verdict({ sharpe, period: "2021-01-01/2022-01-01", data: "synthetic" })).toHaveLength(2);
});
