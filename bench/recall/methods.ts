import type { Situation } from "../../lib/types.ts";
import type { Embedder } from "../../lib/embed/embedder.ts";
import { SearchIndex } from "../../lib/search/search-index.ts";
import { mean } from "../support/statistics.ts";
import type { Case, Sample } from "./worlds.ts";

/** The number of neighbours that a decision recalls. */
export const K = 10;

/** A way to find the `K` nearest remembered trades of every query. */
export type Method = (sample: Sample) => Promise<number[][]>;

/** By cosine similarity of the sentences' vectors. */
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

/** By Euclidean distance of numbers, scaled to mean 0 and standard deviation 1 over the remembered trades. */
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
    const center = mean(raw.map((row) => row[i]!));
    const variance = mean(raw.map((row) => (row[i]! - center) ** 2));
    return { center, deviation: Math.sqrt(variance) || 1 };
  });
  const scaled = (row: readonly number[]): number[] =>
    scales.map(({ center, deviation }, i) => (row[i]! - center) / deviation);
  const rows = raw.map(scaled);
  return queries.map(({ situation }) => {
    const query = scaled(numbersOf(situation));
    return rows
      .map((row, i) => ({ i, distance: row.reduce((sum, value, n) => sum + (value - query[n]!) ** 2, 0) }))
      .toSorted((a, b) => a.distance - b.distance || a.i - b.i)
      .slice(0, K)
      .map(({ i }) => i);
  });
}
