import fs from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { type CarryoverError, fail } from "../errors.ts";
import { attemptAsync } from "../storage/fs.node.ts";
import { assertFree, makeWholeFolder } from "../storage/new-folder.node.ts";
import { copyFile, sameBytes, syncFiles } from "../storage/tree.node.ts";
import type { OnSteps, Pause } from "../util/async.ts";
import { type BackupInfo, findBackup, infoOf, LATEST, readManifest, wasPruned } from "./list.node.ts";
import { backupPause } from "./lock.node.ts";
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
  /** Stops it, within a moment. Nothing of it is left. */
  readonly signal?: AbortSignal | undefined;
  /** Files that were restored. */
  readonly onSteps?: OnSteps | undefined;
}

/**
 * Restores a backup to a folder. Afterwards the folder is complete; after an error it is as it was before.
 *
 * @throws {CarryoverError} `NOT_FOUND`, also if the backup is pruned meanwhile; `BAD_USAGE` if the target is not free;
 * `CORRUPT` if the backup is damaged; `IO`.
 */
export async function restoreBackup(options: RestoreOptions): Promise<BackupInfo> {
  const to = resolve(options.to);
  assertFree(to, "restore");
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
  const pause = backupPause(options.signal);
  const problems = dryRun
    ? await verifyBackup(root, id, options)
    : await attemptAsync("read", path, () => compareNamesAndSizes(path, { manifest, pause }));
  // Extra files are not restored, so they do no harm.
  const serious = problems.filter((problem) => problem.kind !== "extra");
  if (serious.length > 0) throw damagedError(path, serious);
  // Every byte is checked on the way.
  if (!dryRun) await makeWholeFolder(to, "restore", (temp) => copyFiles(path, { ...options, manifest, temp, pause }));
  return infoOf(root, id, manifest);
}

async function copyFiles(
  path: string,
  options: { manifest: BackupManifest; temp: string; pause: Pause; onSteps?: OnSteps | undefined },
): Promise<void> {
  const { manifest, temp, pause, onSteps } = options;
  for (const [i, file] of manifest.files.entries()) {
    onSteps?.("Restored", i, manifest.files.length);
    const target = join(temp, file.name);
    fs.mkdirSync(dirname(target), { recursive: true });
    const copied = await copyFile(join(path, file.name), target, { pause });
    if (!sameBytes(copied, file)) throw damagedError(path, [changedFile(file.name)]);
  }
  const names = manifest.files.map(({ name }) => name);
  await syncFiles(temp, { names, pause });
}

function damagedError(path: string, problems: readonly BackupProblem[]): CarryoverError {
  const found = `that ${summaryOf(problems)}`;
  return fail("CORRUPT", `Cannot restore "${path}"`, { found, expected: "a backup that verifies" });
}
