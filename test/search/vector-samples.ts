import type { SearchOptions } from "../../lib/search/search-index.ts";
import type { Match } from "../../lib/search/top-k.ts";

/** Scales a vector to unit length. */
export function unit(values: readonly number[]): Float32Array {
  const length = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
  return Float32Array.from(values, (value) => value / length);
}

export const KINDS = ["random", "clustered", "near-duplicates", "duplicates", "spiky", "flat"] as const;
export type Kind = (typeof KINDS)[number];

/** Makes vectors of unit length. */
export function vectorsOf(kind: Kind, size: { count: number; dim: number }, random: () => number): Float32Array[] {
  const { count, dim } = size;
  const anywhere = (): number[] => Array.from({ length: dim }, () => random() + random() - 1 || 1);
  const centres = Array.from({ length: 3 }, anywhere);
  const centre = (): number[] => centres[Math.floor(random() * centres.length)] ?? [];
  const make: Record<Kind, () => number[]> = {
    random: anywhere,
    clustered: () => centre().map((value) => value + 0.1 * (random() - 0.5)),
    // Apart by the last bits of a float.
    "near-duplicates": () => centre().map((value) => value * (1 + 2e-7 * (random() - 0.5))),
    duplicates: centre,
    // One large number takes the precision of all others' codes.
    spiky: () => anywhere().map((value, i) => (i === 0 ? 30 : value)),
    // Every code is 127: the largest sums.
    flat: () => Array.from({ length: dim }, () => 1),
  };
  return Array.from({ length: count }, () => unit(make[kind]()));
}

/** The result of computing every row, by the definition of a similarity. */
export function bruteForce(rows: readonly Float32Array[], query: Float32Array, options: SearchOptions): Match[] {
  const { k, from = 0, to = rows.length, accept = () => true } = options;
  return rows
    .map((vector, row) => {
      const sums = [0, 0, 0, 0];
      for (let i = 0; i < vector.length; i++) sums[i % 4]! += vector[i]! * query[i]!;
      return { row, similarity: sums[0]! + sums[1]! + (sums[2]! + sums[3]!) };
    })
    .filter(({ row }) => row >= from && row < to && accept(row))
    .toSorted((a, b) => b.similarity - a.similarity || a.row - b.row)
    .slice(0, k);
}
