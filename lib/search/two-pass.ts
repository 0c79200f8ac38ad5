import { UNIT_TOLERANCE } from "../util/vectors.ts";
import { BATCH_ROWS, BLOCK_ROWS, Codes, corruptVector, KernelMemory } from "./codes.ts";
import type { Kernel } from "./kernel.ts";
import { TopK, type Match } from "./top-k.ts";

/** A range of fewer rows than this, or than 8 for each match wanted, is computed exactly without a first pass over codes. */
const MIN_COARSE_ROWS = 64;

/** With fewer candidates it never pays to compute all rows instead. */
const FEW_CANDIDATES = 2048;

/** The greatest length that a unit vector may have. */
const MAX_LENGTH = Math.sqrt(1 + UNIT_TOLERANCE);

/** Covers the rounding of the bounds, which are computed in doubles. */
const BOUND_ROUNDING = 1e-9;

/** More than the relative error of the product of a sum and a scale in floats. */
const FLOAT_ROUNDING = 1e-6;

/** Dot products of int8 codes and a query's codes fit an int32 if the query's absolute codes sum up to this at most. */
const MAX_QUERY_SUM = 16_900_000;

export interface RowRange {
  readonly from: number;
  readonly to: number;
  readonly accept: ((row: number) => boolean) | undefined;
}

/** Rows that may be among the best, with bounds of their similarities. */
interface Candidates {
  readonly rows: number[];
  readonly uppers: number[];
  readonly lowers: number[];
  /** The k-th best lower bound: at least k rows are this similar. */
  readonly floor: number;
}

/** Searches an array of vectors in two passes: bounds from int8 codes, then exact similarities of what may be among the best. */
export class TwoPassSearch {
  readonly #memory: KernelMemory;
  readonly #vectors: readonly Float32Array[];
  readonly #codes: Codes;
  readonly #batch = new Int32Array(BATCH_ROWS);

  /** @param index `vectors`: the rows, as they are at every call, each of `dim` numbers. */
  constructor(index: { kernel: Kernel; dim: number; vectors: readonly Float32Array[] }) {
    this.#memory = new KernelMemory(index.kernel, index.dim);
    this.#vectors = index.vectors;
    this.#codes = new Codes(this.#memory, index.vectors);
  }

