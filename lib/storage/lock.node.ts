import fs from "node:fs";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { type CarryoverError, fail, messageOf } from "../errors.ts";
import { isRecord } from "../util/json.ts";
import { loadOptional } from "../util/optional-packages.ts";
import type { Lock, LockHolder, Storage } from "./storage.ts";
import { attempt, CREATE_ONLY, discard, READ_ONLY, readFully, temporaryName, withFile } from "./fs.node.ts";
import { renameSync, sleepInPlace } from "./rename.node.ts";

/**
 * The locks of this process, by real path. The map keeps the handles alive, because a garbage collection would free their
 * locks. It also keeps this process from opening a locked file again: closing any handle of a file drops every POSIX lock that
 * the process holds on it.
 */
const held = new Map<string, DatabaseSync>();

/**
 * Takes the only writer lock of a folder: `BEGIN EXCLUSIVE` on the SQLite file `.lock`, which the kernel frees when the
 * process dies. `.lock.json` names the holder for people, and its inode shows the holder that nobody took the lock after it.
 *
 * @param folder An existing folder.
 * @param options `expected`: what to do if it is taken, for the message.
 * @throws {CarryoverError} `LOCKED` at once, naming the holder, if it is taken; `IO` if the folder cannot be written.
 */
export async function takeLock(folder: string, holder: LockHolder, options: { expected?: string } = {}): Promise<Lock> {
  const DatabaseSync = await loadSqlite();
  const key = attempt("lock", folder, () => fs.realpathSync(folder));
  if (held.has(key)) throw lockedError(folder, options);
  const file = join(folder, ".lock");
  const info = join(folder, ".lock.json");
  const there = attempt("lock", file, () => fs.lstatSync(file, { throwIfNoEntry: false }));
  if (there !== undefined && !there.isFile()) {
    throw fail("IO", `Cannot lock "${file}"`, { found: "a link or folder", expected: "a regular file or none" });
  }
  let opened = openExclusive(DatabaseSync, file);
  if (opened === undefined) {
    // Two processes that start in the same instant can block each other: each tries once more, at another moment.
    await new Promise((resolve) => setTimeout(resolve, 5 + 20 * Math.random()));
    opened = openExclusive(DatabaseSync, file);
  }
  if (opened === undefined) throw lockedError(folder, options);
  const lock = new HeldLock(folder, { key, database: opened });
  held.set(key, opened);
  try {
    attempt("write", info, () => lock.sign(holder));
  } catch (error) {
    await lock.release();
    throw error;
  }
  return lock;
}

/** A package with the SQLite that Node 20 lacks. Its locks are those of every other SQLite. */
const SQLITE_PACKAGE = "libsql";

/** @throws {CarryoverError} `NOT_FOUND`, with the package to add, on an engine without SQLite. */
async function loadSqlite(): Promise<typeof DatabaseSync> {
  // Its type knows no Node without it.
  const builtin: { DatabaseSync: typeof DatabaseSync } | undefined = process.getBuiltinModule("node:sqlite");
  if (builtin !== undefined) return builtin.DatabaseSync;
  const { default: Database } = await loadOptional<{ default: typeof DatabaseSync }>(() => import(SQLITE_PACKAGE), {
    tried: `Cannot lock a folder on Node ${process.versions.node}, which has no SQLite`,
    packages: [SQLITE_PACKAGE],
  });
  return Database;
}

/** Time in which whoever removes a whole folder gets from one of the two files of a lock to the other. */
const REMOVAL_MS = 200;

/**
 * A lock that knows whether it is still held. A process loses its lock without a word if somebody removes `.lock`, or if a module in
 * it opens and closes that file. Whoever takes the lock then makes another `.lock` or another `.lock.json`.
 */
class HeldLock implements Lock {
  readonly #folder: string;
  readonly #key: string;
  readonly #database: DatabaseSync;
  #lockFile: fs.Stats | undefined;
  /** Open as long as the lock is held: otherwise a new file could get its inode. */
  #info: number | undefined;

  constructor(folder: string, { key, database }: { key: string; database: DatabaseSync }) {
    this.#folder = folder;
    this.#key = key;
    this.#database = database;
  }

