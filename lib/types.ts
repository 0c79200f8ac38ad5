/** The types that everything shares. What a file has is named in snake_case, as it is there; the rest is camelCase. */

/** What a vote or a decision says. */
export type Action = "BUY" | "SELL" | "HOLD";

/** The action of a trade: `BUY` is long, `SELL` is short. */
export type TradeAction = Exclude<Action, "HOLD">;

/** How an asset's market behaves at a bar, compared with that asset's own past. */
export type Regime = "TRENDING" | "RANGING" | "VOLATILE";

/** Where bars come from: a real market, or the built-in synthetic one. A run never mixes them. */
export type Market = "bars" | "synthetic";

/** One bar of prices. It is known at its end, `timestamp` + timeframe. */
export interface Bar {
  /** Start of the bar, epoch ms UTC. */
  readonly timestamp: number;
  readonly open: number;
  readonly high: number;
  readonly low: number;
  readonly close: number;
  readonly volume: number;
}

/** Bars as columns of one length, oldest first: `timestamp`, `open`, `high`, `low`, `close`, `volume`. */
export type BarColumns = Readonly<Record<keyof Bar, readonly number[]>>;

/** An asset's bars, in strict order of time. */
export interface BarSeries {
  readonly asset: string;
  readonly timeframeMs: number;
  readonly market: Market;
  readonly bars: readonly Bar[];
  /** How often a bar starts later than the previous one ended. */
  readonly gaps: number;
}

/** What is known about an asset at a bar's close. Percent fields are 0..100. */
export interface Situation {
  readonly asset: string;
  /** When it is known: the bar's end, epoch ms. */
  readonly timestamp: number;
  readonly regime: Regime;
  readonly close: number;
  /** Wilder's ATR(14), in price units. */
  readonly atr: number;
  /** ATR(14) in percent of the close. */
  readonly volatility_pct: number;
  /** Share of the asset's last 2,160 values of ATR(14)/close that are below this one, 0..1. */
  readonly volatility_rank: number;
  /** Wilder's RSI(14), 0..100. */
  readonly rsi: number;
  /** Wilder's ADX(14), 0..100. */
  readonly adx: number;
  /** Exponential moving averages of the close over 20 and 80 bars. */
  readonly ema_fast: number;
  readonly ema_slow: number;
  /** (close - mean) / population deviation of the last 20 closes; 0 where they do not vary. */
  readonly zscore: number;
  /** Highest high and lowest low of the 48 bars before this one. */
  readonly channel_high: number;
  readonly channel_low: number;
  /** Change of the close over the last 24 bars, percent. */
  readonly return_pct: number;
  /** Only of assets with features: the newest row that is known, and the ranks of its numbers among the last 500 rows, 0..1. */
  readonly features?: Readonly<Record<string, number | string | null>>;
  readonly feature_ranks?: Readonly<Record<string, number>>;
}

/** A provider's answer. With an `error` it is an abstention: neither right nor wrong. */
export interface Answer {
  readonly action: Action;
  /** 0..100. */
  readonly confidence: number;
  readonly reason?: string;
  readonly error?: string;
  /** How many of several answers to the same question had each action, of a vote that is their majority's. */
  readonly samples?: SampleCounts;
  /** Set where nobody answered: the abstention is of this run only, and `--retry-failed` asks again. */
  readonly unanswered?: true;
}

/** Usable answers by action, in this order: BUY, SELL, HOLD. */
export type SampleCounts = Readonly<Record<Action, number>>;

export type Vote = Answer & { readonly provider: string };

/** A remembered trade in a situation like this one. */
export interface SimilarTrade {
  readonly decision_id: string;
  /** Cosine of the two situations' sentence vectors, -1..1. */
  readonly similarity: number;
  readonly asset: string;
  readonly regime: string;
  readonly action: TradeAction;
  readonly exit_timestamp: string;
  readonly won: boolean;
  readonly pnl_pct: number;
  /** Gross result per unit of risk, in [-3, 3]; `null` for an imported trade that has none. `imported` marks such trades. */
  readonly result_r: number | null;
  readonly imported?: true;
}

/** The trades that closed in the last `days` days before a decision. */
export interface RecentRecord {
  readonly days: number;
  readonly trades: number;
  readonly wins: number;
  /** Mean `result_r`; `null` without trades. */
  readonly mean_r: number | null;
}

/** The results of a provider's votes. */
export interface ProviderRecord {
  /** Trades in the window on which it voted BUY or SELL. */
  readonly trades: number;
  /** Trades on which its vote was right. */
  readonly right: number;
  /** Mean result in R of trading its votes; `null` without trades. */
  readonly mean_r: number | null;
  /** How often its votes were right in all regimes, by their confidence in `[from, to)`; only buckets with trades. */
  readonly calibration: readonly {
    readonly from: number;
    readonly to: number;
    readonly trades: number;
    readonly right: number;
  }[];
}

/** A position that is open at a decision. */
export interface OpenPosition {
  readonly asset: string;
  readonly action: TradeAction;
  /** ISO 8601. */
  readonly entry_timestamp: string;
  readonly entry_price: number;
  /** Gross result at the last close, in R; `null` where the risk per unit is 0. */
  readonly open_r: number | null;
}

/** What memory says about a situation, as of its time: nothing in it was known only later. */
export interface MemoryContext {
  /** Outcomes in the window. */
  readonly remembered: number;
  /** At most ten trades of all assets, most similar first, however little alike: fewer only where memory has fewer. */
  readonly similar: readonly SimilarTrade[];
  readonly recent: RecentRecord;
  /** The record of each provider in the situation's regime; empty where nothing is remembered. */
  readonly records: Readonly<Record<string, ProviderRecord>>;
}

