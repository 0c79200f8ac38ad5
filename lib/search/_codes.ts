/** The int8 codes of an index's rows, made while it is searched: an index that is only opened, or asked once, does without. */
import { BATCH_ROWS, BLOCK_ROWS, type Blocks } from "./_blocks.ts";
import { assertUnitRow } from "./_unit.ts";
import type { Kernel } from "./kernel.ts";

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
          assertUnitRow(vector);
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
