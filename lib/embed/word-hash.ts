/** The hash of no text: where `extend()` begins. */
export const FNV_OFFSET = 0x811c9dc5;

const FNV_PRIME = 0x01000193;

/** FNV-1a over UTF-16 units, 32 bits (Fowler, Noll, Vo), from where `hash` is. */
export function extend(hash: number, text: string): number {
  let extended = hash;
  for (let i = 0; i < text.length; i++) extended = Math.imul(extended ^ text.charCodeAt(i), FNV_PRIME);
  return extended;
}

/** 32 bits, mixed. FNV mixes its high bit badly; murmur3's finalizer does not. */
export function mix(fnv: number): number {
  let hash = fnv ^ (fnv >>> 16);
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
