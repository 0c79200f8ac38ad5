import fs from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { setImmediate } from "node:timers/promises";
import { CarryoverError, messageOf } from "../errors.ts";
import {
  copyFile,
  fingerprintOf,
  sameBytes,
  sweepAbandoned,
  syncFiles,
  syncFolders,
  treeOf,
} from "../storage/tree.node.ts";
import { attempt, discard, makeFolder, syncFolder, temporaryName } from "../storage/fs.node.ts";
import { type BackupInfo, findBackup, infoOf, listBackups, readManifest } from "./list.node.ts";
import { type BackupManifest, MANIFEST } from "./manifest.node.ts";

/** What is wrong with one file of a backup. */
export interface BackupProblem {
  /** Name in the backup. */
  readonly file: string;
  /**
   * `extra`: not in the manifest. `link`: a link, pipe or device. `changed`: other bytes than were backed up.
   * `manifest`: the manifest itself cannot be trusted.
   */
  readonly kind: "missing" | "changed" | "extra" | "link" | "manifest";
  /** One sentence without a final period. */
  readonly message: string;
}

/** What `restoreBackup()` takes. */
export interface RestoreOptions {
  readonly backupDir: string;
  /** Of the listing, or `latest`. */
  readonly id: string;
  /** A folder that is not there, or is empty. */
  readonly to: string;
  /** Checks everything and writes nothing. */
  readonly dryRun?: boolean;
}

/**
 * Reads every byte of a backup and compares it with the manifest.
 *
 * @returns What is wrong, sorted by file; nothing for a good backup.
 * @throws {CarryoverError} `NOT_FOUND`; `IO` where a file cannot be read.
 */
export async function verifyBackup(backupDir: string, id: string): Promise<BackupProblem[]> {
  const path = findBackup(backupDir, id);
  let manifest: BackupManifest;
  try {
    manifest = readManifest(path);
  } catch (error) {
    return [{ file: MANIFEST, kind: "manifest", message: messageOf(error) }];
  }
  return attempt("verify", path, () => {
    const problems = shapeProblems(path, manifest);
    const known = new Set(problems.map((problem) => problem.file));
    for (const file of manifest.files) {
      if (known.has(file.name)) continue;
      const found = fingerprintOf(join(path, file.name));
      if (!sameBytes(found, file)) problems.push(changed(file.name));
    }
    return problems.sort((a, b) => (a.file < b.file ? -1 : 1));
  });
}

/** A backup and what is wrong with it. */
export interface VerifiedBackup {
  readonly id: string;
  readonly problems: readonly BackupProblem[];
}

/**
 * Verifies backups one after the other, oldest first.
 *
 * @param options `id`: this one alone, of the listing or `latest`; `signal`: stops between two.
 * @throws {CarryoverError} `NOT_FOUND`, also where there are none; `IO` where a file cannot be read.
 */
export async function verifyBackups(
  backupDir: string,
  options: { id?: string | undefined; signal?: AbortSignal } = {},
): Promise<readonly VerifiedBackup[]> {
  const { id, signal } = options;
  const ids =
    id === undefined
      ? (await listBackups(backupDir)).map((backup) => backup.id)
      : [basename(findBackup(backupDir, id))];
  if (ids.length === 0) {
    throw new CarryoverError("NOT_FOUND", `Cannot verify: found no backups in "${backupDir}", expected at least one`);
  }
  const verified: VerifiedBackup[] = [];
  for (const each of ids) {
    // A backup is read in one go; a signal gets its turn in between.
    await setImmediate();
    signal?.throwIfAborted();
    verified.push({ id: each, problems: await verifyBackup(backupDir, each) });
  }
  return verified;
}

/**
 * Restores a backup to a folder that is then whole or, if anything is wrong, as it was.
 *
 * @throws {CarryoverError} `NOT_FOUND`; `BAD_USAGE` if there is something at `to`; `CORRUPT` if the backup is damaged;
 * `IO`.
 */
