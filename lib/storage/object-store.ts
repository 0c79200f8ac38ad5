import { fail } from "../errors.ts";
import { assertNewName, assertStorageName } from "../util/names.ts";
import { BucketLock } from "./bucket-lock.ts";
import { assertConditionalWrites, type Bucket, withReports } from "./bucket.ts";
import { FolderNames } from "./folder-names.ts";
import { ObjectFiles } from "./object-files.ts";
import { HEAD_BYTES } from "./object-head.ts";
import type { Listing, Lock, LockHolder, Storage, StoredFile } from "./storage.ts";

/** How files are kept in a bucket. */
export interface ObjectStoreOptions {
  /** How messages name this place, such as `s3://bucket/memory`. */
  readonly label: string;
  /**
   * What all keys begin with, such as `memory/`.
   *
   * @default ""
   */
  readonly prefix?: string;
  /** Wall-clock time in epoch milliseconds, such as `Date.now`. Clocks of writers must not differ by half a lease. */
  readonly now: () => number;
  /** Returns a text of at most 36 letters, digits and `-` that was never returned before, such as a UUID. */
  readonly newId: () => string;
  /**
   * How long a writer that died keeps others out, in milliseconds. Each request must end within half of it.
   *
   * @default 60_000
   */
  readonly leaseMs?: number;
  /**
   * The largest object to write, in bytes. Larger files are kept in parts of this size, such as 1_000_000.
   *
   * @default what the bucket says of itself
   */
  readonly maxObjectBytes?: number;
}

/**
 * Opens a `Storage` in an object store, such as S3, R2, a Durable Object or IndexedDB. docs/FORMATS.md has its keys.
 *
 * Its writes follow one another, in the order of the calls. Each replaces exactly the version that it has read, and carries the token
 * of the lock. A writer whose lock was taken over can therefore not replace what the later holder wrote.
 *
 * Besides what `Storage` says, its functions throw `IO` where the store fails or does not answer, after which the call may have
 * had its effect or not, and `LOCKED` from every write after its lock was lost.
 *
 * @example
 * ```ts
 * const bucket = s3Bucket({ endpoint, bucket: "trading", region, accessKeyId, secretAccessKey });
 * const storage = await openObjectStore(bucket, {
 *   label: "s3://trading/memory",
 *   prefix: "memory/",
 *   now: Date.now,
 *   newId: () => crypto.randomUUID(),
 * });
 * ```
 *
 * @throws {CarryoverError} `BAD_USAGE` if the store ignores the conditions of writes.
 */
export async function openObjectStore(bucket: Bucket, options: ObjectStoreOptions): Promise<Storage> {
  const { label, prefix = "", maxObjectBytes = bucket.maxObjectBytes ?? Infinity } = options;
  const reporting = withReports(bucket, { label, prefix });
  await assertConditionalWrites(reporting, { key: `${prefix}probe`, label });
  return new ObjectStore(reporting, { ...options, maxObjectBytes });
}

class ObjectStore implements Storage {
  readonly label: string;
  readonly #bucket: Bucket;
  readonly #options: ObjectStoreOptions;
  readonly #files: ObjectFiles;
  readonly #names: FolderNames;
  /** The last change that was begun. */
  #changes: Promise<unknown> = Promise.resolve();
  /** The lock, while it is held or was lost without being released. */
  #lock: BucketLock | undefined;

  constructor(bucket: Bucket, options: ObjectStoreOptions) {
    this.label = options.label;
    this.#bucket = bucket;
    this.#options = options;
    this.#files = new ObjectFiles(bucket, { ...options, lock: () => this.#lock });
    this.#names = new FolderNames((folder) => this.#listObjects(folder));
  }

  async list(folder?: string): Promise<Listing> {
    if (folder !== undefined) assertStorageName(folder);
    const { objects, folders } = await this.#names.refresh(folder ?? "");
    const files: StoredFile[] = [];
    for (const { name, size } of objects) {
      const path = folder === undefined ? name : `${folder}/${name}`;
      const found = size === HEAD_BYTES ? await this.#files.sizeOf(path) : size - HEAD_BYTES;
      // A writer may have removed it since.
      if (found !== undefined) files.push({ name, size: found });
    }
    return { files: files.sort((a, b) => (a.name < b.name ? -1 : 1)), folders: [...folders].sort() };
  }

