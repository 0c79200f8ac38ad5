/**
 * Where things lie in a kernel's memory: the query, its codes, a block's scores, a list of addresses, then blocks of 1,024 rows: their
 * floats, their int8 codes, and a scale and an error for each row's codes. Blocks let the memory grow without a move.
 */
import type { Kernel } from "./kernel.ts";

/** Rows of a block. */
export const BLOCK_ROWS = 1024;

/** Numbers of a row are filled up with zeros to a multiple of this. */
const ALIGNED = 16;

/** Rows in a kernel's memory. Addresses are in bytes. */
export interface Blocks {
  /** Numbers of a row, with the zeros after it. */
  readonly stride: number;
  readonly query: number;
  readonly codedQuery: number;
  readonly scores: number;
  readonly list: number;
  floatsAt(row: number): number;
  codesAt(row: number): number;
  scaleAt(row: number): number;
  errorAt(row: number): number;
  /** No row's error is larger. */
  largestError(): number;
  /** The whole memory; other objects after `insert()`. */
  views(): Views;
  /** Places rows before the row `at`; there are `rows` so far. */
  insert(vectors: Float32Array, at: number, rows: number): void;
}

export interface Views {
  readonly floats: Float32Array;
  readonly doubles: Float64Array;
  readonly ints: Int32Array;
  readonly shorts: Int16Array;
}

/** Lays out an empty memory. */
export function createBlocks(kernel: Kernel, dim: number): Blocks {
  const stride = Math.ceil(dim / ALIGNED) * ALIGNED;
  const codedQuery = stride * 8;
  const scores = codedQuery + stride * 2;
  const list = scores + BLOCK_ROWS * 8;
  const header = list + BLOCK_ROWS * 4;
  const blockBytes = BLOCK_ROWS * (stride * 5 + 8);

  const startOf = (row: number): number => header + Math.floor(row / BLOCK_ROWS) * blockBytes;
  const floatsAt = (row: number): number => startOf(row) + (row % BLOCK_ROWS) * stride * 4;
  const codesAt = (row: number): number => startOf(row) + BLOCK_ROWS * stride * 4 + (row % BLOCK_ROWS) * stride;
  const scaleAt = (row: number): number => startOf(row) + BLOCK_ROWS * stride * 5 + (row % BLOCK_ROWS) * 4;
  const errorAt = (row: number): number => scaleAt(row) + BLOCK_ROWS * 4;

  let views = viewsOf(kernel.buffer);
  const reserve = (bytes: number): void => {
    const missing = bytes - kernel.buffer.byteLength;
    if (missing <= 0) return;
    kernel.grow(missing);
    views = viewsOf(kernel.buffer);
  };
  reserve(header);
  let largestError = 0;

  return {
    stride,
    query: 0,
    codedQuery,
    scores,
    list,
    floatsAt,
    codesAt,
    scaleAt,
    errorAt,
    largestError: () => largestError,
    views: () => views,
    insert: (vectors, at, rows) => {
      const added = vectors.length / dim;
      reserve(header + Math.ceil((rows + added) / BLOCK_ROWS) * blockBytes);
      const { floats } = views;
      for (let row = rows - 1; row >= at; row--) {
        const from = floatsAt(row) / 4;
        floats.copyWithin(floatsAt(row + added) / 4, from, from + stride);
      }
      for (let i = 0; i < added; i++) floats.set(vectors.subarray(i * dim, (i + 1) * dim), floatsAt(at + i) / 4);
      for (let row = at; row < rows + added;) {
        const count = Math.min(BLOCK_ROWS - (row % BLOCK_ROWS), rows + added - row);
        kernel.encode(floatsAt(row), count, stride, codesAt(row), scaleAt(row), errorAt(row));
        const errors = floats.subarray(errorAt(row) / 4, errorAt(row) / 4 + count);
        largestError = errors.reduce((most, error) => Math.max(most, error), largestError);
        row += count;
      }
    },
  };
}

function viewsOf(buffer: ArrayBuffer): Views {
  return {
    floats: new Float32Array(buffer),
    doubles: new Float64Array(buffer),
    ints: new Int32Array(buffer),
    shorts: new Int16Array(buffer),
  };
}