  /** The `k` best rows of a range that has at least `k`, best first. */
  search(query: Float32Array, { k, from, to, accept }: RowRange & { k: number }): readonly Match[] {
    const memory = this.#memory;
    const best = new TopK(k);
    const minRows = Math.max(MIN_COARSE_ROWS, 8 * k);
    if (to - from >= minRows) this.#codes.extend(to);
    memory.doubles.set(query, memory.query / 8);
    const coded = Math.max(from, Math.min(to, this.#codes.rows));
    this.#exactPass(best, { from: coded, to, accept });
    const range = { from, to: coded, accept };
    const candidates =
      coded - from < minRows
        ? undefined
        : coarsePass(memory, this.#codes, { query, k, threshold: best.threshold, ...range });
    if (candidates === undefined) this.#exactPass(best, range);
    else this.#exactCandidates(best, candidates);
    return best.sorted();
  }

  get kernel(): Kernel {
    return this.#memory.kernel;
  }

  cut(at: number): void {
    this.#codes.cut(at);
  }

  #exactPass(best: TopK, { from, to, accept }: RowRange): void {
    for (let first = from; first < to; first += BATCH_ROWS) {
      const count = Math.min(BATCH_ROWS, to - first);
      for (let i = 0; i < count; i++) this.#batch[i] = first + i;
      this.#offerBatch(best, count, accept);
    }
  }

  /** Computes the candidates that are the best by their codes first, because they rule out most of the others. */
  #exactCandidates(best: TopK, { rows, uppers, lowers, floor }: Candidates): void {
    for (const isFirst of [true, false]) {
      for (let next = 0; next < rows.length;) {
        const { threshold } = best;
        let count = 0;
        for (; next < rows.length && count < BATCH_ROWS; next++) {
          if (lowers[next]! >= floor !== isFirst || uppers[next]! < threshold) continue;
          this.#batch[count++] = rows[next]!;
        }
        this.#offerBatch(best, count);
      }
    }
  }

  /** Computes the first `count` rows of the batch and offers them. */
  #offerBatch(best: TopK, count: number, accept?: (row: number) => boolean): void {
    const memory = this.#memory;
    const batch = this.#batch;
    for (let i = 0; i < count; i++) memory.load(this.#vectors[batch[i]!]!, i);
    memory.kernel.exact(memory.batch, count, memory.stride, memory.query, memory.scores);
    const { doubles } = memory;
    const scores = memory.scores / 8;
    let { threshold } = best;
    for (let i = 0; i < count; i++) {
      const row = batch[i]!;
      const similarity = doubles[scores + i]!;
      // Unit vectors never give it, and NaN would stay the best forever.
      if (!(Math.abs(similarity) < 2)) throw corruptVector(`the similarity ${similarity}`);
      if (similarity < threshold || (accept !== undefined && !accept(row))) continue;
      best.offer(row, similarity);
      threshold = best.threshold;
    }
  }
}

/**
 * Finds the rows that may be among the `k` best: those whose upper bound is at least the k-th best lower bound. Of equal rows
 * it takes the first k only.
 *
 * @param codes Of all rows of the range.
 * @param search `query` is in the kernel's memory already, its codes are written here; rows less similar than `threshold` are
 * not wanted.
 * @returns `undefined` for so many rows that computing all of them is cheaper.
 */
function coarsePass(
  memory: KernelMemory,
  codes: Codes,
  search: RowRange & { query: Float32Array; k: number; threshold: number },
): Candidates | undefined {
  const { from, to, accept, k } = search;
  const { kernel, stride, codedQuery, scores, list, floats, ints } = memory;
  const { step, perError, margin } = encodeQuery(search.query, memory.shorts.subarray(codedQuery / 2));
  // Most rows are ruled out with the largest error of all, which takes one product.
  const maxMargin = codes.maxError * perError + margin;
  const best = new TopK(k);
  const repeats = new Map<number, number>();
  const rows: number[] = [];
  const uppers: number[] = [];
  const lowers: number[] = [];
  let floor = search.threshold;

  for (let first = from; first < to;) {
    const count = Math.min(BLOCK_ROWS - (first % BLOCK_ROWS), to - first);
    const scales = memory.scaleAt(first) / 4;
    const errors = memory.errorAt(first) / 4;
    kernel.coarse(memory.codesAt(first), count, stride, codedQuery, scores);
    if (first === from && accept === undefined) {
      const lowest = weakestGroup(ints.subarray(scores / 4, scores / 4 + count), floats.subarray(scales), k);
      floor = Math.max(floor, lowest * step - maxMargin);
    }
    const minScaled = (floor - maxMargin) / step;
    const minFloat = minScaled - Math.abs(minScaled) * FLOAT_ROUNDING;
    const selected = kernel.select(scores, scales * 4, count, minFloat, list);
    for (let next = list / 4, end = next + selected; next < end; next++) {
      const i = ints[next]!;
      const row = first + i;
      const middle = ints[scores / 4 + i]! * floats[scales + i]! * step;
      const reach = floats[errors + i]! * perError + margin;
      if (middle + reach < floor || (accept !== undefined && !accept(row))) continue;
      const firstEqual = codes.firstEqual(row);
      if (firstEqual !== row) {
        const known = repeats.get(firstEqual) ?? 0;
        if (known >= k) continue;
        repeats.set(firstEqual, known + 1);
      }
      rows.push(row);
      uppers.push(middle + reach);
      lowers.push(middle - reach);
      best.offer(row, middle - reach);
      floor = Math.max(floor, best.threshold);
    }
    first += count;
    const room = Math.max(FEW_CANDIDATES, 4 * k, (first - from) >> 3);
    if (rows.length > room) {
      keepAbove({ rows, uppers, lowers, floor });
      if (rows.length > room / 2) return undefined;
    }
  }
  const candidates = { rows, uppers, lowers, floor };
  keepAbove(candidates);
  return candidates;
}

/**
 * Writes the codes of a query.
 *
 * @returns `step`: what a code stands for. A similarity differs from its coded one by at most the row's error times `perError`
 * plus `margin`.
 */
function encodeQuery(query: Float32Array, codes: Int16Array): { step: number; perError: number; margin: number } {
  const dim = query.length;
  let max = 0;
  for (let i = 0; i < dim; i++) max = Math.max(max, Math.abs(query[i]!));
  const step = Math.max(max / 32_767, (MAX_LENGTH * Math.sqrt(dim)) / (MAX_QUERY_SUM - dim));
  const perStep = 1 / step;
  for (let i = 0; i < dim; i++) {
    const scaled = query[i]! * perStep;
    // The array keeps the whole part.
    codes[i] = scaled < 0 ? scaled - 0.5 : scaled + 0.5;
  }
  const lost = 0.500001 * step * Math.sqrt(dim);
  return { step, perError: MAX_LENGTH + lost, margin: lost * MAX_LENGTH + BOUND_ROUNDING };
}

/**
 * Splits a block's first rows into `k` groups and returns the lowest of the groups' best scores. At least k rows are as good, and few
 * are better, which saves most of the work on the later blocks.
 */
function weakestGroup(sums: Int32Array, scales: Float32Array, k: number): number {
  const size = Math.floor(sums.length / k);
  if (size === 0) return -Infinity;
  let weakest = Infinity;
  for (let group = 0, i = 0; group < k; group++) {
    let best = -Infinity;
    for (const end = i + size; i < end; i++) best = Math.max(best, sums[i]! * scales[i]!);
    weakest = Math.min(weakest, best);
  }
  return weakest;
}

/** Drops the candidates whose upper bound is below the floor. */
function keepAbove({ rows, uppers, lowers, floor }: Candidates): void {
  let kept = 0;
  for (let i = 0; i < rows.length; i++) {
    if (uppers[i]! < floor) continue;
    rows[kept] = rows[i]!;
    uppers[kept] = uppers[i]!;
    lowers[kept] = lowers[i]!;
    kept += 1;
  }
  rows.length = kept;
  uppers.length = kept;
  lowers.length = kept;
}
