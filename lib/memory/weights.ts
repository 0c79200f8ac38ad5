import type { ProviderSums, TradeSums } from "./evidence.ts";

/** What a provider is believed to earn, in R a trade, before anything is known of it. */
const PRIOR_R = 0.1;

/** The mean square of a result in R, and the trades that this counts for. */
const PRIOR_SQUARE = 0.75;
const PRIOR_SQUARE_TRADES = 60;

/** So many variances of what is found by trend and by confidence are put down to chance. */
const TREND_DOUBT = 1.5;
const CONFIDENCE_DOUBT = 2;

/** With less evidence no trend is looked for. */
const MIN_EVIDENCE = 5;
const MIN_SPREAD = 1e-9;

/** What a provider's votes are believed to earn, in R a trade. */
export interface ProviderEdge {
  /** Whatever the situation. */
  readonly mean: number;
  /** What a trend of 1 adds beyond the mean trend of its trades. */
  readonly slope: number;
  readonly meanTrend: number;
  /** What each bin of confidence adds. */
  readonly byBin: Float64Array;
}

/** The mean square of a trade's result: what a single piece of evidence varies by. */
export function resultVariance(trades: TradeSums): number {
  return (trades.squares + PRIOR_SQUARE_TRADES * PRIOR_SQUARE) / (trades.count + PRIOR_SQUARE_TRADES);
}

/**
 * What the providers are believed to earn (docs/RULES.md, "Learning").
 *
 * @param options `strength`: trades that the prior counts for; `variance` of a piece of evidence.
 */
export function estimateEdges(
  providers: readonly ProviderSums[],
  options: { strength: number; variance: number },
): readonly ProviderEdge[] {
  const slopes = slopesOf(providers, options.variance);
  return providers.map((sums, i) => ({
    mean: meanOf(sums, options),
    slope: slopes[i] ?? 0,
    meanTrend: sums.trendCount > 0 ? sums.x / sums.trendCount : 0,
    byBin: byConfidence(sums, options.variance),
  }));
}

/**
 * The mean over a long memory, moved to that over a short one by as much as they differ beyond chance (the positive-part
 * estimator of James and Stein 1961): a switch of skill is followed within weeks, while what is steady keeps its long record.
 */
function meanOf(sums: ProviderSums, { strength, variance }: { strength: number; variance: number }): number {
  const long = (PRIOR_R * strength + sums.sum) / (strength + sums.count);
  if (sums.recentCount === 0) return long;
  const change = sums.recentSum / sums.recentCount - sums.sum / sums.count;
  const chance = variance * Math.max(0, 1 / (sums.recentCount + 1) - 1 / (sums.count + 1));
  if (change * change <= chance) return long;
  const share = sums.recentCount / (strength + sums.recentCount);
  return long + share * (change - chance / change);
}

/**
 * How much more a provider earns where the market trends: the slope of evidence over trend, shrunk by what chance alone would
 * give. How far slopes differ from 0 is taken from all providers together (empirical Bayes; DerSimonian and Laird 1986).
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
    excess += (product * product) / (spread * variance) - TREND_DOUBT;
    spreads += spread;
    return { spread, product };
  });
  const between = spreads > 0 ? Math.max(0, (excess * variance) / spreads) : 0;
  return found.map(({ spread, product }) =>
    between === 0 || spread === 0 ? 0 : (product * between) / (spread * between + variance),
  );
}

/** What each bin of a provider's confidence earns beyond its mean, shrunk likewise, by how far its own bins differ. */
function byConfidence(sums: ProviderSums, variance: number): Float64Array {
  const { binCount, binSum } = sums;
  const offsets = new Float64Array(binCount.length);
  if (sums.count === 0) return offsets;
  const mean = sums.sum / sums.count;
  let excess = CONFIDENCE_DOUBT;
  let squares = 0;
  binCount.forEach((count, bin) => {
    if (count === 0) return;
    const beyond = (binSum[bin] as number) / count - mean;
    excess += (count * beyond * beyond) / variance - CONFIDENCE_DOUBT;
    squares += count * count;
  });
  const spread = sums.count - squares / sums.count;
  const between = spread > MIN_SPREAD ? Math.max(0, (excess * variance) / spread) : 0;
  if (between === 0) return offsets;
  binCount.forEach((count, bin) => {
    const beyond = (binSum[bin] as number) - mean * count;
    offsets[bin] = (beyond * between) / (count * between + variance);
  });
  return offsets;
}
