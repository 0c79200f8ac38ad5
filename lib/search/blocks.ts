import type { Kernel } from "./kernel.ts";

/** Rows of a block. */
export const BLOCK_ROWS = 1024;

/** Rows whose floats are in the kernel's memory at once: they fit the processor's first cache or nearly so. */
export const BATCH_ROWS = 32;

/** Numbers of a row are filled up with zeros to a multiple of this. */
const ALIGNED = 16;

/** A kernel's memory. Addresses are in bytes. */
export interface Blocks {
  /** Numbers of a row, with the zeros after it. */
  readonly stride: number;
  readonly query: number;
  readonly codedQuery: number;
  readonly scores: number;
  readonly list: number;
  readonly batch: number;
  codesAt(row: number): number;
  scaleAt(row: number): number;
  errorAt(row: number): number;
  /** The whole memory; other objects after `reserve()`. */
  views(): Views;
  /**
   * Makes room for the codes of so many rows.
   *
   * @throws {RangeError} If there is none.
   */
  reserve(rows: number): void;
  /** Copies a vector to a place in the batch. */
  load(vector: Float32Array, place: number): void;
}

/** The memory of the kernel as numbers of each kind. */
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
  const batch = list + BLOCK_ROWS * 4;
  const header = batch + BATCH_ROWS * stride * 4;
  const blockBytes = BLOCK_ROWS * (stride + 8);

  const codesAt = (row: number): number =>
    header + Math.floor(row / BLOCK_ROWS) * blockBytes + (row % BLOCK_ROWS) * stride;
  const scaleAt = (row: number): number =>
    header + Math.floor(row / BLOCK_ROWS) * blockBytes + BLOCK_ROWS * stride + (row % BLOCK_ROWS) * 4;
  const errorAt = (row: number): number => scaleAt(row) + BLOCK_ROWS * 4;

  let views = viewsOf(kernel.buffer);
  const reserve = (rows: number): void => {
    const missing = header + Math.ceil(rows / BLOCK_ROWS) * blockBytes - kernel.buffer.byteLength;
    if (missing <= 0) return;
    kernel.grow(missing);
    views = viewsOf(kernel.buffer);
  };
  reserve(0);

  return {
    stride,
    query: 0,
    codedQuery,
    scores,
    list,
    batch,
    codesAt,
    scaleAt,
    errorAt,
    views: () => views,
    reserve,
    load: (vector, place) => views.floats.set(vector, batch / 4 + place * stride),
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
