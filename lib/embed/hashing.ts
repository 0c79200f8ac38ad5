import type { Situation } from "../types.ts";
import { fnv1a, mix32 } from "../util/hash32.ts";
import { toUnit } from "../util/vectors.ts";
import type { Embedder } from "./embedder.ts";
import { levelOf, positionOf, QUANTITIES, quantitiesOf, type Quantity, type QuantityName } from "./levels.ts";

const DIM = 128;

/**
 * The weight of each quantity. Reach and weights were chosen on generated worlds, with seeds that bench/RECALL.md does not
 * report. Whichever part of a sentence decides the result, the others should hide it as little as possible. Five quantities
 * say nearly the same, the direction of the price, so each weighs less than the strength of the trend or the volatility.
 */
const WEIGHTS: readonly (readonly [QuantityName, number])[] = [
  ["move", 0.6],
  ["trend", 0.8],
  ["adx", 1.5],
  ["rsi", 1],
  ["volatility", 1.3],
  ["zscore", 0.7],
  ["channel", 0.5],
];
const REGIME_WEIGHT = 0.55;
/** The weight of an asset's name, and of any other word that is not in the table of levels. */
const WORD_WEIGHT = 0.62;

/** How far a bump reaches, in levels. */
const REACH = 3;

/** The number of dimensions that a word is hashed to. Hardly any two words share all of them. */
const WORD_DIMS = 4;

/** A quantity's dimensions: a bump at each end of its levels, from `first` up to but not including `end`. */
interface Block {
  readonly quantity: Quantity;
  readonly weight: number;
  readonly first: number;
  readonly end: number;
}

/** What a phrase means: the middle of a level, or the dimension of a regime. */
type Meaning = { readonly block: Block; readonly position: number } | { readonly regime: number };

interface Phrase {
  readonly words: readonly string[];
  readonly meaning: Meaning;
}

/** Quantities whose number a description has, with its decimals. */
const WRITTEN_DECIMALS: ReadonlyMap<QuantityName, number> = new Map([
  ["adx", 0],
  ["rsi", 0],
  ["zscore", 1],
]);

const BLOCKS = layOutBlocks();
const REGIMES = ["trending", "ranging", "volatile"];
const FIRST_REGIME = BLOCKS.get("channel")!.end;
/** Quantities and regimes come before this dimension, hashed words from here on. */
const FIRST_WORD = FIRST_REGIME + REGIMES.length;

/** Other words that people use for a level. */
const SYNONYMS: readonly (readonly [string, QuantityName, number])[] = [
  ["low volatility", "volatility", 0],
  ["high volatility", "volatility", 3],
  ["volatility low", "volatility", 0],
  ["volatility high", "volatility", 3],
];

/** By their first word, the longest first. */
const PHRASES = listPhrases();

/** Words that every description has, so that they distinguish none. */
const COMMON_WORDS: ReadonlySet<string> = new Set(
  "a adx an and at bar bars deviations in is its market momentum of range regime rsi the trend volatility".split(" "),
);

/**
 * The default embedder, offline and the same on every engine. It reads a sentence with the table of levels that descriptions
 * are written with. Each quantity becomes a few overlapping bumps (a population code: Pouget, Dayan and Zemel 2000,
 * "Information Processing with Population Codes"), so that neighbouring levels are alike. Its position is its number where
 * the sentence has one (RSI 61, ADX 23, deviations), else the middle of its level. Each regime has a dimension of its own.
 * All other words and pairs of words, above all the asset's name, are hashed (Weinberger et al. 2009, "Feature Hashing for
 * Large Scale Multitask Learning").
 */
export function hashingEmbedder(): Embedder {
  return {
    id: "hashing",
    fingerprint: `levels-fnv1a-words-${DIM}-v2`,
    dim: DIM,
    embed: (sentence) => unitVector(readSentence(tokensOf(sentence))),
    embedSituation: situationEmbedder(),
  };
}

