import fs from "node:fs";
import { join, resolve } from "node:path";
import { fail, messageOf } from "../errors.ts";
import { attempt, READ_ONLY, readFully, systemCodeOf, withFile } from "../storage/fs.node.ts";
import { type BackupManifest, MANIFEST, MANIFEST_START_BYTES, parseManifest, sequenceIn } from "./manifest.ts";

/** A backup as `backup list --json` shows it. */
export interface BackupInfo {
  /** Folder name: `20210401T060000Z`, UTC. Further backups of the same second end in `-2`, `-3` and so on. */
  readonly id: string;
  /** Place among the backups of its folder, from 1; 0 before version 0.3.0, or if its manifest cannot be read. */
  readonly sequence: number;
  /** By the clock of the machine that made it, ISO 8601. */
  readonly created: string;
  readonly label: string | null;
  readonly outcomes: number;
  readonly files: number;
  readonly bytes: number;
  /** Bytes that the earlier backup did not have: what this one takes on disk. */
  readonly new_bytes: number;
  /** Its folder, absolute. */
  readonly path: string;
  /** Why its manifest cannot be read. The numbers are then 0. */
  readonly problem?: string;
}

/** Size limit of a manifest: enough for more than a million files. */
const MAX_MANIFEST_BYTES = 1 << 28;
const ID = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z(?:-(\d{1,6}))?$/;
/** Stands for the newest id. */
export const LATEST = "latest";
const OUTCOME = /^outcome_.*\.json$/;

/** Lists the backups in a folder, oldest first; none if it is missing. One with an unreadable manifest has a `problem`. */
export async function listBackups(backupDir: string): Promise<BackupInfo[]> {
  const root = resolve(backupDir);
  return attempt("list backups in", root, () =>
    backupIds(root).flatMap((id) => {
      try {
        return infoOf(root, id, readManifest(join(root, id)));
      } catch (error) {
        if (wasPruned(join(root, id))) return [];
        const created = id.replace(ID, "$1-$2-$3T$4:$5:$6.000Z");
        const empty = { sequence: 0, created, label: null, new_bytes: 0, files: [] };
        return { ...infoOf(root, id, empty), problem: messageOf(error) };
      }
    }),
  );
}

/** Whether a listed backup is gone: a prune renames the whole folder. */
export function wasPruned(path: string): boolean {
  return fs.lstatSync(path, { throwIfNoEntry: false }) === undefined;
}

/**
 * Returns the absolute folder of one backup.
 *
 * @param id As in the list, or `latest`.
 * @throws {CarryoverError} `NOT_FOUND`.
 */
export function findBackup(backupDir: string, id: string): string {
  const root = resolve(backupDir);
  const ids = attempt("list backups in", root, () => backupIds(root));
  const known = id === LATEST ? ids.at(-1) : ids.find((each) => each === id);
  if (known !== undefined) return join(root, known);
  throw fail("NOT_FOUND", "Cannot find the backup", {
    found: `no ${JSON.stringify(id)} in "${root}"`,
    expected: ids.length === 0 ? "a backup, and there is none" : `${LATEST} or one of ${ids.join(", ")}`,
  });
}

/** Reads the manifest in a backup's folder. @throws {CarryoverError} `CORRUPT` */
export function readManifest(folder: string): BackupManifest {
  const path = join(folder, MANIFEST);
  const bytes = attempt("read", path, () =>
    withFile(path, READ_ONLY, (fd) => {
      const stat = fs.fstatSync(fd);
      if (!stat.isFile() || stat.size > MAX_MANIFEST_BYTES) {
        throw fail("CORRUPT", `Cannot read "${path}"`, { found: `${stat.size} bytes`, expected: "a manifest" });
      }
      const all = new Uint8Array(stat.size);
      return all.subarray(0, readFully(fd, all, 0));
    }),
  );
  return parseManifest(bytes, path);
}

export function infoOf(backupDir: string, id: string, manifest: BackupManifest): BackupInfo {
  const { sequence, created, label, new_bytes, files } = manifest;
  return {
    id,
    sequence,
    created,
    label,
    outcomes: files.filter((file) => OUTCOME.test(file.name)).length,
    files: files.length,
    bytes: files.reduce((sum, file) => sum + file.size, 0),
    new_bytes,
    path: join(backupDir, id),
  };
}

/** Ids of the backups in a folder, oldest first. */
export function backupIds(backupDir: string): string[] {
  return orderedBackups(backupDir).map(({ id }) => id);
}

export function nextSequence(backupDir: string): number {
  return 1 + Math.max(0, ...orderedBackups(backupDir).map(({ sequence = 0 }) => sequence));
}

interface OrderedBackup {
  readonly id: string;
  /** `undefined` if the manifest cannot be read. */
  readonly sequence: number | undefined;
}

/**
 * The backups in a folder, oldest first: by sequence number, then by id. By time, a clock that was wrong once would make a
 * backup the newest for ever. One without a manifest comes where its id belongs.
 */
function orderedBackups(backupDir: string): OrderedBackup[] {
  let entries: fs.Dirent[];
  try {
    entries = fs.readdirSync(backupDir, { withFileTypes: true });
  } catch (error) {
    if (systemCodeOf(error) === "ENOENT") return [];
    throw error;
  }
  const backups = entries
    .filter((entry) => entry.isDirectory() && ID.test(entry.name))
    .map(({ name }) => ({ id: name, sequence: storedSequence(join(backupDir, name, MANIFEST)) }))
    .sort((a, b) => (a.sequence ?? 0) - (b.sequence ?? 0) || compareIds(a.id, b.id));
  const ordered: OrderedBackup[] = backups.filter(({ sequence }) => sequence !== undefined);
  for (const backup of backups.filter(({ sequence }) => sequence === undefined)) {
    ordered.splice(ordered.findLastIndex(({ id }) => compareIds(id, backup.id) < 0) + 1, 0, backup);
  }
  return ordered;
}

function storedSequence(manifest: string): number | undefined {
  try {
    const start = new Uint8Array(MANIFEST_START_BYTES);
    const length = withFile(manifest, READ_ONLY, (fd) => readFully(fd, start, 0));
    return sequenceIn(start.subarray(0, length));
  } catch {
    // Reading the whole manifest shows what is wrong with it.
    return undefined;
  }
}

/** By second, then by number within it. */
function compareIds(a: string, b: string): number {
  const [second, other] = [a.slice(0, 16), b.slice(0, 16)];
  if (second !== other) return second < other ? -1 : 1;
  return numberInSecond(a) - numberInSecond(b);
}

/** The number of an id among those of its second, from 1. */
function numberInSecond(id: string): number {
  return Number(ID.exec(id)?.[7] ?? 1);
}
