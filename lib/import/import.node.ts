/** Imports trades of other systems from a disk into a memory folder. */
import fs from "node:fs";
import { join, resolve } from "node:path";
import type { Config } from "../config/config.ts";
import { loadEmbedder } from "../embed/load.node.ts";
import { CarryoverError, fail } from "../errors.ts";
import { unpack } from "../market/formats/unpack.ts";
import { openZone } from "../util/zones.ts";
import { assertMemoryFolder } from "../memory/folder.ts";
import { keptName } from "../memory/foreign-statistics.ts";
import { readMemory } from "../memory/load.ts";
import { openMemory, type OpenMemoryOptions } from "../memory/store.ts";
import { isSnapshotFile } from "../results/snapshot.ts";
import { diskStorage } from "../storage/disk.node.ts";
import { attempt, readRegular } from "../storage/fs.node.ts";
import { withLock } from "../storage/lock.node.ts";
import { ensureFile, type Storage } from "../storage/storage.ts";
import { settleAll } from "../util/async.ts";
import { areEqual } from "../util/bytes.ts";
import { groupBy } from "../util/group.ts";
import { type KeptFile, type ReadOptions, type Source, sourceOf } from "./findings.ts";
import type { System } from "./foreign-trade.ts";
import { type ImportPlan, planImport, type ReadOutcomes, readOutcomes } from "./import-outcomes.ts";

const MAX_SOURCE_BYTES = 1 << 29;

/** Of all files together, unpacked: they are read at once. */
const MAX_BYTES = 1 << 30;

/** Files that are written at the same time, which then become durable together. */
const AT_ONCE = 64;

/** Conflicts that a message lists; the others are counted. */
const MAX_SHOWN = 20;

/** What is imported, and where. */
export interface ImportOutcomesOptions
  extends ReadOptions, Pick<OpenMemoryOptions, "onEmbedded" | "onNote" | "signal"> {
  /** Files, archives and folders; of a folder its files. */
  readonly paths: readonly string[];
  readonly from?: System | undefined;
  /** As configured, paths absolute. */
  readonly memory: Config["memory"];
  readonly dryRun: boolean;
}

/** What an import did, or would do. */
export interface ImportOutcomesResult extends Omit<ReadOutcomes, "kept"> {
  readonly plan: ImportPlan;
  /** Names in the memory folder of files that are kept as they were, new or there already. */
  readonly kept: readonly string[];
}

/**
 * Imports trades into a memory folder, which is made if it is missing. What is there stays, and so do the sources. A second import
 * of the same adds nothing. Nothing is written if there is a conflict.
 *
 * @throws {CarryoverError} `CONFLICT`, with a line for each trade or file that memory has with other content; as `readOutcomes()`;
 * `NOT_FOUND` for a path; `BAD_USAGE` if a source is in the memory folder; `LOCKED`; `IO`.
 */
export async function importOutcomes(options: ImportOutcomesOptions): Promise<ImportOutcomesResult> {
  const { memory, timezone, dryRun, signal } = options;
  if (timezone !== undefined) openZone(timezone);
  for (const path of options.paths) assertOutside(path, memory.dir);
  const { sources, folders } = await readSources(options.paths);
  const read = readOutcomes(sources, options);
  const resultOf = (plan: ImportPlan, kept: readonly KeptFile[]): ImportOutcomesResult => ({
    ...read,
    skipped: [...read.skipped, ...folders, ...plan.skipped],
    plan,
    kept: kept.map(({ name }) => name),
  });
  const storage = diskStorage(memory.dir);
  await assertMemoryFolder(storage);
  if (dryRun) {
    const { trades } = await readMemory(storage, { signal });
    const plan = planImport(read.outcomes, trades);
    const kept = await placesOf(storage, read.kept);
    assertNoConflicts([...plan.conflicts, ...kept.conflicts], memory.dir);
    return resultOf(plan, kept.files);
  }
  return withLock(storage, async () => {
    const embedder = await loadEmbedder(memory, options);
    const { trades } = await openMemory(storage, { ...options, embedder });
    const plan = planImport(read.outcomes, trades);
    const kept = await placesOf(storage, read.kept);
    assertNoConflicts([...plan.conflicts, ...kept.conflicts], memory.dir);
    await createAll(storage, [...kept.files.filter(({ isNew }) => isNew), ...plan.added], signal);
    if (plan.added.length > 0) await openMemory(storage, { ...options, embedder });
    return resultOf(plan, kept.files);
  });
}

