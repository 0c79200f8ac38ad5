import type { Situation } from "../types.ts";

/** A quantity of a situation, and the words for its levels. */
export interface Quantity {
  /** Where one level ends and the next begins, ascending. */
  readonly bounds: readonly number[];
  /** A word for each level, one more than there are bounds. No two levels of any quantities share a word. */
  readonly words: readonly string[];
}

export type QuantityName = "move" | "trend" | "adx" | "rsi" | "volatility" | "zscore" | "channel";

/**
 * The quantities that a description expresses in words. Descriptions are written and read (by the hashing embedder) with
 * this one table, so that both agree on the order of levels.
 */
export const QUANTITIES: Readonly<Record<QuantityName, Quantity>> = {
  /** Return over 24 bars in ATR: what is fast depends on how much the asset usually moves. */
  move: {
    bounds: [-4, -1.5, 1.5, 4],
    words: ["falling fast", "falling", "going nowhere", "rising", "rising fast"],
  },
  /** Distance of the moving averages in ATR. */
  trend: {
    bounds: [-2, -0.5, 0.5, 2],
    words: ["steep downtrend", "downtrend", "sideways trend", "uptrend", "steep uptrend"],
  },
  adx: { bounds: [15, 25, 40], words: ["aimless", "hesitant", "directed", "relentless"] },
  rsi: { bounds: [30, 45, 55, 70], words: ["oversold", "soft", "balanced", "firm", "overbought"] },
  /** Share of the asset's own past that was calmer. */
  volatility: { bounds: [0.2, 0.5, 0.85], words: ["very calm", "calm", "lively", "wild"] },
  zscore: {
    bounds: [-1.5, -0.5, 0.5, 1.5],
    words: ["stretched below its mean", "under its mean", "near its mean", "over its mean", "stretched above its mean"],
  },
  /** Position of the close in its channel: 0 at the bottom, 1 at the top. */
  channel: {
    bounds: [0, 0.25, 0.75, 1],
    words: ["broken down out of", "at the bottom of", "inside", "at the top of", "broken up out of"],
  },
};

/** The values of a situation that descriptions have levels for. */
export function quantitiesOf(situation: Situation): Readonly<Record<QuantityName, number>> {
  const { close, volatility_pct: atrPct, channel_high: high, channel_low: low } = situation;
  const gapPct = (100 * (situation.ema_fast - situation.ema_slow)) / close;
  const width = high - low;
  return {
    move: atrPct > 0 ? situation.return_pct / atrPct : 0,
    trend: atrPct > 0 ? gapPct / atrPct : 0,
    adx: situation.adx,
    rsi: situation.rsi,
    volatility: situation.volatility_rank,
    zscore: situation.zscore,
    channel: width > 0 ? (close - low) / width : 0.5,
  };
}

export function wordFor(quantity: Quantity, value: number): string {
  return quantity.words[levelOf(quantity, value)]!;
}

/**
 * The position of a value among the levels, from 0 to their number: level `i` reaches from `i` to `i + 1`. The outermost levels
 * are as wide as their neighbours, and values beyond them are at their ends.
 */
export function positionOf(quantity: Quantity, value: number): number {
  const { bounds } = quantity;
  const level = Math.min(Math.max(levelOf(quantity, value), 1), bounds.length - 1);
  const low = bounds[level - 1]!;
  const high = bounds[level]!;
  return Math.max(0, Math.min(bounds.length + 1, level + (value - low) / (high - low)));
}

/** The index of a value's level. A value on a bound belongs to the level above it, NaN to the highest. */
export function levelOf({ bounds }: Quantity, value: number): number {
  let level = 0;
  while (level < bounds.length && !(value < bounds[level]!)) level++;
  return level;
}
