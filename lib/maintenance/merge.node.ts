import { existsSync, realpathSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Config } from "../config/config.ts";
import { folderWithoutMemory } from "../config/memory-folder.node.ts";
import { SYNTHETIC } from "../config/config.ts";
import { loadEmbedder } from "../embed/load.node.ts";
import { openToRead } from "../memory/open-to-read.node.ts";
import type { OpenMemoryOptions } from "../memory/store.ts";
import { diskStorage } from "../storage/disk.node.ts";
import { withLock } from "../storage/lock.node.ts";
import { assertFree, makeWholeFolder } from "../storage/new-folder.node.ts";
import type { Storage } from "../storage/storage.ts";
import { mergeMemories, type MergeResult } from "./merge.ts";

/** The memories in a memory folder: that of its runs, of those on synthetic bars, and of those without memory. */
const INNER_FOLDERS = ["", folderWithoutMemory(""), SYNTHETIC, folderWithoutMemory(SYNTHETIC)] as const;

/** What is merged where. */
export interface MergeFoldersOptions extends Pick<OpenMemoryOptions, "onEmbedded" | "onNote" | "signal"> {
  readonly folders: readonly string[];
  /** Missing or empty. */
  readonly to: string;
  /** The embedder of the merged vectors, and its model. */
  readonly embedder: Pick<Config["memory"], "embedder" | "model_dir">;
}

/** What `merge-memory --json` prints. */
export interface MergedFolder extends MergeResult {
  /** In `memory_dir`: empty, `off`, `synthetic` or `synthetic/off`. */
  readonly folder: string;
}

/**
 * Merges memory folders into a new one. It appears complete and durable, or not at all. The folders are locked meanwhile, and stay as
 * they are.
 *
 * @throws {CarryoverError} `BAD_USAGE` if the target is not free or a folder is not a memory; `NOT_FOUND`; `LOCKED` while a run writes
 * to one of them; `CORRUPT`, `CONFLICT` as `mergeMemories()` does; `IO`.
 */
export async function mergeFolders(options: MergeFoldersOptions): Promise<readonly MergedFolder[]> {
  const to = resolve(options.to);
  assertFree(to, "merge");
  for (const folder of options.folders) await openToRead(folder);
  const folders = [...new Set(options.folders.map((folder) => realpathSync(folder)))];
  const sources: { folder: string; storages: Storage[] }[] = [];
  for (const folder of INNER_FOLDERS) {
    const storages: Storage[] = [];
    for (const each of folders.map((outer) => join(outer, folder))) {
      if (existsSync(each)) storages.push(await openToRead(each));
    }
    if (storages.length > 0) sources.push({ folder, storages });
  }
  const embedder = await loadEmbedder(options.embedder, options);
  const merged: MergedFolder[] = [];
  await makeWholeFolder(to, "merge", async (temp) => {
    for (const { folder, storages } of sources) {
      const target = diskStorage(join(temp, folder));
      const result = await withLocks(storages, () => mergeMemories(storages, target, { ...options, embedder }));
      merged.push({ folder, ...result });
    }
  });
  return merged;
}

async function withLocks<T>([first, ...others]: readonly Storage[], work: () => Promise<T>): Promise<T> {
  return first === undefined ? work() : withLock(first, () => withLocks(others, work));
}
