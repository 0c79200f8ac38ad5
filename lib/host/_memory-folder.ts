/** What the commands share that look after a memory folder. */
import { isDeepStrictEqual } from "node:util";
import type { Config } from "../config.ts";
import { CarryoverError } from "../errors.ts";
import type { Storage } from "../files/storage.ts";
import { isForgetFile } from "../memory/forget.ts";
import { MEMORY_FILE, openMemory, type OpenMemoryOptions } from "../memory/memory.ts";
import { idOfOutcomeFile } from "../memory/outcome.ts";
import { loadOutcomes, quarantine, type StoredOutcomes } from "../memory/outcome-store.ts";
import { diskStorage } from "./disk-storage.ts";
import { lockHolder } from "./environment.ts";
import { loadEmbedder } from "./load-embedder.ts";

/** The memory to work on, its paths absolute; and who is told of vectors that are made. */
export interface MemoryOptions extends Pick<OpenMemoryOptions, "onEmbedded" | "onNote"> {
  readonly memory: Config["memory"];
  /** Stops the making of vectors; those that were made are kept. */
  readonly signal?: AbortSignal | undefined;
}

/** Runs `work` on a memory folder that is there; under its lock, unless nothing is written. */
export async function withMemoryFolder<T>(
  memoryDir: string,
  options: { what: string; readOnly: boolean },
  work: (storage: Storage) => Promise<T>,
): Promise<T> {
  const storage = diskStorage(memoryDir);
  // Before the lock, which would make the folder. And a folder of something else must not become a memory by a typing error.
  const { files } = await storage.list();
  if (!files.some(({ name }) => idOfOutcomeFile(name) !== undefined || isForgetFile(name) || name === MEMORY_FILE)) {
    throw new CarryoverError(
      "NOT_FOUND",
      `Cannot ${options.what}: found no memory in "${memoryDir}", expected a folder that a run has written to`,
    );
  }
  if (options.readOnly) return work(storage);
  const lock = await storage.lock(lockHolder());
  try {
    return await work(storage);
  } finally {
    await lock.release();
  }
}

/** Every outcome as its file has it, whatever the sidecar remembers. */
export async function readOutcomes(storage: Storage): Promise<StoredOutcomes> {
  return loadOutcomes(storage, await storage.list(), undefined);
}

/**
 * Moves damaged outcomes and marks to `quarantine/`, and makes whatever cache differs from the others.
 *
 * @param options `stored`: as `readOutcomes()` has just read it.
 */
export async function healMemory(storage: Storage, options: MemoryOptions & { stored: StoredOutcomes }): Promise<void> {
  const { stored } = options;
  const embedder = await loadEmbedder(options.memory, options);
  await quarantine(storage, stored.damaged);
  const { onEmbedded, onNote } = options;
  const memory = await openMemory(storage, { embedder, checkLengths: true, onEmbedded, onNote });
  // An outcome that was exchanged for another of the same size still has its old row in the sidecar.
  const rows = memory.rows.map(({ row }) => row);
  if (!isDeepStrictEqual(rows, stored.rows)) await openMemory(storage, { embedder, onEmbedded, rebuildVectors: true });
}
