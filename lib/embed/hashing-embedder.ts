import type { Embedder } from "./embedder.ts";

const DIM = 128;

/**
 * The default embedder: signed feature hashing of words and word pairs (Weinberger et al. 2009, "Feature Hashing for
 * Large Scale Multitask Learning"), offline and the same on every engine.
 *
 * Digits are left out: a description says each level in a word beside its number, and "61" is no more like "62" than like
 * "9" to a hash.
 */
export function hashingEmbedder(): Embedder {
  return { id: "hashing", fingerprint: `fnv1a-words-pairs-${DIM}-v1`, dim: DIM, embed: embedByHashing };
}

function embedByHashing(sentence: string): Float32Array {
  const sums = new Float64Array(DIM);
  const words = sentence.toLowerCase().match(/[a-z][a-z-]*/g) ?? [];
  words.forEach((word, i) => {
    addFeature(sums, word);
    const next = words[i + 1];
    if (next !== undefined) addFeature(sums, `${word} ${next}`);
  });

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

/** Hashes of features that were seen: descriptions repeat a few hundred of them. */
const hashes = new Map<string, number>();
const MAX_HASHES = 10_000;

/** Low bits choose the place, the highest the sign, so that collisions cancel on average. */
function addFeature(sums: Float64Array, feature: string): void {
  let hash = hashes.get(feature);
  if (hash === undefined) {
    hash = fnv1a(feature);
    if (hashes.size < MAX_HASHES) hashes.set(feature, hash);
  }
  const place = hash % DIM;
  sums[place] = (sums[place] ?? 0) + (hash & 0x80000000 ? -1 : 1);
}

/** FNV-1a over UTF-16 units, 32 bits (Fowler, Noll, Vo), with murmur3's finalizer, as FNV alone mixes its high bit badly. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
