/** The first pass of a search: bounds of similarities from int8 codes. */
/** The int8 codes of an index's rows, made while it is searched: an index that is only opened, or asked once, does without. */
import { fail, type CarryoverError } from "../errors.ts";
import { isUnit, squaredLength, UNIT_TOLERANCE } from "../util/vectors.ts";
import type { Kernel } from "./kernel.ts";
import { createBest } from "./top-k.ts";
import { BATCH_ROWS, BLOCK_ROWS, type Blocks } from "./blocks.ts";

/** No vector is longer. */
const LONGEST = Math.sqrt(1 + UNIT_TOLERANCE);

/** Covers the rounding of the bounds themselves, which are computed in doubles. */
const ROUNDING = 1e-9;

/** Int8 codes times a query's codes sum up to an int32 if the query's codes, without sign, sum up to this at most. */
const MAX_QUERY_SUM = 16_900_000;

/** More than floats lose of a product of a sum and a scale, relative to it. */
const FLOAT_ROUNDING = 1e-6;

/** Up to so many candidates it never pays to compute all rows instead. */
const FEW_CANDIDATES = 2048;

/** Rows of an index. */
export interface Range {
  readonly from: number;
  readonly to: number;
  readonly accept: ((row: number) => boolean) | undefined;
}

/** Rows that may be among the best, with bounds of their similarities. */
export interface Candidates {
  readonly rows: number[];
  readonly uppers: number[];
  readonly lowers: number[];
  /** As many similarities as are wanted are at least this: the k-th best lower bound. */
  readonly floor: number;
}

/** What a first pass takes. */
export interface CoarseSearch extends Range {
  /** It is in the kernel's memory already; its codes are written here. */
  readonly query: Float32Array;
  readonly wanted: number;
  /** No row that is less similar is wanted. */
  readonly least: number;
}

/**
 * Finds the rows that may be among the `wanted` best. Of rows that are all alike it takes the first ones: more of them
 * are not wanted.
 *
 * @param index `codes`: of all rows of the range.
 * @returns `undefined` if they are so many that computing all rows is cheaper.
 */
export function coarsePass(
  index: { kernel: Kernel; blocks: Blocks; codes: Codes },
  search: CoarseSearch,
): Candidates | undefined {
  const { kernel, blocks, codes } = index;
  const { from, to, accept, query, wanted } = search;
  const { stride, codedQuery, scores, list } = blocks;
  const { floats, ints, shorts } = blocks.views();
  const { step, perError, rest } = codeQuery(query, shorts.subarray(codedQuery / 2));
  // Most rows fail already with the largest error of all, which takes one product.
  const largestMargin = codes.largestError() * perError + rest;
  const best = createBest(wanted);
  const repeated = new Map<number, number>();
  let floor = search.least;
  const rows: number[] = [];
  const uppers: number[] = [];
  const lowers: number[] = [];

  for (let first = from; first < to;) {
    const count = Math.min(BLOCK_ROWS - (first % BLOCK_ROWS), to - first);
    const scales = blocks.scaleAt(first) / 4;
    const errors = blocks.errorAt(first) / 4;
    kernel.coarse(blocks.codesAt(first), count, stride, codedQuery, scores);
    if (first === from && accept === undefined) {
      const least = leastOfBest(ints.subarray(scores / 4, scores / 4 + count), floats.subarray(scales), wanted);
      floor = Math.max(floor, least * step - largestMargin);
    }
    const leastScaled = (floor - largestMargin) / step;
    const leastFloat = leastScaled - Math.abs(leastScaled) * FLOAT_ROUNDING;
    const selected = kernel.select(scores, scales * 4, count, leastFloat, list);
    for (let next = list / 4, end = next + selected; next < end; next++) {
      const i = ints[next] as number;
      const row = first + i;
      const middle = (ints[scores / 4 + i] as number) * (floats[scales + i] as number) * step;
      const margin = (floats[errors + i] as number) * perError + rest;
      if (middle + margin < floor || (accept !== undefined && !accept(row))) continue;
      const firstAlike = codes.firstAlike(row);
      if (firstAlike !== row) {
        const before = repeated.get(firstAlike) ?? 0;
        if (before >= wanted) continue;
        repeated.set(firstAlike, before + 1);
      }
      rows.push(row);
      uppers.push(middle + margin);
      lowers.push(middle - margin);
      best.offer(row, middle - margin);
      floor = Math.max(floor, best.least());
    }
    first += count;
    const room = Math.max(FEW_CANDIDATES, 4 * wanted, (first - from) >> 3);
    if (rows.length > room) {
      keepAbove({ rows, uppers, lowers, floor });
      if (rows.length > room / 2) return undefined;
    }
  }
  const candidates = { rows, uppers, lowers, floor };
  keepAbove(candidates);
  return candidates;
}

