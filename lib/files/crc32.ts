import { plainCrc32 } from "./_plain-crc32.ts";

type Crc32 = (bytes: Uint8Array) => number;

let fastest: Crc32 = plainCrc32;

/**
 * Takes another way to the same number: vectors are checked at every start, where our own is not compiled yet, and costs more
 * than reading them.
 */
export function setCrc32(native: Crc32): void {
  fastest = native;
}

/** CRC-32 of `bytes` as gzip has it (RFC 1952), an unsigned 32-bit number. */
export function crc32(bytes: Uint8Array): number {
  return fastest(bytes);
}

/** CRC-32 as eight hexadecimal digits, the form that files have. */
export function crc32Hex(bytes: Uint8Array): string {
  return crc32(bytes).toString(16).padStart(8, "0");
}
