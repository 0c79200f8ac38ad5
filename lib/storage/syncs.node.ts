// The default import, so that tests can make single calls fail.
import fs from "node:fs";
import { fail } from "../errors.ts";
import { syncBeside } from "./fs.node.ts";

/**
 * The syncs of one storage. After one sync has failed, none is tried again: what the disk holds is then unknown, and a second
 * sync would report success without having written anything.
 */
export class Syncs {
  readonly #label: string;
  /** What the first sync that failed was of. */
  #failed: string | undefined;

  /** @param label How messages name the storage. */
  constructor(label: string) {
    this.#label = label;
  }

  get hasFailed(): boolean {
    return this.#failed !== undefined;
  }

  /** @throws {CarryoverError} `READ_ONLY` after a failed sync. */
  assertNoneFailed(): void {
    if (this.#failed === undefined) return;
    throw fail("READ_ONLY", `Cannot write to "${this.#label}"`, {
      found: `that a sync of "${this.#failed}" failed`,
      expected: "a disk that keeps what it is given: check it, then start again",
    });
  }

  /** Syncs an open file or folder in this thread. */
  now(fd: number, path: string, flush: (fd: number) => void = fs.fsyncSync): void {
    try {
      flush(fd);
    } catch (error) {
      this.#failed ??= path;
      throw error;
    }
  }

  /** Syncs an open file or folder in another thread, beside others. */
  async beside(fd: number, path: string): Promise<void> {
    try {
      await syncBeside(fd);
    } catch (error) {
      this.#failed ??= path;
      throw error;
    }
  }
}