function assertOutside(path: string, memoryDir: string): void {
  const [source, memory] = [path, memoryDir].map((each) =>
    fs.existsSync(each) ? fs.realpathSync(each) : resolve(each),
  );
  if (source !== memory && !source!.startsWith(`${memory}/`)) return;
  throw fail("BAD_USAGE", `Cannot import "${path}"`, {
    found: "it in the memory folder",
    expected: "files outside of it: --memory-dir names another, and the files stay as they are",
  });
}

async function readSources(
  paths: readonly string[],
): Promise<{ sources: readonly Source[]; folders: ReadOutcomes["skipped"] }> {
  const folders: string[] = [];
  const names = paths.flatMap((path) => {
    const stat = fs.statSync(path, { throwIfNoEntry: false });
    if (stat === undefined) {
      throw fail("NOT_FOUND", `Cannot import "${path}"`, { found: "nothing there", expected: "a file or a folder" });
    }
    if (!stat.isDirectory()) return [path];
    const shown = attempt("list", path, () => fs.readdirSync(path)).filter((name) => !name.startsWith("."));
    const inside = groupBy(shown.map((name) => join(path, name)).toSorted(), isFolder);
    folders.push(...(inside.get(true) ?? []));
    return inside.get(false) ?? [];
  });
  if (names.length === 0) {
    throw fail("NOT_FOUND", `Cannot import "${paths.join('", "')}"`, { found: "no file", expected: "files of trades" });
  }
  const sources: Source[] = [];
  let size = 0;
  for (const name of new Set(names)) {
    const bytes = attempt("read", name, () => readRegular(name, { maxBytes: MAX_SOURCE_BYTES }));
    for (const file of await unpack({ name, bytes })) {
      size += file.bytes.length;
      if (size > MAX_BYTES) throw tooMany(name);
      sources.push(sourceOf(file));
    }
  }
  const inner =
    folders.length === 0 ? [] : [{ reason: "folders in a folder", count: folders.length, first: folders[0]! }];
  return { sources, folders: inner };
}

function tooMany(name: string): CarryoverError {
  const expected = "fewer files in one import: the next one adds to the same memory";
  return fail("BAD_DATA", `Cannot import "${name}"`, {
    found: `more than ${MAX_BYTES} bytes with the files before it`,
    expected,
  });
}

/** Also by a link. */
function isFolder(path: string): boolean {
  return fs.statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

/** Where files are kept: a snapshot under its name, others under one that no file of ours has. */
async function placesOf(
  storage: Storage,
  kept: readonly KeptFile[],
): Promise<{ files: readonly (KeptFile & { isNew: boolean })[]; conflicts: readonly string[] }> {
  const files: (KeptFile & { isNew: boolean })[] = [];
  const conflicts: string[] = [];
  const contentOf = async (name: string): Promise<Uint8Array | undefined> =>
    files.find((file) => file.name === name)?.bytes ?? (await storage.read(name, { maxBytes: MAX_SOURCE_BYTES }));
  for (const { name, bytes } of kept) {
    const isSnapshot = isSnapshotFile(name);
    for (let count = 1; ; count += 1) {
      const target = isSnapshot ? name : keptName(name, count);
      const there = await contentOf(target);
      if (there !== undefined && !areEqual(there, bytes)) {
        if (!isSnapshot) continue;
        conflicts.push(`"${name}": found other content in memory, expected the same`);
      } else if (!files.some((file) => file.name === target))
        files.push({ name: target, bytes, isNew: there === undefined });
      break;
    }
  }
  return { files, conflicts };
}

function assertNoConflicts(conflicts: readonly string[], memoryDir: string): void {
  if (conflicts.length === 0) return;
  const shown = conflicts.slice(0, MAX_SHOWN).map((conflict) => `Cannot import ${conflict}`);
  const more = conflicts.length > MAX_SHOWN ? [`Cannot import: ${conflicts.length - MAX_SHOWN} more conflicts`] : [];
  const advice = `Nothing was written to "${memoryDir}": --memory-dir DIR keeps both`;
  throw new CarryoverError("CONFLICT", [...shown, ...more, advice].join("\n"));
}

async function createAll(storage: Storage, files: readonly KeptFile[], signal: AbortSignal | undefined): Promise<void> {
  for (let i = 0; i < files.length; i += AT_ONCE) {
    signal?.throwIfAborted();
    await settleAll(files.slice(i, i + AT_ONCE).map(({ name, bytes }) => ensureFile(storage, name, bytes)));
  }
}