export async function restoreBackup(options: RestoreOptions): Promise<BackupInfo> {
  const { backupDir, id, dryRun = false } = options;
  const path = findBackup(backupDir, id);
  const to = resolve(options.to);
  attempt("restore to", to, () => assertFree(to));
  const manifest = readManifest(path);
  const problems = dryRun
    ? await verifyBackup(backupDir, basename(path))
    : attempt("read", path, () => shapeProblems(path, manifest));
  // A file that the manifest does not name is not restored, and does no harm.
  const serious = problems.filter((problem) => problem.kind !== "extra");
  if (serious.length > 0) throw damaged(path, serious);
  if (!dryRun) attempt("restore to", to, () => copyBeside(path, manifest, to));
  return infoOf(dirname(path), basename(path), manifest);
}

/** Copies beside the target, checks each byte on the way, and renames at the end. */
function copyBeside(path: string, manifest: BackupManifest, to: string): void {
  const above = dirname(to);
  makeFolder(above);
  sweepAbandoned(above);
  const temp = join(above, temporaryName("restore"));
  try {
    fs.mkdirSync(temp);
    for (const file of manifest.files) {
      const target = join(temp, file.name);
      fs.mkdirSync(dirname(target), { recursive: true });
      if (!sameBytes(copyFile(join(path, file.name), target), file)) throw damaged(path, [changed(file.name)]);
    }
    syncFiles(
      temp,
      manifest.files.map((file) => file.name),
    );
    syncFolders(temp);
    // Over a folder that is not empty by now this fails.
    fs.renameSync(temp, to);
  } catch (error) {
    discard(temp);
    throw error;
  }
  syncFolder(above);
}

/** What is wrong with names, kinds and sizes, without reading the files. */
function shapeProblems(path: string, manifest: BackupManifest): BackupProblem[] {
  const { files, others } = treeOf(path);
  const sizes = new Map(files.map((file) => [file.name, file.size]));
  const problems: BackupProblem[] = others.map((file) => ({
    file,
    kind: "link",
    message: `"${file}" is a link or device, expected a regular file`,
  }));
  for (const { name, size } of manifest.files) {
    const found = sizes.get(name);
    if (found === undefined && !others.includes(name)) {
      problems.push({ file: name, kind: "missing", message: `"${name}" is missing` });
    } else if (found !== undefined && found !== size) {
      problems.push({ file: name, kind: "changed", message: `"${name}" has ${found} bytes, expected ${size}` });
    }
    sizes.delete(name);
  }
  sizes.delete(MANIFEST);
  for (const file of sizes.keys()) {
    problems.push({ file, kind: "extra", message: `"${file}" is not in the manifest` });
  }
  return problems;
}

function changed(name: string): BackupProblem {
  return { file: name, kind: "changed", message: `"${name}" has other bytes than were backed up` };
}

function damaged(path: string, problems: readonly BackupProblem[]): CarryoverError {
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : "";
  return new CarryoverError(
    "CORRUPT",
    `Cannot restore "${path}": found that ${problems[0]?.message ?? "it is damaged"}${more}, expected a backup that ` +
      `verifies`,
  );
}

function assertFree(to: string): void {
  const stat = fs.lstatSync(to, { throwIfNoEntry: false });
  if (stat === undefined) return;
  const entries = stat.isDirectory() ? fs.readdirSync(to).length : undefined;
  if (entries === 0) return;
  const found = entries !== undefined ? `${entries} entries` : stat.isSymbolicLink() ? "a symbolic link" : "a file";
  const old = JSON.stringify(join(dirname(to), `${basename(to)}.old`));
  throw new CarryoverError(
    "BAD_USAGE",
    `Cannot restore to "${to}": found ${found}, expected nothing or an empty folder: move it away first ` +
      `(mv ${JSON.stringify(to)} ${old})`,
  );
}
