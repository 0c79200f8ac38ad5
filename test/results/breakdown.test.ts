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

  test("is the change from the first to the last chunk with trades, beside its standard error", () => {
    // 1 of 4 to 3 of 4; with a win and a loss added, 2 of 6 and 4 of 6: two variances of 2/9/6.
    const { trend } = breakdownOf([...trades("a", 1, 3), ...trades("c", 3, 1)], chunks);
    expect(trend!.change_pct).toBe(50);
    expect(trend!.standard_error_pct).toBeCloseTo(100 * Math.sqrt(2 / 27), 9);
  });

  test("has a standard error even after only losses and then only wins", () => {
    const { trend } = breakdownOf([...trades("a", 0, 1), ...trades("b", 1, 0)], chunks);
    expect(trend!.change_pct).toBe(100);
    expect(trend!.standard_error_pct).toBeCloseTo(100 * Math.sqrt(4 / 27), 9);
  });

  test("is null with trades in one chunk only", () => {
    expect(breakdownOf(trades("b", 3, 3), chunks).trend).toBeNull();
    expect(breakdownOf([], chunks).trend).toBeNull();
  });
});
