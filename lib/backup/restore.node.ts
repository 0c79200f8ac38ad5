import fs from "node:fs";
import { dirname, join, resolve } from "node:path";
import { type CarryoverError, fail } from "../errors.ts";
import { attemptAsync, CREATE_ONLY, withFileAsync, writeAll } from "../storage/fs.node.ts";
import { assertFree, makeWholeFolder } from "../storage/new-folder.node.ts";
import { sameBytes, setWritten, syncFiles } from "../storage/tree.node.ts";
import { forEachAtOnce, type OnSteps, type Pause } from "../util/async.ts";
import { type BackupInfo, findBackup, infoOf, LATEST } from "./list.node.ts";
import { backupPause } from "./lock.node.ts";
import type { BackupManifest } from "./manifest.ts";
import { type BackupDir, openPlace } from "./open-place.node.ts";
import type { BackupPlace, BackupProblem } from "./place.ts";
import { changedFile, prunedMeanwhile, summaryOf, verifyBackup } from "./verify.node.ts";

export interface RestoreOptions {
  readonly backupDir: BackupDir;
  /** As `findBackup()` takes it. */
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
  const place = openPlace(options.backupDir);
  for (;;) {
    const id = await findBackup(place, options.id);
    try {
      // Every byte was checked: pruned afterwards, the backup is restored all the same.
      return await restoreFrom(place, id, { ...options, to });
    } catch (error) {
      if (await place.has(id)) throw error;
      // There is another latest one now.
      if (options.id !== LATEST) throw prunedMeanwhile("restore", place.pathOf(id));
    }
  }
}

async function restoreFrom(place: BackupPlace, id: string, options: RestoreOptions): Promise<BackupInfo> {
  const { to, dryRun = false } = options;
  const path = place.pathOf(id);
  const manifest = await place.readManifest(id);
  const pause = backupPause(options.signal);
  const problems = dryRun
    ? await verifyBackup(place, id, options)
    : await attemptAsync("read", path, () => place.compare(id, manifest, pause));
  // Extra files are not restored, so they do no harm.
  const serious = problems.filter((problem) => problem.kind !== "extra");
  if (serious.length > 0) throw damagedError(path, serious);
  // Every byte is checked on the way.
  if (!dryRun) {
    await makeWholeFolder(to, "restore", (temp) => copyFiles(place, id, { ...options, manifest, temp, pause }));
  }
  return infoOf(place, id, manifest);
}

async function copyFiles(
  place: BackupPlace,
  id: string,
  options: { manifest: BackupManifest; temp: string; pause: Pause; onSteps?: OnSteps | undefined },
): Promise<void> {
  const { manifest, temp, pause, onSteps } = options;
  let done = 0;
  await forEachAtOnce(manifest.files, place.atOnce, async (file) => {
    onSteps?.("Restored", done++, manifest.files.length);
    const target = join(temp, file.name);
    fs.mkdirSync(dirname(target), { recursive: true });
    const copied = await withFileAsync(target, CREATE_ONLY, async (fd) => {
      const read = await place.read(id, file, { pause, onBlock: (bytes, offset) => writeAll(fd, bytes, offset) });
      if (read?.writtenMs !== undefined) setWritten(fd, read.writtenMs);
      return read;
    });
    if (!sameBytes(copied, file)) throw damagedError(place.pathOf(id), [changedFile(file.name)]);
  });
  const names = manifest.files.map(({ name }) => name);
  await syncFiles(temp, { names, pause });
}

function damagedError(path: string, problems: readonly BackupProblem[]): CarryoverError {
  const found = `that ${summaryOf(problems)}`;
  return fail("CORRUPT", `Cannot restore "${path}"`, { found, expected: 'a good backup, which "backup verify" names' });
}
