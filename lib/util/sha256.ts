let fastest: (text: string) => string = plainSha256;

/** Makes `sha256OfText()` use the engine's own implementation from now on. */
export function setSha256(native: (text: string) => string): void {
  fastest = native;
}

/** SHA-256 as 64 hexadecimal digits, computed by the engine: for files and long texts. */
export async function sha256OfBytes(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new DataView(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from({ length: 8 }, (_, i) => hexOf(digest.getInt32(4 * i))).join("");
}

/**
 * SHA-256 of a short text's UTF-8, as 64 hexadecimal digits, at once: `crypto.subtle` runs in another thread, which for the texts
 * that decision ids are made of takes ten times as long as plain TypeScript.
 */
export function sha256OfText(text: string): string {
  return fastest(text);
}

/** Bytes of a block. */
const BLOCK = 64;

/** The first 32 bits of the fractional parts of the square roots of the first 8 primes (FIPS 180-4, 5.3.3). */
const START = hexWords("6a09e667bb67ae853c6ef372a54ff53a510e527f9b05688c1f83d9ab5be0cd19");

/** Those of the cube roots of the first 64 primes (FIPS 180-4, 4.2.2). */
const CONSTANTS = hexWords(
  "428a2f9871374491b5c0fbcfe9b5dba53956c25b59f111f1923f82a4ab1c5ed5" +
    "d807aa9812835b01243185be550c7dc372be5d7480deb1fe9bdc06a7c19bf174" +
    "e49b69c1efbe47860fc19dc6240ca1cc2de92c6f4a7484aa5cb0a9dc76f988da" +
    "983e5152a831c66db00327c8bf597fc7c6e00bf3d5a7914706ca635114292967" +
    "27b70a852e1b21384d2c6dfc53380d13650a7354766a0abb81c2c92e92722c85" +
    "a2bfe8a1a81a664bc24b8b70c76c51a3d192e819d6990624f40e3585106aa070" +
    "19a4c1161e376c082748774c34b0bcb5391c0cb34ed8aa4a5b9cca4f682e6ff3" +
    "748f82ee78a5636f84c878148cc7020890befffaa4506cebbef9a3f7c67178f2",
);

/** SHA-256 of a text in plain TypeScript (FIPS 180-4, 6.2). A package for it would take a short command a tenth of its time to load. */
export function plainSha256(text: string): string {
  const message = padded(new TextEncoder().encode(text));
  const hash = START.slice();
  const schedule = new Int32Array(64);
  for (let block = 0; block < message.byteLength; block += BLOCK) {
    for (let t = 0; t < 16; t++) schedule[t] = message.getInt32(block + 4 * t);
    for (let t = 16; t < 64; t++) {
      const before2 = schedule[t - 2]!;
      const before15 = schedule[t - 15]!;
      const sigma1 = rotated(before2, 17) ^ rotated(before2, 19) ^ (before2 >>> 10);
      const sigma0 = rotated(before15, 7) ^ rotated(before15, 18) ^ (before15 >>> 3);
      schedule[t] = sigma1 + schedule[t - 7]! + sigma0 + schedule[t - 16]!;
    }
    addBlock(hash, schedule);
  }
  return Array.from(hash, (word) => hexOf(word)).join("");
}

/** The 64 rounds of a block; the variables have the names of the standard. */
function addBlock(hash: Int32Array, schedule: Int32Array): void {
  let a = hash[0]!;
  let b = hash[1]!;
  let c = hash[2]!;
  let d = hash[3]!;
  let e = hash[4]!;
  let f = hash[5]!;
  let g = hash[6]!;
  let h = hash[7]!;
  for (let t = 0; t < 64; t++) {
    const sum1 = rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25);
    const choice = (e & f) ^ (~e & g);
    const t1 = (h + sum1 + choice + CONSTANTS[t]! + schedule[t]!) | 0;
    const sum0 = rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22);
    const majority = (a & b) ^ (a & c) ^ (b & c);
    h = g;
    g = f;
    f = e;
    e = (d + t1) | 0;
    d = c;
    c = b;
    b = a;
    a = (t1 + sum0 + majority) | 0;
  }
  hash[0]! += a;
  hash[1]! += b;
  hash[2]! += c;
  hash[3]! += d;
  hash[4]! += e;
  hash[5]! += f;
  hash[6]! += g;
  hash[7]! += h;
}

/** The message, a bit, zeros, and its length in bits, in whole blocks. */
function padded(bytes: Uint8Array): DataView {
  const blocks = Math.ceil((bytes.length + 9) / BLOCK);
  const all = new Uint8Array(blocks * BLOCK);
  all.set(bytes);
  all[bytes.length] = 0x80;
  const view = new DataView(all.buffer);
  view.setBigUint64(all.length - 8, 8n * BigInt(bytes.length));
  return view;
}

function rotated(word: number, bits: number): number {
  return (word >>> bits) | (word << (32 - bits));
}

function hexWords(hex: string): Int32Array {
  return Int32Array.from({ length: hex.length / 8 }, (_, i) => parseInt(hex.slice(8 * i, 8 * i + 8), 16));
}

function hexOf(word: number): string {
  return (word >>> 0).toString(16).padStart(8, "0");
}
