/** 32-bit hashes. Their results are in files and in every seeded run, so they never change. */

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/**
 * FNV-1a over UTF-16 units (Fowler, Noll, Vo).
 *
 * @param from The hash of a text that comes before this one; by default there is none.
 * @returns A signed or unsigned 32-bit integer.
 */
export function fnv1a(text: string, from: number = FNV_OFFSET): number {
  let hash = from;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), FNV_PRIME);
  return hash;
}

/** murmur3's finalizer fmix32 (Appleby): every bit of the hash affects every bit of the result, 0 to 4,294,967,295. */
export function mix32(hash: number): number {
  let mixed = hash ^ (hash >>> 16);
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
