import { createHash } from "node:crypto";
import { corruptFile } from "../errors.ts";
import { BucketLock } from "../storage/bucket-lock.ts";
import { assertConditionalWrites, type Bucket, withReports } from "../storage/bucket.ts";
import { lockHolder } from "../storage/lock.node.ts";
import { attemptAsync } from "../storage/fs.node.ts";
import { forEachAtOnce, type Pause } from "../util/async.ts";
import { BucketDraft } from "./bucket-draft.node.ts";
import { isBackupId } from "./ids.ts";
import { backupPause, waitForLock } from "./lock.node.ts";
import {
  type BackupFile,
  type BackupManifest,
  MANIFEST_START_BYTES,
  MAX_MANIFEST_BYTES,
  parseManifest,
  sequenceIn,
} from "./manifest.ts";
import { PART_BYTES, partsOf } from "./parts.node.ts";
import type { BackupDraft, BackupLockOptions, BackupPlace, BackupProblem, StoredBackup } from "./place.ts";

/** Where backups are in a bucket. */
export interface BucketBackupsOptions {
  /** How messages name this place, such as `s3://bucket/prefix`. */
  readonly label: string;
  /**
   * What all keys begin with, such as `backups/`.
   *
   * @default ""
   */
  readonly prefix?: string;
  /**
   * Wall-clock time in epoch milliseconds. Clocks of machines that make backups must not differ by a minute.
   *
   * @default Date.now
   */
  readonly now?: () => number;
}

/** Requests under way at once. */
const AT_ONCE = 8;

/** How long a process that died keeps others out. A request must end within half of it. */
const LEASE_MS = 120_000;
/** So much that a lease lapses meanwhile. */
const WAIT_MS = 180_000;
const BETWEEN_TRIES_MS = 200;

/**
 * Backups in a bucket, for `createBackup()` and the functions beside it. docs/FORMATS.md has the keys.
 *
 * @example
 * ```ts
 * const backupDir = bucketBackups(s3Bucket(options), { label: "s3://trading/backups", prefix: "backups/" });
 * await createBackup({ memoryDir: "data/memory", backupDir, now: new Date() });
 * ```
 */
export function bucketBackups(bucket: Bucket, options: BucketBackupsOptions): BackupPlace {
  return new BucketPlace(bucket, options);
}

/**
 * The bytes of files are in objects that are named after their SHA-256, so backups share them. A backup is the object of its
 * manifest: it appears with it, when all that it names is there, and disappears with it, before what nobody else names.
 */
class BucketPlace implements BackupPlace {
  readonly label: string;
  readonly isBucket = true;
  readonly atOnce = AT_ONCE;
  readonly #bucket: Bucket;
  readonly #prefix: string;
  readonly #now: () => number;

  constructor(bucket: Bucket, { label, prefix = "", now = Date.now }: BucketBackupsOptions) {
    this.label = label;
    this.#bucket = withReports(bucket, { label, prefix });
    this.#prefix = prefix;
    this.#now = now;
  }

  pathOf(id: string): string {
    return `${this.label}/manifests/${id}.json`;
  }

  async backups(): Promise<StoredBackup[]> {
    const ids = await this.#ids();
    const stored: StoredBackup[] = [];
    await forEachAtOnce(ids, AT_ONCE, async (id) => {
      const start = await this.#bucket.get(this.#keyOf(id), { offset: 0, length: MANIFEST_START_BYTES });
      if (start !== undefined) stored.push({ id, sequence: sequenceIn(start.bytes) });
    });
    return stored;
  }

