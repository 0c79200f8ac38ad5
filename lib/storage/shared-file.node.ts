// The default import, so that tests can make single calls fail.
import fs from "node:fs";
import { dirname, join } from "node:path";
import { HOUR_MS } from "../util/time.ts";
import { attempt, CREATE_ONLY, discard, syncFolder, systemCodeOf, temporaryName, writeAll } from "./fs.node.ts";

/** What a file system without hard links says to one. */
const NO_LINKS = ["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"];

/** A leftover of a process that was killed is older than any write that is still going on. */
const LEFTOVER_MS = HOUR_MS;

/** Writes files into a folder that other processes write to as well. */
export interface SharedWriter {
  /**
   * Writes a file whole under a name that must be free: synced under a temporary name first, then linked to its own, which
   * fails where another process was faster. Only the syncs take time, and other calls go on meanwhile.
   *
   * On a file system without hard links it is a rename after a look, which does not see who comes in the same moment.
   *
   * @returns Whether the name was free.
   */
  create(path: string, bytes: Uint8Array): Promise<boolean>;
}

/** @param onFailedSync Told which file or folder could not be synced. */
export function sharedWriter(onFailedSync: (path: string) => void): SharedWriter {
  /** The sync of each folder that is going on, and the one that those share who came since it began. */
  const syncs = new Map<string, { running: Promise<void>; next?: Promise<void> }>();
  /** Of files and folders whose sync failed. A second sync would not tell what the disk holds, so none is tried. */
  const failures = new Map<string, Error>();

  const sync = (fd: number, path: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const before = failures.get(path);
      if (before !== undefined) return reject(before);
      fs.fsync(fd, (error) => {
        if (error === null || error === undefined) return resolve();
        failures.set(path, error);
        onFailedSync(path);
        reject(error);
      });
    });

  const syncNow = async (folder: string): Promise<void> => {
    const fd = fs.openSync(folder, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
    try {
      await sync(fd, folder);
    } finally {
      fs.closeSync(fd);
    }
  };

  const start = (folder: string): Promise<void> => {
    const entry: { running: Promise<void>; next?: Promise<void> } = { running: syncNow(folder) };
    syncs.set(folder, entry);
    const end = (): void => {
      if (entry.next === undefined) syncs.delete(folder);
    };
    entry.running.then(end, end);
    return entry.running;
  };

  const syncShared = (folder: string): Promise<void> => {
    if (process.platform === "win32") return Promise.resolve();
    const there = syncs.get(folder);
    if (there === undefined) return start(folder);
    // What is going on may have begun before the entry was made.
    there.next ??= there.running.catch(() => {}).then(() => start(folder));
    return there.next;
  };

  return {
    async create(path, bytes) {
      const temp = join(dirname(path), temporaryName());
      let wasFree: boolean;
      try {
        const fd = fs.openSync(temp, CREATE_ONLY, 0o600);
        try {
          writeAll(fd, bytes, 0);
          await sync(fd, path);
        } finally {
          fs.closeSync(fd);
        }
        wasFree = give(temp, path);
      } finally {
        discard(temp);
      }
      // Also for another's file: it is used from now on, and who made it may die before its own sync.
      await syncShared(dirname(path));
      return wasFree;
    },
  };
}

/**
 * Settles what killed processes left behind in a folder that has no lock: their temporary files are removed, and the names of
 * their files synced, which they may have died before; what is found there is used from now on.
 *
 * @throws {CarryoverError} `IO`
 */
export function settleLeftovers(folder: string): void {
  let names: readonly string[];
  try {
    names = fs.readdirSync(folder);
  } catch {
    // Not there yet, or not to be read: the first use of it says so.
    return;
  }
  for (const name of names.filter((each) => each.startsWith(".tmp-"))) {
    const path = join(folder, name);
    const stat = fs.lstatSync(path, { throwIfNoEntry: false });
    if (stat !== undefined && Date.now() - stat.mtimeMs > LEFTOVER_MS) discard(path);
  }
  attempt("sync", folder, () => syncFolder(folder));
}

function give(temp: string, path: string): boolean {
  try {
    fs.linkSync(temp, path);
    return true;
  } catch (error) {
    if (systemCodeOf(error) === "EEXIST") return false;
    if (!NO_LINKS.includes(systemCodeOf(error))) throw error;
  }
  if (fs.lstatSync(path, { throwIfNoEntry: false }) !== undefined) return false;
  fs.renameSync(temp, path);
  return true;
}
