/** Whether a folder is a memory. In any other folder nothing is read, moved, removed or written. */
import { fail, undefinedIfCorrupt } from "../errors.ts";
import { readJsonObject } from "../storage/json-file.ts";
import type { Listing, Storage } from "../storage/storage.ts";
import { isForgetFile, MAX_MARK_BYTES } from "./forget.ts";
import { readOutcome } from "./load.ts";
import { idOfOutcomeFile } from "./outcome.ts";
import { SIDECAR_FILE } from "./sidecar.ts";
import { MEMORY_FILE } from "./statistics.ts";
import { VECTORS_FILE } from "./vectors.ts";

/** What file systems, desktops and version control put into folders. */
const IGNORED_NAMES = [".DS_Store", ".gitignore", ".gitkeep", ".keep", "Thumbs.db", "desktop.ini", "lost+found"];

const MEMORY_NAMES = /^(?:memory\.json|outcome_.*\.json|vectors\.f32|runs|off|comparisons|quarantine)$/;

/** The folders of a memory, and the names in them that show that they are. */
const OWN_FOLDERS: Readonly<Record<string, RegExp>> = {
  runs: /^[0-9a-f]{64}$/,
  comparisons: /^comparison_[0-9a-f]+\.json$/,
  quarantine: /^(?:outcome_.*|forget_[0-9a-f]{8}|snapshot_\d{8}_\d{6}.*)\.json/,
  off: MEMORY_NAMES,
  synthetic: MEMORY_NAMES,
};

/** Foreign names that a message lists. */
const MAX_SHOWN = 3;

/**
 * Refuses a folder that is not a memory. A memory is an empty folder, or one with an outcome of ours or of another system, a
 * forget mark, `memory.json`, vectors, or runs. Whatever else is in it is left alone.
 *
 * @throws {CarryoverError} `BAD_USAGE`, naming what is there.
 */
export async function assertMemoryFolder(storage: Storage): Promise<void> {
  if (await hasCaches(storage)) return;
  const { files, folders } = await storage.list();
  const foreign = files.map(({ name }) => name).filter((name) => !IGNORED_NAMES.includes(name));
  for (const folder of folders.filter((name) => !IGNORED_NAMES.includes(name))) {
    const kind = await kindOfFolder(storage, folder);
    if (kind === "own") return;
    if (kind === "foreign") foreign.push(`${folder}/`);
  }
  if (foreign.length === 0 || (await hasOutcomeOrMark(storage, files))) return;
  const shown = foreign.slice(0, MAX_SHOWN).map((name) => JSON.stringify(name));
  const more = foreign.length > MAX_SHOWN ? ` and ${foreign.length - MAX_SHOWN} more` : "";
  throw fail("BAD_USAGE", `Cannot use "${storage.label}" as a memory folder`, {
    found: `${shown.join(", ")}${more}, and nothing of a memory`,
    expected: "an empty folder, or one that a run has written: name another with --memory-dir, or memory.dir",
  });
}

/** Whether it has files that nearly every memory has. This saves listing a large one. */
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

/** Tells by the names in a folder whether it is one of a memory. */
async function kindOfFolder(storage: Storage, folder: string): Promise<"empty" | "own" | "foreign"> {
  const own = OWN_FOLDERS[folder];
  if (own === undefined) return "foreign";
  const { files, folders } = await storage.list(folder);
  const names = [...files.map(({ name }) => name), ...folders];
  if (names.length === 0) return "empty";
  return names.some((name) => own.test(name)) ? "own" : "foreign";
}

/** Whether there is something that cannot be rebuilt. */
async function hasOutcomeOrMark(storage: Storage, files: Listing["files"]): Promise<boolean> {
  for (const { name } of files) {
    const id = idOfOutcomeFile(name);
    if (id !== undefined && (await undefinedIfCorrupt(() => readOutcome(storage, id))) !== undefined) return true;
    if (!isForgetFile(name)) continue;
    const mark = await undefinedIfCorrupt(() => readJsonObject(storage, name, { maxBytes: MAX_MARK_BYTES }));
    if (typeof mark?.["provider"] === "string") return true;
  }
  return false;
}
