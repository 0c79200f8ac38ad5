import type { Action, Vote } from "../domain.ts";

const ACTIONS: readonly Action[] = ["BUY", "SELL", "HOLD"];

/** Sums closer than this are a tie. */
const TIE = 1e-9;

/**
 * Turns votes into the ensemble's action (docs/RULES.md, "Votes and decision"): the greatest sum of weight x confidence/100
 * wins, HOLD competing like the others; a tie is HOLD with confidence 0.
 *
 * @param weights The weight of each vote's provider, in the order of `votes`.
 * @returns The action with a confidence of 0..100.
 */
export function decide(votes: readonly Vote[], weights: readonly number[]): { action: Action; confidence: number } {
  const sums = { BUY: 0, SELL: 0, HOLD: 0 };
  votes.forEach((vote, i) => {
    if (vote.error === undefined) sums[vote.action] += ((weights[i] ?? 0) * vote.confidence) / 100;
  });
  const best = Math.max(sums.BUY, sums.SELL, sums.HOLD);
  const winners = ACTIONS.filter((action) => best - sums[action] <= TIE);
  const [action] = winners;
  if (action === undefined || winners.length > 1 || best <= 0) return { action: "HOLD", confidence: 0 };

  const confidences = votes
    .filter((vote) => vote.error === undefined && vote.action === action)
    .map((vote) => vote.confidence);
  const mean = confidences.reduce((a, b) => a + b, 0) / confidences.length;
  const share = best / (sums.BUY + sums.SELL + sums.HOLD);
  return { action, confidence: Math.min(100, mean * (0.8 + 0.4 * share)) };
}