/** Writes the codes of a query; returns what one is worth, and what a row's error and the query's own may hide. */
function codeQuery(query: Float32Array, codes: Int16Array): { step: number; perError: number; rest: number } {
  const dim = query.length;
  let max = 0;
  for (let i = 0; i < dim; i++) {
    const size = Math.abs(query[i] as number);
    if (size > max) max = size;
  }
  const step = Math.max(max / 32_767, (LONGEST * Math.sqrt(dim)) / (MAX_QUERY_SUM - dim));
  const perStep = 1 / step;
  for (let i = 0; i < dim; i++) {
    const scaled = (query[i] as number) * perStep;
    // The array takes the whole part.
    codes[i] = scaled < 0 ? scaled - 0.5 : scaled + 0.5;
  }
  const lost = 0.500001 * step * Math.sqrt(dim);
  return { step, perError: LONGEST + lost, rest: lost * LONGEST + ROUNDING };
}

/**
 * Splits a block's first rows into `wanted` groups and returns the least of the groups' best: so many rows are at least as
 * good, and few are better, which spares the rest of the pass most of its work.
 */
function leastOfBest(sums: Int32Array, scales: Float32Array, wanted: number): number {
  const size = Math.floor(sums.length / wanted);
  if (size === 0) return -Infinity;
  let least = Infinity;
  for (let group = 0, i = 0; group < wanted; group++) {
    let most = -Infinity;
    for (const end = i + size; i < end; i++) {
      const scaled = (sums[i] as number) * (scales[i] as number);
      if (scaled > most) most = scaled;
    }
    if (most < least) least = most;
  }
  return least;
}

/** Drops the candidates whose upper bound is below the floor. */
function keepAbove({ rows, uppers, lowers, floor }: Candidates): void {
  let kept = 0;
  for (let i = 0; i < rows.length; i++) {
    const upper = uppers[i] as number;
    if (upper < floor) continue;
    rows[kept] = rows[i] as number;
    uppers[kept] = upper;
    lowers[kept] = lowers[i] as number;
    kept += 1;
  }
  rows.length = kept;
  uppers.length = kept;
  lowers.length = kept;
}

/** Rows that one search codes at most: some milliseconds of work. */
const ROWS_AT_ONCE = 8192;

/** Codes of the rows from 0 up to some row. */
export interface Codes {
  /** Rows that have codes. */
  rows(): number;
  /** No row's error is larger. */
  largestError(): number;
  /** The first row with the same numbers as a row, which may be itself. */
  firstAlike(row: number): number;
  /**
   * Codes more rows, up to `to` or a limit.
   *
   * @throws {CarryoverError} `CORRUPT` if one is not of unit length.
   * @throws {RangeError} If there is no room for the codes.
   */
  extend(to: number): void;
  /** Drops the codes of the rows from `at` on: they are not what they were. */
  cut(at: number): void;
}

/** @param vectors The rows, as they are at every call. */
export function createCodes(kernel: Kernel, blocks: Blocks, vectors: readonly Float32Array[]): Codes {
  const { stride, batch } = blocks;
  const alike: number[] = [];
  // By scale and error, which hardly any two different rows share. What it says is looked at again: rows may have moved.
  const byCodes = new Map<number, number>();
  let largestError = 0;

  const noteRow = (row: number): void => {
    const { floats, ints } = blocks.views();
    const scale = blocks.scaleAt(row) / 4;
    const error = blocks.errorAt(row) / 4;
    largestError = Math.max(largestError, floats[error] as number);
    const key = (ints[scale] as number) ^ Math.imul(ints[error] as number, 0x9e3779b1);
    const other = byCodes.get(key);
    if (other !== undefined && other < row && areEqual(vectors[other], vectors[row])) {
      alike.push(alike[other] as number);
    } else {
      alike.push(row);
      byCodes.set(key, row);
    }
  };

  return {
    rows: () => alike.length,
    largestError: () => largestError,
    firstAlike: (row) => alike[row] as number,
    extend: (to) => {
      const end = Math.min(to, alike.length + ROWS_AT_ONCE);
      blocks.reserve(end);
      for (let first = alike.length; first < end;) {
        const count = Math.min(BATCH_ROWS, BLOCK_ROWS - (first % BLOCK_ROWS), end - first);
        for (let i = 0; i < count; i++) {
          const vector = vectors[first + i] as Float32Array;
          // The bounds hold for these alone.
          if (!isUnit(vector)) throw corruptVector(`a vector of length ${Math.sqrt(squaredLength(vector))}`);
          blocks.load(vector, i);
        }
        kernel.encode(batch, count, stride, blocks.codesAt(first), blocks.scaleAt(first), blocks.errorAt(first));
        for (let i = 0; i < count; i++) noteRow(first + i);
        first += count;
      }
    },
    cut: (at) => {
      if (at < alike.length) alike.length = at;
    },
  };
}

function areEqual(a: Float32Array | undefined, b: Float32Array | undefined): boolean {
  if (a === undefined || b === undefined) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** The error for a vector that none of our embedders makes. Its checksum is right, or it would have been refused when read. */
export function corruptVector(found: string): CarryoverError {
  return fail("CORRUPT", "Cannot search", { found, expected: "unit vectors: rebuild-vectors replaces the others" });
}