/**
 * Whether a sentence has anything that distinguishes situations: a level, a regime, a number of a known quantity, or an
 * asset. Without it, its similarity to descriptions is due to hash collisions alone.
 *
 * @param assets Names in lower case.
 */
export function describesSituation(sentence: string, assets: ReadonlySet<string>): boolean {
  const tokens = tokensOf(sentence);
  return tokens.some((token, i) => {
    const isNumber = numberOf(token) !== undefined && blockOfNumber(tokens, i) !== undefined;
    return isNumber || assets.has(token) || phraseAt(tokens, i) !== undefined;
  });
}

/** The sums of a sentence's bumps and words. */
function readSentence(tokens: readonly string[]): Float64Array {
  const sums = new Float64Array(DIM);
  const numbers = new Map<Block, number>();
  /** Hash of the previous word, if that one was hashed. */
  let previous: number | undefined;
  for (let i = 0; i < tokens.length;) {
    const token = tokens[i]!;
    // A name may look like a level or a common word, as the ticker A does.
    const isName = i === 0 && tokens[1] === "is";
    const phrase = isName ? undefined : phraseAt(tokens, i);
    if (phrase !== undefined) {
      const { meaning, words } = phrase;
      if ("regime" in meaning) sums[meaning.regime] = REGIME_WEIGHT;
      else addBumps(sums, meaning.block, meaning.position);
      previous = undefined;
      i += words.length;
      continue;
    }
    const value = numberOf(token);
    if (value !== undefined) {
      const block = blockOfNumber(tokens, i);
      if (block !== undefined) numbers.set(block, value);
    } else if (COMMON_WORDS.has(token) && !isName) {
      previous = undefined;
    } else {
      const word = token.startsWith("+") || token.startsWith("-") ? token.slice(1) : token;
      if (previous !== undefined) addWord(sums, fnv1a(word, fnv1a(" ", previous)));
      previous = fnv1a(word);
      addWord(sums, previous);
    }
    i++;
  }
  for (const block of BLOCKS.values()) finishBlock(sums, block, numbers.get(block));
  return sums;
}

function unitVector(sums: Float64Array): Float32Array {
  // A sentence without meaning has no direction. Any fixed one keeps the promise of unit length.
  return toUnit(sums) ?? Float32Array.from(sums, (_, i) => (i === DIM - 1 ? 1 : 0));
}

/** From here on `toFixed` writes a number with an exponent, which is read as a word. */
const MAX_WRITTEN = 1e21;

/**
 * Makes the vectors of descriptions without writing and reading them: the sentence of a decision would
 * cost more than its search.
 *
 * An asset's name of several words may be a phrase, such as "rising fast". Then the sentence has to be read.
 */
function situationEmbedder(): (situation: Situation) => Float32Array | undefined {
  /** The sums of each asset's name. */
  const names = new Map<string, Float64Array | undefined>();
  return (situation) => {
    const { asset, regime, adx, rsi, zscore, return_pct, volatility_pct } = situation;
    if (!names.has(asset)) {
      const tokens = tokensOf(asset);
      names.set(asset, tokens.length === 1 ? readSentence([...tokens, "is"]) : undefined);
    }
    const name = names.get(asset);
    const written = [adx, rsi, zscore, return_pct, volatility_pct];
    if (name === undefined || !written.every((value) => Math.abs(value) < MAX_WRITTEN)) return undefined;
    const sums = name.slice();
    const quantities = quantitiesOf(situation);
    for (const [quantity, block] of BLOCKS) {
      const decimals = WRITTEN_DECIMALS.get(quantity);
      if (decimals === undefined) addBumps(sums, block, levelOf(block.quantity, quantities[quantity]) + 0.5);
      finishBlock(sums, block, decimals === undefined ? undefined : Number(quantities[quantity].toFixed(decimals)));
    }
    sums[FIRST_REGIME + REGIMES.indexOf(regime.toLowerCase())] = REGIME_WEIGHT;
    return unitVector(sums);
  };
}

