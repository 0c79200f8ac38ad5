import { createBest, type Best, type Match } from "./_best.ts";
import { BATCH_ROWS, createBlocks } from "./_blocks.ts";
import { createCodes } from "./_codes.ts";
import { coarsePass, UNIT_TOLERANCE, type Candidates, type Range } from "./_coarse-pass.ts";
import { openKernel, type Kernel } from "./kernel.ts";

export type { Match } from "./_best.ts";

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
   * Takes vectors into the index, which keeps them without a copy: they must not change.
   *
   * @param vectors Of `dim` floats and unit length each.
   * @param at The row that the first of them becomes; it and those after it move up, which costs time for each. By default
   *   they come last.
   * @throws {RangeError} If a vector is not of unit length (within 0.05 %) or not finite, the place is not there, or
   *   there is no room for the codes: some 4 GB, at a byte a number.
   */
  insert(vectors: readonly Float32Array[], at?: number): void;

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
 * to search, every row is computed exactly. Codes are made by the searches, some thousand rows each; rows that have none yet are computed exactly.
 *
 * @param options `dim`: numbers of a vector; `kernel`: the inner loops, by default the fastest that may run here.
 */
export function createSearchIndex(options: { dim: number; kernel?: Kernel }): SearchIndex {
  const { dim, kernel = openKernel() } = options;
  if (!Number.isInteger(dim) || dim < 1) throw new RangeError(`Cannot search: found dim ${dim}, expected 1 or more`);
  const vectors: Float32Array[] = [];
  const blocks = createBlocks(kernel, dim);
  const codes = createCodes(kernel, blocks, vectors);
  const { stride, query: queryAt, batch: batchAt, scores: scoresAt } = blocks;

  const insert = (added: readonly Float32Array[], at: number = vectors.length): void => {
    if (!Number.isInteger(at) || at < 0 || at > vectors.length) {
      throw new RangeError(`Cannot insert at row ${at}: expected 0 to ${vectors.length}`);
    }
    for (const vector of added) checkUnit("insert", vector, dim);
    blocks.reserve(vectors.length + added.length);
    codes.cut(at);
    const moved = vectors.splice(at);
    for (const vector of added) vectors.push(vector);
    for (const vector of moved) vectors.push(vector);
  };

  /** The rows of the batch, of which `offerBatch()` computes the first `count`. */
  const batch = new Int32Array(BATCH_ROWS);
  const offerBatch = (best: Best, count: number, accept?: (row: number) => boolean): void => {
    const { doubles } = blocks.views();
    for (let i = 0; i < count; i++) blocks.load(vectors[batch[i] as number] as Float32Array, i);
    kernel.exact(batchAt, count, stride, queryAt, scoresAt);
    let least = best.least();
    for (let i = 0; i < count; i++) {
      const row = batch[i] as number;
      const similarity = doubles[scoresAt / 8 + i] as number;
      if (similarity < least || (accept !== undefined && !accept(row))) continue;
      best.offer(row, similarity);
      least = best.least();
    }
  };

  const exactPass = (best: Best, { from, to, accept }: Range): void => {
    for (let first = from; first < to; first += BATCH_ROWS) {
      const count = Math.min(BATCH_ROWS, to - first);
      for (let i = 0; i < count; i++) batch[i] = first + i;
      offerBatch(best, count, accept);
    }
  };

  /** Computes candidates: first those that are the best by their codes, which spare most of the others. */
  const exactCandidates = (best: Best, { rows, uppers, lowers, floor }: Candidates): void => {
    for (const isFirst of [true, false]) {
      for (let next = 0; next < rows.length;) {
        const least = best.least();
        let count = 0;
        for (; next < rows.length && count < BATCH_ROWS; next++) {
          if ((lowers[next] as number) >= floor !== isFirst || (uppers[next] as number) < least) continue;
          batch[count] = rows[next] as number;
          count += 1;
        }
        offerBatch(best, count);
      }
    }
  };

  const search = (query: Float32Array, searchOptions: SearchOptions): readonly Match[] => {
    const { k, from = 0, to = vectors.length, accept } = searchOptions;
    checkUnit("search", query, dim);
    if (!isRow(from, to) || !isRow(to, vectors.length)) {
      throw new RangeError(`Cannot search rows ${from} to ${to}: expected rows between 0 and ${vectors.length}`);
    }
    if (!isRow(k, Infinity)) throw new RangeError(`Cannot search: found k ${k}, expected a count`);

    const wanted = Math.min(k, to - from);
    const best = createBest(wanted);
    if (wanted === 0) return [];
    blocks.views().doubles.set(query, queryAt / 8);
    const worthIt = Math.max(LEAST_COARSE_ROWS, 8 * wanted);
    if (to - from >= worthIt) codes.extend(to);
    const coded = Math.max(from, Math.min(to, codes.rows()));
    exactPass(best, { from: coded, to, accept });
    const range = { from, to: coded, accept };
    const candidates =
      coded - from < worthIt
        ? undefined
        : coarsePass({ kernel, blocks, codes }, { query, wanted, least: best.least(), ...range });
    if (candidates === undefined) exactPass(best, range);
    else exactCandidates(best, candidates);
    return best.sorted();
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

function checkUnit(what: string, vector: Float32Array, dim: number): void {
  if (vector.length !== dim) {
    throw new RangeError(`Cannot ${what}: found a vector of ${vector.length}, expected ${dim}`);
  }
  // Two sums: one alone waits for each addition.
  let even = 0;
  let odd = 0;
  for (let i = 0; i < dim; i += 2) {
    const value = vector[i] as number;
    const next = vector[i + 1] ?? 0;
    even += value * value;
    odd += next * next;
  }
  const squares = even + odd;
  // Written so that NaN is refused as well.
  if (!(Math.abs(squares - 1) <= UNIT_TOLERANCE)) {
    throw new RangeError(`Cannot ${what}: found a vector of length ${Math.sqrt(squares)}, expected 1`);
  }
}
