/** A file as a listing shows it. */
export interface StoredFile {
  /** Name relative to the folder that was listed. */
  readonly name: string;
  /** Size in bytes. */
  readonly size: number;
}

/** What lies directly in one folder, each sorted by code unit. */
export interface Listing {
  readonly files: readonly StoredFile[];
  /** Names of the folders in it, without a slash. */
  readonly folders: readonly string[];
}

/** Who asks for a lock: what a second writer is told. */
export interface LockHolder {
  readonly pid: number;
  readonly command: string;
  readonly host: string;
  /** Wall-clock time, ISO 8601. */
  readonly since: string;
}

/** A held lock. Any death of the process frees it as well. */
export interface Lock {
  release(): Promise<void>;
}

/**
 * A folder of named files: all that memory and runs need of a machine. Names are relative, with `/` between folders;
 * drivers refuse a name that would leave the folder (`BAD_USAGE`). Folders appear with their first file.
 *
 * Every driver passes `test/storage/storage-contract.ts`.
 */
export interface Storage {
  /** How messages name this place, such as a path. */
  readonly label: string;

  /** Lists one folder (default: the root). A folder that is not there is empty. Temporary files are not listed. */
  list(folder?: string): Promise<Listing>;

  /**
   * Reads at most `maxBytes` bytes from `offset` on.
   *
   * @returns The bytes that are there, fewer at the end of the file, or `undefined` if there is no such file.
   */
  read(name: string, options: { maxBytes: number; offset?: number }): Promise<Uint8Array | undefined>;

  /**
   * Writes a file that is never changed again. Durable when it returns. The caller holds the lock.
   * A file that has the same bytes already is success.
   *
   * @throws {CarryoverError} `CONFLICT` if the name is taken by other bytes; those stay.
   */
  createOnce(name: string, bytes: Uint8Array): Promise<void>;

  /**
   * Writes a file that is never changed again into a folder that several processes write to at once: nobody needs the
   * lock, and of those who come at the same time one is first. Calls run side by side. Durable when it returns.
   *
   * @returns Whether this call made it. If not, the first one's file is there, whatever it holds, and stays.
   */
  createShared(name: string, bytes: Uint8Array): Promise<boolean>;

  /** Writes a file whole, over what was there. Durable when it returns; a crash leaves the old or the new. */
  replace(name: string, bytes: Uint8Array): Promise<void>;

  /**
   * Cuts the file to `offset` bytes and appends `bytes`. The data is durable when it returns; a crash may leave any part
   * of what was appended. A file that is not there is created (`offset` must then be 0).
   *
   * @throws {RangeError} If the file is shorter than `offset`.
   */
  appendAt(name: string, offset: number, bytes: Uint8Array): Promise<void>;

  /** Renames a file, over what was there. A file that is not there is `NOT_FOUND`. */
  move(from: string, to: string): Promise<void>;

  /** Removes a file. One that is not there is success. */
  remove(name: string): Promise<void>;

  /**
   * Takes the folder's one writer lock, and clears temporary files that a dead writer left.
   *
   * @throws {CarryoverError} `LOCKED`, naming who holds it.
   */
  lock(holder: LockHolder): Promise<Lock>;
}
