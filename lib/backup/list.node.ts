import fs from "node:fs";
import { join, resolve } from "node:path";
import { CarryoverError, messageOf } from "../errors.ts";
import { attempt, READ_ONLY, readFully, systemCodeOf } from "../storage/fs.node.ts";
import { type BackupManifest, MANIFEST, parseManifest } from "./manifest.node.ts";

/** A backup as a listing shows it. */
export interface BackupInfo {
  /** Folder name: `20210401T060000Z`, UTC, with `-2`, `-3` and so on for more of the same second. */
  readonly id: string;
  readonly label: string | null;
  /** ISO 8601. */
  readonly created: string;
  readonly files: number;
  readonly bytes: number;
  /** Bytes that were not there in the backup before: what it takes on disk. */
  readonly newBytes: number;
  readonly outcomes: number;
  /** Its folder, absolute. */
  readonly path: string;
  /** Why its manifest cannot be read; the numbers are then 0. */
  readonly problem?: string;
}

/** A manifest of this size names more than a million files. */
const MANIFEST_MAX_BYTES = 1 << 28;
const ID = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z(?:-(\d{1,6}))?$/;
/** Stands for the newest id. */
const LATEST = "latest";
const OUTCOME = /^outcome_.*\.json$/;

/**
 * Lists the backups in a folder, oldest first; a folder that is not there has none. One whose manifest cannot be read has a
 * `problem`.
 */
export async function listBackups(backupDir: string): Promise<BackupInfo[]> {
  const root = resolve(backupDir);
  return attempt("list backups in", root, () =>
    backupIds(root).map((id) => {
      try {
        return infoOf(root, id, readManifest(join(root, id)));
      } catch (error) {
        const created = id.replace(ID, "$1-$2-$3T$4:$5:$6.000Z");
        const none = { created, label: null, newBytes: 0, files: [] };
        return { ...infoOf(root, id, none), problem: messageOf(error) };
      }
    }),
  );
}

/**
 * The folder of one backup, absolute.
 *
 * @param id Of the listing, or `latest` for the newest.
 * @throws {CarryoverError} `NOT_FOUND`.
 */
export function findBackup(backupDir: string, id: string): string {
  const root = resolve(backupDir);
  const ids = attempt("list backups in", root, () => backupIds(root));
  const found = id === LATEST ? ids.at(-1) : ids.find((each) => each === id);
  if (found !== undefined) return join(root, found);
  const expected = ids.length === 0 ? "a backup, and there is none" : `${LATEST} or one of ${ids.join(", ")}`;
  throw new CarryoverError(
    "NOT_FOUND",
    `Cannot find the backup: found no ${JSON.stringify(id)} in "${root}", expected ${expected}`,
  );
}

/**
 * Reads the manifest of a backup's folder.
 *
 * @throws {CarryoverError} `CORRUPT`.
 */
export function readManifest(folder: string): BackupManifest {
  const path = join(folder, MANIFEST);
  const fd = attempt("read", path, () => fs.openSync(path, READ_ONLY));
  try {
    const stat = fs.fstatSync(fd);
    if (!stat.isFile() || stat.size > MANIFEST_MAX_BYTES) {
      throw new CarryoverError("CORRUPT", `Cannot read "${path}": found ${stat.size} bytes, expected a manifest`);
    }
    const bytes = new Uint8Array(stat.size);
    return parseManifest(
      bytes.subarray(
        0,
        attempt("read", path, () => readFully(fd, bytes, 0)),
      ),
      path,
    );
  } finally {
    fs.closeSync(fd);
  }
}

/** What a listing shows of a backup. */
export function infoOf(backupDir: string, id: string, manifest: BackupManifest): BackupInfo {
  const { label, created, newBytes, files } = manifest;
  return {
    id,
    label,
    created,
    files: files.length,
    bytes: files.reduce((sum, file) => sum + file.size, 0),
    newBytes,
    outcomes: files.filter((file) => OUTCOME.test(file.name)).length,
    path: join(backupDir, id),
  };
}

/** Ids of the backups in a folder, oldest first. */
export function backupIds(backupDir: string): string[] {
  let entries: fs.Dirent[];
  try {
    entries = fs.readdirSync(backupDir, { withFileTypes: true });
  } catch (error) {
    if (systemCodeOf(error) === "ENOENT") return [];
    throw error;
  }
  return entries
    .filter((entry) => entry.isDirectory() && ID.test(entry.name))
    .map((entry) => entry.name)
    .sort((a, b) => a.slice(0, 16).localeCompare(b.slice(0, 16), "en") || countOf(a) - countOf(b));
}

/** The how-manieth of its second an id is. */
function countOf(id: string): number {
  return Number(ID.exec(id)?.[7] ?? 1);
}
