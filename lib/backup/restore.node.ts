import fs from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { type CarryoverError, fail } from "../errors.ts";
import { attempt, attemptAsync, discard, makeFolder, syncFolder } from "../storage/fs.node.ts";
import { lockHolder, takeLock } from "../storage/lock.node.ts";
import {
  copyFile,
  inTemporaryFolder,
  sameBytes,
  syncFiles,
  syncFolders,
  temporaryEntries,
} from "../storage/tree.node.ts";
import { type BackupInfo, findBackup, infoOf, LATEST, readManifest, wasPruned } from "./list.node.ts";
import { DAY_MS } from "../util/time.ts";
import type { BackupManifest } from "./manifest.ts";
import {
  type BackupProblem,
  changedFile,
  compareNamesAndSizes,
  prunedMeanwhile,
  summaryOf,
  verifyBackup,
} from "./verify.node.ts";

export interface RestoreOptions {
  readonly backupDir: string;
  /** As in the list, or `latest`. */
  readonly id: string;
  /** The folder to restore to: missing or empty. */
  readonly to: string;
  /** Checks everything and writes nothing. @default false */
  readonly dryRun?: boolean;
}

/**
 * Restores a backup to a folder. Afterwards the folder is complete; after an error it is as it was before.
 *
 * @throws {CarryoverError} `NOT_FOUND`, also if the backup is pruned meanwhile; `BAD_USAGE` if the target is not free;
 * `CORRUPT` if the backup is damaged; `IO`.
 */
export async function restoreBackup(options: RestoreOptions): Promise<BackupInfo> {
  const to = resolve(options.to);
  attempt("restore to", to, () => assertFree(to));
  for (;;) {
    const path = findBackup(options.backupDir, options.id);
    try {
      // Every byte was checked: pruned afterwards, the backup is restored all the same.
      return await restoreFrom(path, to, options);
    } catch (error) {
      if (!wasPruned(path)) throw error;
      // There is another latest one now.
      if (options.id !== LATEST) throw prunedMeanwhile("restore", path);
    }
  }
}

async function restoreFrom(path: string, to: string, options: RestoreOptions): Promise<BackupInfo> {
  const { dryRun = false } = options;
  const [root, id] = [dirname(path), basename(path)];
  const manifest = readManifest(path);
  const problems = dryRun
    ? await verifyBackup(root, id)
    : attempt("read", path, () => compareNamesAndSizes(path, manifest));
  // Extra files are not restored, so they do no harm.
  const serious = problems.filter((problem) => problem.kind !== "extra");
  if (serious.length > 0) throw damagedError(path, serious);
  if (!dryRun) await copyBackup(path, manifest, to);
  return infoOf(root, id, manifest);
}

/** Copies into a temporary folder, checking every byte on the way, and renames it at the end. */
async function copyBackup(path: string, manifest: BackupManifest, to: string): Promise<void> {
  const above = dirname(to);
  attempt("restore to", to, () => makeFolder(above));
  await sweepAbandoned(above);
  await inTemporaryFolder(above, "restore", async (temp) => {
    const lock = await takeLock(temp, lockHolder());
    try {
      await attemptAsync("restore to", to, async () => {
        await copyFiles(path, manifest, temp);
        // The lock does not come into the restored folder.
        for (const name of [".lock", ".lock.json"]) fs.unlinkSync(join(temp, name));
        syncFolders(temp);
        // This fails if the target has been filled meanwhile.
        fs.renameSync(temp, to);
      });
    } finally {
      await lock.release();
    }
  });
  attempt("restore to", to, () => syncFolder(above));
}

async function copyFiles(path: string, manifest: BackupManifest, temp: string): Promise<void> {
  for (const file of manifest.files) {
    const target = join(temp, file.name);
    fs.mkdirSync(dirname(target), { recursive: true });
    if (!sameBytes(copyFile(join(path, file.name), target), file)) throw damagedError(path, [changedFile(file.name)]);
  }
  const names = manifest.files.map(({ name }) => name);
  await syncFiles(temp, names);
}

/** Removes what killed restores left beside a target. A living one holds the lock of its temporary folder. */
async function sweepAbandoned(above: string): Promise<void> {
  for (const path of attempt("list", above, () => temporaryEntries(above, "restore"))) {
    try {
      // Without a lock it was killed in its first or last moment, or is of a version before 0.3.0.
      if (!fs.existsSync(join(path, ".lock")) && Date.now() - fs.lstatSync(path).mtimeMs < DAY_MS) continue;
      const lock = await takeLock(path, lockHolder());
      discard(path);
      await lock.release();
    } catch {
      // In use, or somebody else's who may not be disturbed.
    }
  }
}

function damagedError(path: string, problems: readonly BackupProblem[]): CarryoverError {
  const found = `that ${summaryOf(problems)}`;
  return fail("CORRUPT", `Cannot restore "${path}"`, { found, expected: "a backup that verifies" });
}

function assertFree(to: string): void {
  const stat = fs.lstatSync(to, { throwIfNoEntry: false });
  if (stat === undefined) return;
  const entries = stat.isDirectory() ? fs.readdirSync(to).length : undefined;
  if (entries === 0) return;
  const found =
    entries !== undefined
      ? `${entries} ${entries === 1 ? "entry" : "entries"}`
      : stat.isSymbolicLink()
        ? "a symbolic link"
        : "a file";
  const old = JSON.stringify(join(dirname(to), `${basename(to)}.old`));
  throw fail("BAD_USAGE", `Cannot restore to "${to}"`, {
    found,
    expected: `nothing or an empty folder: move it away first (mv ${JSON.stringify(to)} ${old})`,
  });
}
