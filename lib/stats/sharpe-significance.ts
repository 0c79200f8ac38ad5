/**
 * Whether a Sharpe ratio is more than chance. All ratios here are of one period (a day), not annualized, and figures are rounded
 * to 10 significant digits.
 */
import { normalCdf, normalQuantile } from "./normal.ts";
import { rounded } from "../util/numbers.ts";

const EULERS_CONSTANT = 0.5772156649015329;

/** The moments of returns. */
export interface ReturnMoments {
  readonly count: number;
  /** Mean / sample standard deviation. */
  readonly sharpe: number;
  /** Third central moment / variance^1.5, of the population; 0 for a normal distribution. */
  readonly skewness: number;
  /** Fourth central moment / variance^2, of the population; 3 for a normal distribution. */
  readonly kurtosis: number;
}

/** The moments of returns; `null` unless two of them differ. */
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
 * The probabilistic Sharpe ratio: the probability that the true ratio is above `benchmark`, given the sample's ratio, length,
 * skewness and kurtosis (Bailey and Lopez de Prado 2012, "The Sharpe Ratio Efficient Frontier").
 *
 * @returns 0..1; `null` if the variance of the estimate is not above 0.
 */
export function probabilisticSharpe(moments: ReturnMoments, benchmark: number): number | null {
  const variance = varianceFactor(moments);
  if (!(variance > 0)) return null;
  return rounded(normalCdf(((moments.sharpe - benchmark) * Math.sqrt(moments.count - 1)) / Math.sqrt(variance)));
}

/** The sample variance; 0 of fewer than two values. */
export function varianceOf(values: readonly number[]): number {
  if (values.length < 2) return 0;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return values.reduce((sum, value) => sum + (value - mean) * (value - mean), 0) / (values.length - 1);
}

/**
 * The expected maximum Sharpe ratio of `trials` independent trials without skill (Bailey and Lopez de Prado 2014, "The Deflated
 * Sharpe Ratio", equation 1); 0 for a single trial.
 *
 * @param variance Of the trials' Sharpe ratios.
 */
export function expectedMaxSharpe(trials: number, variance: number): number {
  if (trials <= 1) return 0;
  const [near, far] = [normalQuantile(1 - 1 / trials), normalQuantile(1 - 1 / (trials * Math.E))];
  return rounded(Math.sqrt(variance) * ((1 - EULERS_CONSTANT) * near + EULERS_CONSTANT * far));
}

/**
 * The deflated Sharpe ratio: the probability that the true ratio of the best of several trials is above 0 (Bailey and Lopez de
 * Prado 2014). See `expectedMaxSharpe()`.
 */
export function deflatedSharpe(moments: ReturnMoments, selection: { trials: number; variance: number }): number | null {
  return probabilisticSharpe(moments, expectedMaxSharpe(selection.trials, selection.variance));
}

/**
 * The minimum track record length: the number of periods with these moments after which the true Sharpe ratio is above 0 with a
 * probability of `confidence` (Bailey and Lopez de Prado 2012).
 *
 * @returns Periods, not rounded up; `null` if the sample's ratio is not above 0, when no length is enough.
 */
export function minTrackRecord(moments: ReturnMoments, confidence: number): number | null {
  const { sharpe } = moments;
  if (!(sharpe > 0)) return null;
  const deviations = normalQuantile(confidence) / sharpe;
  return rounded(1 + varianceFactor(moments) * deviations * deviations);
}

/** (count - 1) x variance of the estimated ratio (Mertens 2002). */
function varianceFactor({ sharpe, skewness, kurtosis }: ReturnMoments): number {
  return 1 - skewness * sharpe + ((kurtosis - 1) / 4) * sharpe * sharpe;
}
