import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";

/**
 * SHA-256 of bytes or of a text's UTF-8, as 64 hexadecimal digits. Computed here and now: Web Crypto answers from another
 * thread, which costs ten times as much for the short texts that decision ids are made of.
 */
export function sha256Hex(data: Uint8Array | string): string {
  return bytesToHex(sha256(typeof data === "string" ? utf8ToBytes(data) : data));
}
