import { corruptFile, fail } from "../errors.ts";
import type { BucketLock } from "./bucket-lock.ts";
import type { Bucket } from "./bucket.ts";
import { encodeObject, HEAD_BYTES, type ObjectHead, parseHead } from "./object-head.ts";

/** What the files of a bucket are written with. */
export interface ObjectFilesOptions {
  readonly label: string;
  readonly prefix?: string;
  readonly newId: () => string;
  readonly maxObjectBytes?: number;
  /** The lock, while it is held. */
  readonly lock: () => BucketLock | undefined;
}

/** The version of a file that was read: what a change of it replaces. */
interface Version {
  readonly head: ObjectHead;
  readonly etag: string;
}

/** More than any object has. */
const ALL_BYTES = 1e12;

/** How often a call begins again because somebody who holds no lock changed the file meanwhile. */
const MAX_TRIES = 10;

/**
 * The files of a bucket, each an object of its own that commits it. The bytes of a larger file are in parts, which are never changed and
 * belong to one write: they are written before the object that names them, and removed after the object that names others.
 */
export class ObjectFiles {
  /** What the keys of all files begin with. */
  readonly prefix: string;
  readonly #bucket: Bucket;
  readonly #options: ObjectFilesOptions;
  readonly #partsPrefix: string;
  readonly #partBytes: number;

  constructor(bucket: Bucket, options: ObjectFilesOptions) {
    const { prefix = "", maxObjectBytes = Infinity } = options;
    if (maxObjectBytes <= HEAD_BYTES) throw new RangeError(`Cannot keep files in objects of ${maxObjectBytes} bytes`);
    this.prefix = `${prefix}files/`;
    this.#bucket = bucket;
    this.#options = options;
    this.#partsPrefix = `${prefix}parts/`;
    this.#partBytes = maxObjectBytes;
  }

