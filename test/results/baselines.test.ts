import { describe, expect, test } from "bun:test";
import type { Bar } from "../../lib/types.ts";
import { baselinesOf, type HeldAsset } from "../../lib/results/baselines.ts";
import { at, DAY, HOUR } from "../backtest/world-samples.ts";
import { trade } from "./trade-samples.ts";

/** Bars of half a day with these closes; each opens where the one before closed, the first at 100. */
function barsOf(closes: readonly number[], startMs = at("2021-01-02")): Bar[] {
  return closes.map((close, i) => {
    const open = closes[i - 1] ?? 100;
    return { timestamp: startMs + (i * DAY) / 2, open, high: open, low: open, close, volume: 0 };
  });
}

const FREE = { feeShare: 0, fillShare: 0 };
const asset = (name: string, bars: readonly Bar[], costs = FREE): HeldAsset => ({
  asset: name,
  bars,
  timeframeMs: DAY / 2,
  ...costs,
});
const NO_TRADES = { trades: [], daysPerYear: 365 } as const;

describe("buying and holding", () => {
  test("earns from the first open to the last close, with its drawdown over the ends of days", () => {
    // Ends of days: 120, 90, 99. The 200 at noon is not one.
    const { buy_and_hold: held } = baselinesOf([asset("AAA", barsOf([200, 120, 100, 90, 99, 99]))], NO_TRADES);
    expect(held["AAA"]!.return_pct).toBeCloseTo(-1, 12);
    expect(held["AAA"]!.max_drawdown_pct).toBeCloseTo(25, 12);
    // Returns +20 %, -25 % and +10 %: mean 1/60, deviation of 0.2375 by hand.
    const mean = 0.05 / 3;
    const deviation = Math.sqrt(((0.2 - mean) ** 2 + (-0.25 - mean) ** 2 + (0.1 - mean) ** 2) / 2);
    expect(held["AAA"]!.sharpe_ratio).toBeCloseTo((mean / deviation) * Math.sqrt(365), 9);
  });

  test("pays fee, spread and slippage once to buy and once to sell", () => {
    const costs = { feeShare: 0.01, fillShare: 0.02 };
    const { buy_and_hold: held } = baselinesOf([asset("AAA", barsOf([100, 110]), costs)], NO_TRADES);
    // Bought at 102, sold at 107.8; fees 1 % of both.
    expect(held["AAA"]!.return_pct).toBeCloseTo(100 * ((107.8 * 0.99) / 102 - 0.01 - 1), 9);
  });

  test("with equal weights starts with equal shares, and a day without bars counts as the day before", () => {
    const [a, b] = [asset("AAA", barsOf([100, 200])), asset("BBB", barsOf([50, 50], at("2021-01-03")))];
    const { buy_and_hold: held, equal_weight: all } = baselinesOf([a, b, asset("CCC", [])], NO_TRADES);
    expect(held["CCC"]).toBeNull();
    expect(all!.return_pct).toBeCloseTo((100 - 50) / 2, 12);
    // 1.5 at the end of the first day, 1.25 at that of the second.
    expect(all!.max_drawdown_pct).toBeCloseTo(100 * (0.25 / 1.5), 12);
  });
});

describe("random entries", () => {
  const rising = barsOf(Array.from({ length: 40 }, (_, i) => 101 + i));
  const held = (from: number, bars: number): { entryMs: number; exitMs: number } => ({
    entryMs: rising[from]!.timestamp,
    exitMs: rising[from + bars]!.timestamp,
  });

  test("keep each trade's asset, direction and holding time", () => {
    // A price that rises by 1 a bar gains 5 in five bars, wherever it begins: between 5/100 and 5/134.
    const { random_entry: entry } = baselinesOf([asset("AAA", rising)], {
      ...NO_TRADES,
      trades: [trade("c", 100, { ...held(3, 5), pnlPct: 20 })],
    });
    expect(entry).toMatchObject({ draws: 200, run_mean_pnl_pct: 20, percentile: 100 });
    expect(entry!.random_mean_pnl_pct).toBeGreaterThan(500 / 134);
    expect(entry!.random_mean_pnl_pct).toBeLessThan(500 / 100);
    const short = baselinesOf([asset("AAA", rising)], {
      ...NO_TRADES,
      trades: [trade("c", -100, { ...held(3, 5), action: "SELL", pnlPct: -20 })],
    });
    expect(short.random_entry!.percentile).toBe(0);
    expect(short.random_entry!.random_mean_pnl_pct).toBeCloseTo(-entry!.random_mean_pnl_pct, 12);
  });

  test("count half of those that are equal, pay costs, and are the same in every run", () => {
    const flat = Array.from({ length: 10 }, (_, i) => ({ ...barsOf([100])[0]!, timestamp: i * HOUR }));
    const costs = { feeShare: 0.001, fillShare: 0 };
    const trades = [trade("c", -1, { entryMs: HOUR, exitMs: 2 * HOUR, pnlPct: -0.2 })];
    const found = baselinesOf([asset("AAA", flat, costs)], { ...NO_TRADES, trades });
    // There and back at 0.1 % of 100 each.
    expect(found.random_entry).toEqual({
      draws: 200,
      run_mean_pnl_pct: -0.2,
      random_mean_pnl_pct: expect.closeTo(-0.2, 12),
      percentile: expect.closeTo(50, 0),
    });
    expect(baselinesOf([asset("AAA", flat, costs)], { ...NO_TRADES, trades })).toEqual(found);
    expect(baselinesOf([asset("AAA", flat)], NO_TRADES).random_entry).toBeNull();
  });
});
