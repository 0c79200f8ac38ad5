import fs from "node:fs";
import { dirname, join, resolve } from "node:path";
import { crc32 } from "node:zlib";
import { CarryoverError } from "../errors.ts";
import { setCrc32 } from "../util/crc32.ts";
import { assertStorageName, isReservedName } from "../util/names.ts";
import type { Storage, StoredFile } from "./storage.ts";
import {
  areFolders,
  attempt,
  CREATE_ONLY,
  discard,
  makeFolder,
  namesIn,
  notRegular,
  openToRead,
  READ_ONLY,
  READ_WRITE,
  readFully,
  sweepTemporaries,
  temporaryName,
  writeAll,
} from "./fs.node.ts";
import { takeLock } from "./lock.node.ts";
import { sharedWriter } from "./shared-file.node.ts";

// The engine has its own CRC-32, which is faster by far.
setCrc32(crc32);

/**
 * A `Storage` in a folder of this machine. What it acknowledges survives kill -9 and, on Linux, power loss. No link in
 * the folder is followed; the folder itself may be one. It is made by the first write or lock, not before.
 *
 * The calls to the file system are synchronous: for small files that is several times faster than asynchronous ones.
 *
 * @throws {CarryoverError} From its functions, besides what `Storage` says: `IO` where the operating system refuses;
 * `CORRUPT` where a link, a pipe or a folder is in a file's place, or a link in a folder's; `READ_ONLY` from every write
 * after a sync has failed, because what the disk holds is then unknown and a second sync would not tell.
 */