function tokensOf(sentence: string): readonly string[] {
  return sentence.toLowerCase().match(/[+-]?[a-z0-9]+(?:[._/-][a-z0-9]+)*/g) ?? [];
}

function numberOf(token: string): number | undefined {
  // The first test rules out most words cheaply.
  return token < ":" && /^[+-]?\d+(?:\.\d+)?$/.test(token) ? Number(token) : undefined;
}

/** The quantity of a number: "RSI 61", "ADX 23", "+1.1 deviations". Other numbers are ignored. */
function blockOfNumber(tokens: readonly string[], i: number): Block | undefined {
  const name = tokens[i - 1];
  if (name === "rsi" || name === "adx") return BLOCKS.get(name);
  return tokens[i + 1] === "deviations" ? BLOCKS.get("zscore") : undefined;
}

/** The longest phrase that begins with a token. */
function phraseAt(tokens: readonly string[], i: number): Phrase | undefined {
  for (const phrase of PHRASES.get(tokens[i]!) ?? []) {
    let same = 1;
    while (same < phrase.words.length && tokens[i + same] === phrase.words[same]) same++;
    if (same === phrase.words.length) return phrase;
  }
  return undefined;
}

/** Adds bumps near a position, with the kernel (1 - d^2)^2. */
function addBumps(sums: Float64Array, { first, end }: Block, position: number): void {
  for (let i = first; i < end; i++) {
    const d = (position - (i - first)) / REACH;
    const near = 1 - d * d;
    if (near > 0) sums[i]! += near * near;
  }
}

/** Replaces a level by its number, which is more precise, and scales the quantity to its weight. */
function finishBlock(sums: Float64Array, block: Block, value: number | undefined): void {
  const { quantity, weight, first, end } = block;
  if (value !== undefined) {
    sums.fill(0, first, end);
    addBumps(sums, block, positionOf(quantity, value));
  }
  let squares = 0;
  for (let i = first; i < end; i++) squares += sums[i]! * sums[i]!;
  if (squares === 0) return;
  const scale = weight / Math.sqrt(squares);
  for (let i = first; i < end; i++) sums[i]! *= scale;
}

/** The low bits choose a dimension, the highest the sign, so that collisions cancel on average. */
function addWord(sums: Float64Array, fnv: number): void {
  let hash = fnv;
  for (let i = 0; i < WORD_DIMS; i++) {
    // FNV mixes its high bits badly.
    hash = mix32(hash + i);
    const dimension = FIRST_WORD + (hash % (DIM - FIRST_WORD));
    // In four dimensions, half the length each.
    sums[dimension]! += hash & 0x80000000 ? -WORD_WEIGHT / 2 : WORD_WEIGHT / 2;
  }
}

function layOutBlocks(): ReadonlyMap<QuantityName, Block> {
  const blocks = new Map<QuantityName, Block>();
  let first = 0;
  for (const [name, weight] of WEIGHTS) {
    const quantity = QUANTITIES[name];
    // Levels have one end more than there are levels, bounds one less.
    const end = first + quantity.bounds.length + 2;
    blocks.set(name, { quantity, weight, first, end });
    first = end;
  }
  return blocks;
}

function listPhrases(): ReadonlyMap<string, readonly Phrase[]> {
  const phrases = new Map<string, Phrase[]>();
  const add = (phrase: string, meaning: Meaning): void => {
    const words = phrase.split(" ");
    const known = phrases.get(words[0]!) ?? [];
    known.push({ words, meaning });
    phrases.set(words[0]!, known);
  };
  for (const block of BLOCKS.values()) {
    block.quantity.words.forEach((word, level) => add(word, { block, position: level + 0.5 }));
  }
  for (const [phrase, name, level] of SYNONYMS) add(phrase, { block: BLOCKS.get(name)!, position: level + 0.5 });
  REGIMES.forEach((word, i) => add(word, { regime: FIRST_REGIME + i }));
  for (const known of phrases.values()) known.sort((a, b) => b.words.length - a.words.length);
  return phrases;
}
