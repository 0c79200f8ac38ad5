/** Opens memory folders of this machine: to write, to maintain what a run has written, or to recall. */
import { resolve } from "node:path";
import type { Config } from "../config/config.ts";
import type { Embedder } from "../embed/embedder.ts";
import { type EmbedderConfig, loadEmbedder } from "../embed/load.node.ts";
import { fail } from "../errors.ts";
import { diskStorage } from "../storage/disk.node.ts";
import { lockHolder, withLock } from "../storage/lock.node.ts";
import type { Storage } from "../storage/storage.ts";
import type { OnEmbedded } from "./embed-missing.ts";
import { assertMemoryFolder } from "./folder.ts";
import { isForgetFile } from "./forget.ts";
import { type MemoryReading, readMemory } from "./load.ts";
import { openToRead } from "./open-to-read.node.ts";
import { idOfOutcomeFile } from "./outcome.ts";
import { type RecallQuestion, type RecallResult, recallTrades } from "./recall.ts";
import { MEMORY_FILE } from "./statistics.ts";
import { type Memory, openMemory, type OpenMemoryOptions } from "./store.ts";

/** A memory folder that is open for writing. No other process can write to it until it is closed. */
export interface OpenMemoryFolder {
  readonly memory: Memory;
  /** Brings the caches up to date and releases the folder. What still writes to the memory, such as a run, is stopped by an error. */
  readonly close: () => Promise<void>;
}

/**
 * Opens a memory folder for writing. A missing one is created.
 *
 * @throws {CarryoverError} `LOCKED` if another process writes to it; `BAD_USAGE` if it is not a memory; as `openMemory()` does.
 */
export function openMemoryFolder(folder: string, options: OpenMemoryOptions = {}): Promise<OpenMemoryFolder> {
  return openLocked(diskStorage(resolve(folder)), options);
}

/** As `openMemoryFolder()`. */
export async function openLocked(storage: Storage, options: OpenMemoryOptions): Promise<OpenMemoryFolder> {
  // Before the lock, which is a file in the folder.
  await assertMemoryFolder(storage);
  const lock = await storage.lock(lockHolder());
  try {
    const memory = await openMemory(storage, options);
    return { memory, close: () => memory.close().finally(() => lock.release()) };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/** What is done to a memory folder. */
export interface MaintenanceTask {
  /** As in "Cannot repair". */
  readonly name: string;
  readonly signal?: AbortSignal | undefined;
  /** Nothing is written, so neither lock nor embedder is needed. @default false */
  readonly dryRun?: boolean;
}

/**
 * Opens a memory folder that a run has written, in order to maintain it: under its lock, with the configured embedder.
 *
 * @param memory As configured, paths absolute.
 * @throws {CarryoverError} `NOT_FOUND` without a memory or the embedder's model; `BAD_USAGE` for a folder of another kind;
 * `LOCKED`; `IO`.
 */
export async function maintainMemory<T>(
  memory: Config["memory"],
  task: MaintenanceTask,
  work: (storage: Storage, embedder: Embedder | undefined) => Promise<T>,
): Promise<T> {
  const storage = diskStorage(memory.dir);
  // Before the lock, which would make a missing folder. A mistyped path must not turn another folder into a memory.
  await assertMemoryFolder(storage);
  const { files } = await storage.list();
  if (!files.some(({ name }) => idOfOutcomeFile(name) !== undefined || isForgetFile(name) || name === MEMORY_FILE)) {
    const expected = "a folder that a run has written to";
    throw fail("NOT_FOUND", `Cannot ${task.name}`, { found: `no memory in "${memory.dir}"`, expected });
  }
  if (task.dryRun === true) return work(storage, undefined);
  return withLock(storage, async () => work(storage, await loadEmbedder(memory, task)));
}

/** A question, and the folder to search. */
export interface RecallOptions extends RecallQuestion {
  readonly memoryDir: string;
  /** As configured. @default the embedder of the stored vectors, `hashing` if there are none */
  readonly embedder?: EmbedderConfig | undefined;
  /** Returns the folder of the sentence model. Needed only if no embedder is given and the model made the stored vectors. */
  readonly modelDir?: (() => Promise<string>) | undefined;
  /** Stops the reading of outcomes and the making of vectors. */
  readonly signal?: AbortSignal | undefined;
  readonly onEmbedded?: OnEmbedded | undefined;
}

/**
 * Finds the trades in a memory folder whose situations are most like a sentence. Takes no lock and writes nothing.
 *
 * @throws {CarryoverError} `BAD_USAGE` for a sentence without a word; `NOT_FOUND` if there is no such folder, asset, regime or
 * sentence model; `BAD_USAGE` if the folder is not a memory; `IO` if the folder may not be read.
 *
 * @example
 * ```ts
 * const { similar } = await recall({ memoryDir: "data/memory", sentence: "BTCUSD falling fast", k: 3 });
 * for (const { sentence, result_r } of similar) console.log(result_r, sentence);
 * ```
 */
export async function recall(options: RecallOptions): Promise<RecallResult> {
  const storage = await openToRead(options.memoryDir);
  const reading = await readMemory(storage, { signal: options.signal });
  const config = options.embedder ?? (await embedderOf(reading, options));
  return recallTrades(storage, reading, { ...options, embedder: await loadEmbedder(config, options) });
}

/** The embedder of the stored vectors. */
async function embedderOf(
  { sidecar }: Pick<MemoryReading, "sidecar">,
  { memoryDir, modelDir }: RecallOptions,
): Promise<EmbedderConfig> {
  if (sidecar?.embedder !== "onnx") return { embedder: "hashing", model_dir: "" };
  if (modelDir !== undefined) return { embedder: "onnx", model_dir: await modelDir() };
  const found = "vectors that the sentence model made, and no modelDir";
  throw fail("NOT_FOUND", `Cannot recall in "${memoryDir}"`, {
    found,
    expected: "modelDir, its folder, or an embedder",
  });
}
