/** Chance that is the same on every run, and intervals that it gives. */

/** Bootstrap samples of an interval. */
export const RESAMPLES = 2000;

/** A source of chance that gives the same on every run. */
export interface Random {
  /** In [0, 1). */
  readonly uniform: () => number;
  /** With mean 0 and deviation 1. */
  readonly normal: () => number;
}

/** SplitMix32 (Steele, Lea and Flood 2014, "Fast Splittable Pseudorandom Number Generators", in 32 bits). */
export function createRandom(seed: number): Random {
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

/** A mean and its 95 % interval, in percent. */
export interface Interval {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
}

/**
 * The mean of values of 0 to 1, in percent, and its 95 % interval by the percentile bootstrap over blocks (Efron 1979; Künsch 1989).
 *
 * @param block So many values in a row are drawn together.
 */
export function bootstrap(values: readonly number[], block: number): Interval {
  const blocks: { sum: number; count: number }[] = [];
  for (let start = 0; start < values.length; start += block) {
    const part = values.slice(start, start + block);
    blocks.push({ sum: part.reduce((sum, value) => sum + value, 0), count: part.length });
  }
  const { uniform } = createRandom(values.length);
  const means = Array.from({ length: RESAMPLES }, () => {
    let sum = 0;
    let count = 0;
    for (let i = 0; i < blocks.length; i++) {
      const drawn = at(blocks, Math.floor(uniform() * blocks.length));
      sum += drawn.sum;
      count += drawn.count;
    }
    return (100 * sum) / count;
  }).toSorted((a, b) => a - b);
  const mean = (100 * values.reduce((sum, value) => sum + value, 0)) / values.length;
  return { mean, low: at(means, Math.floor(0.025 * RESAMPLES)), high: at(means, Math.ceil(0.975 * RESAMPLES) - 1) };
}

/** The mean difference of pairs, in percentage points. */
export function difference(a: readonly number[], b: readonly number[], block: number): Interval {
  return bootstrap(
    a.map((value, i) => value - at(b, i)),
    block,
  );
}

/** The value at a place that is there. */
export function at<T>(values: ArrayLike<T>, place: number): T {
  const value = values[place];
  if (value === undefined) throw new RangeError(`Cannot take value ${place} of ${values.length}`);
  return value;
}
