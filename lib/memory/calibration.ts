/** Confidences are looked at in ten bins: [0, 10), [10, 20), ... [90, 100]. */
export const CONFIDENCE_BINS = 10;
/** Points of confidence in a bin. */
export const CONFIDENCE_BIN_WIDTH: number = 100 / CONFIDENCE_BINS;

/** So much of what an unproven confidence claims beyond one half is believed. */
const BELIEVED = 0.25;

/** The bin of a confidence of 0..100. */
export function confidenceBin(confidence: number): number {
  return Math.max(0, Math.min(CONFIDENCE_BINS - 1, Math.floor(confidence / CONFIDENCE_BIN_WIDTH)));
}

/** How often something came true, all in all and by the bin of what was claimed: aged counts. */
export interface Hits {
  readonly count: number;
  readonly wins: number;
  readonly binCount: ArrayLike<number>;
  readonly binWins: ArrayLike<number>;
}

/** The share that came true, shrunk toward one half with the strength of so many trades, 0..1. */
function baseRate(hits: Hits, strength: number): number {
  return (0.5 * strength + hits.wins) / (strength + hits.count);
}

/**
 * The confidence that a provider's record supports for its vote: the share of its bin that came true, shrunk toward its base
 * rate, to which an unproven claim adds a quarter of what it goes beyond one half.
 *
 * @param vote `directional`: BUY or SELL. Nothing can prove a HOLD: it stays near the base rate.
 * @returns 0..100.
 */
export function calibrateVote(
  hits: Hits,
  vote: { confidence: number; directional: boolean },
  strength: number,
): number {
  const expected = baseRate(hits, strength) + BELIEVED * (vote.confidence / 100 - 0.5);
  return 100 * within(vote.directional ? inBin(hits, { confidence: vote.confidence, expected }, strength) : expected);
}

/**
 * The confidence that experience supports for a decision: the share of the trades decided with about this confidence that came
 * true, shrunk toward that of all trades.
 *
 * @returns 0..100.
 */
export function calibrateDecision(hits: Hits, confidence: number, strength: number): number {
  return 100 * within(inBin(hits, { confidence, expected: baseRate(hits, strength) }, strength));
}

function inBin(hits: Hits, claim: { confidence: number; expected: number }, strength: number): number {
  const bin = confidenceBin(claim.confidence);
  const count = hits.binCount[bin] ?? 0;
  return (strength * claim.expected + (hits.binWins[bin] ?? 0)) / (strength + count);
}

function within(share: number): number {
  return Math.max(0, Math.min(1, share));
}
