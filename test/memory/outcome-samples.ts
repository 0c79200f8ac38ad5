import type { Action, Outcome, Vote } from "../../lib/types.ts";

const HOUR_MS = 3_600_000;

/**
 * A valid outcome, worked by hand after docs/RULES.md: 0.05 BTC bought at 30,000 (fill 30,009) with an ATR of 500, so
 * that one R is 1,500, and sold at the target of 32,250 (fill 32,240.325): 1.5 R.
 *
 * Nothing is recomputed for `overrides`: a test sets each field that it cares about.
 */
export function makeOutcome(overrides: Partial<Outcome> = {}): Outcome {
  return {
    schema_version: 3,
    decision_id: "20210104T1200-BTCUSD-0a1b2c3d",
    run_id: "a".repeat(64),
    chunk: "2021Q1",
    market: "bars",
    asset_pair: "BTCUSD",
    action: "BUY",
    decision_timestamp: "2021-01-04T12:00:00.000Z",
    entry_timestamp: "2021-01-04T12:00:00.000Z",
    exit_timestamp: "2021-01-05T08:00:00.000Z",
    entry_price: 30_009,
    exit_price: 32_240.325,
    raw_entry_price: 30_000,
    raw_exit_price: 32_250,
    stop_price: 28_500,
    target_price: 32_250,
    position_size: 0.05,
    risk_per_unit: 1_500,
    realized_pnl: 110.010016875,
    pnl_percentage: 7.3318015845246425,
    result_r: 1.5,
    fee_cost: 1.556233125,
    slippage_cost: 0.6225,
    spread_cost: 0.31125,
    holding_period_hours: 20,
    exit_reason: "target",
    was_profitable: true,
    hit_stop_loss: false,
    hit_take_profit: true,
    ai_provider: "ensemble",
    ensemble_providers: ["trend", "reversion"],
    decision_confidence: 72,
    raw_confidence: 81,
    expected_r: 0.07,
    volatility: 1.6666666666666667,
    price_trend: "bullish",
    regime: "TRENDING",
    situation: {
      regime: "TRENDING",
      close: 30_000,
      atr: 500,
      volatility_pct: 1.6666666666666667,
      volatility_rank: 0.6,
      rsi: 64,
      adx: 31,
      ema_fast: 29_700,
      ema_slow: 28_900,
      zscore: 1.1,
      channel_high: 29_950,
      channel_low: 27_800,
      return_pct: 3.2,
    },
    votes: [makeVote("trend", "BUY", { confidence: 80 }), makeVote("reversion", "HOLD")],
    description:
      "BTCUSD is rising in a trending market. " +
      "Decided BUY at confidence 72, for it trend 80, over HOLD from reversion 50.",
    ...overrides,
  };
}

/** A provider's vote. */
export function makeVote(provider: string, action: Action, rest: { confidence?: number; error?: string } = {}): Vote {
  return { provider, action, confidence: 50, ...rest };
}

/**
 * A deterministic series of trades, one every eight hours from 2021 on: three assets, both directions, every regime, wins
 * and losses, distinct descriptions. Ids rise with exits.
 */
export function makeOutcomes(count: number, overrides: Partial<Outcome> = {}): Outcome[] {
  const firstMs = Date.UTC(2021, 0, 1);
  const moods = ["rising", "falling", "going nowhere", "oversold", "overbought", "wild", "calm"];
  return Array.from({ length: count }, (_, i) => {
    const asset = ["BTCUSD", "ETHUSD", "EURUSD"][i % 3] as string;
    const regime = (["TRENDING", "RANGING", "VOLATILE"] as const)[Math.floor(i / 2) % 3] as Outcome["regime"];
    const action = i % 5 < 3 ? "BUY" : "SELL";
    const resultR = [1.5, -1, 0.25, -0.5][i % 4] as number;
    const decided = new Date(firstMs + 8 * HOUR_MS * i).toISOString();
    const exited = new Date(firstMs + 8 * HOUR_MS * i + 20 * HOUR_MS).toISOString();
    return makeOutcome({
      decision_id: `${decided.replace(/[-:]/g, "").slice(0, 13)}-${asset}-${i.toString(16).padStart(8, "0")}`,
      asset_pair: asset,
      action,
      regime,
      decision_timestamp: decided,
      entry_timestamp: decided,
      exit_timestamp: exited,
      result_r: resultR,
      realized_pnl: resultR * 75,
      pnl_percentage: resultR * 5,
      was_profitable: resultR > 0,
      hit_take_profit: resultR === 1.5,
      hit_stop_loss: resultR === -1,
      votes: [
        makeVote("trend", i % 2 === 0 ? "BUY" : "SELL", { confidence: 60 + (i % 30) }),
        makeVote("reversion", i % 3 === 0 ? "SELL" : "HOLD"),
        ...(i % 7 === 0 ? [makeVote("breakout", "HOLD", { confidence: 0, error: "too little is known" })] : []),
      ],
      description: `${asset} is ${moods[i % 7]} and ${moods[(3 * i + 1) % 7]} in a ${regime.toLowerCase()} market. Decided ${action}.`,
      ...overrides,
    });
  });
}
