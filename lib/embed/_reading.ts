/** What the words of a description mean to the hashing embedder, and where in the vector it goes. */
import { QUANTITIES, type Quantity, type QuantityName } from "./levels.ts";

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
