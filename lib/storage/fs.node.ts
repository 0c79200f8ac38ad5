// The default import, so that tests can make single calls fail.
/** What is in the place of a file or a folder. No link is followed. */
import fs from "node:fs";
import { dirname, join } from "node:path";
import { CarryoverError, messageOf } from "../errors.ts";

/** Windows has none of these flags, cannot open a folder, and its file systems journal folders themselves. */
const WINDOWS = process.platform === "win32";
const NO_FOLLOW = WINDOWS ? 0 : fs.constants.O_NOFOLLOW;
/** A planted pipe would keep a plain open waiting for its other end. */
const NO_WAIT = WINDOWS ? 0 : fs.constants.O_NONBLOCK;

/** Opens a new file for writing: never one that is there, never through a link. */
export const CREATE_ONLY: number = fs.constants.O_CREAT | fs.constants.O_EXCL | fs.constants.O_WRONLY | NO_FOLLOW;
/** Opens a file for reading and writing, made if it is not there, never through a link. */
export const READ_WRITE: number = fs.constants.O_CREAT | fs.constants.O_RDWR | NO_FOLLOW | NO_WAIT;
/** Opens a file for reading, never through a link. */
export const READ_ONLY: number = fs.constants.O_RDONLY | NO_FOLLOW | NO_WAIT;

const ADVICE: Readonly<Record<string, string>> = {
  ENOSPC: "free space and inodes on the disk (df -h, df -i): free some and run again",
  EDQUOT: "room in the disk quota: free some and run again",
  EROFS: "a file system that can be written: mount it so, or choose another folder",
  EACCES: "permission: check owner and mode of the file and its folders, or choose another folder",
  EPERM: "permission: check owner and mode of the file and its folders, or choose another folder",
  EMFILE: "fewer open files: raise the limit (ulimit -n) and run again",
  ENFILE: "fewer open files on this machine: close some programs and run again",
  ELOOP: "a file or folder of its own in place of a symbolic link",
  ENOTDIR: "a folder in place of a file",
  EEXIST: "a folder in place of a file",
  EISDIR: "a file in place of a folder",
  EIO: "a disk without errors: check it before anything else is written to it",
};

/** The operating system's word for what went wrong (`ENOSPC`), or an empty string. */
export function systemCodeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}

/** Runs one operation on `path`; what the operating system refuses becomes an `IO` error with advice. */
export function attempt<T>(verb: string, path: string, operation: () => T): T {
  try {
    return operation();
  } catch (error) {
    if (error instanceof CarryoverError || error instanceof RangeError) throw error;
    const advice = ADVICE[systemCodeOf(error)] ?? "the operating system to allow it";
    throw new CarryoverError("IO", `Cannot ${verb} "${path}": found ${messageOf(error)}, expected ${advice}`, {
      cause: error,
    });
  }
}

/** A name for a temporary file or folder that nobody can foresee and listings leave out. */
export function temporaryName(kind?: string): string {
  return `.tmp-${kind === undefined ? "" : `${kind}-`}${crypto.randomUUID()}`;
}

/** Names in a folder by code unit; none if it is not there. */
export function namesIn(path: string): string[] {
  try {
    return fs.readdirSync(path).sort();
  } catch (error) {
    if (systemCodeOf(error) === "ENOENT") return [];
    throw error;
  }
}

/** Writes all of `bytes` at `position`, however few the system takes at a time. */
export function writeAll(fd: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length;) {
    const written = fs.writeSync(fd, bytes, done, bytes.length - done, position + done);
    if (written === 0) throw new Error(`wrote ${done} of ${bytes.length} bytes`);
    done += written;
  }
}

/** Reads from `position` into all of `into`, or as far as the file goes; returns the number of bytes. */
export function readFully(fd: number, into: Uint8Array, position: number): number {
  let done = 0;
  while (done < into.length) {
    const read = fs.readSync(fd, into, done, into.length - done, position + done);
    if (read === 0) break;
    done += read;
  }
  return done;
}

/** Writes a folder's own entries to disk: the names in it, not what is in the files. */
export function syncFolder(path: string): void {
  if (WINDOWS) return;
  const fd = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
  try {
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

/**
 * Makes a folder and those above it that are missing, durably: the entry of each is synced in the folder above.
 *
 * @param sync Syncs one folder; a store that turns read-only by a failed sync passes its own.
 */
export function makeFolder(path: string, sync: (path: string) => void = syncFolder): void {
  const above = dirname(path);
  if (above === path || fs.statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
  makeFolder(above, sync);
  try {
    fs.mkdirSync(path);
  } catch (error) {
    // Another process may have made it in between; a file of that name is still an error.
    if (systemCodeOf(error) !== "EEXIST" || !fs.statSync(path, { throwIfNoEntry: false })?.isDirectory()) throw error;
  }
  sync(above);
}

/** Removes what is left of a failed write, whose own error is the one to tell. */
export function discard(path: string): void {
  try {
    fs.rmSync(path, { recursive: true, force: true });
  } catch {
    // The next writer sweeps it.
  }
}

/** Removes the temporary files that a dead writer left in a folder and below; call it under the folder's lock. */
export function sweepTemporaries(folder: string): void {
  for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.name.startsWith(".tmp-")) fs.rmSync(path, { recursive: true, force: true });
    // A folder with a lock of its own has a writer of its own, who may be at work.
    else if (entry.isDirectory() && !fs.existsSync(join(path, ".lock"))) sweepTemporaries(path);
  }
}

/** Whether the folders are there. @throws {CarryoverError} `CORRUPT` if one of them is a link. */
export function areFolders(paths: readonly string[]): boolean {
  return paths.every((path) => {
    const stat = fs.lstatSync(path, { throwIfNoEntry: false });
    if (stat?.isSymbolicLink()) throw notRegular(path, "a symbolic link", "a folder of its own");
    return stat?.isDirectory() ?? false;
  });
}

/** Opens a file to read; `undefined` if it is not there. @throws {CarryoverError} `CORRUPT` if it is a link. */
export function openToRead(path: string): number | undefined {
  try {
    return fs.openSync(path, READ_ONLY);
  } catch (error) {
    if (systemCodeOf(error) === "ENOENT") return undefined;
    if (systemCodeOf(error) === "ELOOP") throw notRegular(path, "a symbolic link");
    throw error;
  }
}

/** The error for what is no file, or no folder, of its own. */
export function notRegular(path: string, found: string, expected = "a regular file"): CarryoverError {
  return new CarryoverError("CORRUPT", `Cannot use "${path}": found ${found}, expected ${expected}`);
}

/**
 * Reads a file that a configuration names, links followed.
 *
 * @throws What the operating system says, or that it is no file: a pipe would be waited for without end, and no signal ends that.
 */
export function readRegular(path: string): Uint8Array<ArrayBuffer> {
  const stat = fs.statSync(path, { throwIfNoEntry: false });
  if (stat !== undefined && !stat.isFile() && !stat.isDirectory()) throw new Error("a device or pipe");
  return fs.readFileSync(path);
}
