import { fnv1a } from "./hash32.ts";

/** Random numbers that are the same in every run and on every engine, as they are made of 32-bit integers. */
export interface Random {
  /** A whole number, 0 to 4,294,967,295. */
  bits(): number;
  /** A number in [0, 1). */
  uniform(): number;
}

/** Random numbers from a text: its FNV-1a hash seeds sfc32 (Chris Doty-Humphrey, PractRand). Other texts give unrelated numbers. */
export function createRandom(seed: string): Random {
  const hash = fnv1a(seed);
  let a = hash | 0;
  let b = Math.imul(hash ^ 0x9e3779b9, 0x85ebca6b);
  let c = Math.imul(hash ^ 0x243f6a88, 0xc2b2ae35);
  let counter = 1;

  function bits(): number {
    const result = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + result) | 0;
    return result >>> 0;
  }

  // The first numbers still resemble the seed.
  for (let count = 0; count < 12; count++) bits();
  return { bits, uniform: () => bits() / 4_294_967_296 };
}
