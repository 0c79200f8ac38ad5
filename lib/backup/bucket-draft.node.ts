import fs from "node:fs";
import { fail } from "../errors.ts";
import type { BucketLock } from "../storage/bucket-lock.ts";
import type { Bucket } from "../storage/bucket.ts";
import { openToRead } from "../storage/fs.node.ts";
import type { Pause } from "../util/async.ts";
import { areEqual } from "../util/bytes.ts";
import { freeId, nextSequence } from "./ids.ts";
import { type BackupManifest, formatManifest } from "./manifest.ts";
import { partsOf, readInParts, readPart, sha256Of } from "./parts.node.ts";
import type { BackupDraft, StoredBackup } from "./place.ts";

/** How often a file is read again that changes while it is kept. */
const MAX_TRIES = 3;

/** What a backup in a bucket is made with. */
export interface BucketDraftOptions {
  readonly prefix: string;
  /** The sizes of the objects that hold bytes of files. */
  readonly there: Map<string, number>;
  readonly lock: BucketLock;
  readonly pause: Pause;
  /** The key of a backup's manifest. */
  readonly keyOf: (id: string) => string;
  readonly backups: () => Promise<StoredBackup[]>;
}

/** Sends the files of a backup to a bucket, unless they are there, and then its manifest. */
export class BucketDraft implements BackupDraft {
  readonly #bucket: Bucket;
  readonly #options: BucketDraftOptions;

  constructor(bucket: Bucket, options: BucketDraftOptions) {
    this.#bucket = bucket;
    this.#options = options;
  }

  async keep(source: string, name: string): ReturnType<BackupDraft["keep"]> {
    for (let tries = 1; tries <= MAX_TRIES; tries++) {
      const fd = openToRead(source);
      if (fd === undefined) return undefined;
      try {
        const kept = await this.#keepOpen(fd, name);
        if (kept !== undefined) return kept;
      } finally {
        fs.closeSync(fd);
      }
    }
    throw fail("IO", `Cannot back up "${source}"`, { found: "that it changes all the time", expected: "a quiet file" });
  }

  /** Sends the parts of an open file that the bucket lacks; `undefined` if its bytes changed meanwhile. */
  async #keepOpen(fd: number, name: string): ReturnType<BackupDraft["keep"]> {
    const { prefix, there, lock, pause } = this.#options;
    await lock.renew();
    const { size, sha256, partHashes } = await readInParts(fd, pause);
    const file = { name, size, sha256 };
    const missing = partsOf(file).filter((part) => there.get(part.key) !== part.size);
    for (const part of missing) {
      const bytes = readPart(fd, part.index);
      if (sha256Of(bytes) !== partHashes[part.index]) return undefined;
      const isDamaged = there.has(part.key);
      // Before it is: another file with these bytes need not be sent at the same time.
      there.set(part.key, part.size);
      await lock.renew();
      await this.#put(`${prefix}data/${part.key}`, bytes, { isDamaged });
      await pause();
    }
    return { ...file, isNew: missing.length > 0 };
  }

  /** Writes an object that is named after its bytes. Another of this size that is there has the same ones. */
  async #put(key: string, bytes: Uint8Array, { isDamaged }: { isDamaged: boolean }): Promise<void> {
    if (isDamaged) await this.#bucket.delete(key);
    await this.#bucket.put(key, bytes, "absent");
  }

  async commit(content: Omit<BackupManifest, "sequence">): Promise<{ id: string; sequence: number }> {
    const { backups, keyOf, lock } = this.#options;
    const stored = await backups();
    const taken = new Set(stored.map(({ id }) => id));
    const sequence = nextSequence(stored);
    const bytes = formatManifest({ sequence, ...content });
    await lock.renew();
    for (;;) {
      const id = freeId(content.created, (each) => taken.has(each));
      const key = keyOf(id);
      const etag = await this.#bucket.put(key, bytes, "absent");
      const there = etag === undefined && (await this.#bucket.get(key, { offset: 0, length: bytes.length + 1 }));
      // If it is there, only the answer to the write got lost.
      if (etag !== undefined || (there && areEqual(there.bytes, bytes))) {
        await this.#confirm(key);
        return { id, sequence };
      }
      taken.add(id);
    }
  }

  /** If a prune took the lock before the manifest was there, it may have removed what that names. */
  async #confirm(key: string): Promise<void> {
    try {
      await this.#options.lock.confirm();
    } catch (error) {
      await this.#bucket.delete(key);
      throw error;
    }
  }
}
