import { type CarryoverError, fail, isCorrupt, messageOf } from "../errors.ts";
import { attemptAsync, isRefusal } from "../storage/fs.node.ts";
import { sameBytes } from "../storage/tree.node.ts";
import { forEachAtOnce, type OnSteps } from "../util/async.ts";
import { backupIds, findBackup, LATEST } from "./list.node.ts";
import { backupPause } from "./lock.node.ts";
import { type BackupManifest, MANIFEST } from "./manifest.ts";
import { type BackupDir, openPlace } from "./open-place.node.ts";
import type { BackupPlace, BackupProblem } from "./place.ts";

export interface VerifiedBackup {
  readonly id: string;
  readonly problems: readonly BackupProblem[];
  /** It was pruned before all of it was read. That is not damage. */
  readonly pruned?: true;
  /** The operating system refused to read it, so nobody knows whether it is damaged. `problem` says what. */
  readonly unreadable?: true;
  readonly problem?: string;
}

/**
 * Reads every byte of a backup and compares it with the manifest.
 *
 * @returns The problems, sorted by file; none for a good backup.
 * @throws {CarryoverError} `NOT_FOUND`, also if it is pruned meanwhile; `IO` where a file cannot be read.
 */
export async function verifyBackup(
  backupDir: BackupDir,
  id: string,
  options: VerifyOptions = {},
): Promise<BackupProblem[]> {
  const place = openPlace(backupDir);
  const known = await findBackup(place, id);
  return unlessPruned("verify", place, known, () => verifyAt(place, known, options));
}

export interface VerifyOptions {
  /** Stops it. */
  readonly signal?: AbortSignal | undefined;
  /** Files of a backup that were read. */
  readonly onSteps?: OnSteps | undefined;
  /** Files that were read and are whole, as `storedAs()` names them. Backups share most of theirs. */
  readonly whole?: Set<string> | undefined;
}

/** Runs `work` on a backup. If that is gone afterwards, throws `NOT_FOUND`, whatever came of it. */
async function unlessPruned<T>(verb: string, place: BackupPlace, id: string, work: () => Promise<T>): Promise<T> {
  const assertThere = async (): Promise<void> => {
    if (!(await place.has(id))) throw prunedMeanwhile(verb, place.pathOf(id));
  };
  let result: T;
  try {
    result = await work();
  } catch (error) {
    await assertThere();
    throw error;
  }
  await assertThere();
  return result;
}

/** The error of work on a backup that was pruned while it was read. */
export function prunedMeanwhile(verb: string, path: string): CarryoverError {
  return fail("NOT_FOUND", `Cannot ${verb} "${path}"`, {
    found: "that it was pruned meanwhile",
    expected: "a backup that stays",
  });
}

async function verifyAt(place: BackupPlace, id: string, options: VerifyOptions): Promise<BackupProblem[]> {
  const { signal, onSteps, whole = new Set<string>() } = options;
  const pause = backupPause(signal);
  let manifest: BackupManifest;
  try {
    manifest = await place.readManifest(id);
  } catch (error) {
    if ((place.isBucket && !isCorrupt(error)) || isRefusal(error)) throw error;
    return [{ file: MANIFEST, kind: "manifest", message: messageOf(error) }];
  }
  return attemptAsync("verify", place.pathOf(id), async () => {
    const problems = await place.compare(id, manifest, pause);
    const known = new Set(problems.map(({ file }) => file));
    let done = 0;
    await forEachAtOnce(manifest.files, place.atOnce, async (file) => {
      onSteps?.(`Verified ${id}:`, done++, manifest.files.length);
      if (known.has(file.name)) return;
      const stored = place.storedAs(id, file);
      if (whole.has(stored)) return;
      if (sameBytes(await place.read(id, file, { pause }), file)) whole.add(stored);
      else problems.push(changedFile(file.name));
    });
    return problems.sort((a, b) => (a.file < b.file ? -1 : 1));
  });
}

/**
 * Verifies backups one after the other, oldest first. One of all that may not be read ends nothing: it is `unreadable`.
 *
 * @param options `id`: only this one, as `findBackup()` takes it; `signal`: stops it.
 * @throws {CarryoverError} `NOT_FOUND`, also if there are no backups; `IO` where a file of the only one cannot be read.
 */
export async function verifyBackups(
  backupDir: BackupDir,
  options: VerifyOptions & { id?: string | undefined } = {},
): Promise<readonly VerifiedBackup[]> {
  const { id } = options;
  const place = openPlace(backupDir);
  const ids = id === undefined ? await backupIds(place) : [id];
  if (ids.length === 0) {
    throw fail("NOT_FOUND", "Cannot verify", { found: `no backups in "${place.label}"`, expected: "at least one" });
  }
  const whole = new Set<string>();
  const verified: VerifiedBackup[] = [];
  for (const each of ids) {
    verified.push(await verifyOne(place, each, { ...options, whole, isListed: id === undefined }));
  }
  return verified;
}

async function verifyOne(
  place: BackupPlace,
  id: string,
  options: VerifyOptions & { isListed: boolean },
): Promise<VerifiedBackup> {
  for (;;) {
    const known = options.isListed ? id : await findBackup(place, id);
    try {
      return { id: known, problems: await unlessPruned("verify", place, known, () => verifyAt(place, known, options)) };
    } catch (error) {
      if (await place.has(known)) {
        if (!options.isListed || !isRefusal(error)) throw error;
        return { id, problems: [], unreadable: true, problem: messageOf(error) };
      }
      // `latest` is another one now.
      if (id !== LATEST) return { id, problems: [], pruned: true };
    }
  }
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
