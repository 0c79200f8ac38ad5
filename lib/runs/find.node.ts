/** Which run a name means: `latest`, a label, or the first digits of an id, after `off/` or `synthetic/` if it is there. */
import { existsSync, lstatSync } from "node:fs";
import { join } from "node:path";
import { RUNS_FOLDER } from "../backtest/run-files.ts";
import { type CarryoverError, fail, undefinedIfCorrupt } from "../errors.ts";
import { openToRead } from "../memory/open-to-read.node.ts";
import { attempt, namesIn } from "../storage/fs.node.ts";
import type { Storage } from "../storage/storage.ts";
import { LATEST, readLabels } from "./labels.ts";

/** The memory folders in a memory folder, in the order in which a name is looked for. */
export const MEMORY_FOLDERS = ["", "off", "synthetic", "synthetic/off"] as const;

/** Candidates that a message lists. */
const MAX_SHOWN = 5;

/** A run, and the memory folder that it is in. */
export interface FoundRun {
  readonly id: string;
  readonly label: string | undefined;
  /** Names of the files in its folder, and when the newest was written, epoch ms. */
  readonly names: readonly string[];
  readonly writtenMs: number;
  readonly memoryDir: string;
  /** Where that is in the folder that was searched: "", `off`, `synthetic` or `synthetic/off`. */
  readonly folder: string;
  readonly storage: Storage;
}

/**
 * The runs of a memory folder, the newest first: that of which a file was written last, as no run has a clock in it.
 *
 * @param options `folder`: as in `FoundRun`.
 * @throws {CarryoverError} `NOT_FOUND` if there is no such folder; `BAD_USAGE` if it is not a memory; `IO`.
 */
export async function runsIn(memoryDir: string, options: { folder?: string } = {}): Promise<readonly FoundRun[]> {
  const { folder = "" } = options;
  const dir = join(memoryDir, folder);
  const storage = await openToRead(dir);
  const labels = (await undefinedIfCorrupt(() => readLabels(storage))) ?? new Map<string, string>();
  const runs = (await storage.list(RUNS_FOLDER)).folders.map((id) => ({
    id,
    label: labels.get(id),
    ...filesOf(join(dir, RUNS_FOLDER, id)),
    memoryDir: dir,
    folder,
    storage,
  }));
  return newestFirst(runs);
}

/** Orders runs by when they were written, the newest first. */
export function newestFirst(runs: readonly FoundRun[]): readonly FoundRun[] {
  return runs.toSorted((a, b) => b.writtenMs - a.writtenMs || (a.id < b.id ? -1 : 1));
}

/** What the newest runs of the folders in a memory folder are called, such as `off/latest`. */
export async function newestInFolders(memoryDir: string): Promise<readonly string[]> {
  const names: string[] = [];
  for (const folder of MEMORY_FOLDERS) {
    if (folder === "" || !existsSync(join(memoryDir, folder))) continue;
    if ((await runsIn(memoryDir, { folder })).length > 0) names.push(`${folder}/${LATEST}`);
  }
  return names;
}

/**
 * Finds the run that a name means in a memory folder. A label comes before the digits of an id. A name without a folder is
 * looked for in `off/` and `synthetic/` too, but only if the folder itself has no such run.
 *
 * @param name Such as `latest`, `3f9c`, `before the change` or `off/latest`.
 * @throws {CarryoverError} `NOT_FOUND` if there is no such run, `BAD_USAGE` if there are several; both list candidates.
 */
export async function findRun(memoryDir: string, name: string): Promise<FoundRun> {
  const [run] = await findRuns(memoryDir, [name]);
  return run!;
}

/** Like `findRun()`, for each of some names. Each folder is listed once: its runs share their `storage`. */
export async function findRuns(memoryDir: string, names: readonly string[]): Promise<readonly FoundRun[]> {
  const known = new Map<string, readonly FoundRun[]>();
  const runsOf = async (folder: string): Promise<readonly FoundRun[]> => {
    const runs = known.get(folder) ?? (await runsIn(memoryDir, { folder }));
    known.set(folder, runs);
    return runs;
  };
  const found: FoundRun[] = [];
  for (const name of names) found.push(await findAmong(runsOf, memoryDir, name));
  return found;
}

async function findAmong(
  runsOf: (folder: string) => Promise<readonly FoundRun[]>,
  memoryDir: string,
  name: string,
): Promise<FoundRun> {
  const { folder, rest } = splitName(name);
  const searched: FoundRun[] = [];
  for (const place of folder === undefined && rest !== LATEST ? MEMORY_FOLDERS : [folder ?? ""]) {
    if (place !== "" && !existsSync(join(memoryDir, place))) continue;
    const runs = await runsOf(place);
    searched.push(...runs);
    const found = matching(runs, rest);
    if (found.length === 1) return found[0]!;
    if (found.length > 1) throw ambiguous(name, found);
  }
  const none = searched.length === 0;
  const others = none ? await newestInFolders(memoryDir) : [];
  throw fail("NOT_FOUND", `Cannot find the run ${JSON.stringify(name)}`, {
    found: none ? `no runs in ${JSON.stringify(join(memoryDir, folder ?? ""))}` : listed(searched),
    expected: none
      ? oneOf(others)
      : `"${LATEST}", a label, or the first digits of one id, with the folder before it as in "off/${LATEST}"`,
  });
}

function splitName(name: string): { folder: string | undefined; rest: string } {
  const folder = MEMORY_FOLDERS.findLast((each) => each !== "" && name.startsWith(`${each}/`));
  return folder === undefined ? { folder, rest: name } : { folder, rest: name.slice(folder.length + 1) };
}

/** @param runs Newest first. */
function matching(runs: readonly FoundRun[], name: string): readonly FoundRun[] {
  if (name === LATEST) return runs.slice(0, 1);
  const labelled = runs.filter(({ label }) => label === name);
  if (labelled.length > 0 || name === "") return labelled;
  return runs.filter(({ id }) => id.startsWith(name.toLowerCase()));
}

/** What is expected where a folder has no runs of its own. @param others Those of the folders in it. */
function oneOf(others: readonly string[]): string {
  return others.length === 0
    ? "one: run-chunks makes them"
    : `one, or the name of one in its folders: ${others.join(", ")}`;
}

function ambiguous(name: string, found: readonly FoundRun[]): CarryoverError {
  const expected = "more digits of one id, or a label";
  return fail("BAD_USAGE", `Cannot tell which run ${JSON.stringify(name)} is`, { found: listed(found), expected });
}

function listed(runs: readonly FoundRun[]): string {
  const shown = runs.slice(0, MAX_SHOWN).map(({ id, label, folder }) => {
    const place = folder === "" ? "" : `${folder}/`;
    return `${place}${id.slice(0, 12)}${label === undefined ? "" : ` (${label})`}`;
  });
  const more = runs.length - shown.length;
  return shown.join(", ") + (more > 0 ? ` and ${more} more` : "");
}

function filesOf(folder: string): Pick<FoundRun, "names" | "writtenMs"> {
  return attempt("read", folder, () => {
    const names = namesIn(folder);
    // Of the files of a chunk, its record is written last. A writer may have replaced one since.
    const times = names
      .filter((name) => name.endsWith(".json"))
      .map((name) => lstatSync(`${folder}/${name}`, { throwIfNoEntry: false })?.mtimeMs ?? 0);
    return { names, writtenMs: Math.max(0, ...times) };
  });
}
