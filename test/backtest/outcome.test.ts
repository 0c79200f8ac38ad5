import { describe, expect, test } from "bun:test";
import type { ClosedTrade } from "../../lib/backtest/broker.ts";
import { outcomeOfTrade, priceTrend } from "../../lib/backtest/outcome.ts";
import type { ExitReason, Situation } from "../../lib/types.ts";
import { at, makeSettings } from "./world-samples.ts";

const SITUATION: Situation = {
  asset: "AAA",
  timestamp: at("2021-01-04T12:00"),
  regime: "RANGING",
  close: 99.5,
  atr: 2,
  volatility_pct: 2.01,
  volatility_rank: 0.4,
  rsi: 55,
  adx: 18,
  ema_fast: 101,
  ema_slow: 99.9,
  zscore: 0.2,
  channel_high: 104,
  channel_low: 96,
  return_pct: 1,
};

/** A long of 10 from 100 at noon with an ATR of 2, closed at `raw` eight and a half hours later. */
function closed(raw: number, reason: ExitReason, realizedPnl: number, situation = SITUATION): ClosedTrade {
  return {
    position: {
      asset: "AAA",
      action: "BUY",
      decision: {
        decision_id: "20210104T1200-AAA-00000000",
        timestamp: "2021-01-04T12:00:00.000Z",
        raw_confidence: 70,
        confidence: 61.5,
        expected_r: 0.08,
        situation,
        votes: [
          { provider: "trend", action: "BUY", confidence: 70, reason: "up" },
          { provider: "slow", action: "HOLD", confidence: 0, error: "timed out" },
          { provider: "reversion", action: "SELL", confidence: 40 },
        ],
        description: "AAA goes nowhere. Decided BUY.",
      },
      size: 10,
      entry_ms: at("2021-01-04T12:00"),
      raw_entry_price: 100,
      entry_price: 100.03,
      stop_price: 94,
      target_price: 109,
      risk_per_unit: 6,
    },
    exitReason: reason,
    exitMs: at("2021-01-04T20:30"),
    exitTickMs: at("2021-01-04T20:00"),
    rawExitPrice: raw,
    exitPrice: raw * 0.9997,
    feeCost: 1.0449865,
    realizedPnl,
  };
}

const CONTEXT = { settings: makeSettings(), runId: "f".repeat(64), chunk: "2021Q1", market: "bars" } as const;

describe("outcomeOfTrade()", () => {
  test("has the prices, costs and result of a trade", () => {
    const outcome = outcomeOfTrade(closed(109, "target", 88.3280135), CONTEXT);
    expect(outcome).toMatchObject({
      schema_version: 3,
      decision_id: "20210104T1200-AAA-00000000",
      run_id: "f".repeat(64),
      chunk: "2021Q1",
      market: "bars",
      asset_pair: "AAA",
      action: "BUY",
      decision_timestamp: "2021-01-04T12:00:00.000Z",
      entry_timestamp: "2021-01-04T12:00:00.000Z",
      exit_timestamp: "2021-01-04T20:30:00.000Z",
      position_size: 10,
      realized_pnl: 88.3280135,
      holding_period_hours: 8.5,
      exit_reason: "target",
      was_profitable: true,
      hit_stop_loss: false,
      hit_take_profit: true,
      ai_provider: "ensemble",
      ensemble_providers: ["trend", "reversion"],
      decision_confidence: 61.5,
      raw_confidence: 70,
      expected_r: 0.08,
      volatility: 2.01,
      regime: "RANGING",
    });
    expect(outcome.votes).toHaveLength(3);
    expect("asset" in outcome.situation || "timestamp" in outcome.situation).toBe(false);
    // 100 x 88.3280135 / (100.03 x 10)
    expect(outcome.pnl_percentage).toBeCloseTo(8.8301523, 6);
    // 9 / 6, gross of costs.
    expect(outcome.result_r).toBe(1.5);
    // 1 bps and 2 bps of (100 + 109) x 10.
    expect(outcome.spread_cost).toBeCloseTo(0.209, 12);
    expect(outcome.slippage_cost).toBeCloseTo(0.418, 12);
  });

  test("clips the result in R to [-3, 3]", () => {
    expect(outcomeOfTrade(closed(130, "target", 1), CONTEXT).result_r).toBe(3);
    expect(outcomeOfTrade(closed(70, "stop", -1), CONTEXT).result_r).toBe(-3);
    expect(outcomeOfTrade(closed(97, "timeout", -1), CONTEXT).result_r).toBe(-0.5);
  });

  test("counts a trade as won only if its P&L after costs is above 0", () => {
    expect(outcomeOfTrade(closed(100.05, "timeout", -0.6), CONTEXT)).toMatchObject({
      was_profitable: false,
      hit_stop_loss: false,
      hit_take_profit: false,
    });
    expect(outcomeOfTrade(closed(101, "timeout", 0), CONTEXT).was_profitable).toBe(false);
    expect(outcomeOfTrade(closed(101, "timeout", 0.01), CONTEXT).was_profitable).toBe(true);
    expect(outcomeOfTrade(closed(94, "stop", -60), CONTEXT).hit_stop_loss).toBe(true);
  });

  test("calls a trend bullish if the fast average is more than half an ATR above the slow one", () => {
    const trend = (fast: number): string =>
      outcomeOfTrade(closed(100, "stop", 0, { ...SITUATION, ema_fast: fast, ema_slow: 100 }), CONTEXT).price_trend;
    expect([101.01, 101, 99, 98.99].map(trend)).toEqual(["bullish", "neutral", "neutral", "bearish"]);
  });
});

test("of a situation without averages, as other programs may have it, nothing is known of the trend", () => {
  expect(priceTrend({})).toBe("neutral");
  expect(priceTrend({ ema_fast: 100, ema_slow: 100 })).toBe("neutral");
  // Without an ATR, any distance of the averages is a trend.
  expect(priceTrend({ ema_fast: 100.3, ema_slow: 100 })).toBe("bullish");
  expect(priceTrend({ ema_fast: 100, ema_slow: 100.3 })).toBe("bearish");
});
