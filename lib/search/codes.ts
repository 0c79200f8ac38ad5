import { fail, type CarryoverError } from "../errors.ts";
import { isUnit, squaredLength } from "../util/vectors.ts";
import type { Kernel } from "./kernel.ts";

/** Rows of a block. */
export const BLOCK_ROWS = 1024;

/** Rows whose floats are in the kernel's memory at a time; they nearly fit the processor's first-level cache. */
export const BATCH_ROWS = 32;

/** Rows are padded with zeros to a multiple of this many numbers. */
const ALIGNMENT = 16;

/** Maximum rows that one search encodes: some milliseconds of work. */
const MAX_ROWS_AT_ONCE = 8192;

/**
 * The layout of a kernel's memory: the query, its codes, scores, a list of indices, the floats of a batch of rows, then blocks
 * of 1,024 rows. A block has the rows' int8 codes, then a scale and an error for each row. Blocks let the memory grow without
 * moving anything. Addresses are in bytes.
 */
export class KernelMemory {
  readonly kernel: Kernel;
  /** Numbers of a row, with padding. */
  readonly stride: number;
  readonly query = 0;
  readonly codedQuery: number;
  readonly scores: number;
  readonly list: number;
  readonly batch: number;
  readonly #blocks: number;
  readonly #blockBytes: number;
  /** The whole memory as numbers of each kind; replaced by `reserve()`. */
  floats!: Float32Array;
  doubles!: Float64Array;
  ints!: Int32Array;
  shorts!: Int16Array;

  constructor(kernel: Kernel, dim: number) {
    this.kernel = kernel;
    this.stride = Math.ceil(dim / ALIGNMENT) * ALIGNMENT;
    this.codedQuery = this.stride * 8;
    this.scores = this.codedQuery + this.stride * 2;
    this.list = this.scores + BLOCK_ROWS * 8;
    this.batch = this.list + BLOCK_ROWS * 4;
    this.#blocks = this.batch + BATCH_ROWS * this.stride * 4;
    this.#blockBytes = BLOCK_ROWS * (this.stride + 8);
    this.reserve(0);
    this.#view();
    // Rows are padded by what is not written here.
    new Uint8Array(kernel.buffer, 0, this.#blocks).fill(0);
  }

  codesAt(row: number): number {
    return this.#blockOf(row) + (row % BLOCK_ROWS) * this.stride;
  }

  scaleAt(row: number): number {
    return this.#blockOf(row) + BLOCK_ROWS * this.stride + (row % BLOCK_ROWS) * 4;
  }

  errorAt(row: number): number {
    return this.scaleAt(row) + BLOCK_ROWS * 4;
  }

  /** Makes room for the codes of this many rows. @throws {RangeError} If there is none. */
  reserve(rows: number): void {
    const missing = this.#blockOf(rows + BLOCK_ROWS - 1) - this.kernel.buffer.byteLength;
    if (missing <= 0) return;
    this.kernel.grow(missing);
    this.#view();
  }

  /** Copies a vector to position `i` of the batch. */
  load(vector: Float32Array, i: number): void {
    this.floats.set(vector, this.batch / 4 + i * this.stride);
  }

  #blockOf(row: number): number {
    return this.#blocks + Math.floor(row / BLOCK_ROWS) * this.#blockBytes;
  }

  #view(): void {
    const { buffer } = this.kernel;
    this.floats = new Float32Array(buffer);
    this.doubles = new Float64Array(buffer);
    this.ints = new Int32Array(buffer);
    this.shorts = new Int16Array(buffer);
  }
}

/**
 * The int8 codes of an index's rows from 0 up to some row. Searches make them, so an index that is only opened, or searched
 * once, needs none.
 */
export class Codes {
  readonly #memory: KernelMemory;
  readonly #vectors: readonly Float32Array[];
  /** For each row with codes, the first row with the same numbers. */
  readonly #firstEqual: number[] = [];
  /** The last new row for each hash of scale and error, which different rows hardly ever share. Rows may have moved. */
  readonly #byHash = new Map<number, number>();
  #maxError = 0;

  /** @param vectors The rows, as they are at every call. */
  constructor(memory: KernelMemory, vectors: readonly Float32Array[]) {
    this.#memory = memory;
    this.#vectors = vectors;
  }

  get rows(): number {
    return this.#firstEqual.length;
  }

  /** An upper bound of all rows' errors. */
  get maxError(): number {
    return this.#maxError;
  }

  /** The first row with the same numbers as `row`, or `row` itself. */
  firstEqual(row: number): number {
    return this.#firstEqual[row]!;
  }

  /**
   * Encodes more rows, up to `to` or a limit.
   *
   * @throws {CarryoverError} `CORRUPT` if one is not of unit length.
   * @throws {RangeError} If there is no room for the codes.
   */
  extend(to: number): void {
    const memory = this.#memory;
    const { kernel, batch, stride } = memory;
    const end = Math.min(to, this.rows + MAX_ROWS_AT_ONCE);
    memory.reserve(end);
    for (let first = this.rows; first < end;) {
      const count = Math.min(BATCH_ROWS, BLOCK_ROWS - (first % BLOCK_ROWS), end - first);
      for (let i = 0; i < count; i++) {
        const vector = this.#vectors[first + i]!;
        // The bounds hold for unit vectors only.
        if (!isUnit(vector)) throw corruptVector(`a vector of length ${Math.sqrt(squaredLength(vector))}`);
        memory.load(vector, i);
      }
      kernel.encode(batch, count, stride, memory.codesAt(first), memory.scaleAt(first), memory.errorAt(first));
      for (let i = 0; i < count; i++) this.#register(first + i);
      first += count;
    }
  }

  /** Drops the codes of the rows from `at` on, which have changed. */
  cut(at: number): void {
    if (at < this.rows) this.#firstEqual.length = at;
  }

  #register(row: number): void {
    const memory = this.#memory;
    const scale = memory.scaleAt(row) / 4;
    const error = memory.errorAt(row) / 4;
    this.#maxError = Math.max(this.#maxError, memory.floats[error]!);
    const hash = memory.ints[scale]! ^ Math.imul(memory.ints[error]!, 0x9e3779b1);
    const other = this.#byHash.get(hash);
    if (other !== undefined && other < row && areEqual(this.#vectors[other]!, this.#vectors[row]!)) {
      this.#firstEqual.push(this.#firstEqual[other]!);
    } else {
      this.#firstEqual.push(row);
      this.#byHash.set(hash, row);
    }
  }
}

function areEqual(a: Float32Array, b: Float32Array): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** The error for a vector that none of our embedders makes. Its checksum is right, or it would have been refused when read. */
export function corruptVector(found: string): CarryoverError {
  return fail("CORRUPT", "Cannot search", { found, expected: "unit vectors: rebuild-vectors replaces the others" });
}
