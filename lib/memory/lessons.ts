import { trendScore } from "../market/regime.ts";
import type { Situation, Vote } from "../types.ts";
import { calibrateDecision, calibrateVote } from "./calibration.ts";
import { type EvidenceColumns, sumEvidence, type Window } from "./evidence.ts";
import { estimateEdges, expectedR, resultVariance, toWeights } from "./weights.ts";

/** Trades that a prior counts for, times the learning rate. */
const PRIOR_STRENGTH = 6;

/** Trades that the record in all regimes counts for in a regime's. */
const REGIME_STRENGTH = 120;

/** Loss in R per trade at which a size would reach 0. */
const SIZE_REACH_R = 0.2;
/** Smallest part of a size: a regime without trades would teach nothing. */
const MIN_SIZE = 0.25;

/** What memory makes of the votes on a situation, in their order. */
export interface WeighedVotes {
  /** They sum to 1. */
  readonly weights: readonly number[];
  /** The confidence that each provider's record supports, 0..100. */
  readonly confidences: readonly number[];
}

/** What the trades of a window teach, as of a time. */
export interface Lessons {
  /** The providers' weights whatever the situation, in their order; they sum to 1. */
  readonly weights: readonly number[];

  /** @param votes Of every provider, in their order. */
  weigh(situation: Situation, votes: readonly Vote[]): WeighedVotes;

  /** The confidence that memory supports for a decision. Both 0..100. */
  calibrate(confidence: number): number;

  /** The part of its full size that a position in this regime gets, 0.25..1. */
  sizeScale(regime: string): number;
}

/**
 * Learns from the trades of a window (docs/RULES.md, "Learning"): a function of these trades and of the time alone.
 *
 * @param window Trades that closed before `asOf`.
 */
export function learn(columns: EvidenceColumns, window: Window & { asOf: number; learningRate: number }): Lessons {
  const { trades, providers } = sumEvidence(columns, window);
  const strength = PRIOR_STRENGTH / window.learningRate;
  const edges = estimateEdges(providers, { strength, variance: resultVariance(trades) });
  const meanR = trades.sum / (strength + trades.count);
  return {
    weights: toWeights(edges.map(({ mean }) => mean)),

    weigh: (situation, votes) => {
      const trend = trendScore(situation);
      const weights = toWeights(edges.map((edge, i) => expectedR(edge, trend, votes[i])));
      const confidences = providers.map((sums, i) => {
        const vote = votes[i];
        if (vote === undefined || vote.error !== undefined) return 0;
        const { confidence, action } = vote;
        return calibrateVote(sums, { confidence, directional: action !== "HOLD", strength });
      });
      return { weights, confidences };
    },

    calibrate: (confidence) => calibrateDecision(trades, { confidence, strength }),

    sizeScale: (regime) => {
      const { count, sum } = trades.regimes.get(regime) ?? { count: 0, sum: 0 };
      const regimeR = (REGIME_STRENGTH * meanR + sum) / (REGIME_STRENGTH + count);
      return Math.max(MIN_SIZE, Math.min(1, 1 + regimeR / SIZE_REACH_R));
    },
  };
}
