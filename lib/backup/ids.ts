/** The names of backups, and their order. */
import type { StoredBackup } from "./place.ts";

const ID = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z(?:-(\d{1,6}))?$/;

export function isBackupId(name: string): boolean {
  return ID.test(name);
}

/** The time in an id, ISO 8601. */
export function timeOfId(id: string): string {
  return id.replace(ID, "$1-$2-$3T$4:$5:$6.000Z");
}

/** The first free id of the second of `created`, ISO 8601. */
export function freeId(created: string, isTaken: (id: string) => boolean): string {
  const second = `${created.slice(0, 19).replaceAll(/[-:]/g, "")}Z`;
  let id = second;
  for (let count = 2; isTaken(id); count += 1) id = `${second}-${count}`;
  return id;
}

/**
 * Backups oldest first: by sequence number, then by id. By time, a clock that was wrong once would make a backup the newest for
 * ever. One without a manifest comes where its id belongs.
 */
export function inOrder(stored: readonly StoredBackup[]): StoredBackup[] {
  const backups = stored.toSorted((a, b) => (a.sequence ?? 0) - (b.sequence ?? 0) || compareIds(a.id, b.id));
  const ordered = backups.filter(({ sequence }) => sequence !== undefined);
  for (const backup of backups.filter(({ sequence }) => sequence === undefined)) {
    ordered.splice(ordered.findLastIndex(({ id }) => compareIds(id, backup.id) < 0) + 1, 0, backup);
  }
  return ordered;
}

/** Backups newest first. */
export function lastFirst(stored: readonly StoredBackup[]): StoredBackup[] {
  return inOrder(stored).reverse();
}

/** The sequence number of the backup after these. */
export function nextSequence(stored: readonly StoredBackup[]): number {
  return 1 + Math.max(0, ...stored.map(({ sequence = 0 }) => sequence));
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
