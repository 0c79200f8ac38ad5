import type { Embedder } from "../../lib/embed/embedder.ts";
import { fnv1a, mix32 } from "../../lib/util/hash32.ts";
import { toUnit } from "../../lib/util/vectors.ts";

const DIM = 128;

/**
 * A baseline for the default embedder: signed feature hashing of words and word pairs (Weinberger et al. 2009, "Feature
 * Hashing for Large Scale Multitask Learning"). It knows neither numbers nor the order of levels.
 */
export function wordHashing(): Embedder {
  return { id: "words", fingerprint: `fnv1a-words-pairs-${DIM}-v1`, dim: DIM, embed };
}

function embed(sentence: string): Float32Array {
  const sums = new Float64Array(DIM);
  let previous: number | undefined;
  for (const word of sentence.toLowerCase().match(/[a-z][a-z-]*/g) ?? []) {
    if (previous !== undefined) addFeature(sums, fnv1a(word, fnv1a(" ", previous)));
    previous = fnv1a(word);
    addFeature(sums, previous);
  }
  // A sentence without words has no direction. Any fixed one keeps the promise of unit length.
  return toUnit(sums) ?? Float32Array.from(sums, (_, i) => (i === 0 ? 1 : 0));
}

/** The low bits choose a dimension, the highest the sign, so that collisions cancel on average. */
function addFeature(sums: Float64Array, fnv: number): void {
  const hash = mix32(fnv);
  sums[hash % DIM]! += hash & 0x80000000 ? -1 : 1;
}
