/** Polynomial of CRC-32 as gzip and zip use it (RFC 1952, section 8), bits reversed. */
const POLYNOMIAL = 0xedb88320;

/** Bytes folded into the sum per step; one table for each. */
const SLICES = 8;

const tables = ((): readonly Uint32Array[] => {
  const all = Array.from({ length: SLICES }, () => new Uint32Array(256));
  const [first] = all as [Uint32Array];
  for (let byte = 0; byte < 256; byte++) {
    let value = byte;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ POLYNOMIAL : value >>> 1;
    first[byte] = value;
  }
  for (let slice = 1; slice < SLICES; slice++) {
    const before = all[slice - 1] as Uint32Array;
    const table = all[slice] as Uint32Array;
    for (let byte = 0; byte < 256; byte++) {
      const value = before[byte] as number;
      table[byte] = (value >>> 8) ^ (first[value & 0xff] as number);
    }
  }
  return all;
})();

const [t0, t1, t2, t3, t4, t5, t6, t7] = tables as [
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
];

/**
 * CRC-32 of `bytes` as gzip has it (RFC 1952), eight bytes a step ("slicing by 8", Kounavis and Berry 2005): vectors are
 * checked at every start, and a byte a step would cost more than reading them.
 *
 * @returns An unsigned 32-bit number.
 */
export function crc32(bytes: Uint8Array): number {
  const end = bytes.length - (bytes.length % SLICES);
  let crc = 0xffffffff;
  let i = 0;
  for (; i < end; i += SLICES) {
    const low = crc ^ (at(bytes, i) | (at(bytes, i + 1) << 8) | (at(bytes, i + 2) << 16) | (at(bytes, i + 3) << 24));
    crc =
      at(t7, low & 0xff) ^
      at(t6, (low >>> 8) & 0xff) ^
      at(t5, (low >>> 16) & 0xff) ^
      at(t4, low >>> 24) ^
      at(t3, at(bytes, i + 4)) ^
      at(t2, at(bytes, i + 5)) ^
      at(t1, at(bytes, i + 6)) ^
      at(t0, at(bytes, i + 7));
  }
  for (; i < bytes.length; i++) crc = at(t0, (crc ^ at(bytes, i)) & 0xff) ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

/** CRC-32 as eight hexadecimal digits, the form that files have. */
export function crc32Hex(bytes: Uint8Array): string {
  return crc32(bytes).toString(16).padStart(8, "0");
}

function at(array: Uint8Array | Uint32Array, index: number): number {
  return array[index] as number;
}
