/** Whether a folder is a memory. What is in another one is not ours: nothing there is read, moved, removed or written. */
import { fail, undefinedIfCorrupt } from "../errors.ts";
import { readJsonObject } from "../storage/json-file.ts";
import type { Listing, Storage } from "../storage/storage.ts";
import { isForgetFile, MAX_MARK_BYTES } from "./forget.ts";
import { readOutcome } from "./load.ts";
import { idOfOutcomeFile } from "./outcome.ts";
import { SIDECAR_FILE } from "./sidecar.ts";
import { MEMORY_FILE } from "./statistics.ts";
import { VECTORS_FILE } from "./vectors.ts";

/** What file systems, desktops and version control put into a folder that is empty otherwise. */
const OF_NOBODY = [".DS_Store", ".gitignore", ".gitkeep", ".keep", "Thumbs.db", "desktop.ini", "lost+found"];

const OF_A_MEMORY = /^(?:memory\.json|outcome_.*\.json|vectors\.f32|runs|off|comparisons|quarantine)$/;

/** The folders of a memory, and names in them that show whose they are. */
const OWN_FOLDERS: Readonly<Record<string, RegExp>> = {
  runs: /^[0-9a-f]{64}$/,
  comparisons: /^comparison_[0-9a-f]+\.json$/,
  quarantine: /^(?:outcome_.*|forget_[0-9a-f]{8}|snapshot_\d{8}_\d{6}.*)\.json/,
  off: OF_A_MEMORY,
  synthetic: OF_A_MEMORY,
};

/** Foreign names that a message lists. */
const SHOWN = 3;

/**
 * Refuses a folder that is no memory. A memory is an empty folder, or one with an outcome of ours or of another system, a
 * forget mark, `memory.json`, vectors, or runs. Whatever else is in it is left alone.
 *
 * @throws {CarryoverError} `BAD_USAGE`, naming what is there.
 */
export async function assertMemoryFolder(storage: Storage): Promise<void> {
  if (await hasCaches(storage)) return;
  const { files, folders } = await storage.list();
  const foreign = files.map(({ name }) => name).filter((name) => !OF_NOBODY.includes(name));
  for (const folder of folders.filter((name) => !OF_NOBODY.includes(name))) {
    const kind = await kindOfFolder(storage, folder);
    if (kind === "own") return;
    if (kind === "foreign") foreign.push(`${folder}/`);
  }
  if (foreign.length === 0 || (await hasTruth(storage, files))) return;
  const shown = foreign.slice(0, SHOWN).map((name) => JSON.stringify(name));
  const more = foreign.length > SHOWN ? ` and ${foreign.length - SHOWN} more` : "";
  throw fail("BAD_USAGE", `Cannot use "${storage.label}" as a memory folder`, {
    found: `${shown.join(", ")}${more}, and nothing of a memory`,
    expected: "an empty folder, or one that a run has written: name another with --memory-dir, or memory.dir",
  });
}

/** A look at files that every memory has, so that a large one is not listed. */
async function hasCaches(storage: Storage): Promise<boolean> {
  const startOf = async (name: string): Promise<string | undefined> => {
    const bytes = await undefinedIfCorrupt(() => storage.read(name, { maxBytes: 64 }));
    return bytes === undefined ? undefined : new TextDecoder().decode(bytes);
  };
  for (const name of [SIDECAR_FILE, VECTORS_FILE]) if ((await startOf(name)) !== undefined) return true;
  if ((await startOf(MEMORY_FILE))?.includes('"carryover-memory"') === true) return true;
  // A backup is a memory without caches, and may have no outcome.
  return (await startOf("MANIFEST.json"))?.includes('"carryover-backup"') === true;
}

/** Whose a folder in a memory folder is, by the names in it. */
async function kindOfFolder(storage: Storage, folder: string): Promise<"empty" | "own" | "foreign"> {
  const own = OWN_FOLDERS[folder];
  if (own === undefined) return "foreign";
  const { files, folders } = await storage.list(folder);
  const names = [...files.map(({ name }) => name), ...folders];
  if (names.length === 0) return "empty";
  return names.some((name) => own.test(name)) ? "own" : "foreign";
}

/** Whether there is something that cannot be rebuilt. */
async function hasTruth(storage: Storage, files: Listing["files"]): Promise<boolean> {
  for (const { name } of files) {
    const id = idOfOutcomeFile(name);
    if (id !== undefined && (await undefinedIfCorrupt(() => readOutcome(storage, id))) !== undefined) return true;
    if (!isForgetFile(name)) continue;
    const mark = await undefinedIfCorrupt(() => readJsonObject(storage, name, { maxBytes: MAX_MARK_BYTES }));
    if (typeof mark?.["provider"] === "string") return true;
  }
  return false;
}
