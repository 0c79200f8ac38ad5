// The default import, so that tests can make single calls fail.
import fs from "node:fs";
import { openFolder, READ_ONLY } from "./fs.node.ts";

/** A sync of a folder that is running, and the next one, shared by every call that came in meanwhile. */
interface FolderSync {
  readonly running: Promise<void>;
  next?: Promise<void>;
}

/**
 * The syncs of one storage. After one sync has failed, none is tried again: what the disk holds is then unknown, and a second
 * sync would report success without having written anything.
 */
export class Syncs {
  /** The first sync that failed. */
  failed: { readonly path: string; readonly error: unknown } | undefined;
  readonly #folders = new Map<string, FolderSync>();

  /** Syncs an open file or folder in this thread, which is the fastest way for a single one. */
  now(fd: number, path: string, flush: (fd: number) => void = fs.fsyncSync): void {
    try {
      flush(fd);
    } catch (error) {
      this.failed = { path, error };
      throw error;
    }
  }

  /** Syncs an open file in another thread, so that several files are synced at once. */
  async file(fd: number, path: string): Promise<void> {
    this.#throwIfFailed();
    await new Promise<void>((resolve) =>
      fs.fsync(fd, (error) => {
        if (error !== null && error !== undefined) this.failed ??= { path, error };
        resolve();
      }),
    );
    this.#throwIfFailed();
  }

  /** Syncs a file that somebody else created, who may have died before doing so. */
  async existing(path: string): Promise<void> {
    // Windows syncs only what is open for writing.
    if (process.platform === "win32") return;
    await this.#syncAndClose(fs.openSync(path, READ_ONLY), path);
  }

  /** Syncs a folder: the names in it. Calls that come in while it is being synced share the next sync. */
  folder(path: string): Promise<void> {
    const sync = this.#folders.get(path);
    if (sync === undefined) return this.#startFolder(path);
    // The running sync may have begun before the caller's name was in the folder.
    sync.next ??= sync.running.catch(() => {}).then(() => this.#startFolder(path));
    return sync.next;
  }

  #startFolder(path: string): Promise<void> {
    const sync: FolderSync = { running: this.#openAndSync(path) };
    this.#folders.set(path, sync);
    const end = (): void => {
      if (sync.next === undefined) this.#folders.delete(path);
    };
    sync.running.then(end, end);
    return sync.running;
  }

  async #openAndSync(path: string): Promise<void> {
    const fd = openFolder(path);
    if (fd !== undefined) await this.#syncAndClose(fd, path);
  }

  async #syncAndClose(fd: number, path: string): Promise<void> {
    try {
      await this.file(fd, path);
    } finally {
      fs.closeSync(fd);
    }
  }

  #throwIfFailed(): void {
    if (this.failed !== undefined) throw this.failed.error;
  }
}
