/** What the providers are expected to earn, and the weights that follow (docs/RULES.md, "Learning"). */
import type { Vote } from "../types.ts";
import { confidenceBin } from "./calibration.ts";
import type { ProviderSums, TradeSums } from "./evidence.ts";

/** Expected R per trade of a provider without evidence. */
const PRIOR_R = 0.1;

/** Mean square of a result in R without evidence, and the trades that it counts for. */
const PRIOR_SQUARE = 0.75;
const PRIOR_SQUARE_TRADES = 60;

/** Squared deviations, in variances, that are put down to chance: of a slope over trend, and of a bin of confidence. */
const TREND_CHANCE = 1.5;
const CONFIDENCE_CHANCE = 2;

/** Minimum evidence for a slope over trend. */
const MIN_EVIDENCE = 5;
const MIN_SPREAD = 1e-9;

/**
 * No vote counts for less than half a standard error of its provider's mean, which is about what chance alone makes votes without
 * skill seem to earn (0.4 is the mean of max(0, x) for a normal x). So weights stay near equal while little is known, and a losing
 * provider can come back.
 */
const FLOOR_ERRORS = 0.5;

/** A squared change of a provider's mean of up to this many variances is put down to chance. */
const CHANGE_CHANCE = 2;

/** What a provider's votes are expected to earn, in R per trade. */
interface ProviderEdge {
  /** Minimum that its votes count for: what chance alone would give for as much evidence. */
  readonly floor: number;
  /** Over all situations. */
  readonly mean: number;
  /** What a trend of 1 adds beyond the mean trend of its trades. */
  readonly slope: number;
  readonly meanTrend: number;
  /** What each bin of confidence adds. */
  readonly byBin: Float64Array;
}

/** How much one piece of evidence varies: the mean square of a trade's result in R. */
export function resultVariance(trades: TradeSums): number {
  return (trades.squares + PRIOR_SQUARE_TRADES * PRIOR_SQUARE) / (trades.count + PRIOR_SQUARE_TRADES);
}

/** Estimates what each provider's votes earn. @param prior `strength`: trades that it counts for; `variance`: of a trade's evidence. */
export function estimateEdges(
  providers: readonly ProviderSums[],
  prior: { strength: number; variance: number },
): readonly ProviderEdge[] {
  const slopes = slopesOf(providers, prior.variance);
  return providers.map((sums, i) => ({
    floor: FLOOR_ERRORS * Math.sqrt(prior.variance / (prior.strength + sums.count)),
    mean: expectedMean(sums, prior),
    slope: slopes[i]!,
    meanTrend: sums.trendCount > 0 ? sums.x / sums.trendCount : 0,
    byBin: offsetsByBin(sums, prior.variance),
  }));
}

/**
 * What a vote is expected to earn in a market with this trend score. Without a direction its confidence does not count.
 *
 * @param trend `null` if it is unknown: then the mean trend of the provider's trades.
 */
export function expectedR(edge: ProviderEdge, trend: number | null, vote: Vote | undefined): number {
  const byTrend = trend === null ? edge.mean : edge.mean + edge.slope * (trend - edge.meanTrend);
  if (vote === undefined || vote.error !== undefined || vote.action === "HOLD") return byTrend;
  return byTrend + edge.byBin[confidenceBin(vote.confidence)]!;
}

/** Weights in proportion to the expected R of each provider's vote; they sum to 1. */
export function toWeights(expected: readonly number[], edges: readonly ProviderEdge[]): readonly number[] {
  const bounded = expected.map((r, i) => Math.max(edges[i]!.floor, r));
  const total = bounded.reduce((a, b) => a + b, 0);
  return bounded.map((r) => r / total);
}

/**
 * The mean over a long memory, moved to the one over a short memory if they differ beyond chance: by little if hardly, and
 * nearly all of the way if clearly (the garrote of fourth degree; Zhou and Hwang 2005). So a switch of skill is followed within
 * weeks, and what is steady keeps its long record.
 */
function expectedMean(sums: ProviderSums, { strength, variance }: { strength: number; variance: number }): number {
  const long = (PRIOR_R * strength + sums.sum) / (strength + sums.count);
  if (sums.recentCount === 0) return long;
  const change = sums.recentSum / sums.recentCount - sums.sum / sums.count;
  const chance = CHANGE_CHANCE * variance * Math.max(0, 1 / (sums.recentCount + 1) - 1 / (sums.count + 1));
  if (change * change <= chance) return long;
  const ratio = chance / (change * change);
  return long + change * (1 - ratio * ratio);
}

/**
 * How much more each provider earns where the market trends: the slope of evidence over trend, shrunk by what chance alone
 * would give. How far slopes differ from 0 is estimated over all providers (empirical Bayes; DerSimonian and Laird 1986).
 */
function slopesOf(providers: readonly ProviderSums[], variance: number): readonly number[] {
  let excess = 0;
  let spreads = 0;
  const found = providers.map((sums) => {
    if (sums.trendCount < MIN_EVIDENCE) return { spread: 0, product: 0 };
    const mean = sums.x / sums.trendCount;
    const spread = sums.xx - sums.x * mean;
    const product = sums.xe - sums.trendSum * mean;
    if (spread < MIN_SPREAD) return { spread: 0, product: 0 };
    excess += (product * product) / (spread * variance) - TREND_CHANCE;
    spreads += spread;
    return { spread, product };
  });
  const between = spreads > 0 ? Math.max(0, (excess * variance) / spreads) : 0;
  return found.map(({ spread, product }) => (product * between) / (spread * between + variance));
}

/** What each bin of a provider's confidence earns beyond its mean, shrunk likewise by how far its own bins differ. */
function offsetsByBin(sums: ProviderSums, variance: number): Float64Array {
  const { binCount, binSum } = sums;
  if (sums.count === 0) return new Float64Array(binCount.length);
  const mean = sums.sum / sums.count;
  let excess = CONFIDENCE_CHANCE;
  let squares = 0;
  binCount.forEach((count, bin) => {
    if (count === 0) return;
    const beyond = binSum[bin]! / count - mean;
    excess += (count * beyond * beyond) / variance - CONFIDENCE_CHANCE;
    squares += count * count;
  });
  const spread = sums.count - squares / sums.count;
  const between = spread > MIN_SPREAD ? Math.max(0, (excess * variance) / spread) : 0;
  return binCount.map((count, bin) => ((binSum[bin]! - mean * count) * between) / (count * between + variance));
}
