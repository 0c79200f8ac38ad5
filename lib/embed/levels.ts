/** A quantity of a situation, and the words that its levels have in a description. */
export interface Quantity {
  /** Where one level ends and the next begins, rising. */
  readonly bounds: readonly number[];
  /** A word for each level, one more than there are bounds; no two levels of any quantities share one. */
  readonly words: readonly string[];
}

/** The quantities that a description says in words. */
export type QuantityName = "move" | "trend" | "adx" | "rsi" | "volatility" | "zscore" | "place";

/**
 * The quantities that a description says in words: it takes the words from here, and the hashing embedder reads them by the
 * same table, so that both know that a level lies between its neighbours.
 */
export const QUANTITIES: Readonly<Record<QuantityName, Quantity>> = {
  /** Return over 24 bars, in ATR: what is fast is judged against what the asset moves anyway. */
  move: {
    bounds: [-4, -1.5, 1.5, 4],
    words: ["falling fast", "falling", "going nowhere", "rising", "rising fast"],
  },
  /** Distance of the averages, in ATR. */
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
  /** Of the close in the range: 0 at its bottom, 1 at its top. */
  place: {
    bounds: [0, 0.25, 0.75, 1],
    words: ["broken down out of", "at the bottom of", "inside", "at the top of", "broken up out of"],
  },
};

/** The word for a value's level; a value on a bound belongs to the level above it. */
export function wordFor({ bounds, words }: Quantity, value: number): string {
  const level = bounds.findIndex((bound) => value < bound);
  return words[level === -1 ? bounds.length : level] ?? "";
}

/**
 * Where a value lies among the levels: level `i` reaches from `i` to `i + 1`, and what lies beyond the outermost by more
 * than the level beside it is wide lies at its end.
 *
 * @returns 0 to the number of levels.
 */
export function positionOf({ bounds }: Quantity, value: number): number {
  const above = bounds.findIndex((bound) => value < bound);
  const level = above === -1 ? bounds.length : above;
  // The levels at both ends have one bound only, and the width of their neighbour.
  const pair = Math.min(Math.max(level, 1), bounds.length - 1);
  const low = bounds[pair - 1] ?? 0;
  const high = bounds[pair] ?? 1;
  return Math.max(0, Math.min(bounds.length + 1, pair + (value - low) / (high - low)));
}