  async has(id: string): Promise<boolean> {
    return (await this.#bucket.get(this.#keyOf(id), { offset: 0, length: 0 })) !== undefined;
  }

  async readManifest(id: string): Promise<BackupManifest> {
    const path = this.pathOf(id);
    const found = await this.#bucket.get(this.#keyOf(id), { offset: 0, length: MAX_MANIFEST_BYTES });
    if (found === undefined) throw corruptFile(path, { found: "no such object", expected: "a manifest" });
    return parseManifest(found.bytes, path);
  }

  async compare(_id: string, { files }: BackupManifest): Promise<BackupProblem[]> {
    const sizes = await this.#sizes();
    return files.flatMap((file): BackupProblem[] => {
      const wrong = partsOf(file).find(({ key, size }) => sizes.get(key) !== size);
      if (wrong === undefined) return [];
      const found = sizes.get(wrong.key);
      const object = `"${file.name}", the object "${this.#prefix}data/${wrong.key}",`;
      return found === undefined
        ? [{ file: file.name, kind: "missing", message: `${object} is missing` }]
        : [{ file: file.name, kind: "changed", message: `${object} has ${found} bytes, expected ${wrong.size}` }];
    });
  }

  storedAs(_id: string, { sha256 }: BackupFile): string {
    return sha256;
  }

  async read(
    _id: string,
    file: BackupFile,
    { pause, onBlock }: Parameters<BackupPlace["read"]>[2],
  ): ReturnType<BackupPlace["read"]> {
    const hash = createHash("sha256");
    let size = 0;
    for (const { key } of partsOf(file)) {
      const part = await this.#bucket.get(`${this.#prefix}data/${key}`, { offset: 0, length: PART_BYTES + 1 });
      if (part === undefined) return undefined;
      hash.update(part.bytes);
      onBlock?.(part.bytes, size);
      size += part.bytes.length;
      await pause();
    }
    return { size, sha256: hash.digest("hex") };
  }

  async make<T>(options: BackupLockOptions, fill: (draft: BackupDraft) => Promise<T>): Promise<T> {
    return this.#locked(options, async (lock) => {
      const draft = new BucketDraft(this.#bucket, {
        prefix: this.#prefix,
        there: await this.#sizes(),
        lock,
        pause: backupPause(options.signal),
        keyOf: (id) => this.#keyOf(id),
        backups: () => this.backups(),
      });
      return attemptAsync("write a backup to", this.label, () => fill(draft));
    });
  }

  async prune<T extends { readonly removed: readonly { readonly id: string }[] }>(
    options: BackupLockOptions,
    choose: () => Promise<T>,
  ): Promise<T> {
    return this.#locked(options, async (lock) => {
      const result = await choose();
      // The manifests first: what is half removed must not look like a backup.
      for (const { id } of result.removed) await this.#remove(this.#keyOf(id), lock);
      await this.#sweep(lock, backupPause(options.signal));
      return result;
    });
  }

  /** Removes what no backup names: of those that were removed, and of a backup that was killed. */
  async #sweep(lock: BucketLock, pause: Pause): Promise<void> {
    const sizes = await this.#sizes();
    for (const id of await this.#ids()) {
      try {
        for (const file of (await this.readManifest(id)).files) for (const { key } of partsOf(file)) sizes.delete(key);
      } catch {
        // Nobody knows what a damaged manifest names, so everything stays.
        return;
      }
    }
    await forEachAtOnce([...sizes.keys()], AT_ONCE, async (key) => {
      await this.#remove(`${this.#prefix}data/${key}`, lock);
      await pause();
    });
  }

  async #remove(key: string, lock: BucketLock): Promise<void> {
    await lock.renew();
    await this.#bucket.delete(key);
  }

  async #locked<T>(options: BackupLockOptions, work: (lock: BucketLock) => Promise<T>): Promise<T> {
    const { label } = this;
    await assertConditionalWrites(this.#bucket, { key: `${this.#prefix}probe`, label });
    const at = { key: `${this.#prefix}lock`, label, leaseMs: LEASE_MS, now: this.#now };
    const take = (): Promise<BucketLock> =>
      BucketLock.take(this.#bucket, lockHolder(), { ...at, newId: () => crypto.randomUUID() });
    const waiting = { ...options, waitMs: options.waitMs ?? WAIT_MS, betweenMs: BETWEEN_TRIES_MS };
    const lock = await waitForLock(take, waiting);
    try {
      return await work(lock);
    } finally {
      await lock.release();
    }
  }

  #keyOf(id: string): string {
    return `${this.#prefix}manifests/${id}.json`;
  }

  async #ids(): Promise<string[]> {
    const folder = `${this.#prefix}manifests/`;
    const { objects } = await this.#bucket.list(folder);
    return objects
      .map(({ key }) => key.slice(folder.length))
      .filter((name) => name.endsWith(".json") && isBackupId(name.slice(0, -".json".length)))
      .map((name) => name.slice(0, -".json".length));
  }

  /** The sizes of the objects that hold bytes of files. */
  async #sizes(): Promise<Map<string, number>> {
    const folder = `${this.#prefix}data/`;
    const { objects } = await this.#bucket.list(folder);
    return new Map(objects.map(({ key, size }) => [key.slice(folder.length), size]));
  }
}
