import { fail, isCorrupt, messageOf } from "../errors.ts";
import { forEachAtOnce } from "../util/async.ts";
import { inOrder, timeOfId } from "./ids.ts";
import type { BackupManifest } from "./manifest.ts";
import { type BackupDir, openPlace } from "./open-place.node.ts";
import type { BackupPlace } from "./place.ts";
import { isRefusal } from "../storage/fs.node.ts";

/** A backup as `backup list --json` shows it. */
export interface BackupInfo {
  /** `20210401T060000Z`, UTC. Further backups of the same second end in `-2`, `-3` and so on. */
  readonly id: string;
  /** Place among the backups of its folder, from 1; 0 before version 1.0.0, or if its manifest cannot be read. */
  readonly sequence: number;
  /** By the clock of the machine that made it, ISO 8601. */
  readonly created: string;
  readonly label: string | null;
  readonly outcomes: number;
  readonly files: number;
  readonly bytes: number;
  /** Bytes that earlier backups did not have: what this one takes on disk or in the bucket. */
  readonly new_bytes: number;
  /** Its folder, absolute, or the address of its manifest in a bucket. */
  readonly path: string;
  /** Why its manifest cannot be read. The numbers are then 0. */
  readonly problem?: string;
  /** The operating system refused to read the manifest, so nobody knows whether it is damaged. */
  readonly unreadable?: true;
}

/** Stands for the newest id. */
export const LATEST = "latest";
const OUTCOME = /^outcome_.*\.json$/;

/**
 * Lists the backups in a folder or bucket, oldest first; none if it is missing. One with an unreadable manifest has a `problem`.
 *
 * @throws {CarryoverError} `IO`; of a bucket also `NOT_FOUND` if there is no such bucket, and `BAD_USAGE` without credentials.
 */
export async function listBackups(backupDir: BackupDir): Promise<BackupInfo[]> {
  const place = openPlace(backupDir);
  const infos = new Map<string, BackupInfo>();
  const ids = await backupIds(place);
  await forEachAtOnce(ids, place.atOnce, async (id) => {
    try {
      infos.set(id, infoOf(place, id, await place.readManifest(id)));
    } catch (error) {
      if (!(await place.has(id))) return;
      if (place.isBucket && !isCorrupt(error)) throw error;
      const empty = { sequence: 0, created: timeOfId(id), label: null, new_bytes: 0, files: [] };
      const info = { ...infoOf(place, id, empty), problem: messageOf(error) };
      infos.set(id, isRefusal(error) ? { ...info, unreadable: true } : info);
    }
  });
  return ids.flatMap((id) => infos.get(id) ?? []);
}

/** The backup with the most outcomes, the newest of several. @param backups At least one, oldest first. */
export function fullestOf(backups: readonly BackupInfo[]): BackupInfo {
  return backups.reduce((fullest, each) => (each.outcomes < fullest.outcomes ? fullest : each));
}

/**
 * Returns the id of one backup.
 *
 * @param id As in the list, `latest`, a label that no other backup has, or the beginning of one id.
 * @throws {CarryoverError} `NOT_FOUND`.
 */
export async function findBackup(place: BackupPlace, id: string): Promise<string> {
  const ids = await backupIds(place);
  const exact = id === LATEST ? ids.at(-1) : ids.find((each) => each === id);
  if (exact !== undefined) return exact;
  const backups = await listBackups(place);
  const labelled = backups.filter(({ label }) => id !== "" && label === id);
  const alike = labelled.length > 0 ? [] : ids.filter((each) => id !== "" && each.startsWith(id));
  const [first, ...others] = [...labelled.map((each) => each.id), ...alike];
  if (first !== undefined && others.length === 0) return first;
  const several = labelled.length > 0 ? "several with the label" : "several that begin with";
  const names = backups.map((each) => (each.label === null ? each.id : `${each.id} (${JSON.stringify(each.label)})`));
  throw fail("NOT_FOUND", "Cannot find the backup", {
    found: `${first === undefined ? "no" : several} ${JSON.stringify(id)} in "${place.label}"`,
    expected: ids.length === 0 ? "a backup, but there is none" : `${LATEST} or one of ${names.join(", ")}`,
  });
}

export function infoOf(place: BackupPlace, id: string, manifest: BackupManifest): BackupInfo {
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
    path: place.pathOf(id),
  };
}

/** Ids of the backups in a place, oldest first. */
export async function backupIds(place: BackupPlace): Promise<string[]> {
  return inOrder(await place.backups()).map(({ id }) => id);
}
