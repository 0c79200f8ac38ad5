/** Ways to find the remembered trades whose situations are most like another. */
import type { Situation } from "../../lib/types.ts";
import type { Embedder } from "../../lib/embed/embedder.ts";
import { SearchIndex } from "../../lib/search/search-index.ts";
import { at } from "./chance.ts";
import type { Case, Sample } from "./recall-worlds.ts";

/** Neighbours that a decision recalls. */
export const K = 10;

/** Finds the `K` nearest of the remembered trades for every query. */
export type Method = (sample: Sample) => Promise<number[][]>;

/** By cosine of the sentences' vectors. */
export function bySentence(embedder: Embedder): Method {
  const known = new Map<string, Float32Array>();
  const vectorOf = async (sentence: string): Promise<Float32Array> => {
    const vector = known.get(sentence) ?? Float32Array.from(await embedder.embed(sentence));
    known.set(sentence, vector);
    return vector;
  };
  return async ({ memory, queries }) => {
    const index = new SearchIndex({ dim: embedder.dim });
    for (const { sentence } of memory) index.insert([await vectorOf(sentence)]);
    const nearest: number[][] = [];
    for (const { sentence } of queries) {
      nearest.push(index.search(await vectorOf(sentence), { k: K }).map(({ row }) => row));
    }
    return nearest;
  };
}

/** By Euclidean distance of numbers, scaled to mean 0 and deviation 1 over what is remembered. */
export function byNumbers(numbersOf: (situation: Situation) => readonly number[]): Method {
  return ({ memory, queries }) => Promise.resolve(nearestByNumbers(memory, queries, numbersOf));
}

function nearestByNumbers(
  memory: readonly Case[],
  queries: readonly Case[],
  numbersOf: (situation: Situation) => readonly number[],
): number[][] {
  const raw = memory.map(({ situation }) => numbersOf(situation));
  const scales = (raw[0] ?? []).map((_, i) => {
    const mean = raw.reduce((sum, row) => sum + at(row, i), 0) / raw.length;
    const variance = raw.reduce((sum, row) => sum + (at(row, i) - mean) ** 2, 0) / raw.length;
    return { mean, deviation: Math.sqrt(variance) || 1 };
  });
  const scaled = (row: readonly number[]): number[] =>
    scales.map(({ mean, deviation }, i) => (at(row, i) - mean) / deviation);
  const rows = raw.map(scaled);
  return queries.map(({ situation }) => {
    const query = scaled(numbersOf(situation));
    return rows
      .map((row, i) => ({ i, distance: row.reduce((sum, value, n) => sum + (value - at(query, n)) ** 2, 0) }))
      .toSorted((a, b) => a.distance - b.distance || a.i - b.i)
      .slice(0, K)
      .map(({ i }) => i);
  });
}
