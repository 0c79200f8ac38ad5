/** What the words of a description mean to the hashing embedder, and where in the vector it goes. */
import type { Embedder } from "./embedder.ts";
import { positionOf, QUANTITIES, type Quantity, type QuantityName } from "./levels.ts";

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

/** How far a bump reaches, in levels. */
export const REACH = 3;

/**
 * What each quantity weighs. Reach and weights were chosen on drawn worlds, by seeds that bench/RECALL.md does not report, so that
 * wherever one part of a sentence decides the result, the others drown it as little as may be. Five quantities say nearly
 * the same, which way the price went, and so weigh less each than the strength of the trend and the volatility.
 */
const WEIGHTS: readonly (readonly [QuantityName, number])[] = [
  ["move", 0.6],
  ["trend", 0.8],
  ["adx", 1.5],
  ["rsi", 1],
  ["volatility", 1.3],
  ["zscore", 0.7],
  ["place", 0.5],
];
/** What the regime weighs beside the quantities. */
export const REGIME_WEIGHT = 0.55;

/** A quantity's place in the vector: a bump at each end of its levels, `first` to `first + quantity.bounds.length + 1`. */
export interface Block {
  readonly quantity: Quantity;
  readonly weight: number;
  readonly first: number;
}

/** What a phrase stands for: a level's middle, or a regime's place in the vector. */
type Meaning = { readonly block: Block; readonly position: number } | { readonly regime: number };

/** In the order of their places. */
export const BLOCKS: ReadonlyMap<QuantityName, Block> = readBlocks();
const REGIMES = ["trending", "ranging", "volatile"];
const FIRST_REGIME = [...BLOCKS.values()].reduce((sum, { quantity }) => sum + ends(quantity), 0);
/** What comes before it are quantities and regimes, what comes after it hashed words. */
export const FIRST_WORD: number = FIRST_REGIME + REGIMES.length;

/** Other ways in which people say a level. */
const ALSO_SAID: readonly (readonly [string, QuantityName, number])[] = [
  ["low volatility", "volatility", 0],
  ["high volatility", "volatility", 3],
  ["volatility low", "volatility", 0],
  ["volatility high", "volatility", 3],
];

interface Phrase {
  readonly words: readonly string[];
  readonly meaning: Meaning;
}

/** By their first word, the longest first. */
const PHRASES = new Map<string, Phrase[]>();
const NONE: readonly Phrase[] = [];
function addPhrase(phrase: string, meaning: Meaning): void {
  const words = phrase.split(" ");
  const first = words[0] ?? "";
  const known = PHRASES.get(first) ?? [];
  known.push({ words, meaning });
  known.sort((a, b) => b.words.length - a.words.length);
  PHRASES.set(first, known);
}
for (const block of BLOCKS.values()) {
  block.quantity.words.forEach((word, level) => addPhrase(word, { block, position: level + 0.5 }));
}
for (const [phrase, name, level] of ALSO_SAID) {
  const block = BLOCKS.get(name);
  if (block !== undefined) addPhrase(phrase, { block, position: level + 0.5 });
}
REGIMES.forEach((word, i) => addPhrase(word, { regime: FIRST_REGIME + i }));

/** Words that every description has: they tell none from another. */
export const FRAME: ReadonlySet<string> = new Set(
  "a adx an and at bar bars deviations in is its market momentum of range regime rsi the trend volatility".split(" "),
);

function readBlocks(): ReadonlyMap<QuantityName, Block> {
  const blocks = new Map<QuantityName, Block>();
  let first = 0;
  for (const [name, weight] of WEIGHTS) {
    const quantity = QUANTITIES[name];
    blocks.set(name, { quantity, weight, first });
    first += ends(quantity);
  }
  return blocks;
}

/** The ends of a quantity's levels. */
function ends({ bounds }: Quantity): number {
  return bounds.length + 2;
}

/** The longest phrase that begins with a token. */
export function phraseAt(tokens: readonly string[], at: number): Phrase | undefined {
  // Of a phrase the first word is what it was found by.
  for (const phrase of PHRASES.get(tokens[at] ?? "") ?? NONE) {
    let same = 1;
    while (same < phrase.words.length && tokens[at + same] === phrase.words[same]) same++;
    if (same === phrase.words.length) return phrase;
  }
  return undefined;
}

/** The hash of no text: where `extend()` begins. */
export const FNV_OFFSET = 0x811c9dc5;

const FNV_PRIME = 0x01000193;

/** FNV-1a over UTF-16 units, 32 bits (Fowler, Noll, Vo), from where `hash` is. */
export function extend(hash: number, text: string): number {
  let extended = hash;
  for (let i = 0; i < text.length; i++) extended = Math.imul(extended ^ text.charCodeAt(i), FNV_PRIME);
  return extended;
}

/** 32 bits, mixed. FNV mixes its high bit badly; murmur3's finalizer does not. */
export function mix(fnv: number): number {
  let hash = fnv ^ (fnv >>> 16);
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
