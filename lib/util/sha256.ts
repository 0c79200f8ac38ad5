import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";

/** SHA-256 as 64 hexadecimal digits, computed by the engine: for files and long texts. */
export async function sha256OfBytes(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return bytesToHex(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)));
}

let fastest: (text: string) => string = plainSha256;

/** Makes `sha256OfText()` use the engine's own implementation from now on. */
export function setSha256(native: (text: string) => string): void {
  fastest = native;
}

/**
 * SHA-256 of a short text's UTF-8, as 64 hexadecimal digits, at once: `crypto.subtle` runs in another thread, which for the texts
 * that decision ids are made of takes ten times as long as plain TypeScript.
 */
export function sha256OfText(text: string): string {
  return fastest(text);
}

/** SHA-256 of a text in plain TypeScript. */
export function plainSha256(text: string): string {
  return bytesToHex(sha256(utf8ToBytes(text)));
}
