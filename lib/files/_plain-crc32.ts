/** Polynomial of CRC-32 as gzip and zip use it (RFC 1952, section 8), bits reversed. */
const POLYNOMIAL = 0xedb88320;

/** Bytes folded into the sum per step. */
const SLICES = 8;

/** From so many words on it pays to fold two halves at once. */
const HALVED_WORDS = 4096;

/** Made by the first sum: most scripts do without. */
let tables: Int32Array | undefined;

/** Eight tables of 256, one after the other: table `n` is for a byte that `n` more bytes follow. */
function makeTables(): Int32Array {
  const made = new Int32Array(SLICES * 256);
  for (let byte = 0; byte < 256; byte++) {
    let value = byte;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ POLYNOMIAL : value >>> 1;
    made[byte] = value;
  }
  for (let i = 256; i < made.length; i++) {
    const before = made[i - 256] as number;
    made[i] = (before >>> 8) ^ (made[before & 0xff] as number);
  }
  return made;
}

/**
 * CRC-32 of `bytes` as gzip has it (RFC 1952), eight bytes a step ("slicing by 8", Kounavis and Berry 2005), in two halves at
 * once where there are many: a byte a step would cost more than reading them.
 *
 * @returns An unsigned 32-bit number.
 */
export function plainCrc32(bytes: Uint8Array): number {
  const t = (tables ??= makeTables());
  // Whole words where they are aligned; what stands before and after them goes byte by byte.
  const start = (4 - (bytes.byteOffset % 4)) % 4;
  if (bytes.length < start + SLICES) return ~foldBytes(t, bytes, -1) >>> 0;
  const words = new Int32Array(bytes.buffer, bytes.byteOffset + start, ((bytes.length - start) >>> 3) << 1);
  const before = foldBytes(t, bytes.subarray(0, start), -1);
  const half = words.length < HALVED_WORDS ? 0 : (words.length >>> 2) << 1;
  const folded = foldWords(t, words.subarray(2 * half), foldHalves(words, { half, seed: before, t }));
  return ~foldBytes(t, bytes.subarray(start + words.byteLength), folded) >>> 0;
}

function foldBytes(t: Int32Array, bytes: Uint8Array, seed: number): number {
  let crc = seed;
  for (const byte of bytes) crc = (t[(crc ^ byte) & 0xff] as number) ^ (crc >>> 8);
  return crc;
}

/** Little-endian words, as every machine has them that runs JavaScript today. One flat table, handed on: half the time. */
function foldWords(t: Int32Array, words: Int32Array, seed: number): number {
  let crc = seed;
  for (let i = 0; i < words.length; i += 2) crc = foldTwo(t, (words[i] as number) ^ crc, words[i + 1] as number);
  return crc;
}

/** The first `half` words and the `half` after them: neither waits for the other, which takes half the time again. */
function foldHalves(words: Int32Array, { half, seed, t }: { half: number; seed: number; t: Int32Array }): number {
  if (half === 0) return seed;
  let first = seed;
  let second = 0;
  for (let i = 0; i < half; i += 2) {
    first = foldTwo(t, (words[i] as number) ^ first, words[i + 1] as number);
    second = foldTwo(t, (words[half + i] as number) ^ second, words[half + i + 1] as number);
  }
  return followedByZeros(first, half * 4) ^ second;
}

function foldTwo(t: Int32Array, low: number, high: number): number {
  return (
    (t[0x700 + (low & 0xff)] as number) ^
    (t[0x600 + ((low >>> 8) & 0xff)] as number) ^
    (t[0x500 + ((low >>> 16) & 0xff)] as number) ^
    (t[0x400 + (low >>> 24)] as number) ^
    (t[0x300 + (high & 0xff)] as number) ^
    (t[0x200 + ((high >>> 8) & 0xff)] as number) ^
    (t[0x100 + ((high >>> 16) & 0xff)] as number) ^
    (t[high >>> 24] as number)
  );
}

/** A sum after so many zero bytes more: times x^(8 bytes), by squaring, as zlib's crc32_combine() does. */
function followedByZeros(crc: number, bytes: number): number {
  let sum = crc;
  // x^8: the highest bit is x^0.
  let power = 1 << 23;
  for (let rest = bytes; rest > 0; rest >>>= 1) {
    if (rest & 1) sum = multiply(power, sum);
    power = multiply(power, power);
  }
  return sum;
}

/** The product of two polynomials, modulo that of CRC-32, bits reversed. */
function multiply(a: number, b: number): number {
  let product = 0;
  let shifted = b;
  for (let bit = 31; bit >= 0; bit--) {
    if ((a >>> bit) & 1) product ^= shifted;
    shifted = shifted & 1 ? (shifted >>> 1) ^ POLYNOMIAL : shifted >>> 1;
  }
  return product;
}
