import fs from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { type CarryoverError, fail } from "../errors.ts";
import { attempt, syncFolder } from "../storage/fs.node.ts";
import { copyFile, inTemporaryFolder, sameBytes, syncFiles, syncFolders } from "../storage/tree.node.ts";
import { type BackupInfo, findBackup, infoOf, readManifest } from "./list.node.ts";
import type { BackupManifest } from "./manifest.ts";
import { type BackupProblem, changedFile, compareNamesAndSizes, summaryOf, verifyBackup } from "./verify.node.ts";

/** The options of `restoreBackup()`. */
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
 * @throws {CarryoverError} `NOT_FOUND`; `BAD_USAGE` if the target is not free; `CORRUPT` if the backup is damaged; `IO`.
 */
export async function restoreBackup(options: RestoreOptions): Promise<BackupInfo> {
  const { backupDir, dryRun = false } = options;
  const path = findBackup(backupDir, options.id);
  const [root, id] = [dirname(path), basename(path)];
  const to = resolve(options.to);
  attempt("restore to", to, () => assertFree(to));
  const manifest = readManifest(path);
  const problems = dryRun
    ? await verifyBackup(root, id)
    : attempt("read", path, () => compareNamesAndSizes(path, manifest));
  // Extra files are not restored, so they do no harm.
  const serious = problems.filter((problem) => problem.kind !== "extra");
  if (serious.length > 0) throw damagedError(path, serious);
  if (!dryRun) attempt("restore to", to, () => copyBackup(path, manifest, to));
  return infoOf(root, id, manifest);
}

/** Copies into a temporary folder, checking every byte on the way, and renames it at the end. */
function copyBackup(path: string, manifest: BackupManifest, to: string): void {
  const above = dirname(to);
  inTemporaryFolder(above, "restore", (temp) => {
    for (const file of manifest.files) {
      const target = join(temp, file.name);
      fs.mkdirSync(dirname(target), { recursive: true });
      if (!sameBytes(copyFile(join(path, file.name), target), file)) throw damagedError(path, [changedFile(file.name)]);
    }
    syncFiles(
      temp,
      manifest.files.map(({ name }) => name),
    );
    syncFolders(temp);
    // This fails if the target has been filled meanwhile.
    fs.renameSync(temp, to);
  });
  syncFolder(above);
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
