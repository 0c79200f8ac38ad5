import { type Bucket, listingUnder } from "./bucket.ts";

/** What is used of `ctx.storage.sql` of a Durable Object with SQLite. */
export interface DurableObjectSql {
  exec(query: string, ...bindings: (string | number | ArrayBuffer)[]): { toArray(): Record<string, unknown>[] };
}

/** A row has at most 2 MB, with its key. */
const MAX_OBJECT_BYTES = 1_000_000;

/** After every character of a key, in the order of SQLite. */
const LAST = "\u{10ffff}";

/**
 * A bucket in the SQLite of a Durable Object, in the table `carryover_objects`. What it has written is durable before anything leaves
 * the object, as its output gate makes sure.
 *
 * @example In the class of the Durable Object:
 * ```ts
 * const storage = await openObjectStore(durableObjectBucket(this.ctx.storage.sql), {
 *   label: "Durable Object",
 *   now: Date.now,
 *   newId: () => crypto.randomUUID(),
 * });
 * ```
 */
export function durableObjectBucket(sql: DurableObjectSql): Bucket {
  return new DurableObjectBucket(sql);
}

class DurableObjectBucket implements Bucket {
  readonly maxObjectBytes = MAX_OBJECT_BYTES;
  readonly #sql: DurableObjectSql;

  constructor(sql: DurableObjectSql) {
    this.#sql = sql;
    // With AUTOINCREMENT no id comes a second time, so that it can be the etag.
    this.#rows(
      "CREATE TABLE IF NOT EXISTS carryover_objects (id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE, bytes BLOB NOT NULL)",
    );
  }

  async get(key: string, { offset, length }: { offset: number; length: number }): ReturnType<Bucket["get"]> {
    const query = "SELECT id, substr(bytes, ?, ?) AS bytes FROM carryover_objects WHERE key = ?";
    const [row] = this.#rows(query, offset + 1, Math.min(length, MAX_OBJECT_BYTES), key);
    return row && { bytes: new Uint8Array(row["bytes"] as ArrayBuffer), etag: String(row["id"]) };
  }

  // Nothing is awaited between a condition and its write: nothing else runs in the object meanwhile.
  async put(key: string, bytes: Uint8Array, when: "absent" | { etag: string }): Promise<string | undefined> {
    if (this.#etagOf(key) !== (when === "absent" ? undefined : when.etag)) return undefined;
    const query = "INSERT OR REPLACE INTO carryover_objects (key, bytes) VALUES (?, ?) RETURNING id";
    const [row] = this.#rows(query, key, new Uint8Array(bytes).buffer);
    return String(row!["id"]);
  }

  async delete(key: string, when?: { etag: string }): Promise<boolean> {
    const etag = this.#etagOf(key);
    if (etag !== undefined && when !== undefined && etag !== when.etag) return false;
    this.#rows("DELETE FROM carryover_objects WHERE key = ?", key);
    return true;
  }

  async list(prefix: string): ReturnType<Bucket["list"]> {
    const query = "SELECT key, length(bytes) AS size FROM carryover_objects WHERE key >= ? AND key < ?";
    const rows = this.#rows(query, prefix, prefix + LAST);
    return listingUnder(
      prefix,
      rows.map(({ key, size }) => ({ key: String(key), size: Number(size) })),
    );
  }

  #etagOf(key: string): string | undefined {
    const [row] = this.#rows("SELECT id FROM carryover_objects WHERE key = ?", key);
    return row && String(row["id"]);
  }

  #rows(query: string, ...bindings: (string | number | ArrayBuffer)[]): Record<string, unknown>[] {
    return this.#sql.exec(query, ...bindings).toArray();
  }
}
