import type { Random } from "../util/random.ts";
import { rounded } from "../util/numbers.ts";

/** A figure with its 95 % interval. */
export interface Interval {
  readonly estimate: number;
  readonly low: number;
  readonly high: number;
  /** Two-sided, for the figure being 0: below 0.05 exactly if the interval excludes 0. */
  readonly p_value: number;
}

export interface ResampledSeries {
  readonly length: number;
  /** Mean length of a block, 1 or more. */
  readonly meanBlock: number;
}

const LEVEL = 0.95;

/**
 * Draws the indices of a resample by the stationary bootstrap (Politis and Romano 1994), for series with serial dependence:
 * blocks that start anywhere, have a geometric length of mean `meanBlock`, and wrap around at the end.
 */
export function stationaryIndices({ length, meanBlock }: ResampledSeries, random: Random): Int32Array {
  const indices = new Int32Array(length);
  let index = 0;
  for (let i = 0; i < length; i++) {
    index = i === 0 || random.uniform() * meanBlock < 1 ? Math.floor(random.uniform() * length) : (index + 1) % length;
    indices[i] = index;
  }
  return indices;
}

/**
 * Intervals of figures, all from the same resamples, so that figures that are compared are resampled together (paired). An
 * interval is estimate +- h, where h is the 95 % quantile of |resampled - estimate| (symmetric percentile, Hall 1988). The
 * p-value is the share of resamples that lie at least |estimate| from the estimate.
 *
 * @param series Independent series; each is resampled by itself.
 * @param figures Computes the figures from the indices drawn for each series; `null` for an undefined one.
 * @param options `draws`: number of resamples, such as 2,000.
 * @returns In the order of the figures; `null` for one that is undefined for the sample, or for more than one in twenty resamples, and for all if no
 * series has two values.
 */
export function bootstrap(
  series: readonly ResampledSeries[],
  figures: (indices: readonly Int32Array[]) => readonly (number | null)[],
  options: { draws: number; random: Random },
): readonly (Interval | null)[] {
  const identity = series.map(({ length }) => Int32Array.from({ length }, (_, i) => i));
  const estimates = figures(identity);
  // A series of one value is the only resample of itself, which would show no doubt at all.
  if (series.every(({ length }) => length < 2)) return estimates.map(() => null);
  const distances: number[][] = estimates.map(() => []);
  for (let draw = 0; draw < options.draws; draw++) {
    const resampled = figures(series.map((each) => stationaryIndices(each, options.random)));
    resampled.forEach((value, i) => {
      const estimate = estimates[i] ?? null;
      if (value !== null && estimate !== null) distances[i]!.push(Math.abs(value - estimate));
    });
  }
  return estimates.map((estimate, i) => {
    const sorted = distances[i]!.toSorted((a, b) => a - b);
    if (estimate === null || sorted.length < options.draws * LEVEL) return null;
    const half = sorted[Math.ceil(LEVEL * (sorted.length + 1)) - 1] ?? Infinity;
    const asFar = sorted.filter((distance) => distance >= Math.abs(estimate)).length;
    return {
      estimate: rounded(estimate),
      low: rounded(estimate - half),
      high: rounded(estimate + half),
      p_value: rounded((1 + asFar) / (1 + sorted.length)),
    };
  });
}

/**
 * The optimal mean block length for the stationary bootstrap (Politis and White 2004, corrected by Patton, Politis and White
 * 2009; the bandwidth as in Patton's companion code).
 *
 * @returns A number of values, rounded up; 1 for a series without variance.
 */
export function blockLength(values: readonly number[]): number {
  const n = values.length;
  if (n < 10) return 1;
  const mean = values.reduce((sum, x) => sum + x, 0) / n;
  const covariance = (lag: number): number => {
    let sum = 0;
    for (let i = lag; i < n; i++) sum += (values[i]! - mean) * (values[i - lag]! - mean);
    return sum / n;
  };
  const variance = covariance(0);
  if (!(variance > 0)) return 1;

  // The first lag from which on `run` autocorrelations in a row are insignificant.
  const run = Math.max(5, Math.floor(Math.log10(n)));
  const longest = Math.ceil(Math.sqrt(n)) + run;
  const significant = 2 * Math.sqrt(Math.log10(n) / n);
  const isSmall = (lag: number): boolean => Math.abs(covariance(lag)) < significant * variance;
  let first = 1;
  while (first + run - 1 < longest && !Array.from({ length: run }, (_, k) => first + k).every(isSmall)) first++;
  const bandwidth = Math.min(longest, first + run - 1 < longest ? 2 * first : longest);

  let slope = 0;
  let longRun = variance;
  for (let lag = 1; lag <= bandwidth; lag++) {
    const flatTop = Math.min(1, 2 * (1 - lag / bandwidth));
    slope += 2 * flatTop * lag * covariance(lag);
    longRun += 2 * flatTop * covariance(lag);
  }
  if (longRun === 0) return 1;
  const max = Math.ceil(Math.min(3 * Math.sqrt(n), n / 3));
  const ratio = slope / longRun;
  // Rounded to 10 digits before it is rounded up, as engines differ in Math.cbrt.
  return Math.max(1, Math.min(max, Math.ceil(rounded(Math.cbrt(ratio * ratio * n)))));
}
