type Crc32 = (bytes: Uint8Array) => number;

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

/** CRC-32 as in gzip (RFC 1952), an unsigned 32-bit number. */
export function crc32(bytes: Uint8Array): number {
  return fastest(bytes);
}

/** CRC-32 as eight hexadecimal digits. */
export function crc32Hex(bytes: Uint8Array): string {
  return crc32(bytes).toString(16).padStart(8, "0");
}

/** CRC-32 in plain TypeScript, a byte at a time. */
export function plainCrc32(bytes: Uint8Array): number {
  let crc = -1;
  for (let i = 0; i < bytes.length; i++) crc = TABLE[(crc ^ bytes[i]!) & 0xff]! ^ (crc >>> 8);
  return ~crc >>> 0;
}
