import type { Regime, Situation } from "../types.ts";

/** How many bars of an asset's own past count: 90 days of hours. */
export const PAST_BARS = 2160;

/** A market is `VOLATILE` where at least this share of past values of ATR/close is lower. */
const VOLATILE_RANK = 0.85;

/** The ADX that separates trends from ranges before anything is known of an asset, and the number of bars it counts for. */
export const TYPICAL_ADX = 25;
const TYPICAL_ADX_BARS = 720;

/**
 * How the market behaves.
 *
 * @param measured `volatilityRank` is the share of the asset's recent values of ATR/close below the newest one, 0..1;
 * `usualAdx` is the ADX from which on this asset counts as trending.
 */
export function classifyRegime(measured: { volatilityRank: number; adx: number; usualAdx: number }): Regime {
  if (measured.volatilityRank >= VOLATILE_RANK) return "VOLATILE";
  return measured.adx >= measured.usualAdx ? "TRENDING" : "RANGING";
}

/** An asset's usual ADX: the mean of its last 2,160 values and of 25 counted 720 times. */
export class UsualAdx {
  readonly #values = new Float64Array(PAST_BARS);
  #count = 0;
  #sum = 0;

  add(adx: number): void {
    const index = this.#count % PAST_BARS;
    this.#sum += adx - this.#values[index]!;
    this.#values[index] = adx;
    this.#count++;
  }

  get value(): number {
    const known = Math.min(this.#count, PAST_BARS);
    return (TYPICAL_ADX * TYPICAL_ADX_BARS + this.#sum) / (TYPICAL_ADX_BARS + known);
  }
}

/** Ranks an asset's newest value of ATR/close among its last 2,160. */
export class VolatilityRank {
  /** The last values in any order, as only a rank is computed from them. */
  readonly #values = new Float64Array(PAST_BARS);
  #count = 0;
  #newest = NaN;

  add(volatility: number): void {
    this.#newest = volatility;
    this.#values[this.#count % PAST_BARS] = volatility;
    this.#count++;
  }

  /** The share of the last values that lie strictly below the newest one, 0..1. Takes a microsecond or two. */
  rank(): number {
    const values = this.#values;
    const newest = this.#newest;
    const size = Math.min(this.#count, PAST_BARS);
    let below = 0;
    for (let i = 0; i < size; i++) if (values[i]! < newest) below++;
    return below / size;
  }
}

/** The ADX of a market that neither trends nor ranges, and the distance from it at which a market clearly does. */
const NEUTRAL_ADX = 25;
const ADX_REACH = 15;

/** Moving averages this many ATR apart belong to a clear trend. */
const CLEAR_GAP_ATR = 4;

/** The values that `trendScore()` is computed from. */
const TREND_VALUES = ["adx", "atr", "ema_fast", "ema_slow"] as const;

type TrendValues = Pick<Situation, (typeof TREND_VALUES)[number]>;

/** What is known of them. */
export type KnownTrend = Partial<TrendValues>;

/** `trendScore()`, or `null` where some of its values are unknown. */
export function knownTrendScore(situation: KnownTrend): number | null {
  const isKnown = TREND_VALUES.every((name) => typeof situation[name] === "number");
  return isKnown ? trendScore(situation as TrendValues) : null;
}

/**
 * How clearly a market trends, in [-1, 1]: half by its ADX, half by the distance of the two moving averages in ATR. Weights
 * depend on this number, because a border between two regimes discards half of what can be learned on either side of it.
 */
export function trendScore(situation: TrendValues): number {
  const { adx, atr, ema_fast: fast, ema_slow: slow } = situation;
  const byAdx = Math.max(-1, Math.min(1, (adx - NEUTRAL_ADX) / ADX_REACH));
  const gap = atr > 0 ? Math.min(1, Math.abs(fast - slow) / (CLEAR_GAP_ATR * atr)) : 0;
  return (byAdx + 2 * gap - 1) / 2;
}
