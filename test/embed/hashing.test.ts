import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { embedSentence } from "../../lib/embed/embedder.ts";
import { hashingEmbedder } from "../../lib/embed/hashing.ts";
import { QUANTITIES } from "../../lib/embed/levels.ts";
import { describeSituation } from "../../lib/memory/description.ts";
import type { Situation } from "../../lib/types.ts";
import { makeOutcome } from "../memory/outcome-samples.ts";
import { failureOf } from "../storage/storage-contract.ts";
import { anyText } from "../any-text.ts";

const embedder = hashingEmbedder();
const embed = (sentence: string): Float32Array => embedder.embed(sentence) as Float32Array;
const dot = (a: Float32Array, b: Float32Array): number =>
  a.reduce((sum, value, i) => sum + value * (b[i] as number), 0);

const mask = 0xffffffffn;

/** FNV-1a and murmur3's fmix32 as their authors publish them, in big integers. */
function fnv(text: string): number {
  let hash = 0x811c9dc5n;
  for (const byte of new TextEncoder().encode(text)) hash = ((hash ^ BigInt(byte)) * 0x01000193n) & mask;
  return Number(hash);
}

function mixed(value: number): number {
  let hash = BigInt(value);
  hash ^= hash >> 16n;
  hash = (hash * 0x85ebca6bn) & mask;
  hash ^= hash >> 13n;
  hash = (hash * 0xc2b2ae35n) & mask;
  return Number(hash ^ (hash >> 16n));
}

/** The four of the last 85 dimensions that a word is hashed to, half its length each. */
function dimensionsOf(text: string): [dimension: number, sign: number][] {
  let state = fnv(text);
  return Array.from({ length: 4 }, (_, i) => {
    state = mixed((state + i) >>> 0);
    return [43 + (state % 85), state >= 2 ** 31 ? -1 : 1];
  });
}

test("a word that is not a level is hashed to four dimensions, and so is a pair of neighbours", () => {
  const sums = Array.from({ length: 128 }, () => 0);
  for (const feature of ["btcusd", "breaks", "btcusd breaks"]) {
    for (const [dimension, sign] of dimensionsOf(feature)) sums[dimension]! += sign;
  }
  const norm = Math.hypot(...sums);
  embed("BTCUSD breaks.").forEach((value, i) => expect(value).toBeCloseTo((sums[i] as number) / norm, 6));
});

test("a level becomes bumps of (1 - (distance / 3)^2)^2 at the ends of all levels", () => {
  // "soft" is the second of five levels of RSI: its middle lies at 1.5, the six ends at 0 to 5. Before RSI lie 6 + 6 + 5 ends.
  const bumps = [0, 1, 2, 3, 4, 5].map((end) => Math.max(0, 1 - ((1.5 - end) / 3) ** 2) ** 2);
  const norm = Math.hypot(...bumps);
  const vector = [...embed("soft")];
  bumps.forEach((bump, i) => expect(vector[17 + i]).toBeCloseTo(bump / norm, 6));
  expect(vector.filter((value) => value !== 0)).toHaveLength(bumps.filter((bump) => bump > 0).length);
});

test("a number replaces the word of its level: RSI 37.5 is in the middle of soft", () => {
  expect(dot(embed("RSI 37.5"), embed("soft"))).toBeCloseTo(1, 6);
  expect(embed("RSI 37.5, firm")).toEqual(embed("RSI 37.5"));
  const alike = (a: number, b: number): number => dot(embed(`RSI ${a}`), embed(`RSI ${b}`));
  expect(alike(61, 62)).toBeGreaterThan(alike(61, 66));
  expect(alike(61, 66)).toBeGreaterThan(alike(61, 31));
  expect(dot(embed("-1.0 deviations"), embed("under its mean"))).toBeCloseTo(1, 6);
});

test("for every quantity, similarity falls with the distance of levels", () => {
  for (const { words } of Object.values(QUANTITIES)) {
    const [first = "", ...others] = words;
    const likeness = [first, ...others].map((word) => dot(embed(first), embed(word)));
    expect(likeness).toEqual(likeness.toSorted((a, b) => b - a));
    expect(new Set(likeness).size).toBe(words.length);
  }
});

test("no two levels share a word", () => {
  const words = Object.values(QUANTITIES).flatMap((quantity) => quantity.words);
  expect(new Set(words).size).toBe(words.length);
});

test("an asset's name counts, even if it looks like a word of the sentence", () => {
  for (const [name, other] of [
    ["BTCUSD", "ETHUSD"],
    ["A", "IN"],
    ["WILD", "SOFT"],
    ["0700.HK", "9988.HK"],
  ] as const) {
    const of = (asset: string): Float32Array => embed(`${asset} is rising in a ranging market.`);
    expect(dot(of(name), of(other))).toBeLessThan(0.8);
  }
});

