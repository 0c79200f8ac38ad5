import { SCAN_WASM } from "./scan-wasm.ts";

/**
 * The inner loops of the search over one flat memory. Arguments are byte addresses in it. `stride` is the length of a row in
 * numbers, a multiple of 16. All kernels give the same bits, except that codes may differ, which the search allows for.
 */
export interface Kernel {
  /** The memory; another object after `grow()`. */
  readonly buffer: ArrayBuffer;

  /** Adds at least this many zero bytes to the end of the memory. @throws {RangeError} If there is no room. */
  grow(bytes: number): void;

  /**
   * Writes the similarities of `count` rows of floats to a query of doubles, as doubles. Each is four sums, of every fourth
   * product, added as (1st + 2nd) + (3rd + 4th).
   */
  exact(row: number, count: number, stride: number, query: number, scores: number): void;

  /** Writes the dot products of `count` rows of int8 codes and an int16 query, as int32, which they fit. */
  coarse(code: number, count: number, stride: number, query: number, scores: number): void;

  /**
   * Multiplies `count` sums of `coarse()` by their scales, in floats, and writes the indices (int32, from 0) of those that are at
   * least `least`. The list needs room for `count` rounded up to a multiple of 4.
   *
   * @returns How many there are.
   */
  select(sums: number, scales: number, count: number, least: number, list: number): number;

  /**
   * Writes the int8 codes of `count` rows, none of them zero. For each row it writes, as floats, the scale of its codes and
   * the length of the difference between the row and its scaled codes, rounded up.
   */
  encode(row: number, count: number, stride: number, code: number, scales: number, errors: number): void;
}

/**
 * A kernel that nothing uses any more. JavaScriptCore has room for a few fast memories; for each further one it collects all
 * garbage first, which takes longer than a short run.
 */
let idle: Kernel | undefined;

/**
 * The fastest kernel that may run here: the plain one if WebAssembly may not be compiled (edge workers) or has no SIMD. Its memory
 * may hold what an earlier index left.
 */
export function openKernel(): Kernel {
  const kernel = idle ?? wasmKernel() ?? plainKernel();
  idle = undefined;
  return kernel;
}

/** Gives a kernel back, to be opened again. */
export function closeKernel(kernel: Kernel): void {
  idle = kernel;
}

const PAGE_BYTES = 65_536;

/** The compiled module; `null` if it may not be compiled. */
let compiled: WebAssembly.Module | null | undefined;

/** A kernel of assembly/scan.ts with a memory of its own; `undefined` without WebAssembly or its SIMD. */
export function wasmKernel(): Kernel | undefined {
  if (compiled === undefined) compiled = compile();
  if (compiled === null) return undefined;
  const memory = new WebAssembly.Memory({ initial: 1 });
  const { exports } = new WebAssembly.Instance(compiled, { env: { memory } });
  // A test recompiles the module and compares the bytes, so its exports are known.
  const { exact, coarse, select, encode } = exports as unknown as Omit<Kernel, "buffer" | "grow">;
  return {
    get buffer() {
      return memory.buffer;
    },
    grow: (bytes) => void memory.grow(Math.ceil(bytes / PAGE_BYTES)),
    exact,
    coarse,
    select,
    encode,
  };
}

function compile(): WebAssembly.Module | null {
  try {
    return new WebAssembly.Module(Uint8Array.from(SCAN_WASM.match(/../g)!, (byte) => Number(`0x${byte}`)));
  } catch {
    // No WebAssembly, none from bytes, or none with SIMD: the plain kernel takes its place.
    return null;
  }
}

