/** Random numbers that are the same in every run, and bootstrap intervals made with them. */

/** Resamples of a bootstrap. */
export const RESAMPLES = 2000;

/** Seeded random numbers. */
export interface Random {
  /** In [0, 1). */
  readonly uniform: () => number;
  /** With mean 0 and standard deviation 1. */
  readonly normal: () => number;
}

/** SplitMix32 (Steele, Lea and Flood 2014, "Fast Splittable Pseudorandom Number Generators", in 32 bits). */
export function splitMix32(seed: number): Random {
  let state = seed | 0;
  const uniform = (): number => {
    state = (state + 0x9e3779b9) | 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  };
  // Box and Muller 1958.
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  return { uniform, normal };
}

/** The mean; NaN of no values. */
export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/**
 * The 95 % interval of a statistic by the percentile bootstrap (Efron 1979).
 *
 * @param size How many things are resampled.
 * @param statistic Computes the statistic from the indices drawn.
 */
export function percentileInterval(
  size: number,
  statistic: (indices: readonly number[]) => number,
  options: { seed: number },
): { low: number; high: number } {
  const { uniform } = splitMix32(options.seed);
  const values = Array.from({ length: RESAMPLES }, () =>
    statistic(Array.from({ length: size }, () => Math.floor(uniform() * size))),
  ).toSorted((a, b) => a - b);
  return { low: values[Math.floor(0.025 * RESAMPLES)]!, high: values[Math.ceil(0.975 * RESAMPLES) - 1]! };
}
