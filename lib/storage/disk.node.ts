import fs from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fail } from "../errors.ts";
import { assertNewName, assertStorageName, isReservedName } from "../util/names.ts";
import { useNativeFunctions } from "../util/native.node.ts";
import type { Listing, Lock, LockHolder, Storage, StoredFile } from "./storage.ts";
import {
  areFolders,
  attempt,
  attemptAsync,
  makeFolder,
  namesIn,
  notRegular,
  openFolder,
  openToRead,
  READ_WRITE,
  readFully,
  sweepTemporaries,
  withFile,
  writeAll,
} from "./fs.node.ts";
import { isTemporaryFileGone, replaceName, takeName } from "./give-name.node.ts";
import { GroupCommit } from "./group-commit.node.ts";
import { takeLock } from "./lock.node.ts";
import { Syncs } from "./syncs.node.ts";
import { renameSync } from "./rename.node.ts";

useNativeFunctions();

/** Processes that start while one file is written, and sweep the folder without a lock (`settleLeftovers()`): nearly always none. */
const MAX_TRIES = 5;

/** The folder of runs: what is in it, and in its folders, is covered by the lock. */
const NESTED_FOLDER = "runs";

/**
 * A `Storage` in a folder of this machine. What it acknowledges survives kill -9 and, on Linux, power loss. No link in
 * the folder is followed; the folder itself may be one. The first write or lock makes it, not the opening.
 *
 * All calls to the file system but the syncs of new files are synchronous: for small files that is several times faster.
 *
 * Besides what `Storage` says, its functions throw `IO` where the operating system refuses; `CORRUPT` where a link, a pipe or
 * a folder is in a file's place, or a link in a folder's; `READ_ONLY` from every write after a sync has failed, because
 * what the disk holds is then unknown; and what `Lock.assertHeld()` throws from every write after its lock was lost.
 *
 * @throws {CarryoverError} `BAD_USAGE` if the folder is a file; `IO` if it may not be looked at.
 */
export function diskStorage(folder: string): Storage {
  const stat = attempt("open", folder, () => fs.statSync(folder, { throwIfNoEntry: false }));
  if (stat?.isDirectory() === false) {
    throw fail("BAD_USAGE", `Cannot use "${folder}" as a folder`, {
      found: "a file",
      expected: "a folder, or a free name",
    });
  }
  return new DiskStorage(folder);
}

class DiskStorage implements Storage {
  readonly label: string;
  readonly #root: string;
  /** Folders whose own entry in the folder above is known to be on disk. */
  readonly #settled = new Set<string>();
  readonly #syncs: Syncs;
  readonly #commits: GroupCommit;
  /** The lock, while it is held. */
  #lock: Lock | undefined;

  constructor(folder: string) {
    this.label = folder;
    this.#root = resolve(folder);
    this.#syncs = new Syncs(this.#root);
    this.#commits = new GroupCommit(this.#syncs, { assertLockHeld: () => this.#lock?.assertHeld() });
  }