/** What a provider gets besides the situation. */
export interface DecisionContext extends MemoryContext {
  /** Positions that are open before anything is decided at this time, in the order of the assets. */
  readonly positions: readonly OpenPosition[];
  /** The asset's newest bars that have closed, as many as the provider's `bars` says (100). Frozen, and made when they are first read. */
  readonly bars: BarColumns;
}

/** Why a position was closed. */
export type ExitReason = "reversed" | "hold" | "timeout" | "stop" | "target" | "end_of_run";

/** Why a new position was not opened, in the order in which the rules apply. */
export type SkipReason = "max_positions" | "correlation" | "size";

/** The decision behind a trade: its order, its position and its outcome carry it. */
export interface Decision {
  readonly decision_id: string;
  /** ISO 8601. */
  readonly timestamp: string;
  readonly raw_confidence: number;
  readonly confidence: number;
  readonly expected_r: number | null;
  readonly situation: Situation;
  readonly votes: readonly Vote[];
  readonly description: string;
}

/**
 * One line of `<chunk>.decisions.ndjson`: the ensemble's action for one asset at one time, and what led to it.
 * Keys are written in this order.
 */
export interface DecisionRecord {
  readonly decision_id: string;
  /** The end of the bar, ISO 8601. */
  readonly timestamp: string;
  readonly asset: string;
  readonly situation: Omit<Situation, "asset" | "timestamp">;
  readonly votes: readonly Vote[];
  /** The weight of each provider; they sum to 1. */
  readonly weights: Readonly<Record<string, number>>;
  /** Confidence of each provider's vote after calibration, 0..100; 0 for an abstention. Without memory it is as voted. */
  readonly calibrated: Readonly<Record<string, number>>;
  readonly context: {
    readonly remembered: number;
    readonly similar: {
      readonly count: number;
      readonly wins: number;
      readonly mean_r: number | null;
      readonly nearest: readonly { readonly decision_id: string; readonly similarity: number }[];
    };
    readonly recent: RecentRecord;
  };
  readonly action: Action;
  /** Of the votes, 0..100. `confidence` is calibrated by past results, except for a HOLD. */
  readonly raw_confidence: number;
  readonly confidence: number;
  /** Equity that the size is computed from. */
  readonly equity: number;
  /** What the position is expected to earn after costs, in R; `null` for a HOLD, and without memory. */
  readonly expected_r: number | null;
  /** Share of the full size that `expected_r` allows, 0.02..1; 1 for a HOLD, and without memory. */
  readonly size_scale: number;
  /** What happens at the next open. `close` is a reversal whose new position was skipped, or a HOLD that closes. */
  readonly order: "none" | "open" | "reverse" | "close";
  /** Units of the new position; `null` without one. */
  readonly size: number | null;
  readonly skipped: SkipReason | null;
}

/** A closed trade and its decision: one `outcome_<decision_id>.json`. Keys are written in this order. */
export interface Outcome {
  /** Version 1 has no `raw_confidence`, version 2 no `expected_r`. */
  readonly schema_version: 1 | 2 | 3;
  readonly decision_id: string;
  readonly run_id: string;
  readonly chunk: string;
  readonly market: Market;
  readonly asset_pair: string;
  readonly action: TradeAction;
  readonly decision_timestamp: string;
  readonly entry_timestamp: string;
  readonly exit_timestamp: string;
  /** Fill prices: raw prices plus or minus half the spread and the slippage. */
  readonly entry_price: number;
  readonly exit_price: number;
  readonly raw_entry_price: number;
  readonly raw_exit_price: number;
  readonly stop_price: number;
  readonly target_price: number;
  /** Units of the asset. */
  readonly position_size: number;
  /** Price distance of one R. */
  readonly risk_per_unit: number;
  /** Account currency, after fees. */
  readonly realized_pnl: number;
  readonly pnl_percentage: number;
  readonly result_r: number;
  readonly fee_cost: number;
  readonly slippage_cost: number;
  readonly spread_cost: number;
  readonly holding_period_hours: number;
  readonly exit_reason: ExitReason;
  readonly was_profitable: boolean;
  readonly hit_stop_loss: boolean;
  readonly hit_take_profit: boolean;
  readonly ai_provider: "ensemble";
  /** The providers that did not abstain. */
  readonly ensemble_providers: readonly string[];
  /** After calibration, 0..100. */
  readonly decision_confidence: number;
  readonly raw_confidence?: number;
  /** What the trade was expected to earn after costs, in R; `null` without memory. */
  readonly expected_r?: number | null;
  /** ATR(14) in percent of the close at the decision. */
  readonly volatility: number;
  readonly price_trend: "bullish" | "bearish" | "neutral";
  readonly regime: Regime;
  readonly situation: Omit<Situation, "asset" | "timestamp">;
  readonly votes: readonly Vote[];
  /** Two sentences: the situation, then the decision; never the result. */
  readonly description: string;
}

/** An open position. */
export interface Position {
  readonly asset: string;
  readonly action: TradeAction;
  readonly decision: Decision;
  /** Units. */
  readonly size: number;
  readonly entry_ms: number;
  readonly raw_entry_price: number;
  readonly entry_price: number;
  readonly stop_price: number;
  readonly target_price: number;
  readonly risk_per_unit: number;
}

/** An order that is filled at the open of its asset's next bar. */
export interface Order {
  readonly asset: string;
  /** Whether the open position is closed, and its exit reason if that is not "reversed". */
  readonly closes: boolean;
  readonly exit_reason?: "hold";
  /** The new position; `null` if the old one is only closed. */
  readonly opens: { readonly action: TradeAction; readonly size: number; readonly decision: Decision } | null;
}
