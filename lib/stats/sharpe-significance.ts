/**
 * How far a Sharpe ratio can be trusted. All ratios here are of one period (a day), not annualized. Figures are rounded to
 * 10 significant digits.
 */
import { normalCdf, normalQuantile } from "./normal.ts";
import { rounded } from "../util/numbers.ts";

/** Euler's constant. */
const EULER = 0.5772156649015329;

/** What the returns of a strategy look like. */
export interface ReturnMoments {
  readonly count: number;
  /** Mean / sample deviation, a period. */
  readonly sharpe: number;
  /** Third and fourth central moment over the second's power (1.5 and 2), of the population: 0 and 3 of a normal one. */
  readonly skewness: number;
  readonly kurtosis: number;
}

/** The moments of returns; `null` without two that differ. */
export function momentsOf(returns: readonly number[]): ReturnMoments | null {
  const count = returns.length;
  const mean = returns.reduce((sum, r) => sum + r, 0) / count;
  const moment = (power: 2 | 3 | 4): number =>
    returns.reduce((sum, r) => {
      const d = r - mean;
      return sum + (power === 2 ? d * d : power === 3 ? d * d * d : d * d * d * d);
    }, 0) / count;
  const variance = moment(2);
  if (count < 2 || !(variance > 0)) return null;
  return {
    count,
    sharpe: mean / Math.sqrt((variance * count) / (count - 1)),
    skewness: moment(3) / (variance * Math.sqrt(variance)),
    kurtosis: moment(4) / (variance * variance),
  };
}

/**
 * The probabilistic Sharpe ratio: the probability that the true ratio is above `benchmark`, given that of the sample, its
 * length, skewness and kurtosis (Bailey and Lopez de Prado 2012, "The Sharpe Ratio Efficient Frontier").
 *
 * @returns 0..1; `null` where the moments leave no variance of the estimate.
 */
export function probabilisticSharpe(moments: ReturnMoments, benchmark: number): number | null {
  const variance = varianceFactor(moments);
  if (!(variance > 0)) return null;
  return rounded(normalCdf(((moments.sharpe - benchmark) * Math.sqrt(moments.count - 1)) / Math.sqrt(variance)));
}

/**
 * The greatest Sharpe ratio that so many trials without any skill are expected to show (Bailey and Lopez de Prado 2014, "The
 * Deflated Sharpe Ratio", equation 1).
 *
 * @param trials Number of independent trials, 1 or more; one is expected to show nothing.
 * @param variance Of the trials' Sharpe ratios.
 */
export function expectedMaxSharpe(trials: number, variance: number): number {
  if (trials <= 1) return 0;
  const quantile = (1 - EULER) * normalQuantile(1 - 1 / trials) + EULER * normalQuantile(1 - 1 / (trials * Math.E));
  return rounded(Math.sqrt(variance) * quantile);
}

/**
 * The deflated Sharpe ratio: the probability that the true ratio is above 0, where the best of several trials was picked.
 *
 * @param picked `trials`, `variance`: see `expectedMaxSharpe()`.
 */
export function deflatedSharpe(moments: ReturnMoments, picked: { trials: number; variance: number }): number | null {
  return probabilisticSharpe(moments, expectedMaxSharpe(picked.trials, picked.variance));
}

/**
 * The minimum track record length: how many periods of the same moments it takes until the true Sharpe ratio is above 0
 * with a probability of `confidence` (Bailey and Lopez de Prado 2012).
 *
 * @param confidence Such as 0.95.
 * @returns Periods, not rounded up; `null` where the sample's ratio is not above 0: no length would do.
 */
export function minTrackRecord(moments: ReturnMoments, confidence: number): number | null {
  const { sharpe } = moments;
  if (!(sharpe > 0)) return null;
  const deviations = normalQuantile(confidence) / sharpe;
  return rounded(1 + varianceFactor(moments) * deviations * deviations);
}

/** Variance of the estimated ratio x (count - 1) (Mertens 2002). */
function varianceFactor({ sharpe, skewness, kurtosis }: ReturnMoments): number {
  return 1 - skewness * sharpe + ((kurtosis - 1) / 4) * sharpe * sharpe;
}
