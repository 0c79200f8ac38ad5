import type { Regime, Situation } from "../types.ts";

/** How many bars back an asset's own past goes: 90 days of hours. */
export const OWN_PAST_BARS = 2160;

/** `VOLATILE` from this share of lower values of ATR/close on. */
const VOLATILE_RANK = 0.85;

/** The ADX that divides trends from ranges where nothing of an asset is known, and the bars that it counts for. */
export const USUAL_ADX = 25;
const USUAL_ADX_BARS = 720;

/**
 * How the market behaves.
 *
 * @param measured `volatilityRank` is the share of the asset's recent values of ATR/close below this one, 0..1; `usualAdx` the
 * ADX from which on this asset counts as trending.
 */
export function classifyRegime(measured: { volatilityRank: number; adx: number; usualAdx: number }): Regime {
  if (measured.volatilityRank >= VOLATILE_RANK) return "VOLATILE";
  return measured.adx >= measured.usualAdx ? "TRENDING" : "RANGING";
}

/** An asset's usual ADX. */
export interface UsualAdx {
  /** Takes the value of the asset's next bar. */
  add(adx: number): void;
  /** The mean of the last 2,160 values, those there are, and of 25 counted 720 times. */
  readonly value: number;
}

/** Starts without values. */
export function createUsualAdx(): UsualAdx {
  const values = new Float64Array(OWN_PAST_BARS);
  let count = 0;
  let sum = 0;
  return {
    add(adx) {
      const place = count % OWN_PAST_BARS;
      sum += adx - (values[place] ?? 0);
      values[place] = adx;
      count++;
    },
    get value() {
      return (USUAL_ADX * USUAL_ADX_BARS + sum) / (USUAL_ADX_BARS + Math.min(count, OWN_PAST_BARS));
    },
  };
}

/** Ranks an asset's newest value of ATR/close among its last 2,160. */
export interface VolatilityRank {
  /** Takes the value of the asset's next bar. */
  add(volatility: number): void;
  /** The share of the last 2,160 values, those there are, that lie strictly below the newest one, 0..1. */
  rank(): number;
}

/** Starts without values. The rank is counted when it is asked for, in a microsecond or two. */
export function createVolatilityRank(): VolatilityRank {
  /** The last values in any order: only their rank is asked for. */
  const values = new Float64Array(OWN_PAST_BARS);
  let count = 0;
  let newest = NaN;
  return {
    add(volatility) {
      newest = volatility;
      values[count % OWN_PAST_BARS] = volatility;
      count++;
    },
    rank() {
      const size = Math.min(count, OWN_PAST_BARS);
      let below = 0;
      for (let index = 0; index < size; index++) if ((values[index] ?? NaN) < newest) below++;
      return below / size;
    },
  };
}

/** ADX of a market that neither trends nor ranges, and how far from it a market clearly does. */
const NEUTRAL_ADX = 25;
const ADX_REACH = 15;

/** Averages so many ATR apart belong to a clear trend. */
const CLEAR_GAP_ATR = 4;

/**
 * How clearly a market trends, in [-1, 1]: half by its ADX, half by how many ATR the two moving averages are apart. Weights go
 * by this number, as the border between two regimes throws away half of what can be learned on either side of it.
 */
export function trendScore(situation: Pick<Situation, "adx" | "atr" | "ema_fast" | "ema_slow">): number {
  const { adx, atr, ema_fast: fast, ema_slow: slow } = situation;
  const byAdx = Math.max(-1, Math.min(1, (adx - NEUTRAL_ADX) / ADX_REACH));
  const gap = atr > 0 ? Math.min(1, Math.abs(fast - slow) / (CLEAR_GAP_ATR * atr)) : 0;
  return (byAdx + 2 * gap - 1) / 2;
}
