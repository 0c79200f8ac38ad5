import { type Kernel, plainKernel } from "./kernel.ts";
import { SCAN_WASM } from "./scan-wasm.ts";

const PAGE_BYTES = 65_536;

/** The compiled module; `null` where it may not be compiled. */
let compiled: WebAssembly.Module | null | undefined;

/** Opens a kernel of assembly/scan.ts with a memory of its own; `undefined` where there is no WebAssembly with SIMD. */
export function wasmKernel(): Kernel | undefined {
  if (compiled === undefined) compiled = compile();
  if (compiled === null) return undefined;
  const memory = new WebAssembly.Memory({ initial: 1 });
  const { exports } = new WebAssembly.Instance(compiled, { env: { memory } });
  // The module is ours: a test compiles it anew and finds the same bytes.
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
    return new WebAssembly.Module(Uint8Array.from(atob(SCAN_WASM), (char) => char.charCodeAt(0)));
  } catch {
    // No WebAssembly, none from bytes, or none with SIMD: the caller has the plain kernel.
    return null;
  }
}

/** Opens the WebAssembly kernel, or the plain one where WebAssembly may not be compiled (edge workers) or has no SIMD. */
export function openKernel(): Kernel {
  return wasmKernel() ?? plainKernel();
}