  async list(folder?: string): Promise<Listing> {
    if (folder !== undefined) assertStorageName(folder);
    const path = join(this.#root, folder ?? "");
    return attempt("list", path, () => {
      const files: StoredFile[] = [];
      const folders: string[] = [];
      if (folder !== undefined && !areFolders(this.#foldersOf(`${folder}/`))) return { files, folders };
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
  }

  async read(name: string, options: { maxBytes: number; offset?: number }): Promise<Uint8Array | undefined> {
    const { maxBytes, offset = 0 } = options;
    assertStorageName(name);
    const path = join(this.#root, name);
    return attempt("read", path, () => {
      if (!areFolders(this.#foldersOf(name))) return undefined;
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
  }

  createOnce(name: string, bytes: Uint8Array): Promise<boolean> {
    return this.#commit("create", name, async (path) => {
      for (let tries = 1; ; tries++) {
        const there = fs.lstatSync(path, { throwIfNoEntry: false });
        if (there?.isFile()) await this.#commits.settle(path);
        if (there !== undefined) return false;
        try {
          return await this.#commits.write(path, bytes, { verb: "create", giveName: takeName });
        } catch (error) {
          if (tries === MAX_TRIES || !isTemporaryFileGone(error, path)) throw error;
        }
      }
    });
  }

  async replace(name: string, bytes: Uint8Array): Promise<void> {
    await this.#commit("write", name, (path) =>
      this.#commits.write(path, bytes, { verb: "write", giveName: replaceName }),
    );
  }

  async appendAt(name: string, offset: number, bytes: Uint8Array): Promise<void> {
    assertNewName(name);
    this.#change("append to", name, (path) => {
      const isNew = fs.lstatSync(path, { throwIfNoEntry: false }) === undefined;
      if (isNew && offset > 0) throw tooShort(path, 0, offset);
      withFile(path, READ_WRITE, (fd) => {
        const stat = fs.fstatSync(fd);
        if (!stat.isFile()) throw notRegular(path, "a device or pipe");
        if (stat.size < offset) throw tooShort(path, stat.size, offset);
        if (stat.size > offset) fs.ftruncateSync(fd, offset);
        writeAll(fd, bytes, offset);
        this.#syncs.now(fd, path, fs.fdatasyncSync);
      });
      if (isNew) this.#syncFolder(dirname(path));
    });
  }

  async move(from: string, to: string): Promise<void> {
    assertStorageName(from);
    this.#change("move", to, (target) => {
      const source = join(this.#root, from);
      const there = areFolders(this.#foldersOf(from)) ? fs.lstatSync(source, { throwIfNoEntry: false }) : undefined;
      if (there === undefined || there.isDirectory()) {
        throw fail("NOT_FOUND", `Cannot move "${source}"`, { found: "no such file", expected: "one" });
      }
      this.#withFolder(dirname(target), (syncTarget) => {
        renameSync(source, target);
        syncTarget();
      });
      // After the target: a power cut in between leaves both names, never none.
      if (dirname(source) !== dirname(target)) this.#syncFolder(dirname(source));
    });
  }

  async remove(name: string): Promise<void> {
    const path = this.#pathToChange(name);
    attempt("remove", path, () => {
      if (!areFolders(this.#foldersOf(name)) || fs.lstatSync(path, { throwIfNoEntry: false }) === undefined) return;
      this.#withFolder(dirname(path), (syncFolder) => {
        fs.unlinkSync(path);
        syncFolder();
      });
    });
  }

  async lock(holder: LockHolder): Promise<Lock> {
    this.#syncs.assertNoneFailed();
    attempt("lock", this.#root, () => this.#makeFolders(".lock"));
    const lock = await takeLock(this.#root, holder);
    try {
      attempt("clear temporary files in", this.#root, () => this.#sweep());
    } catch (error) {
      await lock.release();
      throw error;
    }
    this.#lock = lock;
    return {
      assertHeld: () => lock.assertHeld(),
      release: async () => {
        this.#lock = undefined;
        await lock.release();
      },
    };
  }

  /** Runs a change of one file that is durable when it returns, after making the folders above it. */
  async #commit<T>(verb: string, name: string, operation: (path: string) => Promise<T>): Promise<T> {
    assertNewName(name);
    const path = this.#pathToChange(name);
    return attemptAsync(verb, path, () => {
      this.#makeFolders(name);
      return operation(path);
    });
  }

  /** Nothing else in the folder is ours to clear: other folders may be anybody's, or have a lock of their own. */
  #sweep(): void {
    sweepTemporaries(this.#root);
    const above = join(this.#root, NESTED_FOLDER);
    if (fs.lstatSync(above, { throwIfNoEntry: false })?.isDirectory() !== true) return;
    sweepTemporaries(above);
    for (const entry of fs.readdirSync(above, { withFileTypes: true })) {
      if (entry.isDirectory()) sweepTemporaries(join(above, entry.name));
    }
  }

  /** Runs a synchronous change of one file, after making the folders above it. */
  #change(verb: string, name: string, operation: (path: string) => void): void {
    const path = this.#pathToChange(name);
    attempt(verb, path, () => {
      this.#makeFolders(name);
      operation(path);
    });
  }

  #pathToChange(name: string): string {
    assertStorageName(name);
    this.#syncs.assertNoneFailed();
    this.#lock?.assertHeld();
    return join(this.#root, name);
  }

  /** The folders between the root and a name, outermost first. */
  #foldersOf(name: string): string[] {
    const segments = name.split("/").slice(0, -1);
    return segments.map((_, depth) => join(this.#root, ...segments.slice(0, depth + 1)));
  }

  /** Makes the folders above a name. The entry of an existing one is synced once, too: its maker may have died before that. */
  #makeFolders(name: string): void {
    if (!this.#settled.has(this.#root)) {
      makeFolder(this.#root, (path) => this.#syncFolder(path));
      this.#settled.add(this.#root);
    }
    for (const path of this.#foldersOf(name)) {
      if (!areFolders([path])) fs.mkdirSync(path);
      if (this.#settled.has(path)) continue;
      this.#syncFolder(dirname(path));
      this.#settled.add(path);
    }
  }

  #syncFolder(path: string): void {
    this.#withFolder(path, (syncFolder) => syncFolder());
  }

  /** Opens a folder before anything in it is changed: running out of handles then fails before the change, not after it. */
  #withFolder(path: string, use: (sync: () => void) => void): void {
    const fd = openFolder(path);
    if (fd === undefined) return use(() => {});
    try {
      use(() => this.#syncs.now(fd, path));
    } finally {
      fs.closeSync(fd);
    }
  }
}

function tooShort(path: string, size: number, offset: number): RangeError {
  return new RangeError(`Cannot append to "${path}": found ${size} bytes, expected at least the offset ${offset}`);
}
