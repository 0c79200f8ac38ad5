/** Turns votes into the ensemble's decision, in a run and in a session (docs/RULES.md, "Votes and decision"). */
import type { Lessons, ScaledPosition, WeighedVotes } from "../memory/lessons.ts";
import type { KnownTrend } from "../market/regime.ts";
import { ACTIONS } from "../providers/provider.ts";
import type { Action, DecisionRecord, MemoryContext, Vote } from "../types.ts";
import { meanOf } from "../util/numbers.ts";

/** A situation, as far as it is known, and how every provider voted on it. */
interface VotedSituation {
  readonly situation: KnownTrend & { readonly regime: string };
  readonly votes: readonly Vote[];
}

/** What the ensemble decides, with what confidence, and how large a position is to be. */
export interface Judgement extends Pick<
  DecisionRecord,
  "action" | "raw_confidence" | "confidence" | "expected_r" | "size_scale"
> {
  readonly weighed: WeighedVotes;
}

/**
 * Weighs votes and decides.
 *
 * @param context `lessons`: none with memory disabled; `costR`: what a trade costs, in R.
 */
export function judge(
  voted: VotedSituation,
  { lessons, costR }: { lessons: Lessons | undefined; costR: number },
): Judgement {
  const { votes } = voted;
  const weighed = lessons?.weigh(voted.situation, votes) ?? equalWeights(votes);
  const { weights, confidences } = weighed;
  const calibrated = votes.map((vote, i) => ({ ...vote, confidence: confidences[i]! }));
  const { action, confidence: rawConfidence } = decide(calibrated, weights);
  const confidence = action === "HOLD" ? rawConfidence : (lessons?.calibrate(rawConfidence) ?? rawConfidence);
  const { expectedR, scale } = scaledPosition({ ...voted, action, weighed }, { lessons, costR });
  return { action, raw_confidence: rawConfidence, confidence, expected_r: expectedR, size_scale: scale, weighed };
}

/** What is stored of a judgement and of what memory recalled, in the order of a `DecisionRecord`. */
export function judgedFields(decided: {
  readonly judged: Judgement;
  readonly votes: readonly Vote[];
  readonly recalled: MemoryContext;
  readonly equity: number;
}): Pick<
  DecisionRecord,
  | "weights"
  | "calibrated"
  | "context"
  | "action"
  | "raw_confidence"
  | "confidence"
  | "equity"
  | "expected_r"
  | "size_scale"
> {
  const { judged, votes, recalled, equity } = decided;
  const { weighed, action, raw_confidence, confidence, expected_r, size_scale } = judged;
  return {
    weights: byProvider(votes, weighed.weights),
    calibrated: byProvider(votes, weighed.confidences),
    context: { remembered: recalled.remembered, similar: summaryOf(recalled.similar), recent: recalled.recent },
    action,
    raw_confidence,
    confidence,
    equity,
    expected_r,
    size_scale,
  };
}

/** Without memory every provider weighs the same, confidences count as voted, and nothing is expected. */
export function equalWeights(votes: readonly Vote[]): WeighedVotes {
  return {
    weights: votes.map(() => 1 / votes.length),
    confidences: votes.map(({ confidence }) => confidence),
    expectedR: votes.map(() => 0),
  };
}

/** What memory expects of a decision, and the part of the full size that it gets. */
function scaledPosition(
  { situation, votes, action, weighed }: VotedSituation & { action: Action; weighed: WeighedVotes },
  { lessons, costR }: { lessons: Lessons | undefined; costR: number },
): ScaledPosition {
  if (lessons === undefined || action === "HOLD") return { expectedR: null, scale: 1 };
  let votesR = 0;
  votes.forEach((vote, i) => {
    if (vote.error !== undefined || vote.action === "HOLD") return;
    votesR += vote.action === action ? weighed.expectedR[i]! : -weighed.expectedR[i]!;
  });
  return lessons.scale({ regime: situation.regime, votesR, costR });
}

function byProvider(votes: readonly Vote[], values: readonly number[]): Record<string, number> {
  return Object.fromEntries(votes.map(({ provider }, i) => [provider, values[i]!]));
}

function summaryOf(similar: MemoryContext["similar"]): DecisionRecord["context"]["similar"] {
  let wins = 0;
  for (const { won } of similar) if (won) wins += 1;
  return {
    count: similar.length,
    wins,
    mean_r: meanOf(similar.map(({ result_r }) => result_r)),
    nearest: similar.map(({ decision_id, similarity }) => ({ decision_id, similarity })),
  };
}

/** Sums closer than this are a tie. */
const TIE = 1e-9;

/**
 * Turns votes into the ensemble's action (docs/RULES.md, "Votes and decision"). The action with the greatest sum of
 * weight x confidence/100 wins, HOLD included. A tie is HOLD with confidence 0.
 *
 * @param weights Of each vote's provider, in the order of `votes`.
 * @returns The action and its confidence, 0..100.
 */
export function decide(votes: readonly Vote[], weights: readonly number[]): { action: Action; confidence: number } {
  const sums = { BUY: 0, SELL: 0, HOLD: 0 };
  votes.forEach((vote, i) => {
    if (vote.error === undefined) sums[vote.action] += (weights[i]! * vote.confidence) / 100;
  });
  const best = Math.max(sums.BUY, sums.SELL, sums.HOLD);
  const winners = ACTIONS.filter((action) => best - sums[action] <= TIE);
  const [action] = winners;
  if (action === undefined || winners.length > 1 || best <= 0) return { action: "HOLD", confidence: 0 };

  let confidence = 0;
  let voters = 0;
  for (const vote of votes) {
    if (vote.error !== undefined || vote.action !== action) continue;
    confidence += vote.confidence;
    voters += 1;
  }
  const share = best / (sums.BUY + sums.SELL + sums.HOLD);
  return { action, confidence: Math.min(100, (confidence / voters) * (0.8 + 0.4 * share)) };
}
