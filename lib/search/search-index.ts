import { createBest, type Best, type Match } from "./_best.ts";
import { BLOCK_ROWS, createBlocks } from "./_blocks.ts";
import { coarsePass, UNIT_TOLERANCE, type Candidates, type Range } from "./_coarse-pass.ts";
import { openKernel, type Kernel } from "./kernel.ts";

export type { Match } from "./_best.ts";

/** Candidates that are computed at once: many are faster, few spare more of them. */
const BATCH_ROWS = 32;

/** Ranges with fewer rows than this, or than 8 for each row that is wanted, are not worth a first pass over codes. */
const LEAST_COARSE_ROWS = 64;

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
   * Copies vectors into the index.
   *
   * @param vectors One vector of `dim` floats and unit length, or several one after the other.
   * @param at The row that the first of them becomes; it and those after it move up, which costs time for each. By default
   *   they come last.
   * @throws {RangeError} If a vector is not of unit length (within 0.05 %) or not finite, the place is not there, or
   *   there is no room: some 4 GB, at 5 bytes a number.
   */
  insert(vectors: Float32Array, at?: number): void;

  /**
   * Returns the `k` rows most similar to `query`, best first; ties by lower row. Always those that looking at every row
   * gives, with the same bits: a similarity is the dot product in doubles, four sums of each fourth product, added as
   * (1st + 2nd) + (3rd + 4th).
   *
   * @param query Vector of `dim` floats and unit length.
   * @throws {RangeError} If the query is not such a vector, the rows are not there, or `k` is not a count.
   */
  search(query: Float32Array, options: SearchOptions): readonly Match[];
}

/**
 * Creates an empty index.
 *
 * A search makes two passes. The first takes int8 codes of the rows: with x^ and q^ the decoded codes of row and query,
 * |q.x - q^.x^| <= |q^| |x - x^| + |q - q^| |x| (Cauchy-Schwarz), so a row whose upper bound is below the k-th best lower
 * bound is out. The second computes the rest exactly. Where too much is left, as among near-duplicates, or there is little
 * to search, every row is computed exactly.
 *
 * @param options `dim`: numbers of a vector; `kernel`: the inner loops, by default the fastest that may run here.
 */
export function createSearchIndex(options: { dim: number; kernel?: Kernel }): SearchIndex {
  const { dim, kernel = openKernel() } = options;
  if (!Number.isInteger(dim) || dim < 1) throw new RangeError(`Cannot search: found dim ${dim}, expected 1 or more`);
  const blocks = createBlocks(kernel, dim);
  const { stride, query: queryAt, scores: scoresAt, list: listAt } = blocks;
  let rows = 0;

  const insert = (vectors: Float32Array, at: number = rows): void => {
    if (!Number.isInteger(at) || at < 0 || at > rows) {
      throw new RangeError(`Cannot insert at row ${at}: expected 0 to ${rows}`);
    }
    if (vectors.length % dim !== 0) {
      throw new RangeError(`Cannot insert: found ${vectors.length} numbers, expected a multiple of ${dim}`);
    }
    for (let start = 0; start < vectors.length; start += dim) checkUnit("insert", vectors, start, dim);
    blocks.insert(vectors, at, rows);
    rows += vectors.length / dim;
  };

  const exactPass = (best: Best, range: Range): void => {
    const { from, to, accept } = range;
    const { doubles, ints } = blocks.views();
    for (let first = from; first < to;) {
      const count = Math.min(BLOCK_ROWS - (first % BLOCK_ROWS), to - first);
      const firstAt = blocks.floatsAt(first);
      for (let i = 0; i < count; i++) ints[listAt / 4 + i] = firstAt + i * stride * 4;
      kernel.exact(listAt, count, stride, queryAt, scoresAt);
      let least = best.least();
      for (let i = 0; i < count; i++) {
        const similarity = doubles[scoresAt / 8 + i] as number;
        if (similarity <= least || (accept !== undefined && !accept(first + i))) continue;
        best.offer(first + i, similarity);
        least = best.least();
      }
      first += count;
    }
  };

  /** Computes candidates: first those that are the best by their codes, which spare most of the others. */
  const exactCandidates = (best: Best, candidates: Candidates): void => {
    const { rows: found, uppers, lowers, floor } = candidates;
    const { doubles, ints } = blocks.views();
    const batch = new Int32Array(BATCH_ROWS);
    for (const isFirst of [true, false]) {
      for (let next = 0; next < found.length;) {
        const least = best.least();
        let count = 0;
        for (; next < found.length && count < BATCH_ROWS; next++) {
          if ((lowers[next] as number) >= floor !== isFirst || (uppers[next] as number) < least) continue;
          const row = found[next] as number;
          batch[count] = row;
          ints[listAt / 4 + count] = blocks.floatsAt(row);
          count += 1;
        }
        kernel.exact(listAt, count, stride, queryAt, scoresAt);
        for (let i = 0; i < count; i++) best.offer(batch[i] as number, doubles[scoresAt / 8 + i] as number);
      }
    }
  };

  const search = (query: Float32Array, searchOptions: SearchOptions): readonly Match[] => {
    const { k, from = 0, to = rows } = searchOptions;
    if (query.length !== dim) throw new RangeError(`Cannot search: found a query of ${query.length}, expected ${dim}`);
    checkUnit("search", query, 0, dim);
    if (!isRow(from, to) || !isRow(to, rows)) {
      throw new RangeError(`Cannot search rows ${from} to ${to}: expected rows between 0 and ${rows}`);
    }
    if (!isRow(k, Infinity)) throw new RangeError(`Cannot search: found k ${k}, expected a count`);

    const wanted = Math.min(k, to - from);
    const best = createBest(wanted);
    if (wanted === 0) return [];
    const range = { from, to, accept: searchOptions.accept };
    const isWorthIt = to - from >= Math.max(LEAST_COARSE_ROWS, 8 * wanted);
    blocks.views().doubles.set(query, queryAt / 8);
    const candidates = isWorthIt ? coarsePass(kernel, blocks, { query, wanted, ...range }) : undefined;
    if (candidates === undefined) exactPass(best, range);
    else exactCandidates(best, candidates);
    return best.sorted();
  };

  return {
    dim,
    get rows() {
      return rows;
    },
    insert,
    search,
  };
}

function isRow(value: number, end: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= end;
}

function checkUnit(what: string, vectors: Float32Array, start: number, dim: number): void {
  let squares = 0;
  for (let i = start; i < start + dim; i++) squares += (vectors[i] as number) * (vectors[i] as number);
  // Written so that NaN is refused as well.
  if (!(Math.abs(squares - 1) <= UNIT_TOLERANCE)) {
    throw new RangeError(`Cannot ${what}: found a vector of length ${Math.sqrt(squares)}, expected 1`);
  }
}
