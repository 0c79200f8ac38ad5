import type { Embedder } from "./embedder.ts";
import { BLOCKS, FIRST_WORD, FRAME, phraseAt, REACH, REGIME_WEIGHT, type Block } from "./_reading.ts";
import { positionOf } from "./levels.ts";
import { extend, FNV_OFFSET, mix } from "./word-hash.ts";

const DIM = 128;

/** Of an asset's name, and of any other word that is not a description's own. */
const WORD_WEIGHT = 0.62;
/** A word goes to so many places, so that hardly two have all in common. */
const PLACES = 4;

/**
 * The default embedder, offline and the same on every engine. It reads a sentence by the table of levels that descriptions
 * are written by: each quantity that is named, by its number where that is told (RSI 61, ADX 23, deviations) and else by its level's
 * word, becomes a few overlapping bumps (a population code: Pouget, Dayan and Zemel 2000, "Information Processing with
 * Population Codes"), so that neighbouring levels are alike; each regime has a place of its own. All other words and
 * their pairs, above all the asset's name, are hashed (Weinberger et al. 2009, "Feature Hashing for Large Scale Multitask
 * Learning").
 */
export function hashingEmbedder(): Embedder {
  return { id: "hashing", fingerprint: `levels-fnv1a-words-${DIM}-v2`, dim: DIM, embed: embedByLevels };
}

/**
 * Whether a sentence has anything that tells situations apart: a level's words, a regime, a number that is read, or a name.
 * Where it has nothing, its similarity to descriptions is the chance of hashes alone.
 *
 * @param names Of assets, in lower case.
 */
export function hasWordsOfDescriptions(sentence: string, names: ReadonlySet<string>): boolean {
  const tokens = tokensOf(sentence);
  return tokens.some((token, i) => {
    const isNumber = numberOf(token) !== undefined && blockOfNumber(tokens, i) !== undefined;
    return isNumber || names.has(token) || phraseAt(tokens, i) !== undefined;
  });
}

function tokensOf(sentence: string): readonly string[] {
  return sentence.toLowerCase().match(/[+-]?[a-z0-9]+(?:[._/-][a-z0-9]+)*/g) ?? [];
}

function embedByLevels(sentence: string): Float32Array {
  const sums = new Float64Array(DIM);
  const tokens = tokensOf(sentence);
  const numbers = new Map<Block, number>();
  /** The hash of the word just before, where that is one that is hashed. */
  let before: number | undefined;
  for (let i = 0; i < tokens.length;) {
    const token = tokens[i] ?? "";
    // A name may read like a level or a word of the frame, as the ticker A does.
    const isName = i === 0 && tokens[1] === "is";
    const phrase = isName ? undefined : phraseAt(tokens, i);
    if (phrase !== undefined) {
      const { meaning, words } = phrase;
      if ("regime" in meaning) sums[meaning.regime] = REGIME_WEIGHT;
      else addBumps(sums, meaning.block, meaning.position);
      before = undefined;
      i += words.length;
      continue;
    }
    i++;
    const value = numberOf(token);
    if (value !== undefined) {
      const block = blockOfNumber(tokens, i - 1);
      if (block !== undefined) numbers.set(block, value);
    } else if (FRAME.has(token) && !isName) {
      before = undefined;
    } else {
      // The hash of a pair goes on from that of its first word: no text has to be put together.
      const word = token.startsWith("+") || token.startsWith("-") ? token.slice(1) : token;
      if (before !== undefined) addWord(sums, extend(extend(before, " "), word));
      before = extend(FNV_OFFSET, word);
      addWord(sums, before);
    }
  }
  for (const block of BLOCKS.values()) finishBlock(sums, block, numbers.get(block));

  let squares = 0;
  for (let i = 0; i < DIM; i++) squares += (sums[i] ?? 0) * (sums[i] ?? 0);
  const vector = new Float32Array(DIM);
  if (squares === 0) {
    // A sentence that says nothing has no direction; any fixed one keeps the promise of unit length.
    vector[DIM - 1] = 1;
    return vector;
  }
  const norm = Math.sqrt(squares);
  for (let i = 0; i < DIM; i++) vector[i] = (sums[i] ?? 0) / norm;
  return vector;
}

function numberOf(token: string): number | undefined {
  // Most words are none at first sight.
  return token < ":" && /^[+-]?\d+(?:\.\d+)?$/.test(token) ? Number(token) : undefined;
}

/** What a number is of: "RSI 61", "ADX 23", "+1.1 deviations". Other numbers are not read. */
function blockOfNumber(tokens: readonly string[], at: number): Block | undefined {
  const name = tokens[at - 1];
  if (name === "rsi" || name === "adx") return BLOCKS.get(name);
  return tokens[at + 1] === "deviations" ? BLOCKS.get("zscore") : undefined;
}

/** Adds what is near a position, by the kernel (1 - d^2)^2. */
function addBumps(sums: Float64Array, { quantity, first }: Block, position: number): void {
  for (let i = 0; i <= quantity.bounds.length + 1; i++) {
    const d = (position - i) / REACH;
    const near = 1 - d * d;
    if (near > 0) sums[first + i] = (sums[first + i] ?? 0) + near * near;
  }
}

/** A number says more than its level's word; then every quantity that is named gets its weight for length. */
function finishBlock(sums: Float64Array, block: Block, value: number | undefined): void {
  const { quantity, weight, first } = block;
  const end = first + quantity.bounds.length + 2;
  if (value !== undefined) {
    sums.fill(0, first, end);
    addBumps(sums, block, positionOf(quantity, value));
  }
  let squares = 0;
  for (let i = first; i < end; i++) squares += (sums[i] ?? 0) * (sums[i] ?? 0);
  if (squares === 0) return;
  const scale = weight / Math.sqrt(squares);
  for (let i = first; i < end; i++) sums[i] = (sums[i] ?? 0) * scale;
}

/** Low bits choose a place, the highest the sign, so that collisions cancel on average; each mix leads to the next place. */
function addWord(sums: Float64Array, fnv: number): void {
  let hash = fnv;
  for (let i = 0; i < PLACES; i++) {
    hash = mix(hash + i);
    const place = FIRST_WORD + (hash % (DIM - FIRST_WORD));
    // Four places of half the length each.
    sums[place] = (sums[place] ?? 0) + (hash & 0x80000000 ? -WORD_WEIGHT / 2 : WORD_WEIGHT / 2);
  }
}
