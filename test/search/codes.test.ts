import { describe, expect, test } from "bun:test";
import { BATCH_ROWS, BLOCK_ROWS, Codes, KernelMemory } from "../../lib/search/codes.ts";
import { plainKernel } from "../../lib/search/kernel.ts";
import { seeded } from "../samples.ts";
import { unit, vectorsOf } from "./vector-samples.ts";

const [LONG, SHORT] = [20, 3];

describe("the memory of a kernel", () => {
  test("has its parts one after the other, rows padded to 16 numbers", () => {
    const memory = new KernelMemory(plainKernel(), LONG);
    expect(memory.stride).toBe(32);
    // A query of doubles, its codes of two bytes, a score of eight and an index of four a row, floats of a batch.
    const parts = [0, 32 * 8, 32 * 2, BLOCK_ROWS * 8, BLOCK_ROWS * 4, BATCH_ROWS * 32 * 4];
    const starts = parts.map((_, i) => parts.slice(0, i + 1).reduce((a, b) => a + b));
    const { query, codedQuery, scores, list, batch } = memory;
    expect([query, codedQuery, scores, list, batch]).toEqual(starts.slice(0, 5));
    expect(memory.codesAt(0)).toBe(starts[5]!);
    // A block has 1,024 rows of codes, then their scales, then their errors.
    const block = BLOCK_ROWS * (32 + 4 + 4);
    expect(memory.codesAt(5) - memory.codesAt(0)).toBe(5 * 32);
    expect(memory.codesAt(BLOCK_ROWS + 5) - memory.codesAt(5)).toBe(block);
    expect(memory.scaleAt(5) - memory.codesAt(0)).toBe(BLOCK_ROWS * 32 + 5 * 4);
    expect(memory.scaleAt(BLOCK_ROWS) - memory.scaleAt(0)).toBe(block);
    expect(memory.errorAt(5) - memory.scaleAt(0)).toBe((BLOCK_ROWS + 5) * 4);
  });

  test("grows to whole blocks, and only if it has to", () => {
    const kernel = plainKernel();
    const grown: number[] = [];
    const { grow } = kernel;
    kernel.grow = (bytes) => {
      grown.push(bytes);
      grow.call(kernel, bytes);
    };
    const memory = new KernelMemory(kernel, SHORT);
    grown.length = 0;
    memory.reserve(1);
    memory.reserve(BLOCK_ROWS);
    const one = grown.length;
    memory.reserve(BLOCK_ROWS);
    expect(grown).toHaveLength(one);
    expect(kernel.buffer.byteLength).toBeGreaterThanOrEqual(memory.errorAt(BLOCK_ROWS - 1) + 4);
    memory.reserve(BLOCK_ROWS + 1);
    expect(grown.length).toBeGreaterThan(one);
    expect(kernel.buffer.byteLength).toBeGreaterThanOrEqual(memory.errorAt(2 * BLOCK_ROWS - 1) + 4);
    expect(memory.floats.buffer).toBe(kernel.buffer);
  });

  test("pads with zeros, whatever another index left in it", () => {
    const kernel = plainKernel();
    kernel.grow(1 << 20);
    new Uint8Array(kernel.buffer).fill(7);
    const memory = new KernelMemory(kernel, SHORT);
    memory.load(Float32Array.of(1, 2, 3), 1);
    const row = memory.batch / 4 + memory.stride;
    expect([...memory.floats.subarray(row, row + memory.stride)]).toEqual([
      1,
      2,
      3,
      ...Array.from({ length: 13 }, () => 0),
    ]);
    const views = [memory.floats, memory.doubles, memory.ints, memory.shorts];
    expect(views.map((view) => view.buffer === kernel.buffer)).toEqual([true, true, true, true]);
  });
});

