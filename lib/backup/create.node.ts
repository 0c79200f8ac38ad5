import fs from "node:fs";
import { dirname, join, resolve } from "node:path";
import { CarryoverError } from "../errors.ts";
import { assertStorageName } from "../util/names.ts";
import {
  copyFile,
  filesIn,
  fingerprintOf,
  sameBytes,
  sweepAbandoned,
  syncFiles,
  syncFolders,
  treeOf,
} from "../storage/tree.node.ts";
import {
  attempt,
  CREATE_ONLY,
  discard,
  makeFolder,
  syncFolder,
  systemCodeOf,
  temporaryName,
  writeAll,
} from "../storage/fs.node.ts";
import { type BackupInfo, backupIds, infoOf, readManifest } from "./list.node.ts";
import { type BackupFile, formatManifest, MANIFEST } from "./manifest.node.ts";

/** A backup that was just made. */
export interface CreatedBackup extends BackupInfo {
  /** What was left out because it is a link, a pipe, or named as no backup can hold it. */
  readonly skipped: readonly string[];
}

/** What `createBackup()` takes. */
export interface CreateBackupOptions {
  readonly memoryDir: string;
  readonly backupDir: string;
  readonly label?: string;
  /** Recorded answers, backed up under `answers/`. */
  readonly answersDir?: string;
  /** Names the backup. */
  readonly now: Date;
}

/**
 * Backs up a memory folder, also while a run writes to it, into a plain folder that is itself a memory folder: outcomes,
 * forget marks, snapshots, runs, answers; no caches. What is unchanged since the newest backup is a hard link into it (a
 * copy where the file system has none). The folder appears whole, durable and checked, or not at all.
 *
 * @throws {CarryoverError} `NOT_FOUND` without a memory folder, `BAD_USAGE` for a label with control characters, `IO`.
 */
export async function createBackup(options: CreateBackupOptions): Promise<CreatedBackup> {
  const { memoryDir, answersDir, label = null, now } = options;
  const backupDir = resolve(options.backupDir);
  for (const folder of answersDir === undefined ? [memoryDir] : [memoryDir, answersDir]) {
    const found = attempt("back up", folder, () => fs.statSync(folder, { throwIfNoEntry: false }));
    if (found?.isDirectory() !== true) {
      throw new CarryoverError("NOT_FOUND", `Cannot back up "${folder}": found no such folder, expected one`);
    }
  }
  if (label !== null && (label.length > 200 || /\p{Cc}/u.test(label))) {
    throw new CarryoverError(
      "BAD_USAGE",
      `Cannot label a backup: found ${JSON.stringify(label)}, expected at most 200 characters without control characters`,
    );
  }
  return attempt("write a backup to", backupDir, () => {
    makeFolder(backupDir);
    sweepAbandoned(backupDir);
    const temp = join(backupDir, temporaryName("backup"));
    try {
      fs.mkdirSync(temp);
      const { files, fresh, skipped } = collect(temp, { memoryDir, answersDir, previous: newestBackup(backupDir) });
      syncFiles(
        temp,
        fresh.map((file) => file.name),
      );
      for (const file of fresh) {
        const path = join(temp, file.name);
        if (!sameBytes(fingerprintOf(path), file)) throw new Error(`"${path}" reads back other than it was written`);
      }
      const newBytes = fresh.reduce((sum, file) => sum + file.size, 0);
      const created = now.toISOString();
      const manifest = { created, label, newBytes, files };
      const fd = fs.openSync(join(temp, MANIFEST), CREATE_ONLY, 0o600);
      try {
        writeAll(fd, formatManifest(manifest), 0);
        fs.fsyncSync(fd);
      } finally {
        fs.closeSync(fd);
      }
      syncFolders(temp);
      const id = moveToFreeId(temp, backupDir, `${created.slice(0, 19).replaceAll(/[-:]/g, "")}Z`);
      syncFolder(backupDir);
      return { ...infoOf(backupDir, id, manifest), skipped };
    } catch (error) {
      discard(temp);
      throw error;
    }
  });
}

interface Collected {
  /** Sorted by name. */
  readonly files: readonly BackupFile[];
  /** Those that are copies and not links. */
  readonly fresh: readonly BackupFile[];
  readonly skipped: readonly string[];
}