  /** A file's bytes, as `Storage.read()` returns them. */
  async read(
    name: string,
    { maxBytes, offset = 0 }: { maxBytes: number; offset?: number },
  ): Promise<Uint8Array | undefined> {
    // A part of a file is asked for after its first line, so that nobody fetches what is before it.
    const length = offset === 0 ? Math.min(HEAD_BYTES + maxBytes, ALL_BYTES) : HEAD_BYTES;
    for (let tries = 1; tries <= MAX_TRIES; tries++) {
      const found = await this.#bucket.get(this.prefix + name, { offset: 0, length });
      if (found === undefined) return undefined;
      const head = parseHead(found.bytes, this.#labelOf(name));
      const end = Math.max(offset, Math.min(head.size, offset + maxBytes));
      const bytes =
        head.partBytes > 0
          ? await this.#readParts(name, head, { offset, end })
          : offset === 0
            ? found.bytes.subarray(HEAD_BYTES).slice(0, end)
            : await this.#readRest(name, found.etag, { offset, end });
      if (bytes?.length === end - Math.min(offset, end)) return bytes;
      // A part is missing: the file was replaced meanwhile, or is damaged.
      if ((await this.#version(name))?.head.id === head.id) break;
    }
    throw corruptFile(this.#labelOf(name), {
      found: "an object or part that is missing or short",
      expected: "all of it",
    });
  }

  /** Bytes of a file that is one object; `undefined` if that is another version by now. */
  async #readRest(
    name: string,
    etag: string,
    { offset, end }: { offset: number; end: number },
  ): Promise<Uint8Array | undefined> {
    if (end === offset) return new Uint8Array();
    const rest = await this.#bucket.get(this.prefix + name, { offset: HEAD_BYTES + offset, length: end - offset });
    return rest?.etag === etag ? rest.bytes : undefined;
  }

  /** A file's size in bytes; `undefined` if there is none. */
  async sizeOf(name: string): Promise<number | undefined> {
    return (await this.#version(name))?.head.size;
  }

  /** Creates a file. Returns whether the name was free. */
  async create(name: string, bytes: Uint8Array): Promise<boolean> {
    // No part of a file that exists already is written.
    if (this.#needsParts(bytes) && (await this.#version(name)) !== undefined) return false;
    return this.#write(name, bytes, undefined);
  }

  /** Writes a file, replacing what was there. `content` is called again if another process changed it meanwhile. */
  async replace(name: string, content: () => Promise<Uint8Array>): Promise<void> {
    await this.#untilUnchanged("write", name, async () => {
      const there = await this.#version(name);
      return this.#write(name, await content(), there);
    });
  }

  async remove(name: string): Promise<void> {
    await this.#untilUnchanged("remove", name, async () => {
      const there = await this.#version(name);
      if (there === undefined) return true;
      this.#assertNotFenced(there);
      if (!(await this.#bucket.delete(this.prefix + name, { etag: there.etag }))) return false;
      await this.#removeParts(name, there.head);
      return true;
    });
  }

  /** Removes parts that no file names: of a writer that died, before or after it wrote the object. */
  async removeStrayParts(): Promise<void> {
    for (const folder of (await this.#bucket.list(this.#partsPrefix)).folders) {
      const there = await this.#version(decodeURIComponent(folder));
      const { objects } = await this.#bucket.list(`${this.#partsPrefix}${folder}/`);
      const own = there && `${this.#partsPrefix}${folder}/${there.head.id}.`;
      for (const { key } of objects) if (own === undefined || !key.startsWith(own)) await this.#bucket.delete(key);
    }
  }

  /** Writes a file if it still has the version `there`, or if there is still none. Returns whether it did. */
  async #write(name: string, bytes: Uint8Array, there: Version | undefined): Promise<boolean> {
    this.#assertNotFenced(there);
    const token = Math.max(this.#options.lock()?.token ?? 0, there?.head.token ?? 0);
    const partBytes = this.#needsParts(bytes) ? this.#partBytes : 0;
    const head = { token, size: bytes.length, partBytes, id: this.#options.newId() };
    for (const [part, key] of this.#partKeys(name, head).entries()) {
      await this.#bucket.put(key, bytes.slice(part * partBytes, (part + 1) * partBytes), "absent");
    }
    const object = encodeObject(head, partBytes === 0 ? bytes : new Uint8Array());
    if ((await this.#bucket.put(this.prefix + name, object, there ?? "absent")) === undefined) {
      const now = await this.#version(name);
      // If it is this very write, only the answer to it got lost.
      if (now?.head.id !== head.id) {
        await this.#removeParts(name, head);
        this.#assertNotFenced(now);
        return false;
      }
    }
    if (there !== undefined) await this.#removeParts(name, there.head);
    return true;
  }

  /** The fence: what a later holder of the lock wrote is not replaced by an earlier one. */
  #assertNotFenced(there: Version | undefined): void {
    const lock = this.#options.lock();
    if (lock !== undefined && there !== undefined && there.head.token > lock.token) lock.lose();
  }

  async #untilUnchanged(verb: string, name: string, change: () => Promise<boolean>): Promise<void> {
    for (let tries = 1; tries <= MAX_TRIES; tries++) if (await change()) return;
    throw fail("CONFLICT", `Cannot ${verb} "${this.#labelOf(name)}"`, {
      found: `that others changed it ${MAX_TRIES} times meanwhile`,
      expected: "one writer at a time",
    });
  }

  async #version(name: string): Promise<Version | undefined> {
    const found = await this.#bucket.get(this.prefix + name, { offset: 0, length: HEAD_BYTES });
    return found && { head: parseHead(found.bytes, this.#labelOf(name)), etag: found.etag };
  }

  /** The bytes from `offset` to `end`; `undefined` if a part is missing. */
  async #readParts(name: string, head: ObjectHead, { offset, end }: Record<"offset" | "end", number>) {
    const bytes = new Uint8Array(end - offset);
    for (const [part, key] of this.#partKeys(name, head).entries()) {
      const start = part * head.partBytes;
      const from = Math.max(start, offset);
      const to = Math.min(start + head.partBytes, end);
      if (from >= to) continue;
      const found = await this.#bucket.get(key, { offset: from - start, length: to - from });
      if (found?.bytes.length !== to - from) return undefined;
      bytes.set(found.bytes, from - offset);
    }
    return bytes;
  }

  async #removeParts(name: string, head: ObjectHead): Promise<void> {
    for (const key of this.#partKeys(name, head)) await this.#bucket.delete(key);
  }

  #partKeys(name: string, { size, partBytes, id }: ObjectHead): string[] {
    const count = partBytes === 0 ? 0 : Math.ceil(size / partBytes);
    const folder = `${this.#partsPrefix}${encodeURIComponent(name)}/`;
    return Array.from({ length: count }, (_, part) => `${folder}${id}.${part}`);
  }

  #needsParts(bytes: Uint8Array): boolean {
    return HEAD_BYTES + bytes.length > this.#partBytes;
  }

  #labelOf(name: string): string {
    return `${this.#options.label}/${name}`;
  }
}
