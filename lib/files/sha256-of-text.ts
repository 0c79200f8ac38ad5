import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";

/**
 * SHA-256 of a short text's UTF-8, as 64 hexadecimal digits, here and now: the engine's own answers from another thread, which
 * costs ten times as much for the texts that decision ids are made of.
 */
export function sha256OfText(text: string): string {
  return bytesToHex(sha256(utf8ToBytes(text)));
}
