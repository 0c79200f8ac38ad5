import { expect, test } from "bun:test";
import { bettingSentences, memoryVerdict } from "../../lib/experiments/verdict.ts";
import type { Interval } from "../../lib/stats/bootstrap.ts";

const interval = (low: number, high: number): Interval => ({ estimate: (low + high) / 2, low, high, p_value: 0.5 });

test("memory helped or hurt only where the interval of the Sharpe ratio's difference excludes 0", () => {
  expect(memoryVerdict(interval(0.1, 0.9))).toBe("Memory helped");
  expect(memoryVerdict(interval(-0.9, -0.1))).toBe("Memory hurt");
  for (const open of [interval(-0.1, 0.9), interval(0, 0), null]) {
    expect(memoryVerdict(open)).toBe("No proof that memory helped or hurt");
  }
});

test.each([
  [interval(0.1, 0.2), "it bet better: log growth +0.150, interval +0.100 to +0.200."],
  [interval(-0.2, -0.1), "it bet worse: log growth -0.150, interval -0.200 to -0.100."],
  [interval(-0.2, 0.1), "nothing is proven: log growth -0.050, interval -0.200 to +0.100."],
])("what betting less did stands beside what the choice of bets did: %j", (better, expected) => {
  const betting = { mean_size_scale: 0.03, bet_less: interval(0.3, 0.5), bet_better: better };
  expect(bettingSentences(betting)).toEqual([
    "It bet 0.03 of the full size, which alone changes log growth by +0.400.",
    `At equal size ${expected}`,
  ]);
  expect(bettingSentences({ ...betting, bet_less: null })).toEqual([]);
});
