import type { BarColumns, DecisionContext, SimilarTrade, Situation } from "../../lib/types.ts";

/** A market without a signal: at 100, in the middle of its range, without a trend. */
export function makeSituation(overrides: Partial<Situation> = {}): Situation {
  return {
    asset: "AAA",
    timestamp: Date.parse("2021-01-04T12:00Z"),
    regime: "RANGING",
    close: 100,
    atr: 2,
    volatility_pct: 2,
    volatility_rank: 0.5,
    rsi: 50,
    adx: 15,
    ema_fast: 100,
    ema_slow: 100,
    zscore: 0,
    channel_high: 105,
    channel_low: 95,
    return_pct: 0,
    ...overrides,
  };
}

export const NO_BARS: BarColumns = { timestamp: [], open: [], high: [], low: [], close: [], volume: [] };

/** A context without open positions and bars. */
export function makeContext(remembered: number, similar: readonly SimilarTrade[] = []): DecisionContext {
  return {
    remembered,
    similar,
    recent: { days: 20, trades: 0, wins: 0, mean_r: null },
    records: {},
    positions: [],
    bars: NO_BARS,
  };
}

/** A remembered trade with the greatest similarity. */
export function makeSimilar(overrides: Partial<SimilarTrade> = {}): SimilarTrade {
  return {
    decision_id: "20210103T1200-AAA-00000000",
    similarity: 1,
    asset: "AAA",
    regime: "RANGING",
    action: "BUY",
    exit_timestamp: "2021-01-03T20:00:00.000Z",
    won: true,
    pnl_pct: 1,
    result_r: 1,
    ...overrides,
  };
}
