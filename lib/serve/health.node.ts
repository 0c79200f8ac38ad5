/** Whether the memory folder takes what is written. */
import { join } from "node:path";
import { CarryoverError, messageOf } from "../errors.ts";
import { CREATE_ONLY, discard, systemCodeOf, temporaryName, withFile, writeAll } from "../storage/fs.node.ts";
import type { Storage } from "../storage/storage.ts";

/** Enough to need a block of its own: an append may fit into the last one of a full disk. */
const PROBE_BYTES = 4096;

export class FolderHealth {
  /** The folder's storage, whose writes are looked at. */
  readonly storage: Storage;
  readonly #folder: string;
  /** Whether a write has failed since the probe was written. */
  #hasFailed = false;
  /** Whether the last write failed, which is noted. */
  #isFailing = false;

  /** @param options `onNote`: told of a write that fails after one that did not. */
  constructor(disk: Storage, { folder, onNote }: { folder: string; onNote: (note: string) => void }) {
    this.#folder = folder;
    const watched = async <T>(write: Promise<T>): Promise<T> => {
      try {
        const written = await write;
        this.#isFailing = false;
        return written;
      } catch (error) {
        if (!this.#isFailing) onNote(messageOf(error));
        this.#isFailing = true;
        this.#hasFailed = true;
        throw error;
      }
    };
    this.storage = {
      label: disk.label,
      list: (name) => disk.list(name),
      read: (name, options) => disk.read(name, options),
      createOnce: (name, bytes) => watched(disk.createOnce(name, bytes)),
      replace: (name, bytes) => watched(disk.replace(name, bytes)),
      appendAt: (name, offset, bytes) => watched(disk.appendAt(name, offset, bytes)),
      move: (from, to) => disk.move(from, to),
      remove: (name) => disk.remove(name),
      lock: (holder) => disk.lock(holder),
    };
  }

  /**
   * What is wrong, without names of files: whoever asks may have no token. After a write that failed it writes a file for a moment.
   *
   * @returns `undefined` if nothing is known to be wrong.
   */
  async problem(): Promise<string | undefined> {
    try {
      // Changes nothing, and is refused where every change is.
      await this.storage.remove("no-such-file");
      if (this.#hasFailed) this.#probe();
      this.#hasFailed = false;
      this.#isFailing = false;
      return undefined;
    } catch (error) {
      const { code, cause } = error instanceof CarryoverError ? error : { code: "IO", cause: error };
      if (code === "READ_ONLY") return "a sync failed: check the disk, then restart the server";
      if (code === "LOCKED") return "the lock of the memory folder was lost: restart the server";
      return cause === undefined ? "the memory folder is gone" : `writes fail: ${systemCodeOf(cause)}`;
    }
  }

  #probe(): void {
    const file = join(this.#folder, temporaryName());
    try {
      withFile(file, CREATE_ONLY, (fd) => writeAll(fd, new Uint8Array(PROBE_BYTES), 0));
    } finally {
      discard(file);
    }
  }
}
