import { basename, join, resolve } from "node:path";
import { type CarryoverError, fail, messageOf } from "../errors.ts";
import { attempt, attemptAsync } from "../storage/fs.node.ts";
import { fingerprintOf, sameBytes, treeOf } from "../storage/tree.node.ts";
import type { OnSteps, Pause } from "../util/async.ts";
import { backupIds, findBackup, LATEST, readManifest, wasPruned } from "./list.node.ts";
import { backupPause } from "./lock.node.ts";
import { type BackupManifest, MANIFEST } from "./manifest.ts";

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

export interface VerifiedBackup {
  readonly id: string;
  readonly problems: readonly BackupProblem[];
  /** It was pruned before all of it was read. That is not damage. */
  readonly pruned?: true;
}

/**
 * Reads every byte of a backup and compares it with the manifest.
 *
 * @returns The problems, sorted by file; none for a good backup.
 * @throws {CarryoverError} `NOT_FOUND`, also if it is pruned meanwhile; `IO` where a file cannot be read.
 */
export async function verifyBackup(
  backupDir: string,
  id: string,
  options: VerifyOptions = {},
): Promise<BackupProblem[]> {
  const path = findBackup(backupDir, id);
  return unlessPruned("verify", path, () => verifyAt(path, options));
}

export interface VerifyOptions {
  /** Stops it. */
  readonly signal?: AbortSignal | undefined;
  /** Files of a backup that were read. */
  readonly onSteps?: OnSteps | undefined;
}

/** Runs `work` on a backup. If that is gone afterwards, throws `NOT_FOUND`, whatever came of it. */
async function unlessPruned<T>(verb: string, path: string, work: () => T | Promise<T>): Promise<T> {
  const assertThere = (): void => {
    if (wasPruned(path)) throw prunedMeanwhile(verb, path);
  };
  let result: T;
  try {
    result = await work();
  } catch (error) {
    assertThere();
    throw error;
  }
  assertThere();
  return result;
}

/** The error of work on a backup that was pruned while it was read. */
export function prunedMeanwhile(verb: string, path: string): CarryoverError {
  return fail("NOT_FOUND", `Cannot ${verb} "${path}"`, {
    found: "that it was pruned meanwhile",
    expected: "a backup that stays",
  });
}

async function verifyAt(path: string, { signal, onSteps }: VerifyOptions): Promise<BackupProblem[]> {
  const pause = backupPause(signal);
  let manifest: BackupManifest;
  try {
    manifest = readManifest(path);
  } catch (error) {
    return [{ file: MANIFEST, kind: "manifest", message: messageOf(error) }];
  }
  return attemptAsync("verify", path, async () => {
    const problems = await compareNamesAndSizes(path, { manifest, pause });
    const known = new Set(problems.map(({ file }) => file));
    for (const [i, file] of manifest.files.entries()) {
      onSteps?.(`Verified ${basename(path)}:`, i, manifest.files.length);
      if (!known.has(file.name) && !sameBytes(await fingerprintOf(join(path, file.name), { pause }), file)) {
        problems.push(changedFile(file.name));
      }
    }
    return problems.sort((a, b) => (a.file < b.file ? -1 : 1));
  });
}

/**
 * Verifies backups one after the other, oldest first.
 *
 * @param options `id`: only this one, as in the list, or `latest`; `signal`: stops it.
 * @throws {CarryoverError} `NOT_FOUND`, also if there are no backups; `IO` where a file cannot be read.
 */
export async function verifyBackups(
  backupDir: string,
  options: VerifyOptions & { id?: string | undefined } = {},
): Promise<readonly VerifiedBackup[]> {
  const { id } = options;
  const root = resolve(backupDir);
  const ids = id === undefined ? attempt("list backups in", root, () => backupIds(root)) : [id];
  if (ids.length === 0) {
    throw fail("NOT_FOUND", "Cannot verify", { found: `no backups in "${backupDir}"`, expected: "at least one" });
  }
  const verified: VerifiedBackup[] = [];
  for (const each of ids) {
    verified.push(await verifyOne(root, each, { ...options, isListed: id === undefined }));
  }
  return verified;
}

async function verifyOne(
  root: string,
  id: string,
  options: VerifyOptions & { isListed: boolean },
): Promise<VerifiedBackup> {
  for (;;) {
    const path = options.isListed ? join(root, id) : findBackup(root, id);
    try {
      return { id: basename(path), problems: await unlessPruned("verify", path, () => verifyAt(path, options)) };
    } catch (error) {
      if (!wasPruned(path)) throw error;
      // `latest` is another one now.
      if (id !== LATEST) return { id, problems: [], pruned: true };
    }
  }
}

/** The problems with names, kinds and sizes, without reading the files. */
export async function compareNamesAndSizes(
  path: string,
  { manifest, pause }: { manifest: BackupManifest; pause: Pause },
): Promise<BackupProblem[]> {
  const { files, others } = await treeOf(path, { pause });
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

/** The problem of a file whose bytes differ although its size is right. */
export function changedFile(name: string): BackupProblem {
  return { file: name, kind: "changed", message: `"${name}" has other bytes than were backed up` };
}

/** The first problem, and how many more there are. */
export function summaryOf(problems: readonly BackupProblem[]): string {
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : "";
  return `${problems[0]!.message}${more}`;
}
