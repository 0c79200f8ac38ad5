import { CarryoverError } from "../errors.ts";
import { assertStorageName } from "../util/names.ts";
import type { LockHolder, Storage, StoredFile } from "./storage.ts";

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
  const label = "memory";
  const contents = new Map<string, Uint8Array>();
  /** How many files lie in and below each folder. */
  const folders = new Map<string, number>();
  let held: LockHolder | undefined;

  /** Refuses what a disk would: a file and a folder of one name. */
  function assertWritable(name: string): void {
    assertStorageName(name);
    const file = foldersOf(name).find((folder) => contents.has(folder));
    if (file !== undefined) {
      throw new CarryoverError("IO", `Cannot write "${name}": found the file "${file}", expected a folder`);
    }
    if (folders.has(name)) {
      throw new CarryoverError("IO", `Cannot write "${name}": found a folder of this name, expected none`);
    }
  }

  function put(name: string, bytes: Uint8Array): void {
    if (!contents.has(name)) {
      for (const folder of foldersOf(name)) folders.set(folder, (folders.get(folder) ?? 0) + 1);
    }
    contents.set(name, bytes);
  }

  function drop(name: string): void {
    if (!contents.delete(name)) return;
    for (const folder of foldersOf(name)) {
      const left = (folders.get(folder) ?? 0) - 1;
      if (left > 0) folders.set(folder, left);
      else folders.delete(folder);
    }
  }

  return {
    label,

    async list(folder) {
      if (folder !== undefined) assertStorageName(folder);
      const prefix = folder === undefined ? "" : `${folder}/`;
      const files: StoredFile[] = [];
      const inside = new Set<string>();
      for (const name of [...contents.keys()].toSorted()) {
        if (!name.startsWith(prefix)) continue;
        const rest = name.slice(prefix.length);
        const slash = rest.indexOf("/");
        if (slash === -1) files.push({ name: rest, size: contents.get(name)?.length ?? 0 });
        else inside.add(rest.slice(0, slash));
      }
      return { files, folders: [...inside].toSorted() };
    },

    async read(name, { maxBytes, offset = 0 }) {
      assertStorageName(name);
      return contents.get(name)?.slice(offset, offset + maxBytes);
    },

    async createOnce(name, bytes) {
      assertStorageName(name);
      const there = contents.get(name);
      if (folders.has(name) || (there !== undefined && !sameBytes(there, bytes))) {
        throw new CarryoverError("CONFLICT", `Cannot create "${name}": found other content, expected a free name`);
      }
      assertWritable(name);
      if (there === undefined) put(name, bytes.slice());
    },

    async createShared(name, bytes) {
      assertWritable(name);
      if (contents.has(name)) return false;
      put(name, bytes.slice());
      return true;
    },

    async replace(name, bytes) {
      assertWritable(name);
      put(name, bytes.slice());
    },

    async appendAt(name, offset, bytes) {
      assertWritable(name);
      const there = contents.get(name) ?? new Uint8Array();
      if (there.length < offset) {
        throw new RangeError(
          `Cannot append to "${name}": found ${there.length} bytes, expected at least the offset ${offset}`,
        );
      }
      const joined = new Uint8Array(offset + bytes.length);
      joined.set(there.subarray(0, offset));
      joined.set(bytes, offset);
      put(name, joined);
    },

    async move(from, to) {
      assertStorageName(from);
      assertWritable(to);
      const bytes = contents.get(from);
      if (bytes === undefined) {
        throw new CarryoverError("NOT_FOUND", `Cannot move "${from}": found no such file, expected one`);
      }
      drop(from);
      put(to, bytes);
    },

    async remove(name) {
      assertStorageName(name);
      drop(name);
    },

    async lock(holder) {
      if (held !== undefined) {
        throw new CarryoverError(
          "LOCKED",
          `Cannot write to "${label}": found it locked by "${held.command}" (process ${held.pid} on "${held.host}") ` +
            `since ${held.since}, expected one writer at a time`,
        );
      }
      const mine = { ...holder };
      held = mine;
      return {
        async release() {
          if (held === mine) held = undefined;
        },
      };
    },
  };
}

/** The folders above a name: of `a/b/c` they are `a` and `a/b`. */
function foldersOf(name: string): string[] {
  const segments = name.split("/");
  return segments.slice(1).map((_, depth) => segments.slice(0, depth + 1).join("/"));
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

/** Larger files of a memory folder do not exist. */
const MAX_BYTES = 1 << 30;

/** Copies the files of a storage, and of the folders in `folder`, so that a trial run can write without leaving a trace. */
export async function copyInMemory(from: Storage, folder: string): Promise<Storage> {
  const to = inMemoryStorage();
  const inside = (await from.list(folder)).folders.map((name) => `${folder}/${name}`);
  for (const place of [undefined, ...inside]) {
    for (const { name } of (await from.list(place)).files) {
      const path = place === undefined ? name : `${place}/${name}`;
      const bytes = await from.read(path, { maxBytes: MAX_BYTES });
      if (bytes !== undefined) await to.replace(path, bytes);
    }
  }
  return to;
}
