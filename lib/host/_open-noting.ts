import type { Storage } from "../files/storage.ts";
import { openMemory, type Memory, type OpenMemoryOptions } from "../memory/memory.ts";

/**
 * Opens a memory folder for writing, and says which vectors are kept where it is stopped meanwhile.
 *
 * @param options `signal`: what the embedder is stopped by; `resume`: says what goes on from there, by default the same command.
 * @throws {CarryoverError} As `openMemory()` does.
 */
export async function openNoting(
  storage: Storage,
  options: Omit<OpenMemoryOptions, "onVectorsKept"> & { signal: AbortSignal | undefined; resume?: string | undefined },
): Promise<Memory> {
  const { signal, resume = "the same command goes on", ...opening } = options;
  let kept = 0;
  try {
    return await openMemory(storage, { ...opening, onVectorsKept: (count) => (kept = count) });
  } catch (error) {
    if (signal?.aborted === true && error === signal.reason && kept > 0) {
      const what = kept === 1 ? "the vector that was made is" : `the ${kept} vectors that were made are`;
      opening.onNote?.(`Stopped: ${what} kept, and ${resume}`);
    }
    throw error;
  }
}
