import { type Bucket, type BucketListing, listingUnder } from "../../lib/storage/bucket.ts";

/** What a call of a bucket does, besides its work: it may wait, or throw before or after the work is done. */
export interface BucketFault {
  before?(call: keyof Bucket, key: string): void | Promise<void>;
  after?(call: keyof Bucket, key: string): void | Promise<void>;
}

/** A bucket in memory. Etags count its writes. */
export class InMemoryBucket implements Bucket {
  readonly objects: Map<string, { bytes: Uint8Array; etag: string }> = new Map<
    string,
    { bytes: Uint8Array; etag: string }
  >();
  fault: BucketFault = {};
  #writes = 0;

  get(key: string, { offset, length }: { offset: number; length: number }): ReturnType<Bucket["get"]> {
    return this.#call("get", key, () => {
      const found = this.objects.get(key);
      return found && { bytes: found.bytes.slice(offset, offset + length), etag: found.etag };
    });
  }

  put(key: string, bytes: Uint8Array, when: "absent" | { etag: string }): Promise<string | undefined> {
    return this.#call("put", key, () => {
      if (this.objects.get(key)?.etag !== (when === "absent" ? undefined : when.etag)) return undefined;
      const etag = String(++this.#writes);
      this.objects.set(key, { bytes: bytes.slice(), etag });
      return etag;
    });
  }

  delete(key: string, when?: { etag: string }): Promise<boolean> {
    return this.#call("delete", key, () => {
      const found = this.objects.get(key);
      if (found !== undefined && when !== undefined && found.etag !== when.etag) return false;
      this.objects.delete(key);
      return true;
    });
  }

  list(prefix: string): Promise<BucketListing> {
    return this.#call("list", prefix, () => {
      const under = [...this.objects].filter(([key]) => key.startsWith(prefix));
      return listingUnder(
        prefix,
        under.map(([key, { bytes }]) => ({ key, size: bytes.length })),
      );
    });
  }

  async #call<T>(call: keyof Bucket, key: string, work: () => T): Promise<T> {
    await this.fault.before?.(call, key);
    const result = work();
    await this.fault.after?.(call, key);
    return result;
  }
}
