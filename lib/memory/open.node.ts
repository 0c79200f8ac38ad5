/** What the commands share that look after a memory folder. */
import { statSync } from "node:fs";
import { resolve } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { Config } from "../config/config.ts";
import { describesSituation } from "../embed/hashing.ts";
import { type EmbedderConfig, loadEmbedder } from "../embed/load.node.ts";
import { CarryoverError } from "../errors.ts";
import { lockHolder } from "../storage/lock.node.ts";
import { diskStorage } from "../storage/disk.node.ts";
import { attempt } from "../storage/fs.node.ts";
import type { Storage } from "../storage/storage.ts";
import type { OnEmbedded } from "./embed-missing.ts";
import { isForgetFile } from "./forget.ts";
import { loadOutcomes, quarantine, readMemory, type StoredOutcomes } from "./load.ts";
import { idOfOutcomeFile } from "./outcome.ts";
import { type RecallQuestion, recallTrades, type RecallResult } from "./recall.ts";
import { MEMORY_FILE } from "./statistics.ts";
import { type Memory, openMemory, type OpenMemoryOptions } from "./store.ts";

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
  // An outcome that was exchanged for another of the same size still has its old columns in the sidecar.
  const trades = memory.trades.map(({ vector: _vector, ...trade }) => trade);
  if (!isDeepStrictEqual(trades, stored.trades))
    await openMemory(storage, { embedder, onEmbedded, rebuildVectors: true });
}

/**
 * A memory folder to read from.
 *
 * @throws {CarryoverError} `NOT_FOUND` if there is no such folder, `IO` if it may not be read.
 */
export function readableMemory(memoryDir: string): Storage {
  const found = attempt("read", memoryDir, () => statSync(memoryDir, { throwIfNoEntry: false }));
  if (found?.isDirectory() === true) return diskStorage(memoryDir);
  const what = found === undefined ? "nothing there" : "a file";
  throw new CarryoverError(
    "NOT_FOUND",
    `Cannot read memory in "${memoryDir}": found ${what}, expected a folder that a run has written`,
  );
}

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

/** A memory folder that is open for writing. No other process can write to it until it is closed. */
export interface OpenMemoryFolder {
  readonly memory: Memory;
  /** Brings the caches up to date and releases the folder. */
  readonly close: () => Promise<void>;
}

/**
 * Opens a memory folder for writing, and makes it if it is missing.
 *
 * @throws {CarryoverError} `LOCKED` if another process writes to it; as `openMemory()` does.
 *
 * @example
 * ```ts
 * const { memory, close } = await openMemoryFolder("data/memory");
 * ```
 */
export async function openMemoryFolder(folder: string, options: OpenMemoryOptions = {}): Promise<OpenMemoryFolder> {
  const storage = diskStorage(resolve(folder));
  const lock = await storage.lock(lockHolder());
  try {
    const memory = await openMemory(storage, options);
    return { memory, close: () => memory.flush().finally(() => lock.release()) };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/** A question, and where it is asked. */
export interface RecallOptions extends RecallQuestion {
  readonly memoryDir: string;
  /** What the configuration says. @default the embedder of the stored vectors, `hashing` where there are none */
  readonly embedder?: EmbedderConfig | undefined;
  /** Where the sentence model is: asked where no embedder is given and the stored vectors are the model's. */
  readonly modelDir: () => Promise<string>;
  /** Stops the making of vectors. */
  readonly signal?: AbortSignal | undefined;
  readonly onEmbedded?: OnEmbedded | undefined;
}

/**
 * Asks a memory folder for the trades whose situations are most like a sentence. Takes no lock and writes nothing.
 *
 * @returns The answer, the embedder that it was found with, and whether that knows any word of the sentence.
 * @throws {CarryoverError} `BAD_USAGE` for a sentence without a word, `NOT_FOUND` if there is no such folder, asset, regime or
 * sentence model, `IO` if the folder may not be read.
 */
export async function recall(
  options: RecallOptions,
): Promise<RecallResult & { embedder: string; knowsWords: boolean }> {
  const { memoryDir, sentence } = options;
  // Descriptions are in English, and the words of other scripts are nothing to the hashing embedder.
  if (!/[a-z]/i.test(sentence)) {
    const expected = 'words on a situation such as "BTCUSD falling fast, volatility wild"';
    throw new CarryoverError("BAD_USAGE", `Cannot recall: found ${JSON.stringify(sentence)}, expected ${expected}`);
  }
  const storage = readableMemory(memoryDir);
  const reading = await readMemory(storage);
  const config = options.embedder ?? (await storedEmbedder(reading.sidecar?.embedder, options));
  const embedder = await loadEmbedder(config, options);
  const names = new Set(reading.trades.map(({ asset }) => asset.toLowerCase()));
  // The model knows all words; imported outcomes may be described in any.
  const knowsWords =
    embedder.id !== "hashing" ||
    reading.trades.some(({ crc32 }) => crc32 === null) ||
    describesSituation(sentence, names);
  return { ...(await recallTrades(storage, reading, { ...options, embedder })), embedder: embedder.id, knowsWords };
}

async function storedEmbedder(
  stored: string | undefined,
  { modelDir }: Pick<RecallOptions, "modelDir">,
): Promise<EmbedderConfig> {
  return stored === "onnx" ? { embedder: "onnx", model_dir: await modelDir() } : { embedder: "hashing", model_dir: "" };
}