  async read(name: string, options: { maxBytes: number; offset?: number }): Promise<Uint8Array | undefined> {
    assertStorageName(name);
    return this.#files.read(name, options);
  }

  async createOnce(name: string, bytes: Uint8Array): Promise<boolean> {
    assertNewName(name);
    return this.#change(async () => {
      if (await this.#names.isFolder(name, "create")) return false;
      const isNew = await this.#files.create(name, bytes);
      this.#names.add(name);
      return isNew;
    });
  }

  async replace(name: string, bytes: Uint8Array): Promise<void> {
    assertNewName(name);
    await this.#change(() => this.#put("write", name, async () => bytes));
  }

  async appendAt(name: string, offset: number, bytes: Uint8Array): Promise<void> {
    assertNewName(name);
    await this.#change(() =>
      this.#put("append to", name, async () => {
        const there = (await this.#files.read(name, { maxBytes: offset })) ?? new Uint8Array();
        if (there.length < offset) {
          const found = `found ${there.length} bytes, expected at least the offset ${offset}`;
          throw new RangeError(`Cannot append to "${name}": ${found}`);
        }
        const joined = new Uint8Array(offset + bytes.length);
        joined.set(there);
        joined.set(bytes, offset);
        return joined;
      }),
    );
  }

  async move(from: string, to: string): Promise<void> {
    assertStorageName(from);
    assertStorageName(to);
    await this.#change(async () => {
      const bytes = await this.#files.read(from, { maxBytes: Infinity });
      if (bytes === undefined) {
        throw fail("NOT_FOUND", `Cannot move "${from}"`, { found: "no such file", expected: "one" });
      }
      if (from === to) return;
      await this.#put("move", to, async () => bytes);
      await this.#files.remove(from);
      this.#names.drop(from);
    });
  }

  async remove(name: string): Promise<void> {
    assertStorageName(name);
    await this.#change(async () => {
      await this.#files.remove(name);
      this.#names.drop(name);
    });
  }

  async lock(holder: LockHolder): Promise<Lock> {
    const { label, prefix = "", leaseMs = 60_000, now, newId } = this.#options;
    const lock = await BucketLock.take(
      this.#bucket,
      { ...holder },
      { key: `${prefix}lock`, label, leaseMs, now, newId },
    );
    this.#lock = lock;
    const release = (): Promise<void> =>
      this.#inOrder(async () => {
        await lock.release();
        if (this.#lock === lock) this.#lock = undefined;
      });
    try {
      await this.#change(() => this.#files.removeStrayParts());
    } catch (error) {
      await release();
      throw error;
    }
    return { assertHeld: () => lock.assertHeld(), release };
  }

  async #put(verb: string, name: string, content: () => Promise<Uint8Array>): Promise<void> {
    if (await this.#names.isFolder(name, verb)) {
      throw fail("IO", `Cannot ${verb} "${name}"`, { found: "a folder of this name", expected: "none" });
    }
    await this.#files.replace(name, content);
    this.#names.add(name);
  }

  /** Runs a change after all that were begun before, under the lock if one is held. */
  #change<T>(work: () => Promise<T>): Promise<T> {
    return this.#inOrder(async () => {
      await this.#lock?.renew();
      return work();
    });
  }

  #inOrder<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#changes.then(work);
    this.#changes = result.catch(() => {});
    return result;
  }

  async #listObjects(
    folder: string,
  ): Promise<{ objects: { name: string; size: number }[]; folders: readonly string[] }> {
    const prefix = `${this.#files.prefix}${folder === "" ? "" : `${folder}/`}`;
    const { objects, folders } = await this.#bucket.list(prefix);
    return { objects: objects.map(({ key, size }) => ({ name: key.slice(prefix.length), size })), folders };
  }
}
