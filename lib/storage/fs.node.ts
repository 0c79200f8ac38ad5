/** The steps of durable reading and writing, and errors of the operating system with advice. */
// The default import, so that tests can make single calls fail.
import fs from "node:fs";
import { dirname, join } from "node:path";
import { CarryoverError, fail, messageOf } from "../errors.ts";

/** Windows has none of these flags, cannot open a folder, and its file systems journal folders themselves. */
const WINDOWS = process.platform === "win32";
const NO_FOLLOW = WINDOWS ? 0 : fs.constants.O_NOFOLLOW;
/** A plain open of a planted pipe would wait for its other end. */
const NO_WAIT = WINDOWS ? 0 : fs.constants.O_NONBLOCK;

/** Opens a new file for writing: never an existing one, never through a link. */
export const CREATE_ONLY: number = fs.constants.O_CREAT | fs.constants.O_EXCL | fs.constants.O_WRONLY | NO_FOLLOW;
/** Opens a file for reading and writing, creates it if it is missing, never through a link. */
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

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The operating system's code for an error (`ENOSPC`), or an empty string. */
export function systemCodeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}

/** Runs one operation on `path`. What the operating system refuses becomes an `IO` error with advice. */
export function attempt<T>(verb: string, path: string, operation: () => T): T {
  try {
    return operation();
  } catch (error) {
    throw ioError(verb, path, error);
  }
}

/** Like `attempt()`, for an operation that waits for other threads. */
export async function attemptAsync<T>(verb: string, path: string, operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    throw ioError(verb, path, error);
  }
}

/** The `IO` error of an operation on `path`. Errors of our own, which say more, stay as they are, and so does the reason of a signal. */
export function ioError(verb: string, path: string, error: unknown): unknown {
  if (error instanceof CarryoverError || error instanceof RangeError) return error;
  // Of an AbortSignal; the operating system's errors are none.
  if (error instanceof DOMException) return error;
  const expected = ADVICE[systemCodeOf(error)] ?? "the operating system to allow it";
  return fail("IO", `Cannot ${verb} "${path}"`, { found: messageOf(error), expected, cause: error });
}

/** Whether the operating system refused to read what may be there and whole. */
export function isRefusal(thrown: unknown): boolean {
  const code = thrown instanceof CarryoverError && thrown.code === "IO" ? systemCodeOf(thrown.cause) : "";
  return ["EACCES", "EPERM", "EMFILE", "ENFILE"].includes(code);
}

/** A name for a temporary file or folder that nobody can guess and listings leave out. */
export function temporaryName(kind = ""): string {
  return `.tmp-${kind === "" ? "" : `${kind}-`}${crypto.randomUUID()}`;
}

/** Whether `temporaryName()` made a name. Other names that begin alike are somebody else's. */
export function isTemporaryName(name: string, kind = ""): boolean {
  const prefix = `.tmp-${kind === "" ? "" : `${kind}-`}`;
  return name.startsWith(prefix) && UUID.test(name.slice(prefix.length));
}

/** Names in a folder by code unit; none if it is missing. */
export function namesIn(path: string): string[] {
  try {
    return fs.readdirSync(path).sort();
  } catch (error) {
    if (systemCodeOf(error) === "ENOENT") return [];
    throw error;
  }
}

/** The nearest folder that exists and may be looked at, at a path or above. */
export function existingFolder(path: string): string {
  const isThere = fs.existsSync(path) && fs.statSync(path).isDirectory();
  return isThere ? path : existingFolder(dirname(path));
}

/** Opens a file for as long as `use` takes. A new file is private to its owner. */
export function withFile<T>(path: string, flags: number, use: (fd: number) => T): T {
  const fd = fs.openSync(path, flags, 0o600);
  try {
    return use(fd);
  } finally {
    fs.closeSync(fd);
  }
}

/** As `withFile()`, for as long as `use` takes. */
export async function withFileAsync<T>(path: string, flags: number, use: (fd: number) => Promise<T>): Promise<T> {
  const fd = fs.openSync(path, flags, 0o600);
  try {
    return await use(fd);
  } finally {
    fs.closeSync(fd);
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

/** Reads from `position` until `into` is full or the file ends; returns the number of bytes. */
export function readFully(fd: number, into: Uint8Array, position: number): number {
  let done = 0;
  while (done < into.length) {
    const read = fs.readSync(fd, into, done, into.length - done, position + done);
    if (read === 0) break;
    done += read;
  }
  return done;
}

/** Opens a folder in order to sync it; `undefined` on Windows, which cannot. */
export function openFolder(path: string): number | undefined {
  return WINDOWS ? undefined : fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
}

/** Syncs an open file or folder in another thread, beside others. */
export function syncBeside(fd: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fs.fsync(fd, (error) => (error === null || error === undefined ? resolve() : reject(error)));
  });
}

