import { CarryoverError, fail, messageOf } from "../errors.ts";

/** What a bucket holds directly under a prefix, as if `/` made folders. */
export interface BucketListing {
  /** Whole keys, and sizes in bytes. */
  readonly objects: readonly { readonly key: string; readonly size: number }[];
  /** Without the prefix and without a slash. */
  readonly folders: readonly string[];
}

/**
 * An object store: S3, or anything else that can do these four. A key may hold any character. Each call is atomic, and what a
 * call has written, all later calls see. An etag is a text that differs whenever the bytes of an object differ.
 */
export interface Bucket {
  /**
   * The largest object that the store takes, in bytes, or the largest that it should be given.
   *
   * @default no limit
   */
  readonly maxObjectBytes?: number;

  /**
   * Reads at most `length` bytes, starting at `offset`.
   *
   * @returns The bytes found, none if the object is not longer than `offset`; `undefined` if there is no such object.
   */
  get(key: string, range: { offset: number; length: number }): Promise<{ bytes: Uint8Array; etag: string } | undefined>;

  /**
   * Writes a whole object if the key is free (`"absent"`) or if the object still has this etag. Durable when it returns.
   *
   * @returns The new etag; `undefined` if the condition did not hold, and nothing was written.
   */
  put(key: string, bytes: Uint8Array, when: "absent" | { etag: string }): Promise<string | undefined>;

  /**
   * Removes an object, if it still has this etag. Removing a missing object succeeds.
   *
   * @returns Whether the object is gone.
   */
  delete(key: string, when?: { etag: string }): Promise<boolean>;

  list(prefix: string): Promise<BucketListing>;
}

/** What lies directly under a prefix, of all objects whose keys begin with it. */
export function listingUnder(
  prefix: string,
  objects: Iterable<{ readonly key: string; readonly size: number }>,
): BucketListing {
  const direct: { key: string; size: number }[] = [];
  const folders = new Set<string>();
  for (const { key, size } of objects) {
    const slash = key.indexOf("/", prefix.length);
    if (slash === -1) direct.push({ key, size });
    else folders.add(key.slice(prefix.length, slash));
  }
  return { objects: direct, folders: [...folders] };
}

/** The same bucket, whose failures are `IO` and name the key. `label` is how messages name the keys that begin with `prefix`. */
export function withReports(bucket: Bucket, at: Record<"label" | "prefix", string>): Bucket {
  const report = async <T>(verb: string, key: string, call: () => Promise<T>): Promise<T> => {
    try {
      return await call();
    } catch (cause) {
      if (cause instanceof CarryoverError) throw cause;
      const expected =
        "the object store to answer: check its address, the credentials and their rights, then run again";
      const place = `${at.label}/${key.slice(at.prefix.length)}`;
      const reason = new Error(withoutQuestion(messageOf(cause)), { cause });
      throw fail("IO", `Cannot ${verb} "${place}"`, { found: reason.message, expected, cause: reason });
    }
  };
  return {
    get: (key, range) => report("read", key, () => bucket.get(key, range)),
    put: (key, bytes, when) => report("write", key, () => bucket.put(key, bytes, when)),
    delete: (key, when) => report("remove", key, () => bucket.delete(key, when)),
    list: (prefix) => report("list", prefix, () => bucket.list(prefix)),
  };
}

/** Bun asks at the end whether the computer has access. */
function withoutQuestion(message: string): string {
  return message.replace(/\. [^.]*\?$/, "");
}

/** An etag that no object has. */
const WRONG_ETAG = `"${"0".repeat(32)}"`;

/**
 * Writes to the object `key` under conditions that do not hold. The object stays, so that several can probe at once.
 *
 * @throws {CarryoverError} `BAD_USAGE` if the bucket writes all the same: on it, neither a lock nor `createOnce()` would hold.
 */
export async function assertConditionalWrites(
  bucket: Bucket,
  { key, label }: Record<"key" | "label", string>,
): Promise<void> {
  const probe = new TextEncoder().encode("Carryover tests here whether this store honours conditions.\n");
  const isFree = (await bucket.put(key, probe, "absent")) !== undefined;
  const overwrites = isFree && (await bucket.put(key, probe, "absent")) !== undefined;
  const ignored = overwrites ? "If-None-Match" : "If-Match";
  if (!overwrites && (await bucket.put(key, probe, { etag: WRONG_ETAG })) === undefined) return;
  throw fail("BAD_USAGE", `Cannot keep files in "${label}"`, {
    found: `that the store ignores the condition of a write (${ignored})`,
    expected: "a store with conditional writes, such as S3 or R2",
  });
}
