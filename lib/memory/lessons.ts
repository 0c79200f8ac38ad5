import { type KnownTrend, knownTrendScore } from "../market/regime.ts";
import type { Vote } from "../types.ts";
import { calibrateDecision, calibrateVote } from "./calibration.ts";
import { type EvidenceColumns, sumEvidence, type Window } from "./evidence.ts";
import { estimateEdges, expectedR, resultVariance, toWeights } from "./weights.ts";

/** Trades that a prior counts for, times the learning rate. */
const PRIOR_STRENGTH = 6;

/** Expected R per trade of the ensemble without a record: less than most costs, so that it begins small. */
const PRIOR_ENSEMBLE_R = 0.05;

/** Trades that the record in all regimes counts for in a regime's. */
const REGIME_STRENGTH = 120;

/** Expected R per trade, after costs, from which on a position gets its full size. */
const FULL_SIZE_R = 0.05;
/** Minimum part of a size: without any trades nothing more would be learned. */
export const MIN_SIZE = 0.02;

/** The part of its full size that a position gets, by what it is expected to earn after costs, in R. */
export function sizeFor(netR: number): number {
  return Math.max(MIN_SIZE, Math.min(1, netR / FULL_SIZE_R));
}

/** What memory makes of the votes on a situation, in their order. */
export interface WeighedVotes {
  /** They sum to 1. */
  readonly weights: readonly number[];
  /** The confidence that each provider's record supports, 0..100. */
  readonly confidences: readonly number[];
  /** What trading each vote is expected to earn before costs, in R. */
  readonly expectedR: readonly number[];
}

/** What memory makes of a position. */
export interface ScaledPosition {
  /** What it is expected to earn after costs, in R; `null` if nothing was expected. */
  readonly expectedR: number | null;
  /** The part of its full size that it gets, 0.02..1. */
  readonly scale: number;
}

/** What the trades of a window teach, as of a time. */
export interface Lessons {
  /** The providers' weights whatever the situation, in their order; they sum to 1. */
  readonly weights: readonly number[];

  /**
   * @param situation Without all values of its trend, weights are those of the mean trend.
   * @param votes Of every provider, in their order.
   */
  weigh(situation: KnownTrend, votes: readonly Vote[]): WeighedVotes;

  /** The confidence that memory supports for a decision. Both 0..100. */
  calibrate(confidence: number): number;

  /**
   * @param position `votesR`: what the votes for it are expected to earn before costs, less what those against it are; `costR`:
   * what fees, spread and slippage take. Both per trade.
   */
  scale(position: { regime: string; votesR: number; costR: number }): ScaledPosition;
}

/** Learns from a window of trades that closed before `asOf`: a function of these and of the time alone (docs/RULES.md, "Learning"). */
export function learn(columns: EvidenceColumns, window: Window & { asOf: number; learningRate: number }): Lessons {
  const { trades, providers } = sumEvidence(columns, window);
  const strength = PRIOR_STRENGTH / window.learningRate;
  const edges = estimateEdges(providers, { strength, variance: resultVariance(trades) });
  const meanR = (PRIOR_ENSEMBLE_R * strength + trades.sum) / (strength + trades.count);
  return {
    weights: toWeights(
      edges.map(({ mean }) => mean),
      edges,
    ),

    weigh: (situation, votes) => {
      const trend = knownTrendScore(situation);
      const expected = edges.map((edge, i) => expectedR(edge, trend, votes[i]));
      const confidences = providers.map((sums, i) => {
        const vote = votes[i];
        if (vote === undefined || vote.error !== undefined) return 0;
        const { confidence, action } = vote;
        return calibrateVote(sums, { confidence, directional: action !== "HOLD", strength });
      });
      return { weights: toWeights(expected, edges), confidences, expectedR: expected };
    },

    calibrate: (confidence) => calibrateDecision(trades, { confidence, strength }),

    scale: ({ regime, votesR, costR }) => {
      const { count, sum } = trades.regimes.get(regime) ?? { count: 0, sum: 0 };
      const regimeR = (REGIME_STRENGTH * meanR + sum) / (REGIME_STRENGTH + count);
      const net = Math.min(regimeR, votesR) - costR;
      return { expectedR: net, scale: sizeFor(net) };
    },
  };
}
