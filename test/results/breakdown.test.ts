import { describe, expect, test } from "bun:test";
import type { Trade } from "../../lib/memory/trade.ts";
import { breakdownOf } from "../../lib/results/breakdown.ts";
import { trade } from "./trade-samples.ts";

describe("the trend of a win rate", () => {
  const chunks = [{ name: "a" }, { name: "b" }, { name: "c" }];
  const trades = (chunk: string, wins: number, losses: number): Trade[] => [
    ...Array.from({ length: wins }, () => trade(chunk, 1)),
    ...Array.from({ length: losses }, () => trade(chunk, -1)),
  ];

  test("is the slope between two chunks with trades, beside its standard error", () => {
    // 1 of 4 to 3 of 4 in two steps; with a win and a loss added, 2 of 6 and 4 of 6: two variances of 2/9/6.
    const { trend } = breakdownOf([...trades("a", 1, 3), ...trades("c", 3, 1)], chunks);
    expect(trend!.slope_pct).toBeCloseTo(25, 12);
    expect(trend!.standard_error_pct).toBeCloseTo((100 * Math.sqrt(2 / 27)) / 2, 9);
  });

  test("takes all chunks, each by its number of trades", () => {
    // Rates 0.5, 0 and 0.5 of 2, 198 and 2 trades: symmetric, so there is no slope. The variances of the outer ones are 1/16.
    const flat = breakdownOf([...trades("a", 1, 1), ...trades("b", 0, 198), ...trades("c", 1, 1)], chunks).trend!;
    expect(flat.slope_pct).toBeCloseTo(0, 12);
    // Weights 16, w and 16 at -1, 0 and 1.
    expect(flat.standard_error_pct).toBeCloseTo(100 / Math.sqrt(32), 9);
    // Rates 50, 50 and 100 of 2, 2 and 2: variances 1/16, 1/16 and 3/64. Weights 16, 16 and 64/3 give a mean chunk of 1.1.
    const { slope_pct: slope } = breakdownOf(
      [...trades("a", 1, 1), ...trades("b", 1, 1), ...trades("c", 2, 0)],
      chunks,
    ).trend!;
    const spread = 16 * 1.1 ** 2 + 16 * 0.1 ** 2 + (64 / 3) * 0.9 ** 2;
    expect(slope).toBeCloseTo((16 * -1.1 * 50 + 16 * -0.1 * 50 + (64 / 3) * 0.9 * 100) / spread, 9);
  });

  test("has a standard error even after only losses and then only wins", () => {
    const { trend } = breakdownOf([...trades("a", 0, 1), ...trades("b", 1, 0)], chunks);
    expect(trend!.slope_pct).toBeCloseTo(100, 12);
    expect(trend!.standard_error_pct).toBeCloseTo(100 * Math.sqrt(4 / 27), 9);
  });

  test("is null with trades in one chunk only", () => {
    expect(breakdownOf(trades("b", 3, 3), chunks).trend).toBeNull();
    expect(breakdownOf([], chunks).trend).toBeNull();
  });
});
