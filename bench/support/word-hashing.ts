import type { Embedder } from "../../lib/embed/embedder.ts";
import { extend, FNV_OFFSET, mix } from "../../lib/embed/hashing.ts";

const DIM = 128;

/**
 * What the default embedder is measured against: signed feature hashing of words and word pairs alone (Weinberger et al.
 * 2009, "Feature Hashing for Large Scale Multitask Learning"). It knows no order of levels, and no numbers.
 */
export function wordHashing(): Embedder {
  return { id: "words", fingerprint: `fnv1a-words-pairs-${DIM}-v1`, dim: DIM, embed: embedByHashing };
}

function embedByHashing(sentence: string): Float32Array {
  const sums = new Float64Array(DIM);
  let before: number | undefined;
  for (const word of sentence.toLowerCase().match(/[a-z][a-z-]*/g) ?? []) {
    // The hash of a pair goes on from that of its first word: no text has to be put together.
    if (before !== undefined) addFeature(sums, extend(extend(before, " "), word));
    before = extend(FNV_OFFSET, word);
    addFeature(sums, before);
  }

  let squares = 0;
  for (const sum of sums) squares += sum * sum;
  const vector = new Float32Array(DIM);
  if (squares === 0) {
    // A sentence without words has no direction; any fixed one keeps the promise of unit length.
    vector[0] = 1;
    return vector;
  }
  const norm = Math.sqrt(squares);
  for (let i = 0; i < DIM; i++) vector[i] = (sums[i] ?? 0) / norm;
  return vector;
}

/** Low bits choose the place, the highest the sign, so that collisions cancel on average. */
function addFeature(sums: Float64Array, fnv: number): void {
  const hash = mix(fnv);
  const place = hash % DIM;
  sums[place] = (sums[place] ?? 0) + (hash & 0x80000000 ? -1 : 1);
}
