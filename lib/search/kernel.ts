import { plainKernel } from "./_plain-kernel.ts";
import { wasmKernel } from "./_wasm-kernel.ts";

/**
 * The inner loops of the search over one flat memory. Arguments are byte addresses in it, `stride` is the numbers of a row,
 * a multiple of 16. Every kernel gives the same bits, except that codes may differ, which the search allows for.
 */
export interface Kernel {
  /** The memory; another object after `grow()`. */
  readonly buffer: ArrayBuffer;

  /**
   * Adds at least so many zeros at the end of the memory.
   *
   * @throws {RangeError} If there is no room.
   */
  grow(bytes: number): void;

  /**
   * Writes the similarities of `count` rows of floats to a query of doubles, as doubles: of four sums, of each fourth
   * product, (1st + 2nd) + (3rd + 4th).
   */
  exact(row: number, count: number, stride: number, query: number, scores: number): void;

  /** Writes the sums of products of `count` rows of int8 codes and an int16 query, as int32, in whose range they are. */
  coarse(code: number, count: number, stride: number, query: number, scores: number): void;

  /**
   * Writes the places (int32, from 0) of those of `count` sums of `coarse()` that times their scales, in floats, are at
   * least `least`. The list takes `count` rounded up to a multiple of 4.
   *
   * @returns How many there are.
   */
  select(sums: number, scales: number, count: number, least: number, list: number): number;

  /**
   * Writes the int8 codes of `count` rows, none of them zero, and for each row, as floats, the scale of its codes and the
   * length of the difference between the row and its scaled codes, rounded up.
   */
  encode(row: number, count: number, stride: number, code: number, scales: number, errors: number): void;
}

/** Opens the WebAssembly kernel, or the plain one where WebAssembly may not be compiled (edge workers) or has no SIMD. */
export function openKernel(): Kernel {
  return wasmKernel() ?? plainKernel();
}
