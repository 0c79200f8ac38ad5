import { expect, test } from "bun:test";
import fc from "fast-check";
import { embedSentence } from "../../lib/embed/embedder.ts";
import { hashingEmbedder } from "../../lib/embed/hashing-embedder.ts";
import { failureOf } from "../files/storage-contract.ts";

const embedder = hashingEmbedder();
const embed = (sentence: string): Float32Array => embedder.embed(sentence) as Float32Array;
const dot = (a: Float32Array, b: Float32Array): number =>
  a.reduce((sum, value, i) => sum + value * (b[i] as number), 0);

/** FNV-1a and murmur3's fmix32 as their authors publish them, in big integers. */
function hashOf(text: string): number {
  const mask = 0xffffffffn;
  let hash = 0x811c9dc5n;
  for (const byte of new TextEncoder().encode(text)) hash = ((hash ^ BigInt(byte)) * 0x01000193n) & mask;
  hash ^= hash >> 16n;
  hash = (hash * 0x85ebca6bn) & mask;
  hash ^= hash >> 13n;
  hash = (hash * 0xc2b2ae35n) & mask;
  return Number(hash ^ (hash >> 16n));
}

test("each word and each pair of neighbours adds 1 at its hash's place, up or down by the highest bit", () => {
  const sums = Array.from({ length: 128 }, () => 0);
  for (const feature of ["btcusd", "is", "rising", "btcusd is", "is rising"]) {
    const hash = hashOf(feature);
    sums[hash % 128] = (sums[hash % 128] as number) + (hash >= 2 ** 31 ? -1 : 1);
  }
  const norm = Math.hypot(...sums);
  expect([...embed("BTCUSD is rising.")]).toEqual(sums.map((sum) => Math.fround(sum / norm)));
});

test("every sentence has 128 finite numbers and unit length, also one without words", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.lorem()), (sentence) => {
      const vector = embed(sentence);
      expect(vector.length).toBe(128);
      expect(vector.every(Number.isFinite)).toBe(true);
      expect(dot(vector, vector)).toBeCloseTo(1, 5);
    }),
  );
  expect(embed("")).toEqual(embed("12 + 3"));
});

test("numbers and case make no difference, words and their order do", () => {
  expect(embed("RSI 61, firm")).toEqual(embed("rsi 9, FIRM"));
  expect(embed("rising, not falling")).not.toEqual(embed("falling, not rising"));
});

test("what reads alike lies closer than what does not", () => {
  const query = embed("BTCUSD is rising fast in a trending market, steep uptrend, ADX 41, relentless.");
  const alike = embed("BTCUSD is rising in a trending market, uptrend, ADX 33, directed.");
  const unlike = embed("EURUSD is going nowhere in a ranging market, sideways market, ADX 12, aimless.");
  expect(dot(query, alike)).toBeGreaterThan(dot(query, unlike) + 0.2);
});

test("embedSentence() refuses vectors that are not finite, of other dimensions or not of unit length, naming what is wrong", async () => {
  const of = (vector: Float32Array) => ({ id: "odd", fingerprint: "odd", dim: 2, embed: () => vector });
  expect(await embedSentence(of(Float32Array.of(0, 1)), "a")).toEqual(Float32Array.of(0, 1));
  for (const [vector, found] of [
    [Float32Array.of(0, NaN), "vector[1] NaN"],
    [Float32Array.of(-Infinity, 0), "vector[0] -Infinity"],
    [Float32Array.of(1), "a vector of 1"],
  ] as const) {
    expect(await failureOf(embedSentence(of(vector), "a"))).toEqual({
      code: "BAD_OUTCOME",
      message: `Cannot embed "a" with "odd": found ${found}, expected 2 finite numbers`,
    });
  }
  expect(await failureOf(embedSentence(of(Float32Array.of(3, 4)), "a"))).toEqual({
    code: "BAD_OUTCOME",
    message: 'Cannot embed "a" with "odd": found a vector of length 5, expected 1',
  });
});
