import { delay } from "../util/async.ts";
import type { Bucket, BucketListing } from "./bucket.ts";

/** What is used of the `R2Bucket` that a worker is bound to. */
export interface R2Binding {
  head(key: string): Promise<R2Head | null>;
  get(key: string, options: { range: { offset: number; length: number } }): Promise<R2Content | null>;
  put(key: string, bytes: Uint8Array<ArrayBuffer>, options: { onlyIf: Headers }): Promise<R2Head | null>;
  delete(key: string): Promise<void>;
  list(options: { prefix: string; delimiter: string; cursor?: string }): Promise<R2Page>;
}

interface R2Head {
  /** In quotes. */
  readonly httpEtag: string;
  readonly size: number;
}

interface R2Content extends R2Head {
  arrayBuffer(): Promise<ArrayBuffer>;
}

interface R2Page {
  readonly objects: readonly { readonly key: string; readonly size: number }[];
  /** With the prefix and a slash. */
  readonly delimitedPrefixes: readonly string[];
  readonly truncated: boolean;
  readonly cursor?: string;
}

/** R2 takes about one write of a key a second, and refuses more with this code. */
const TOO_MANY_WRITES = "(10058)";
const MAX_RETRIES = 4;
const RETRY_MS = 1100;

/**
 * A bucket of Cloudflare R2, as a worker is bound to it. From elsewhere R2 is reached by `s3Bucket()`.
 *
 * R2 has no conditional removal. An object that is removed on a condition is therefore replaced by an empty one, which counts as none.
 *
 * @example
 * ```ts
 * const storage = await openObjectStore(r2Bucket(env.MEMORY), {
 *   label: "R2",
 *   now: Date.now,
 *   newId: () => crypto.randomUUID(),
 * });
 * ```
 */
export function r2Bucket(binding: R2Binding): Bucket {
  return new R2Bucket(binding);
}

class R2Bucket implements Bucket {
  readonly #binding: R2Binding;

  constructor(binding: R2Binding) {
    this.#binding = binding;
  }

  async get(key: string, { offset, length }: { offset: number; length: number }): ReturnType<Bucket["get"]> {
    const range = { offset, length };
    // R2 has no range that is empty or begins at the end, and fails in several ways.
    const found =
      length === 0 ? undefined : await this.#binding.get(key, { range }).catch((error: unknown) => ({ error }));
    if (found === null) return undefined;
    if (found !== undefined && "httpEtag" in found) {
      return found.size === 0 ? undefined : { bytes: new Uint8Array(await found.arrayBuffer()), etag: found.httpEtag };
    }
    const head = await this.#binding.head(key);
    if (head === null || head.size === 0) return undefined;
    if (found !== undefined && offset < head.size) throw found.error;
    return { bytes: new Uint8Array(), etag: head.httpEtag };
  }

  async put(key: string, bytes: Uint8Array, when: "absent" | { etag: string }): Promise<string | undefined> {
    if (bytes.length === 0) throw new RangeError(`Cannot write "${key}": found no bytes, expected at least one`);
    if (when !== "absent") return this.#write(key, bytes, { "if-match": when.etag });
    const etag = await this.#write(key, bytes, { "if-none-match": "*" });
    if (etag !== undefined) return etag;
    const removed = await this.#binding.head(key);
    return removed?.size === 0 ? this.#write(key, bytes, { "if-match": removed.httpEtag }) : undefined;
  }

  async delete(key: string, when?: { etag: string }): Promise<boolean> {
    if (when === undefined) {
      await this.#binding.delete(key);
      return true;
    }
    if ((await this.#write(key, new Uint8Array(), { "if-match": when.etag })) !== undefined) return true;
    return ((await this.#binding.head(key))?.size ?? 0) === 0;
  }

  async list(prefix: string): Promise<BucketListing> {
    const objects: { key: string; size: number }[] = [];
    const folders: string[] = [];
    for (let cursor: string | undefined; ;) {
      const page = await this.#binding.list({ prefix, delimiter: "/", ...(cursor !== undefined && { cursor }) });
      for (const { key, size } of page.objects) if (size > 0) objects.push({ key, size });
      folders.push(...page.delimitedPrefixes.map((path) => path.slice(prefix.length, -1)));
      if (!page.truncated) return { objects, folders };
      cursor = page.cursor;
    }
  }

  async #write(key: string, bytes: Uint8Array, condition: Record<string, string>): Promise<string | undefined> {
    const content = new Uint8Array(bytes);
    const options = { onlyIf: new Headers(condition) };
    for (let tries = 0; ; tries++) {
      try {
        return (await this.#binding.put(key, content, options))?.httpEtag;
      } catch (error) {
        if (tries === MAX_RETRIES || !String(error).includes(TOO_MANY_WRITES)) throw error;
        await delay(RETRY_MS * (tries + 1));
      }
    }
  }
}
