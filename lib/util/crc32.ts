type Crc32 = (bytes: Uint8Array, before: number) => number;

/** Polynomial of the CRC-32 in gzip and zip (RFC 1952, section 8), bits reversed. */
const POLYNOMIAL = 0xedb88320;

const TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ POLYNOMIAL : value >>> 1;
  return value;
});

let fastest: Crc32 = plainCrc32;

/** Makes `crc32()` use the engine's own implementation from now on. */
export function setCrc32(native: Crc32): void {
  fastest = native;
}

/**
 * CRC-32 as in gzip (RFC 1952), an unsigned 32-bit number.
 *
 * @param before That of the bytes before these, if they are the next part of a whole.
 */
export function crc32(bytes: Uint8Array, before = 0): number {
  return fastest(bytes, before);
}

/** CRC-32 as eight hexadecimal digits. */
export function crc32Hex(bytes: Uint8Array): string {
  return crc32Digits(crc32(bytes));
}

/** The eight hexadecimal digits of a CRC-32. */
export function crc32Digits(crc: number): string {
  return crc.toString(16).padStart(8, "0");
}

/** CRC-32 in plain TypeScript, a byte at a time. */
export function plainCrc32(bytes: Uint8Array, before = 0): number {
  let crc = ~before;
  for (let i = 0; i < bytes.length; i++) crc = TABLE[(crc ^ bytes[i]!) & 0xff]! ^ (crc >>> 8);
  return ~crc >>> 0;
}
