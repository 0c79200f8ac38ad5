import type { Situation } from "../domain.ts";

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
