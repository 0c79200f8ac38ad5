import { corruptFile, fail } from "../errors.ts";
import { decodeJsonObject, encodeJson, isRecord } from "../util/json.ts";
import type { Bucket } from "./bucket.ts";
import { type Lock, lockedError, type LockHolder } from "./storage.ts";

/** The object of the lock. It is never removed, so that tokens only grow. */
interface LockState {
  /** 1 more at each taking. */
  readonly token: number;
  /** Of this one taking, so that a holder knows its own lock if the answer to a write got lost. */
  readonly id: string;
  readonly holder: LockHolder | null;
  /** By the holder's clock. */
  readonly until_ms: number;
}

/** Where a lock is, and how it is kept. */
export interface BucketLockOptions {
  readonly key: string;
  /** How messages name the storage. */
  readonly label: string;
  readonly leaseMs: number;
  /** Wall-clock time in epoch milliseconds. */
  readonly now: () => number;
  /** Returns a text that was never returned before, such as a UUID. */
  readonly newId: () => string;
}

const MAX_LOCK_BYTES = 1 << 16;

/**
 * A writer's lock on a bucket, for a lease that its writes renew. Every change of the lock is a compare-and-swap of one object, so
 * two that find a lapsed lease cannot both get it. To delete the old lock and create another is no substitute: the slower one deletes the lock of the faster.
 */
export class BucketLock implements Lock {
  readonly #bucket: Bucket;
  readonly #options: BucketLockOptions;
  #state: LockState;
  #etag: string;
  #isLost = false;

  private constructor(bucket: Bucket, options: BucketLockOptions, { state, etag }: FoundState) {
    this.#bucket = bucket;
    this.#options = options;
    this.#state = state;
    this.#etag = etag;
  }

  /** @throws {CarryoverError} `LOCKED`, naming the holder, if the lease of another has not lapsed. */
  static async take(bucket: Bucket, holder: LockHolder, options: BucketLockOptions): Promise<BucketLock> {
    const { key, label, leaseMs, now } = options;
    const id = options.newId();
    for (;;) {
      const found = await readState(bucket, options);
      if (found?.state.id === id) return new BucketLock(bucket, options, found);
      if (found?.state.holder && found.state.until_ms > now()) throw lockedError(label, found.state.holder);
      const state = { token: (found?.state.token ?? 0) + 1, id, holder, until_ms: now() + leaseMs };
      const etag = await bucket.put(key, encodeJson(state), found ?? "absent");
      if (etag !== undefined) return new BucketLock(bucket, options, { state, etag });
      // Somebody else was faster, and is found now.
    }
  }

  /** The fencing token: all that is written under the lock carries it. */
  get token(): number {
    return this.#state.token;
  }

  assertHeld(): void {
    if (!this.#isLost) return;
    throw fail("LOCKED", `Cannot write to "${this.#options.label}"`, {
      found: "that another process has taken its lock, whose lease had lapsed",
      expected: "one writer at a time: wait for the other process, then run again",
    });
  }

  /**
   * Renews the lease if less than half of it is left. So every write begins with half a lease left, in which it must end.
   *
   * @throws {CarryoverError} `LOCKED` if another process has the lock by now.
   */
  async renew(): Promise<void> {
    const { leaseMs, now } = this.#options;
    for (;;) {
      this.assertHeld();
      if (this.#state.until_ms - now() > leaseMs / 2) return;
      if (await this.#swap({ ...this.#state, until_ms: now() + leaseMs })) return;
      const found = await readState(this.#bucket, this.#options);
      if (found?.state.id === this.#state.id) ({ state: this.#state, etag: this.#etag } = found);
      else this.#isLost = true;
    }
  }

  /**
   * Asks the bucket who has the lock. If it is still held, nobody has taken it since, although its lease may have lapsed.
   *
   * @throws {CarryoverError} `LOCKED` if another process has the lock by now.
   */
  async confirm(): Promise<void> {
    const found = await readState(this.#bucket, this.#options);
    if (found?.state.id !== this.#state.id) this.#isLost = true;
    this.assertHeld();
  }

  /** For a holder that meets what a later holder wrote. */
  lose(): void {
    this.#isLost = true;
    this.assertHeld();
  }

  /** Keeps the object, and with it the token. Does nothing to the lock of a later holder. */
  async release(): Promise<void> {
    if (this.#isLost) return;
    await this.#swap({ ...this.#state, holder: null });
    this.#isLost = true;
  }

  /** Writes the lock if it is as this holder left it. */
  async #swap(state: LockState): Promise<boolean> {
    const etag = await this.#bucket.put(this.#options.key, encodeJson(state), { etag: this.#etag });
    if (etag === undefined) return false;
    this.#state = state;
    this.#etag = etag;
    return true;
  }
}

interface FoundState {
  readonly state: LockState;
  readonly etag: string;
}

async function readState(bucket: Bucket, { key, label }: BucketLockOptions): Promise<FoundState | undefined> {
  const found = await bucket.get(key, { offset: 0, length: MAX_LOCK_BYTES });
  if (found === undefined) return undefined;
  const name = `${label}/${key}`;
  const { token, id, holder, until_ms } = decodeJsonObject(found.bytes, name);
  if (!Number.isSafeInteger(token) || typeof id !== "string" || !isHolder(holder) || typeof until_ms !== "number") {
    throw corruptFile(name, { found: "another object than a lock of this program", expected: "one, or none" });
  }
  return { state: { token: Number(token), id, holder, until_ms }, etag: found.etag };
}

function isHolder(value: unknown): value is LockHolder | null {
  return value === null || (isRecord(value) && ["pid", "command", "host", "since"].every((key) => key in value));
}
