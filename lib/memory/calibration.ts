/** Number of bins of confidence: [0, 10), [10, 20), ... [90, 100]. */
export const CONFIDENCE_BINS = 10;
/** Points of confidence in a bin. */
export const CONFIDENCE_BIN_WIDTH: number = 100 / CONFIDENCE_BINS;

/** Share of what a confidence claims beyond one half that counts without any proof. */
const UNPROVEN_SHARE = 0.25;

export function confidenceBin(confidence: number): number {
  return Math.max(0, Math.min(CONFIDENCE_BINS - 1, Math.floor(confidence / CONFIDENCE_BIN_WIDTH)));
}

/** How often something was right, in total and by bin of confidence. The counts fade with age. */
export interface HitCounts {
  readonly count: number;
  readonly wins: number;
  readonly binCount: Float64Array;
  readonly binWins: Float64Array;
}

/**
 * The confidence, 0..100, that a provider's record supports for its vote: the share of its bin that was right, shrunk toward the
 * base rate plus a quarter of what the confidence claims beyond one half. A confidence of 0 claims nothing, and stays 0.
 *
 * @param vote `directional`: BUY or SELL; nothing can prove a HOLD, which stays near the base rate. `strength`: trades that the
 * prior counts for.
 */
export function calibrateVote(
  hits: HitCounts,
  vote: { confidence: number; directional: boolean; strength: number },
): number {
  const { confidence, directional, strength } = vote;
  if (confidence === 0) return 0;
  const expected = baseRate(hits, strength) + UNPROVEN_SHARE * (confidence / 100 - 0.5);
  return toPercent(directional ? shrunkRate(hits, { confidence, expected, strength }) : expected);
}

/**
 * The confidence, 0..100, that memory supports for a decision: the share of its bin that was right, shrunk toward that of all
 * trades.
 *
 * @param decision `strength`: trades that the prior counts for.
 */
export function calibrateDecision(hits: HitCounts, decision: { confidence: number; strength: number }): number {
  return toPercent(shrunkRate(hits, { ...decision, expected: baseRate(hits, decision.strength) }));
}

/** The share that was right, shrunk toward one half, 0..1. */
function baseRate(hits: HitCounts, strength: number): number {
  return (0.5 * strength + hits.wins) / (strength + hits.count);
}

/** The share of a confidence's bin that was right, shrunk toward what is expected. */
function shrunkRate(hits: HitCounts, claim: { confidence: number; expected: number; strength: number }): number {
  const { confidence, expected, strength } = claim;
  const bin = confidenceBin(confidence);
  return (strength * expected + hits.binWins[bin]!) / (strength + hits.binCount[bin]!);
}

function toPercent(share: number): number {
  return 100 * Math.max(0, Math.min(1, share));
}
