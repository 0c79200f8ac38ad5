/** Polynomial of CRC-32 as gzip and zip use it (RFC 1952, section 8), bits reversed. */
const POLYNOMIAL = 0xedb88320;

/** Bytes folded into the sum per step. */
const SLICES = 8;

/** Eight tables of 256, one after the other: table `n` is for a byte that `n` more bytes follow. */
const TABLES: Int32Array = ((): Int32Array => {
  const tables = new Int32Array(SLICES * 256);
  for (let byte = 0; byte < 256; byte++) {
    let value = byte;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ POLYNOMIAL : value >>> 1;
    tables[byte] = value;
  }
  for (let i = 256; i < tables.length; i++) {
    const before = tables[i - 256] as number;
    tables[i] = (before >>> 8) ^ (tables[before & 0xff] as number);
  }
  return tables;
})();

/**
 * CRC-32 of `bytes` as gzip has it (RFC 1952), eight bytes a step ("slicing by 8", Kounavis and Berry 2005): vectors are
 * checked at every start, and a byte a step would cost more than reading them.
 *
 * @returns An unsigned 32-bit number.
 */
export function crc32(bytes: Uint8Array): number {
  // Whole words where they are aligned; what stands before and after them goes byte by byte.
  const start = (4 - (bytes.byteOffset % 4)) % 4;
  if (bytes.length < start + SLICES) return ~foldBytes(bytes, -1) >>> 0;
  const words = new Int32Array(bytes.buffer, bytes.byteOffset + start, ((bytes.length - start) >>> 3) << 1);
  const before = foldBytes(bytes.subarray(0, start), -1);
  return ~foldBytes(bytes.subarray(start + words.byteLength), foldWords(words, before)) >>> 0;
}

/** CRC-32 as eight hexadecimal digits, the form that files have. */
export function crc32Hex(bytes: Uint8Array): string {
  return crc32(bytes).toString(16).padStart(8, "0");
}

function foldBytes(bytes: Uint8Array, seed: number): number {
  let crc = seed;
  for (const byte of bytes) crc = (TABLES[(crc ^ byte) & 0xff] as number) ^ (crc >>> 8);
  return crc;
}

/** Little-endian words, as every machine has them that runs JavaScript today. One flat table in a local: half the time. */
function foldWords(words: Int32Array, seed: number): number {
  const t = TABLES;
  let crc = seed;
  for (let i = 0; i < words.length; i += 2) {
    const low = (words[i] as number) ^ crc;
    const high = words[i + 1] as number;
    crc =
      (t[0x700 + (low & 0xff)] as number) ^
      (t[0x600 + ((low >>> 8) & 0xff)] as number) ^
      (t[0x500 + ((low >>> 16) & 0xff)] as number) ^
      (t[0x400 + (low >>> 24)] as number) ^
      (t[0x300 + (high & 0xff)] as number) ^
      (t[0x200 + ((high >>> 8) & 0xff)] as number) ^
      (t[0x100 + ((high >>> 16) & 0xff)] as number) ^
      (t[high >>> 24] as number);
  }
  return crc;
}
