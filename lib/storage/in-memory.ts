import { fail } from "../errors.ts";
import { assertNewName, assertStorageName, isNewName } from "../util/names.ts";
import { type Listing, type Lock, lockedError, type LockHolder, type Storage, type StoredFile } from "./storage.ts";

/**
 * A `Storage` in the memory of this process: for tests, and where nothing needs to outlive it.
 *
 * @example
 * ```ts
 * const storage = inMemoryStorage();
 * await storage.replace("memory.json", new TextEncoder().encode("{}"));
 * await storage.list(); // { files: [{ name: "memory.json", size: 2 }], folders: [] }
 * ```
 */
export function inMemoryStorage(): Storage {
  return new InMemoryStorage();
}

class InMemoryStorage implements Storage {
  readonly label = "memory";
  readonly #files = new Map<string, Uint8Array>();
  /** How many files lie in and below each folder. */
  readonly #folders = new Map<string, number>();
  #holder: LockHolder | undefined;

  async list(folder?: string): Promise<Listing> {
    if (folder !== undefined) assertStorageName(folder);
    const prefix = folder === undefined ? "" : `${folder}/`;
    const files: StoredFile[] = [];
    const folders = new Set<string>();
    for (const [name, bytes] of [...this.#files].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
      if (!name.startsWith(prefix)) continue;
      const rest = name.slice(prefix.length);
      const slash = rest.indexOf("/");
      if (slash === -1) files.push({ name: rest, size: bytes.length });
      else folders.add(rest.slice(0, slash));
    }
    return { files, folders: [...folders].toSorted() };
  }

  async read(name: string, options: { maxBytes: number; offset?: number }): Promise<Uint8Array | undefined> {
    const { maxBytes, offset = 0 } = options;
    assertStorageName(name);
    return this.#files.get(name)?.slice(offset, offset + maxBytes);
  }

  async createOnce(name: string, bytes: Uint8Array): Promise<boolean> {
    assertNewName(name);
    if (this.#files.has(name) || this.#folders.has(name)) return false;
    this.#put("create", name, bytes.slice());
    return true;
  }

  async replace(name: string, bytes: Uint8Array): Promise<void> {
    assertNewName(name);
    this.#put("write", name, bytes.slice());
  }

  async appendAt(name: string, offset: number, bytes: Uint8Array): Promise<void> {
    assertNewName(name);
    const there = this.#files.get(name) ?? new Uint8Array();
    if (there.length < offset) {
      const found = `found ${there.length} bytes, expected at least the offset ${offset}`;
      throw new RangeError(`Cannot append to "${name}": ${found}`);
    }
    const joined = new Uint8Array(offset + bytes.length);
    joined.set(there.subarray(0, offset));
    joined.set(bytes, offset);
    this.#put("append to", name, joined);
  }

  async move(from: string, to: string): Promise<void> {
    assertStorageName(from);
    assertStorageName(to);
    const bytes = this.#files.get(from);
    if (bytes === undefined) {
      throw fail("NOT_FOUND", `Cannot move "${from}"`, { found: "no such file", expected: "one" });
    }
    this.#put("move", to, bytes);
    if (from !== to) this.#drop(from);
  }

  async remove(name: string): Promise<void> {
    assertStorageName(name);
    this.#drop(name);
  }

  async lock(holder: LockHolder): Promise<Lock> {
    const held = this.#holder;
    if (held !== undefined) throw lockedError(this.label, held);
    const mine = { ...holder };
    this.#holder = mine;
    return {
      // Nobody else can reach it.
      assertHeld: () => {},
      release: async () => {
        if (this.#holder === mine) this.#holder = undefined;
      },
    };
  }

  /** Refuses what a disk would refuse: a file and a folder of one name. */
  #put(verb: string, name: string, bytes: Uint8Array): void {
    assertStorageName(name);
    const above = foldersOf(name);
    const file = above.find((folder) => this.#files.has(folder));
    if (file !== undefined) {
      throw fail("IO", `Cannot ${verb} "${name}"`, { found: `the file "${file}"`, expected: "a folder" });
    }
    if (this.#folders.has(name)) {
      throw fail("IO", `Cannot ${verb} "${name}"`, { found: "a folder of this name", expected: "none" });
    }
    if (!this.#files.has(name)) {
      for (const folder of above) this.#folders.set(folder, (this.#folders.get(folder) ?? 0) + 1);
    }
    this.#files.set(name, bytes);
  }

  #drop(name: string): void {
    if (!this.#files.delete(name)) return;
    for (const folder of foldersOf(name)) {
      const left = (this.#folders.get(folder) ?? 0) - 1;
      if (left > 0) this.#folders.set(folder, left);
      else this.#folders.delete(folder);
    }
  }
}

/** The folders above a name: of `a/b/c` they are `a` and `a/b`. */
function foldersOf(name: string): string[] {
  const segments = name.split("/");
  return segments.slice(1).map((_, depth) => segments.slice(0, depth + 1).join("/"));
}

/** No file of a memory folder is larger. */
const MAX_BYTES = 1 << 30;

/** Copies the files of a storage, and of the folders in `folder`, so that a trial run can write without leaving a trace. */
export async function copyInMemory(from: Storage, folder: string): Promise<Storage> {
  const to = inMemoryStorage();
  const inside = (await from.list(folder)).folders.map((name) => `${folder}/${name}`);
  for (const place of [undefined, ...inside]) {
    for (const { name } of (await from.list(place)).files) {
      const path = place === undefined ? name : `${place}/${name}`;
      // No run reads what another program has put there under such a name.
      if (!isNewName(path)) continue;
      const bytes = await from.read(path, { maxBytes: MAX_BYTES });
      if (bytes !== undefined) await to.replace(path, bytes);
    }
  }
  return to;
}
