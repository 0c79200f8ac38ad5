/** How far several answers of a model to one question differ: its own noise. */
import type { SampleCounts } from "../types.ts";
import { percentOf } from "./metrics.ts";

/** Pairs of samples of one question, and those whose actions differ. They add up. */
export interface SamplePairs {
  readonly pairs: number;
  readonly differing: number;
}

/** The pairs among the samples of one vote. */
export function samplePairs(samples: SampleCounts): SamplePairs {
  const counts = Object.values(samples) as number[];
  const pairsOf = (n: number): number => (n * (n - 1)) / 2;
  const pairs = pairsOf(counts.reduce((sum, count) => sum + count, 0));
  return { pairs, differing: pairs - counts.reduce((sum, count) => sum + pairsOf(count), 0) };
}

export function addPairs(a: SamplePairs | undefined, b: SamplePairs): SamplePairs {
  return a === undefined ? b : { pairs: a.pairs + b.pairs, differing: a.differing + b.differing };
}

/** How far several answers to one question differ. */
export interface SampleNoise {
  /** Pairs of answers to the same question, over all decisions. */
  readonly pairs: number;
  /** Those whose actions differ. `null` without pairs. */
  readonly differing_pct: number | null;
}

/** Sums up the chunks of a run; nothing if none has samples. */
export function sampleNoise(chunks: readonly (SamplePairs | undefined)[]): { samples?: SampleNoise } {
  const all = chunks.filter((chunk) => chunk !== undefined);
  if (all.length === 0) return {};
  const { pairs, differing } = all.reduce(addPairs);
  return { samples: { pairs, differing_pct: percentOf(differing, pairs) } };
}
