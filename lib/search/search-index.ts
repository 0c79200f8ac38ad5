import { isUnit, squaredLength } from "../util/vectors.ts";
import { type Kernel } from "./kernel.ts";
import { openKernel } from "./wasm.ts";
import type { Match } from "./top-k.ts";
import { createTwoPasses, type TwoPasses } from "./two-pass.ts";

export type { Match } from "./top-k.ts";

/** How to search. */
export interface SearchOptions {
  /** Rows wanted; fewer are returned where there are fewer. */
  readonly k: number;
  /** First row of the range that is searched. @default 0 */
  readonly from?: number;
  /** Row after the last one. @default the number of rows */
  readonly to?: number;
  /**
   * Which rows count, asked before the top k are taken, and only of rows similar enough to matter: an as-of time, an asset,
   * a regime. It must always answer the same and not search this index. @default all
   */
  readonly accept?: (row: number) => boolean;
}

/** Vectors in the order in which they were inserted, searched exactly. */
export interface SearchIndex {
  readonly dim: number;
  readonly rows: number;

  /**
   * Takes vectors into the index, which keeps them without a copy: they must not change.
   *
   * @param vectors Of `dim` floats and unit length each. The length is looked at by the first search that codes a vector.
   * @param at The row that the first of them becomes; it and those after it move up, which costs time for each. By default
   *   they come last.
   * @throws {RangeError} If a vector has another number of floats, or the place is not there.
   */
  insert(vectors: readonly Float32Array[], at?: number): void;

  /**
   * Returns the `k` rows most similar to `query`, best first; ties by lower row. Always those that looking at every row
   * gives, with the same bits: a similarity is the dot product in doubles, four sums of each fourth product, added as
   * (1st + 2nd) + (3rd + 4th).
   *
   * @param query Vector of `dim` floats and unit length.
   * @throws {CarryoverError} `CORRUPT` if a row that is met is not of unit length (within 0.05 %) or not finite.
   * @throws {RangeError} If the query is not, the rows are not there, `k` is not a count, or there is no room for the codes: some
   *   4 GB, at a byte a number.
   */
  search(query: Float32Array, options: SearchOptions): readonly Match[];
}

/**
 * Creates an empty index.
 *
 * A search makes two passes. The first takes int8 codes of the rows: with x^ and q^ the decoded codes of row and query,
 * |q.x - q^.x^| <= |q^| |x - x^| + |q - q^| |x| (Cauchy-Schwarz), so a row whose upper bound is below the k-th best lower
 * bound is out. The second computes the rest exactly. Where too much is left, as among near-duplicates, or there is little
 * to search, every row is computed exactly. Codes are made by the searches, some thousand rows each; rows that have none yet are computed exactly.
 *
 * @param options `dim`: numbers of a vector; `kernel`: the inner loops, by default the fastest that may run here.
 */
export function createSearchIndex(options: { dim: number; kernel?: Kernel }): SearchIndex {
  const { dim } = options;
  if (!Number.isInteger(dim) || dim < 1) throw new RangeError(`Cannot search: found dim ${dim}, expected 1 or more`);
  const vectors: Float32Array[] = [];
  // Made by the first search: a memory that is only opened does without.
  let passes: TwoPasses | undefined;

  const insert = (added: readonly Float32Array[], at: number = vectors.length): void => {
    if (!Number.isInteger(at) || at < 0 || at > vectors.length) {
      throw new RangeError(`Cannot insert at row ${at}: expected 0 to ${vectors.length}`);
    }
    for (const { length } of added) {
      if (length !== dim) throw new RangeError(`Cannot insert: found a vector of ${length}, expected ${dim}`);
    }
    passes?.cut(at);
    const moved = vectors.splice(at);
    for (const vector of added) vectors.push(vector);
    for (const vector of moved) vectors.push(vector);
  };

  const search = (
    query: Float32Array,
    { k, from = 0, to = vectors.length, accept }: SearchOptions,
  ): readonly Match[] => {
    if (query.length !== dim) throw new RangeError(`Cannot search: found a query of ${query.length}, expected ${dim}`);
    if (!isUnit(query)) {
      const length = Math.sqrt(squaredLength(query));
      throw new RangeError(`Cannot search: found a query of length ${length}, expected 1`);
    }
    if (!isRow(from, to) || !isRow(to, vectors.length)) {
      throw new RangeError(`Cannot search rows ${from} to ${to}: expected rows between 0 and ${vectors.length}`);
    }
    if (!isRow(k, Infinity)) throw new RangeError(`Cannot search: found k ${k}, expected a count`);
    const wanted = Math.min(k, to - from);
    if (wanted === 0) return [];
    passes ??= createTwoPasses({ kernel: options.kernel ?? openKernel(), dim, vectors });
    return passes.search(query, { wanted, from, to, accept });
  };

  return {
    dim,
    get rows() {
      return vectors.length;
    },
    insert,
    search,
  };
}

function isRow(value: number, end: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= end;
}