  /** Remembers the lock's file, and writes `.lock.json`. Not synced, since it means nothing after a crash. Renamed, so that a reader never sees half of it. */
  sign(holder: LockHolder): void {
    const temp = join(this.#folder, temporaryName());
    try {
      this.#lockFile = this.#stat(".lock");
      this.#info = fs.openSync(temp, CREATE_ONLY, 0o644);
      fs.writeFileSync(this.#info, `${JSON.stringify(holder)}\n`);
      renameSync(temp, join(this.#folder, ".lock.json"));
    } catch (error) {
      discard(temp);
      throw error;
    }
  }

  assertHeld(): void {
    if (attempt("check the lock of", this.#folder, () => this.#isHeld())) return;
    const tried = `Cannot write to "${this.#folder}"`;
    if (this.#isFolderRemoved()) {
      const found = "that the folder was removed or emptied while this process wrote to it";
      throw fail("IO", tried, { found, expected: "the folder to stay: what was written there is lost; run again" });
    }
    const found = 'that its lock was removed or taken over: ".lock" or ".lock.json" is not the one of this process';
    throw fail("LOCKED", tried, {
      found,
      expected: "both to stay while it runs: wait for the other process, then run again",
    });
  }

  async release(): Promise<void> {
    if (held.get(this.#key) !== this.#database) return;
    try {
      if (this.#isInfoOwn()) discard(join(this.#folder, ".lock.json"));
    } catch {
      // A disk that fails here has failed before, and that error is reported. What is left of the file locks nothing.
    }
    if (this.#info !== undefined) fs.closeSync(this.#info);
    held.delete(this.#key);
    this.#database.close();
  }

  #isHeld(): boolean {
    return this.#isInfoOwn() && isSameFile(this.#stat(".lock"), this.#lockFile);
  }

  #isInfoOwn(): boolean {
    return this.#info !== undefined && isSameFile(this.#stat(".lock.json"), fs.fstatSync(this.#info));
  }

  /** Whether both files are gone, now or in a moment: nobody but a person who removes the whole folder removes both. */
  #isFolderRemoved(): boolean {
    const areGone = (): boolean => this.#stat(".lock") === undefined && this.#stat(".lock.json") === undefined;
    if (this.#stat(".lock") !== undefined && this.#stat(".lock.json") !== undefined) return false;
    for (let waited = 0; waited < REMOVAL_MS && !areGone(); waited += 10) sleepInPlace(10);
    return areGone();
  }

  #stat(name: string): fs.Stats | undefined {
    return fs.lstatSync(join(this.#folder, name), { throwIfNoEntry: false });
  }
}

function isSameFile(a: fs.Stats | undefined, b: fs.Stats | undefined): boolean {
  return a !== undefined && b !== undefined && a.ino === b.ino && a.dev === b.dev;
}

/**
 * Runs `work` under the lock of a storage, in the name of this process.
 *
 * @throws What `work` throws, and what `Lock.assertHeld()` throws after it.
 */
export async function withLock<T>(storage: Storage, work: () => Promise<T>): Promise<T> {
  const lock = await storage.lock(lockHolder());
  try {
    const result = await work();
    lock.assertHeld();
    return result;
  } finally {
    await lock.release();
  }
}

/** Opens and locks the file; `undefined` if another process has the lock. */
function openExclusive(Database: typeof DatabaseSync, file: string): DatabaseSync | undefined {
  const database = attempt("lock", file, () => {
    try {
      return new Database(file, { timeout: 0 });
    } catch (error) {
      throwSystemReason(file);
      throw error;
    }
  });
  try {
    // The file is never written, so it needs no journal beside it. Where SQLite may not open it for writing, it opens it for
    // reading, and BEGIN EXCLUSIVE then takes a lock that many can share. A change fails there, although it is never committed.
    database.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE; PRAGMA user_version = 1");
    return database;
  } catch (cause) {
    database.close();
    // Deno has no error number; every engine has SQLite's message.
    if (messageOf(cause).includes("database is locked")) return undefined;
    attempt("lock", file, () => throwSystemReason(file));
    const expected = messageOf(cause).includes("not a database")
      ? "a lock file of this program, or none: remove it if no other process writes here"
      : "a lock file in a folder that can be written";
    throw fail("IO", `Cannot lock "${file}"`, { found: messageOf(cause), expected, cause });
  }
}

/** SQLite does not say why it cannot open or write its file. Doing the same directly fails with the system's reason. */
function throwSystemReason(file: string): void {
  if (fs.existsSync(file)) fs.accessSync(file, fs.constants.R_OK | fs.constants.W_OK);
  // A new file beside it: closing the locked one would free the lock.
  const temp = join(dirname(file), temporaryName());
  try {
    withFile(temp, CREATE_ONLY, () => {});
  } finally {
    discard(temp);
  }
}

function lockedError(folder: string, options: { expected?: string }): CarryoverError {
  const { expected = "one writer at a time: wait for it, or use a folder of your own with --memory-dir" } = options;
  return fail("LOCKED", `Cannot write to "${folder}"`, { found: `it locked by ${holderOf(folder)}`, expected });
}

/** Describes the holder as far as `.lock.json` does. The file may be missing, or written by anyone. */
function holderOf(folder: string): string {
  try {
    const bytes = new Uint8Array(4096);
    const size = withFile(join(folder, ".lock.json"), READ_ONLY, (fd) => readFully(fd, bytes, 0));
    const holder: unknown = JSON.parse(new TextDecoder().decode(bytes.subarray(0, size)));
    if (isRecord(holder)) {
      const [pid, command, host, since] = ["pid", "command", "host", "since"].map((key) => JSON.stringify(holder[key]));
      return `process ${pid} (${command} on ${host} since ${since})`;
    }
  } catch {
    // The lock is held all the same.
  }
  return "another process";
}

/** This process, as a second writer sees it. */
export function lockHolder(): LockHolder {
  const [, script = "", ...args] = process.argv;
  return {
    pid: process.pid,
    // Others read it, and the address of a server may have a password.
    command: [basename(script), ...args].join(" ").replaceAll(/(:\/\/)[^\s/]*@/g, "$1"),
    host: hostname(),
    since: new Date().toISOString(),
  };
}