/** Fills a folder with links and copies of what is to be backed up. */
function collect(
  target: string,
  options: { memoryDir: string; answersDir: string | undefined; previous: Previous | undefined },
): Collected {
  const { memoryDir, answersDir, previous } = options;
  const taken = new Map<string, BackupFile>();
  const skipped = new Set<string>();
  const madeFolders = new Set<string>();
  const fresh: BackupFile[] = [];

  function take(source: string, name: string): void {
    const path = join(target, name);
    if (!madeFolders.has(dirname(path))) {
      fs.mkdirSync(dirname(path), { recursive: true });
      madeFolders.add(dirname(path));
    }
    const linked = linkUnchanged(source, path, previous?.files.get(name));
    if (linked !== undefined) return void taken.set(name, linked);
    const copied = copyFile(source, path);
    // Pruned, quarantined or replaced since it was listed: it is no longer part of the memory.
    if (copied === undefined) return;
    const file = { name, ...copied };
    taken.set(name, file);
    fresh.push(file);
  }

  function takeAll(root: string, folder: string | undefined, select: (name: string) => string | undefined): void {
    const tree = folder === undefined ? filesIn(root) : treeOf(root, folder);
    for (const other of tree.others) if (select(other) !== undefined || other === folder) skipped.add(other);
    for (const file of tree.files) {
      const name = select(file.name);
      if (name === undefined || taken.has(name)) continue;
      if (isStorageName(name)) take(join(root, file.name), name);
      else skipped.add(name);
    }
  }

  // A run may be writing, in the order outcomes, decisions, chunk, summary. Backed up in the reverse order, each step
  // after a fresh listing, whatever a copied file refers to was there before it and is copied after it. Outcomes beyond the
  // last copied chunk do no harm: that chunk is run again and meets them as identical files.
  takeAll(memoryDir, "runs", (name) => (name.endsWith("/summary.json") ? name : undefined));
  takeAll(memoryDir, "runs", (name) => (/\/(?!summary\.|manifest\.)[^/]*\.json$/.test(name) ? name : undefined));
  takeAll(memoryDir, "runs", (name) => (/\/(?!manifest\.)[^/]*\.json$/.test(name) ? undefined : name));
  takeAll(memoryDir, undefined, (name) => (/^(?:outcome|snapshot|forget)_[^/]*\.json$/.test(name) ? name : undefined));
  if (answersDir !== undefined) {
    takeAll(answersDir, undefined, (name) => (/^[^/]*\.json$/.test(name) ? `answers/${name}` : undefined));
  }
  const files = [...taken.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  return { files, fresh, skipped: [...skipped].sort() };
}

interface Previous {
  readonly files: ReadonlyMap<string, BackupFile & { readonly path: string }>;
}

function newestBackup(backupDir: string): Previous | undefined {
  for (const id of backupIds(backupDir).reverse()) {
    try {
      const { files } = readManifest(join(backupDir, id));
      return { files: new Map(files.map((file) => [file.name, { ...file, path: join(backupDir, id, file.name) }])) };
    } catch {
      // A damaged backup is told by a listing; this one links into the one before it.
    }
  }
  return undefined;
}

/**
 * Links to the file of the backup before if it has the very bytes of the source. Both are read: times do not prove that
 * bytes are the same, and a link to a damaged copy would be a damaged backup.
 */
function linkUnchanged(
  source: string,
  path: string,
  old: (BackupFile & { readonly path: string }) | undefined,
): BackupFile | undefined {
  if (old === undefined || fs.lstatSync(source, { throwIfNoEntry: false })?.size !== old.size) return undefined;
  try {
    if (!sameBytes(fingerprintOf(source), old) || !sameBytes(fingerprintOf(old.path), old)) return undefined;
    fs.linkSync(old.path, path);
  } catch {
    // No links here, too many of them, or the old backup was pruned meanwhile: a copy does, or tells what is wrong.
    return undefined;
  }
  return { name: old.name, size: old.size, sha256: old.sha256 };
}

function isStorageName(name: string): boolean {
  try {
    assertStorageName(name);
    return true;
  } catch {
    return false;
  }
}

/** Renames a finished folder to the first free id of its second. */
function moveToFreeId(temp: string, backupDir: string, second: string): string {
  for (let count = 1; ; count += 1) {
    const id = count === 1 ? second : `${second}-${count}`;
    if (fs.lstatSync(join(backupDir, id), { throwIfNoEntry: false }) !== undefined) continue;
    try {
      fs.renameSync(temp, join(backupDir, id));
      return id;
    } catch (error) {
      // Another backup of the same second came in between.
      if (!["ENOTEMPTY", "EEXIST"].includes(systemCodeOf(error))) throw error;
    }
  }
}
