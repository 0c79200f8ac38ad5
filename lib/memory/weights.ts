import type { OutcomeRow } from "./outcome-row.ts";

/** Half-life of 90 days, as the factor a day that docs/RULES.md gives. A literal, because engines differ in `Math.pow`. */
const DAILY_FACTOR = 0.9923279457743132;

const DAY_MS = 86_400_000;

/** What a provider is believed to earn, in R a trade, before anything is known of it. */
const PRIOR_R = 0.1;

/** Trades that the prior counts for, times the learning rate. */
const PRIOR_STRENGTH = 6;

/** A provider that only loses keeps this much of a say, in R, so that it can come back. */
const LEAST_R = 0.01;

/** `factors[n]` is the weight of evidence that is n whole days old. */
const factors: number[] = [1];

function factorOfAge(days: number): number {
  for (let age = factors.length; age <= days; age++) factors.push((factors[age - 1] as number) * DAILY_FACTOR);
  return factors[days] as number;
}

/**
 * What a trade says about a provider: its result in R if the provider voted the trade's way, the opposite if it voted
 * against, `null` for HOLD, an abstention, or a trade without a result in R.
 */
export function evidenceR(row: OutcomeRow, provider: string): number | null {
  const vote = row.votes.find((candidate) => candidate.provider === provider);
  if (vote === undefined || vote.direction === 0 || row.resultR === null) return null;
  return (row.action === "BUY") === (vote.direction === 1) ? row.resultR : -row.resultR;
}

/**
 * Weighs providers by their mean evidence, shrunk to +0.10 R with a strength of 6 / learningRate trades and forgotten with
 * a half-life of 90 days: weight proportional to max(0.01, m).
 *
 * @param exits Exit times of the window's outcomes, epoch ms, none after `asOf`.
 * @param evidence For each provider, its evidence from each of these outcomes; NaN for none.
 * @returns Weights that sum to 1, in the order of `evidence`.
 */
export function weightsFromEvidence(
  exits: ArrayLike<number>,
  evidence: readonly ArrayLike<number>[],
  options: { asOf: number; from: number; to: number; learningRate: number },
): readonly number[] {
  const strength = PRIOR_STRENGTH / options.learningRate;
  const sums = evidence.map(() => PRIOR_R * strength);
  const counts = evidence.map(() => strength);
  for (let i = options.from; i < options.to; i++) {
    const factor = factorOfAge(Math.floor((options.asOf - (exits[i] as number)) / DAY_MS));
    for (let p = 0; p < evidence.length; p++) {
      const e = (evidence[p] as ArrayLike<number>)[i] as number;
      if (Number.isNaN(e)) continue;
      sums[p] = (sums[p] as number) + factor * e;
      counts[p] = (counts[p] as number) + factor;
    }
  }
  const means = sums.map((sum, p) => Math.max(LEAST_R, sum / (counts[p] as number)));
  const total = means.reduce((a, b) => a + b, 0);
  return means.map((mean) => mean / total);
}