/** Writes a folder's own entries to disk: the names in it, not what is in the files. */
export function syncFolder(path: string): void {
  const fd = openFolder(path);
  if (fd === undefined) return;
  try {
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

/**
 * Makes a folder and the missing ones above it, durably: the entry of each is synced in the folder above.
 *
 * @param sync Syncs one folder. A storage that stops writing after a failed sync passes its own.
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

/** Removes what is left of a failed write. Errors are ignored: the error of the write itself is the one to report. */
export function discard(path: string): void {
  try {
    fs.rmSync(path, { recursive: true, force: true });
  } catch {
    // The next writer sweeps it.
  }
}

/** The kind of temporary name that a folder gets before it is removed. */
export const REMOVED = "removed";

/**
 * Removes the temporary files that a dead writer left in a folder, and the folders that it was removing. The caller holds the lock
 * that covers it.
 */
export function sweepTemporaries(folder: string): void {
  for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
    const { name } = entry;
    if (!isTemporaryName(name, entry.isDirectory() ? REMOVED : "")) continue;
    fs.rmSync(join(folder, name), { recursive: true, force: true });
  }
}

/**
 * Makes a folder if it is missing, and tries whether a file can be written in it.
 *
 * @throws {CarryoverError} `IO`
 */
export function assertWritable(folder: string): void {
  const temp = join(folder, temporaryName());
  attempt("write to", folder, () => {
    makeFolder(folder);
    try {
      withFile(temp, CREATE_ONLY, (fd) => {
        writeAll(fd, new TextEncoder().encode("written to see whether it can be\n"), 0);
        fs.fsyncSync(fd);
      });
    } finally {
      discard(temp);
    }
  });
}

/**
 * Cleans up after killed processes in a folder without a lock: removes their temporary files, and syncs the names of their
 * finished files, since they may have died before doing so. No clock tells a dead process from a living one, so the files of the
 * living are removed as well: `createOnce()` writes them again.
 *
 * @throws {CarryoverError} `IO`
 */
export function settleLeftovers(folder: string): void {
  let names: readonly string[];
  try {
    names = fs.readdirSync(folder);
  } catch {
    // Missing or unreadable: the first use of the folder reports it.
    return;
  }
  for (const name of names.filter((each) => isTemporaryName(each))) {
    const path = join(folder, name);
    if (fs.lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === false) discard(path);
  }
  attempt("sync", folder, () => syncFolder(folder));
}

/** Whether the folders exist. @throws {CarryoverError} `CORRUPT` if one of them is a link. */
export function areFolders(paths: readonly string[]): boolean {
  return paths.every((path) => {
    const stat = fs.lstatSync(path, { throwIfNoEntry: false });
    if (stat?.isSymbolicLink()) throw notRegular(path, "a symbolic link", "a folder of its own");
    return stat?.isDirectory() ?? false;
  });
}

/** Opens a file to read; `undefined` if it is missing. @throws {CarryoverError} `CORRUPT` if it is a link. */
export function openToRead(path: string): number | undefined {
  try {
    return fs.openSync(path, READ_ONLY);
  } catch (error) {
    if (systemCodeOf(error) === "ENOENT") return undefined;
    if (systemCodeOf(error) === "ELOOP") throw notRegular(path, "a symbolic link");
    throw error;
  }
}

/** The error for something else in the place of a file or folder. */
export function notRegular(path: string, found: string, expected = "a regular file"): CarryoverError {
  return fail("CORRUPT", `Cannot use "${path}"`, { found, expected });
}

/**
 * Reads a file that a configuration names, following links. Throws the operating system's error, or refuses a pipe or device:
 * reading a pipe could wait forever, and no signal would end that.
 *
 * @param options `maxBytes`: a larger file is refused before it is read.
 * @throws {CarryoverError} `BAD_DATA` for a file that is too large.
 */
export function readRegular(path: string, options: { maxBytes: number }): Uint8Array<ArrayBuffer> {
  const stat = fs.statSync(path, { throwIfNoEntry: false });
  if (stat !== undefined && !stat.isFile() && !stat.isDirectory()) throw new Error("a device or pipe");
  if (stat !== undefined && stat.size > options.maxBytes) {
    const expected = `at most ${options.maxBytes}: split it, or leave out what is not needed`;
    throw fail("BAD_DATA", `Cannot read "${path}"`, { found: `${stat.size} bytes`, expected });
  }
  return fs.readFileSync(path);
}