describe("codes", () => {
  /** Codes of these vectors, which may change. */
  function codesOf(vectors: Float32Array[]): { codes: Codes; memory: KernelMemory } {
    const memory = new KernelMemory(plainKernel(), vectors[0]!.length);
    return { codes: new Codes(memory, vectors), memory };
  }

  const [A, B] = [unit([3, 4, 0]), unit([4, 3, 0])];

  test("are a row's numbers in 127ths of the largest, with the scale and a bound of what is lost", () => {
    const vectors = vectorsOf("random", { count: 1100, dim: LONG }, seeded(1));
    vectors[0] = unit(Array.from({ length: LONG }, (_, i) => (i < 2 ? 3 + i : 0)));
    const { codes, memory } = codesOf(vectors);
    // In two parts, so that a batch ends at the end of a block and not behind it.
    codes.extend(5);
    codes.extend(vectors.length);
    expect(codes.rows).toBe(1100);
    const bytes = new Int8Array(memory.kernel.buffer);
    // 0.6 / 0.8 * 127 = 95.25.
    expect([...bytes.subarray(memory.codesAt(0), memory.codesAt(0) + 3)]).toEqual([95, 127, 0]);
    expect(memory.floats[memory.scaleAt(0) / 4]).toBeCloseTo(0.8 / 127, 8);
    const errors = vectors.map((vector, row) => {
      const scale = memory.floats[memory.scaleAt(row) / 4]!;
      const lost = vector.map((value, i) => value - scale * bytes[memory.codesAt(row) + i]!);
      const error = memory.floats[memory.errorAt(row) / 4]!;
      const length = Math.hypot(...lost);
      expect(length).toBeLessThanOrEqual(error * 1.0001);
      expect(error).toBeLessThan(length * 1.001 + 1e-6);
      return error;
    });
    expect(codes.maxError).toBe(Math.max(...errors));
    expect(codes.maxError).toBeGreaterThan(errors[0]!);
  });

  test("tell the first row with the same numbers, also of rows that share scale and error", () => {
    const other = unit([1, 2, 2]);
    const { codes } = codesOf([other, A, Float32Array.from(other), Float32Array.from(A), B]);
    codes.extend(5);
    expect([0, 1, 2, 3, 4].map((row) => codes.firstEqual(row))).toEqual([0, 1, 0, 1, 4]);
    const mirrored = codesOf([A, unit([-3, 4, 0])]).codes;
    mirrored.extend(2);
    expect(mirrored.firstEqual(1)).toBe(1);
  });

  test("are made of some thousand rows at a time", () => {
    const { codes } = codesOf(Array.from({ length: 9000 }, () => A));
    codes.extend(100);
    expect(codes.rows).toBe(100);
    codes.extend(9000);
    expect(codes.rows).toBe(8292);
    codes.extend(9000);
    expect(codes.rows).toBe(9000);
    codes.extend(9000);
    expect(codes.rows).toBe(9000);
    expect(codes.firstEqual(8999)).toBe(0);
  });

  test("are dropped from a row on, and made again of what is there then", () => {
    const vectors = [A, B, A];
    const { codes } = codesOf(vectors);
    codes.extend(3);
    codes.cut(3);
    expect(codes.rows).toBe(3);
    codes.cut(4);
    expect(codes.rows).toBe(3);
    codes.cut(1);
    expect(codes.rows).toBe(1);
    codes.cut(0);
    vectors.splice(0, 3, B, A, A);
    codes.extend(3);
    expect([0, 1, 2].map((row) => codes.firstEqual(row))).toEqual([0, 1, 1]);
    codes.cut(0);
    codes.extend(3);
    expect([0, 1, 2].map((row) => codes.firstEqual(row))).toEqual([0, 1, 1]);
  });

  test("are refused of a vector that is not of unit length", () => {
    const { codes } = codesOf([A, Float32Array.of(0, 2, 0)]);
    codes.extend(1);
    expect(() => codes.extend(2)).toThrow(
      "Cannot search: found a vector of length 2, expected unit vectors: rebuild-vectors replaces the others",
    );
    expect(codes.rows).toBe(1);
  });

  test("need room", () => {
    const memory = new KernelMemory(plainKernel(), SHORT);
    memory.kernel.grow = () => {
      throw new RangeError("no room");
    };
    expect(() => new Codes(memory, [A]).extend(1)).toThrow(new RangeError("no room"));
  });
});
