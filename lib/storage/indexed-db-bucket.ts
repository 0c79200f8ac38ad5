import { type Bucket, listingUnder } from "./bucket.ts";

/** A larger value would be read whole for a few bytes of it. */
const MAX_OBJECT_BYTES = 1_000_000;

/** What is known of an object without its bytes. */
interface Entry {
  readonly key: string;
  readonly size: number;
  /** Key of its bytes. It is counted up by the database and never comes a second time, so it is the etag too. */
  readonly id: number;
}

/**
 * A bucket in a database of the browser. Pages and workers of one origin share it, also at the same time.
 *
 * The browser may clear it when space is short, unless `navigator.storage.persist()` was granted.
 *
 * @param factory The browser's `indexedDB`.
 * @param name The database's name.
 *
 * @example
 * ```ts
 * const storage = await openObjectStore(indexedDbBucket(indexedDB, "carryover"), {
 *   label: "IndexedDB",
 *   now: Date.now,
 *   newId: () => crypto.randomUUID(),
 * });
 * ```
 */
export function indexedDbBucket(factory: IDBFactory, name: string): Bucket {
  return new IndexedDbBucket(factory, name);
}

class IndexedDbBucket implements Bucket {
  readonly maxObjectBytes = MAX_OBJECT_BYTES;
  readonly #factory: IDBFactory;
  readonly #name: string;
  #opened: Promise<IDBDatabase> | undefined;

  constructor(factory: IDBFactory, name: string) {
    this.#factory = factory;
    this.#name = name;
  }

  get(key: string, { offset, length }: { offset: number; length: number }): ReturnType<Bucket["get"]> {
    return this.#inTransaction("readonly", async ({ entries, contents }) => {
      const entry = await entryOf(entries, key);
      if (entry === undefined) return undefined;
      const bytes = (await resultOf(contents.get(entry.id))) as Uint8Array;
      return { bytes: bytes.slice(offset, offset + length), etag: String(entry.id) };
    });
  }

  put(key: string, bytes: Uint8Array, when: "absent" | { etag: string }): Promise<string | undefined> {
    return this.#inTransaction("readwrite", async ({ entries, contents }) => {
      const there = await entryOf(entries, key);
      if (etagOf(there) !== (when === "absent" ? undefined : when.etag)) return undefined;
      // A copy, since of a view the whole buffer would be stored.
      const id = (await resultOf(contents.add(bytes.slice()))) as number;
      await resultOf(entries.put({ key, size: bytes.length, id } satisfies Entry));
      if (there !== undefined) await resultOf(contents.delete(there.id));
      return String(id);
    });
  }

  delete(key: string, when?: { etag: string }): Promise<boolean> {
    return this.#inTransaction("readwrite", async ({ entries, contents }) => {
      const there = await entryOf(entries, key);
      if (there === undefined) return true;
      if (when !== undefined && etagOf(there) !== when.etag) return false;
      await resultOf(entries.delete(key));
      await resultOf(contents.delete(there.id));
      return true;
    });
  }

  list(prefix: string): ReturnType<Bucket["list"]> {
    return this.#inTransaction("readonly", async ({ entries }) => {
      // No character comes after it: keys are compared by code units.
      const range = IDBKeyRange.bound(prefix, `${prefix}\uffff`);
      return listingUnder(prefix, (await resultOf(entries.getAll(range))) as Entry[]);
    });
  }

  /** Runs `work` in a transaction of its own, and returns when that is on disk. It may only await requests of the transaction. */
  async #inTransaction<T>(
    mode: "readonly" | "readwrite",
    work: (stores: { entries: IDBObjectStore; contents: IDBObjectStore }) => Promise<T>,
  ): Promise<T> {
    const database = await (this.#opened ??= this.#open());
    const transaction = database.transaction(["entries", "contents"], mode, { durability: "strict" });
    const done = new Promise<void>((resolve, reject) => {
      transaction.addEventListener("complete", () => resolve());
      transaction.addEventListener("abort", () =>
        reject(transaction.error ?? new Error("the transaction was aborted")),
      );
    });
    const stores = { entries: transaction.objectStore("entries"), contents: transaction.objectStore("contents") };
    const [result] = await Promise.all([work(stores), done]);
    return result;
  }

  async #open(): Promise<IDBDatabase> {
    const request = this.#factory.open(this.#name, 1);
    request.addEventListener("upgradeneeded", () => {
      request.result.createObjectStore("entries", { keyPath: "key" });
      request.result.createObjectStore("contents", { autoIncrement: true });
    });
    const database = await resultOf(request);
    // Whoever wants to delete the database need not wait for this page to be closed.
    database.addEventListener("versionchange", () => {
      database.close();
      this.#opened = undefined;
    });
    return database;
  }
}

function etagOf(entry: Entry | undefined): string | undefined {
  return entry && String(entry.id);
}

async function entryOf(entries: IDBObjectStore, key: string): Promise<Entry | undefined> {
  return (await resultOf(entries.get(key))) as Entry | undefined;
}

function resultOf<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.addEventListener("success", () => resolve(request.result));
    request.addEventListener("error", () => reject(request.error ?? new Error("a request without an answer")));
  });
}
