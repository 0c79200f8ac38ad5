import { type CarryoverError, fail } from "../errors.ts";
import { areEqual } from "../util/bytes.ts";

/** A file as a listing shows it. */
export interface StoredFile {
  /** Relative to the folder that was listed. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
}

/** What lies directly in one folder, each sorted by code unit. */
export interface Listing {
  readonly files: readonly StoredFile[];
  /** Names of the folders in it, without a slash. */
  readonly folders: readonly string[];
}

/** The process that holds a lock, as a second writer sees it in the error message. */
export interface LockHolder {
  readonly pid: number;
  readonly command: string;
  readonly host: string;
  /** Wall-clock time, ISO 8601. */
  readonly since: string;
}

/** A held lock. The death of the process frees it too. */
export interface Lock {
  /**
   * Every change of a locked storage calls it first.
   *
   * @throws {CarryoverError} `LOCKED` if the lock was removed or another process has it; `IO` if the whole folder was removed.
   */
  assertHeld(): void;
  release(): Promise<void>;
}

/**
 * A folder of named files: all that memory and runs need of a machine. Names are relative, with `/` between folders.
 * Drivers refuse a name that would leave the folder (`BAD_USAGE`). Folders appear with their first file.
 *
 * `createOnce()` and `replace()` may be called many times before the first is durable, and then share the cost of it. Their files
 * appear in the order of the calls, but each call succeeds or fails alone. Bytes must stay as they are until their call returns.
 *
 * Every driver passes `test/storage/storage-contract.ts`.
 */
export interface Storage {
  /** How messages name this place, such as a path. */
  readonly label: string;

  /** Lists one folder (default: the root). A missing folder is empty. Temporary files are not listed. */
  list(folder?: string): Promise<Listing>;

  /**
   * Reads at most `maxBytes` bytes, starting at `offset`.
   *
   * @returns The bytes found, fewer at the end of the file; `undefined` if there is no such file.
   */
  read(name: string, options: { maxBytes: number; offset?: number }): Promise<Uint8Array | undefined>;

  /**
   * Creates a file that is never changed again. Durable when it returns. It needs no lock: if several processes create the
   * same name at once, exactly one succeeds.
   *
   * @returns Whether this call created the file. If not, the name was taken, and what is there stays.
   */
  createOnce(name: string, bytes: Uint8Array): Promise<boolean>;

  /** Writes a whole file, replacing what was there. Durable when it returns. A crash leaves the old file or the new one. */
  replace(name: string, bytes: Uint8Array): Promise<void>;

  /**
   * Cuts the file to `offset` bytes and appends `bytes`. The data is durable when it returns. A crash may leave any part of
   * the appended bytes. A missing file is created (`offset` must then be 0).
   *
   * @throws {RangeError} If the file is shorter than `offset`.
   */
  appendAt(name: string, offset: number, bytes: Uint8Array): Promise<void>;

  /** Renames a file, replacing what was there. A missing file is `NOT_FOUND`. */
  move(from: string, to: string): Promise<void>;

  /** Removes a file. Removing a missing file succeeds. */
  remove(name: string): Promise<void>;

  /**
   * Takes the folder's only writer lock and removes temporary files that a dead writer left.
   *
   * @throws {CarryoverError} `LOCKED`, naming the holder.
   */
  lock(holder: LockHolder): Promise<Lock>;
}

/** The error of a storage that knows who holds its lock. */
export function lockedError(label: string, held: LockHolder): CarryoverError {
  return fail("LOCKED", `Cannot write to "${label}"`, {
    found: `it locked by "${held.command}" (process ${held.pid} on "${held.host}") since ${held.since}`,
    expected: "one writer at a time",
  });
}

/**
 * Makes sure that a file with exactly these bytes exists, durably.
 *
 * @throws {CarryoverError} `CONFLICT` if the name is taken by other bytes, which stay.
 */
export async function ensureFile(storage: Storage, name: string, bytes: Uint8Array): Promise<void> {
  if (await storage.createOnce(name, bytes)) return;
  const found = await storage.read(name, { maxBytes: bytes.length + 1 });
  if (found !== undefined && areEqual(found, bytes)) return;
  throw fail("CONFLICT", `Cannot create "${storage.label}/${name}"`, {
    found: "other content",
    expected: "a free name",
  });
}