/** A kernel in plain TypeScript, with the loops of assembly/scan.ts. */
export function plainKernel(): Kernel {
  let buffer = new ArrayBuffer(0);
  let floats = new Float32Array(buffer);
  let doubles = new Float64Array(buffer);
  let bytes = new Int8Array(buffer);
  let shorts = new Int16Array(buffer);
  let ints = new Int32Array(buffer);

  return {
    get buffer() {
      return buffer;
    },
    grow: (more) => {
      // Grows by a share of the size, so that each byte is moved only a few times.
      buffer = buffer.transfer(Math.ceil(Math.max(buffer.byteLength + more, 1.25 * buffer.byteLength) / 8) * 8);
      floats = new Float32Array(buffer);
      doubles = new Float64Array(buffer);
      bytes = new Int8Array(buffer);
      shorts = new Int16Array(buffer);
      ints = new Int32Array(buffer);
    },
    exact: (row, count, stride, query, scores) => {
      exactRows(floats, { doubles, row: row / 4, count, stride, query: query / 8, scores: scores / 8 });
    },
    coarse: (code, count, stride, query, scores) => {
      coarseRows(bytes, { shorts, ints, code, count, stride, query: query / 2, scores: scores / 4 });
    },
    select: (sums, scales, count, least, list) => {
      let next = list / 4;
      for (let i = 0; i < count; i++) {
        const scaled = ints[sums / 4 + i]! * floats[scales / 4 + i]!;
        if (Math.fround(scaled) >= least) ints[next++] = i;
      }
      return next - list / 4;
    },
    encode: (row, count, stride, code, scales, errors) => {
      for (let i = 0; i < count; i++) {
        const vector = floats.subarray(row / 4 + i * stride, row / 4 + (i + 1) * stride);
        const start = code + i * stride;
        const { scale, error } = encodeRow(vector, bytes.subarray(start, start + stride));
        floats[scales / 4 + i] = scale;
        floats[errors / 4 + i] = error;
      }
    },
  };
}

/** Indices into typed arrays, not bytes. */
interface Indices {
  readonly count: number;
  readonly stride: number;
  readonly query: number;
  readonly scores: number;
}

function exactRows(floats: Float32Array, indices: Indices & { doubles: Float64Array; row: number }): void {
  const { doubles, count, stride, query, scores } = indices;
  let j = indices.row;
  for (let r = 0; r < count; r++) {
    let a = 0;
    let b = 0;
    let c = 0;
    let d = 0;
    for (let i = query, end = query + stride; i < end; i += 4, j += 4) {
      a += floats[j]! * doubles[i]!;
      b += floats[j + 1]! * doubles[i + 1]!;
      c += floats[j + 2]! * doubles[i + 2]!;
      d += floats[j + 3]! * doubles[i + 3]!;
    }
    doubles[scores + r] = a + b + (c + d);
  }
}

/** Four rows at a time, a quarter of the range apart, like assembly/scan.ts: a number of the query is loaded once for four. */
function coarseRows(bytes: Int8Array, indices: Indices & { code: number; shorts: Int16Array; ints: Int32Array }): void {
  const { shorts, ints, count, stride, query, scores } = indices;
  const quarter = count >> 2;
  const [apart1, apart2, apart3] = [quarter * stride, 2 * quarter * stride, 3 * quarter * stride];
  let j = indices.code;
  for (let r = scores; r < scores + quarter; r++) {
    let a = 0;
    let b = 0;
    let c = 0;
    let d = 0;
    for (let i = query, end = query + stride; i < end; i += 2, j += 2) {
      const p = shorts[i]!;
      const q = shorts[i + 1]!;
      a = (a + Math.imul(bytes[j]!, p) + Math.imul(bytes[j + 1]!, q)) | 0;
      b = (b + Math.imul(bytes[j + apart1]!, p) + Math.imul(bytes[j + apart1 + 1]!, q)) | 0;
      c = (c + Math.imul(bytes[j + apart2]!, p) + Math.imul(bytes[j + apart2 + 1]!, q)) | 0;
      d = (d + Math.imul(bytes[j + apart3]!, p) + Math.imul(bytes[j + apart3 + 1]!, q)) | 0;
    }
    ints[r] = a;
    ints[r + quarter] = b;
    ints[r + 2 * quarter] = c;
    ints[r + 3 * quarter] = d;
  }
  j += apart3;
  for (let r = 4 * quarter; r < count; r++) {
    let sum = 0;
    for (let i = query, end = query + stride; i < end; i++, j++) sum = (sum + Math.imul(bytes[j]!, shorts[i]!)) | 0;
    ints[scores + r] = sum;
  }
}

function encodeRow(vector: Float32Array, codes: Int8Array): { scale: number; error: number } {
  let max = 0;
  for (const value of vector) max = Math.max(max, Math.abs(value));
  const scale = Math.fround(max / 127);
  let squares = 0;
  for (let i = 0; i < vector.length; i++) {
    const code = Math.round((vector[i]! / max) * 127);
    codes[i] = code;
    const lost = vector[i]! - scale * code;
    squares += lost * lost;
  }
  return { scale, error: Math.sqrt(squares) * 1.000001 };
}