export function diskStorage(folder: string): Storage {
  const root = resolve(folder);
  /** Folders whose own entry in the folder above is known to be on disk. */
  const settled = new Set<string>();
  let failedSync: string | undefined;
  const shared = sharedWriter((path) => (failedSync = path));

  /** Syncs an open file or folder; one failure ends all writing. */
  function sync(fd: number, path: string, flush: (fd: number) => void = fs.fsyncSync): void {
    try {
      flush(fd);
    } catch (error) {
      failedSync = path;
      throw error;
    }
  }

  function withFolder<T>(path: string, use: (syncThis: () => void) => T): T {
    if (process.platform === "win32") return use(() => {});
    // Opened before anything is changed, so that running out of handles fails before and not between.
    const fd = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
    try {
      return use(() => sync(fd, path));
    } finally {
      fs.closeSync(fd);
    }
  }

  function syncFolder(path: string): void {
    withFolder(path, (syncThis) => syncThis());
  }

  function assertWritable(): void {
    if (failedSync === undefined) return;
    throw new CarryoverError(
      "READ_ONLY",
      `Cannot write to "${root}": found that a sync of "${failedSync}" failed, expected a disk that keeps what it is ` +
        `given: check it, then start again`,
    );
  }

  /** The folders between the root and a name, outermost first. */
  function foldersOf(name: string): string[] {
    const segments = name.split("/").slice(0, -1);
    return segments.map((_, depth) => join(root, ...segments.slice(0, depth + 1)));
  }

  /** Makes the folders above a name. An entry found is synced once, too: who made it may have died before the sync. */
  function makeFolders(name: string): void {
    if (!settled.has(root)) {
      makeFolder(root, syncFolder);
      settled.add(root);
    }
    for (const path of foldersOf(name)) {
      if (!areFolders([path])) fs.mkdirSync(path);
      if (settled.has(path)) continue;
      syncFolder(dirname(path));
      settled.add(path);
    }
  }

  /** Runs a change of one file: checks the name and the store, makes the folders above it. */
  function change(verb: string, name: string, operation: (path: string) => void): void {
    assertStorageName(name);
    assertWritable();
    const path = join(root, name);
    attempt(verb, path, () => {
      makeFolders(name);
      operation(path);
    });
  }

  /** The one way to write a durable file. */
  function put(path: string, bytes: Uint8Array): void {
    withFolder(dirname(path), (syncThis) => {
      const temp = join(dirname(path), temporaryName());
      const fd = fs.openSync(temp, CREATE_ONLY, 0o600);
      try {
        try {
          writeAll(fd, bytes, 0);
          sync(fd, path);
        } finally {
          fs.closeSync(fd);
        }
        fs.renameSync(temp, path);
      } catch (error) {
        discard(temp);
        throw error;
      }
      syncThis();
    });
  }

  /** Whether a regular file holds exactly these bytes. If so, they are synced: who wrote them may have died before. */
  function holds(path: string, bytes: Uint8Array): boolean {
    const fd = fs.openSync(path, READ_ONLY);
    try {
      const found = new Uint8Array(bytes.length);
      if (fs.fstatSync(fd).size !== bytes.length || readFully(fd, found, 0) !== bytes.length) return false;
      if (Buffer.compare(found, bytes) !== 0) return false;
      if (process.platform !== "win32") sync(fd, path);
    } finally {
      fs.closeSync(fd);
    }
    syncFolder(dirname(path));
    return true;
  }

  return {
    label: folder,

    async list(inside) {
      if (inside !== undefined) assertStorageName(inside);
      const path = inside === undefined ? root : join(root, inside);
      return attempt("list", path, () => {
        const files: StoredFile[] = [];
        const folders: string[] = [];
        if (inside !== undefined && !areFolders(foldersOf(`${inside}/`))) return { files, folders };
        for (const name of namesIn(path)) {
          if (isReservedName(name)) continue;
          const stat = fs.lstatSync(`${path}/${name}`, { throwIfNoEntry: false });
          // A writer may have removed or replaced it since.
          if (stat === undefined) continue;
          if (stat.isDirectory()) folders.push(name);
          else files.push({ name, size: stat.size });
        }
        return { files, folders };
      });
    },

    async read(name, { maxBytes, offset = 0 }) {
      assertStorageName(name);
      const path = join(root, name);
      return attempt("read", path, () => {
        if (!areFolders(foldersOf(name))) return undefined;
        const fd = openToRead(path);
        if (fd === undefined) return undefined;
        try {
          const stat = fs.fstatSync(fd);
          if (!stat.isFile()) throw notRegular(path, stat.isDirectory() ? "a folder" : "a device or pipe");
          const bytes = new Uint8Array(Math.max(0, Math.min(maxBytes, stat.size - offset)));
          return bytes.subarray(0, readFully(fd, bytes, offset));
        } finally {
          fs.closeSync(fd);
        }
      });
    },

    async createOnce(name, bytes) {
      change("create", name, (path) => {
        const there = fs.lstatSync(path, { throwIfNoEntry: false });
        if (there === undefined) return put(path, bytes);
        if (there.isFile() && there.size === bytes.length && holds(path, bytes)) return;
        throw new CarryoverError("CONFLICT", `Cannot create "${path}": found other content, expected a free name`);
      });
    },

    async createShared(name, bytes) {
      assertStorageName(name);
      assertWritable();
      const path = join(root, name);
      try {
        makeFolders(name);
        return await shared.create(path, bytes);
      } catch (error) {
        return attempt("create", path, () => {
          throw error;
        });
      }
    },

    async replace(name, bytes) {
      change("write", name, (path) => put(path, bytes));
    },

    async appendAt(name, offset, bytes) {
      change("append to", name, (path) => {
        const created = fs.lstatSync(path, { throwIfNoEntry: false }) === undefined;
        if (created && offset > 0) throw tooShort(path, 0, offset);
        const fd = fs.openSync(path, READ_WRITE, 0o600);
        try {
          const stat = fs.fstatSync(fd);
          if (!stat.isFile()) throw notRegular(path, "a device or pipe");
          if (stat.size < offset) throw tooShort(path, stat.size, offset);
          if (stat.size > offset) fs.ftruncateSync(fd, offset);
          writeAll(fd, bytes, offset);
          sync(fd, path, fs.fdatasyncSync);
        } finally {
          fs.closeSync(fd);
        }
        if (created) syncFolder(dirname(path));
      });
    },

    async move(from, to) {
      assertStorageName(from);
      change("move", to, (target) => {
        const source = join(root, from);
        const there = areFolders(foldersOf(from)) ? fs.lstatSync(source, { throwIfNoEntry: false }) : undefined;
        if (there === undefined || there.isDirectory()) {
          throw new CarryoverError("NOT_FOUND", `Cannot move "${source}": found no such file, expected one`);
        }
        withFolder(dirname(target), (syncTarget) => {
          fs.renameSync(source, target);
          syncTarget();
        });
        // After the target: a power cut in between leaves both names, never none.
        if (dirname(source) !== dirname(target)) syncFolder(dirname(source));
      });
    },

    async remove(name) {
      assertStorageName(name);
      assertWritable();
      const path = join(root, name);
      attempt("remove", path, () => {
        if (!areFolders(foldersOf(name)) || fs.lstatSync(path, { throwIfNoEntry: false }) === undefined) return;
        withFolder(dirname(path), (syncThis) => {
          fs.unlinkSync(path);
          syncThis();
        });
      });
    },

    async lock(holder) {
      assertWritable();
      attempt("lock", root, () => makeFolders(".lock"));
      const lock = await takeLock(root, holder);
      try {
        attempt("clear temporary files in", root, () => sweepTemporaries(root));
      } catch (error) {
        await lock.release();
        throw error;
      }
      return lock;
    },
  };
}

function tooShort(path: string, size: number, offset: number): RangeError {
  return new RangeError(`Cannot append to "${path}": found ${size} bytes, expected at least the offset ${offset}`);
}
