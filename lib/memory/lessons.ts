import type { Situation, Vote } from "../types.ts";
import { calibrateDecision, calibrateVote, confidenceBin } from "./calibration.ts";
import { type EvidenceColumns, sumEvidence } from "./evidence.ts";
import { trendScore } from "../market/regime.ts";
import { estimateEdges, resultVariance, type ProviderEdge } from "./weights.ts";

/** Trades that a prior counts for, times the learning rate. */
const PRIOR_STRENGTH = 6;

/** A vote that only loses keeps this much of a say, in R, so that its provider can come back. */
const MIN_R = 0.01;

/** Trades that the ensemble's whole record counts for in a regime's. */
const REGIME_STRENGTH = 120;

/** At a loss of three quarters of this, in R a trade, a regime is traded as small as any: silence would stop the learning. */
const SIZE_REACH_R = 0.2;
const MIN_SIZE = 0.25;

/** What memory makes of the votes on a situation, in their order. */
export interface WeighedVotes {
  /** They sum to 1. */
  readonly weights: readonly number[];
  /** The confidence that each provider's record supports, 0..100. */
  readonly confidences: readonly number[];
}

/** What the outcomes of a window teach, as of a time. */
export interface Lessons {
  /** Weights of the providers whatever the situation, in their order; they sum to 1. */
  readonly weights: readonly number[];

  /** @param votes Of every provider, in their order. */
  weigh(situation: Situation, votes: readonly Vote[]): WeighedVotes;

  /** The confidence in a decision that experience supports. Both 0..100. */
  calibrate(confidence: number): number;

  /** What part of its full size a position in this regime gets, 0.25..1. */
  sizeScale(regime: string): number;
}

/**
 * Learns from outcomes (docs/RULES.md, "Learning"): a function of those in the window and of the time, of nothing else.
 *
 * @param window The rows `[from, to)` of `experience`, none of which closed after `asOf`.
 */
export function learn(
  experience: EvidenceColumns,
  window: { asOf: number; from: number; to: number; learningRate: number },
): Lessons {
  const { trades, providers } = sumEvidence(experience, window);
  const strength = PRIOR_STRENGTH / window.learningRate;
  const edges = estimateEdges(providers, { strength, variance: resultVariance(trades) });
  const meanR = trades.sum / (strength + trades.count);
  return {
    weights: toWeights(edges.map(({ mean }) => mean)),

    weigh: (situation, votes) => {
      const trend = trendScore(situation);
      const earned = edges.map((edge, i) => expectedR(edge, trend, votes[i]));
      const confidences = providers.map((sums, i) => {
        const vote = votes[i];
        if (vote === undefined || vote.error !== undefined) return 0;
        const { confidence, action } = vote;
        return calibrateVote(sums, { confidence, directional: action !== "HOLD" }, strength);
      });
      return { weights: toWeights(earned), confidences };
    },

    calibrate: (confidence) => calibrateDecision(trades, confidence, strength),

    sizeScale: (regime) => {
      const { count, sum } = trades.regimes.get(regime) ?? { count: 0, sum: 0 };
      const regimeR = (REGIME_STRENGTH * meanR + sum) / (REGIME_STRENGTH + count);
      return Math.max(MIN_SIZE, Math.min(1, 1 + regimeR / SIZE_REACH_R));
    },
  };
}

/** What a vote is believed to earn where the market trends so much. */
function expectedR(edge: ProviderEdge, trend: number, vote: Vote | undefined): number {
  const there = edge.mean + edge.slope * (trend - edge.meanTrend);
  if (vote === undefined || vote.error !== undefined || vote.action === "HOLD") return there;
  return there + (edge.byBin[confidenceBin(vote.confidence)] ?? 0);
}

function toWeights(earned: readonly number[]): readonly number[] {
  const worth = earned.map((r) => Math.max(MIN_R, r));
  const total = worth.reduce((a, b) => a + b, 0);
  return worth.map((r) => r / total);
}
