import { isUnit, squaredLength } from "../util/vectors.ts";
import { closeKernel, openKernel, type Kernel } from "./kernel.ts";
import type { Match } from "./top-k.ts";
import { TwoPassSearch } from "./two-pass.ts";

export interface SearchOptions {
  /** Fewer rows are returned if there are fewer. */
  readonly k: number;
  /** First row of the range that is searched. @default 0 */
  readonly from?: number;
  /** Row after the last one. @default the number of rows */
  readonly to?: number;
  /**
   * A filter applied before the top k are taken, such as an as-of time, an asset or a regime. Only rows that are similar
   * enough are passed to it. It must be deterministic and must not search this index. @default all rows
   */
  readonly accept?: (row: number) => boolean;
}

/**
 * Vectors in the order in which they were inserted, searched exactly.
 *
 * A search makes two passes. The first uses int8 codes of the rows: with x^ and q^ the decoded codes of row and query,
 * |q.x - q^.x^| <= |q^| |x - x^| + |q - q^| |x| (Cauchy-Schwarz), so a row whose upper bound is below the k-th best lower
 * bound is out. The second computes the rest exactly. If too many rows are left, as among near-duplicates, or there are few to
 * search, every row is computed exactly. Searches make the codes, some thousand rows each; rows without codes are computed
 * exactly.
 */
export class SearchIndex {
  readonly dim: number;
  readonly #vectors: Float32Array[] = [];
  readonly #kernel: Kernel | undefined;
  /** Made by the first search, so that an index that is only opened needs no kernel. */
  #twoPass: TwoPassSearch | undefined;

  /** @param options `dim`: numbers of a vector; `kernel`: the inner loops, by default the fastest that may run here. */
  constructor(options: { dim: number; kernel?: Kernel }) {
    const { dim } = options;
    if (!Number.isInteger(dim) || dim < 1) throw new RangeError(`Cannot search: found dim ${dim}, expected 1 or more`);
    this.dim = dim;
    this.#kernel = options.kernel;
  }

  get rows(): number {
    return this.#vectors.length;
  }

  /**
   * Inserts vectors without copying them, so they must not change.
   *
   * @param vectors Of `dim` floats and unit length each. The length is checked by the first search that encodes a vector.
   * @param at The row of the first of them. It and later rows move up, at a cost for each. By default the vectors come last.
   * @throws {RangeError} If a vector has another number of floats, or `at` is out of range.
   */
  insert(vectors: readonly Float32Array[], at: number = this.rows): void {
    if (!Number.isInteger(at) || at < 0 || at > this.rows) {
      throw new RangeError(`Cannot insert at row ${at}: expected 0 to ${this.rows}`);
    }
    for (const { length } of vectors) {
      if (length !== this.dim) throw new RangeError(`Cannot insert: found a vector of ${length}, expected ${this.dim}`);
    }
    this.#twoPass?.cut(at);
    const moved = this.#vectors.splice(at);
    for (const vector of vectors) this.#vectors.push(vector);
    for (const vector of moved) this.#vectors.push(vector);
  }

  /**
   * Returns the `k` rows most similar to `query`, best first, ties by lower row. These are the rows that computing all of them
   * gives, with the same bits: a similarity is the dot product in doubles, four sums of every fourth product, added as
   * (1st + 2nd) + (3rd + 4th).
   *
   * @param query Vector of `dim` floats and unit length.
   * @throws {CarryoverError} `CORRUPT` if a row that is visited is not finite or not of unit length (within 0.05 %).
   * @throws {RangeError} If the query is not of unit length, the rows are out of range, `k` is not a count, or there is no room
   *   for the codes: some 4 GB, at a byte a number.
   */
  search(query: Float32Array, options: SearchOptions): readonly Match[] {
    const { k, from = 0, to = this.rows, accept } = options;
    const { dim } = this;
    if (query.length !== dim) throw new RangeError(`Cannot search: found a query of ${query.length}, expected ${dim}`);
    if (!isUnit(query)) {
      const length = Math.sqrt(squaredLength(query));
      throw new RangeError(`Cannot search: found a query of length ${length}, expected 1`);
    }
    if (!isCount(from, to) || !isCount(to, this.rows)) {
      throw new RangeError(`Cannot search rows ${from} to ${to}: expected rows between 0 and ${this.rows}`);
    }
    if (!isCount(k, Infinity)) throw new RangeError(`Cannot search: found k ${k}, expected a count`);
    const available = Math.min(k, to - from);
    if (available === 0) return [];
    this.#twoPass ??= new TwoPassSearch({ kernel: this.#kernel ?? openKernel(), dim, vectors: this.#vectors });
    return this.#twoPass.search(query, { k: available, from, to, accept });
  }

  /** Gives the memory of its searches back. A further search takes another. */
  close(): void {
    if (this.#kernel === undefined && this.#twoPass !== undefined) closeKernel(this.#twoPass.kernel);
    this.#twoPass = undefined;
  }
}

function isCount(value: number, max: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= max;
}