test("every sentence gets 128 finite numbers of unit length, even without any word", () => {
  const words = Object.values(QUANTITIES).flatMap((quantity) => quantity.words);
  const part = fc.oneof(
    anyText(),
    fc.lorem(),
    fc.constantFrom(...words, "RSI", "ADX", "deviations", "is", "%", "__proto__", "constructor", "RSI 1e999", "-0"),
    fc.double().map((value) => `RSI ${value}`),
    fc.double().map((value) => `${value} deviations`),
  );
  fc.assert(
    fc.property(fc.array(part), (parts) => {
      const vector = embed(parts.join(" "));
      expect(vector.length).toBe(128);
      expect(vector.every(Number.isFinite)).toBe(true);
      expect(dot(vector, vector)).toBeCloseTo(1, 5);
    }),
    { numRuns: 40 },
  );
  expect(embed("")).toEqual(embed("12 + 3"));
});

test("a number too large for a double and a text of a megabyte get vectors", () => {
  expect(dot(embed(`RSI ${"9".repeat(400)}`), embed("overbought"))).toBeGreaterThan(0.9);
  for (const text of ["wild ".repeat(2e5), "x".repeat(1e6), "-1 ".repeat(3e5), "a-".repeat(5e5)]) {
    const vector = embed(text);
    expect(dot(vector, vector)).toBeCloseTo(1, 5);
  }
});

test("case makes no difference, but other words and their order do", () => {
  expect(embed("RSI 61, firm")).toEqual(embed("rsi 61, FIRM"));
  expect(embed("after news, before elections")).not.toEqual(embed("after elections, before news"));
});

test("a query of a few words is most similar to sentences with its asset and levels", () => {
  const question = embed("BTCUSD falling fast, high volatility");
  const sentence = (asset: string, move: string, volatility: string): Float32Array =>
    embed(
      `${asset} is ${move} (-9.0% in 24 bars) in a ranging market: downtrend, aimless at ADX 12, momentum soft at RSI 40, ` +
        `volatility ${volatility} at 2.00% a bar, under its mean (-1.0 deviations), inside its range of 48 bars.`,
    );
  const wanted = dot(question, sentence("BTCUSD", "falling fast", "wild"));
  for (const other of [
    sentence("ETHUSD", "falling fast", "wild"),
    sentence("BTCUSD", "rising fast", "wild"),
    sentence("BTCUSD", "falling fast", "very calm"),
  ]) {
    expect(wanted).toBeGreaterThan(dot(question, other) + 0.05);
  }
});

describe("embedSituation()", () => {
  const { situation: indicators, asset_pair } = makeOutcome();
  const SITUATION: Situation = { ...indicators, asset: asset_pair, timestamp: 0 };
  const wild = fc.oneof(
    fc.double(),
    fc.double({ min: -100, max: 200, noNaN: true }),
    fc.constantFrom(0, -0, 0.5, 1e21),
  );
  const numbers = Object.keys(SITUATION).filter((key) => typeof SITUATION[key as keyof Situation] === "number");
  const situations = (number: fc.Arbitrary<number>): fc.Arbitrary<Situation> =>
    fc
      .tuple(
        fc.record(Object.fromEntries(numbers.map((key) => [key, number]))),
        fc.constantFrom("TRENDING", "RANGING", "VOLATILE"),
        fc.oneof(
          fc.constantFrom("BTCUSD", "BRK.B", "is", "a", "5", "nan", "rsi", "oversold", "rising fast"),
          fc.string(),
        ),
      )
      .map(([values, regime, asset]) => ({ ...SITUATION, ...values, regime, asset }) as Situation);

  test("gives the vector of the situation's description, to the last bit, or none", () => {
    fc.assert(
      fc.property(situations(wild), (situation) => {
        const vector = embedder.embedSituation!(situation);
        if (vector !== undefined) expect(vector).toEqual(embed(describeSituation(situation)));
      }),
      { numRuns: 1000 },
    );
  });

  test("needs no sentence for an asset of one word, whatever its indicators", () => {
    const finite = fc.double({ min: -1e9, max: 1e9, noNaN: true });
    fc.assert(
      fc.property(situations(finite), (situation) => {
        const vector = embedder.embedSituation!({ ...situation, asset: "BTCUSD" });
        expect(vector).toEqual(embed(describeSituation({ ...situation, asset: "BTCUSD" })));
      }),
    );
  });

  test("leaves names that may say more, and numbers that are written as words, to the sentence", () => {
    expect(embedder.embedSituation!({ ...SITUATION, asset: "rising fast" })).toBeUndefined();
    expect(embedder.embedSituation!({ ...SITUATION, rsi: NaN })).toBeUndefined();
    expect(embedder.embedSituation!({ ...SITUATION, return_pct: 1e21 })).toBeUndefined();
  });
});

test("embedSentence() refuses vectors that are not finite, of unit length or of the right dimension", async () => {
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
