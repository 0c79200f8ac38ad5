import fs from "node:fs";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { CarryoverError, messageOf } from "../errors.ts";
import type { Lock, LockHolder } from "./storage.ts";
import { attempt, CREATE_ONLY, discard, READ_ONLY, readFully, temporaryName } from "./fs.node.ts";

/**
 * The locks of this process by real path. They keep the handles referenced, or a garbage collection would free them. And
 * they keep this process from opening a locked file again: closing any handle of a file drops every POSIX lock that the
 * process has on it.
 */
const held = new Map<string, DatabaseSync>();

/**
 * Takes the one writer lock of a folder: `BEGIN EXCLUSIVE` on the SQLite file `.lock`, which the kernel frees on any
 * death of the process. Who holds it is in `.lock.json`, for people only: the file alone locks nothing.
 *
 * @param folder A folder that is there.
 * @throws {CarryoverError} `LOCKED` at once, naming the holder, if it is taken; `IO` if the folder cannot be written.
 */
export async function takeLock(folder: string, holder: LockHolder): Promise<Lock> {
  const { DatabaseSync } = await import("node:sqlite");
  const key = attempt("lock", folder, () => fs.realpathSync(folder));
  if (held.has(key)) throw lockedError(folder);
  const file = join(folder, ".lock");
  const info = join(folder, ".lock.json");
  const there = attempt("lock", file, () => fs.lstatSync(file, { throwIfNoEntry: false }));
  if (there !== undefined && !there.isFile()) {
    throw new CarryoverError("IO", `Cannot lock "${file}": found a link or folder, expected a regular file or none`);
  }
  let opened = openExclusive(DatabaseSync, file);
  if (opened === undefined) {
    // Two that start in the same instant can stop each other: each once more, at another moment.
    await new Promise((resolve) => setTimeout(resolve, 5 + 20 * Math.random()));
    opened = openExclusive(DatabaseSync, file);
  }
  if (opened === undefined) throw lockedError(folder);
  const database = opened;
  held.set(key, database);

  async function release(): Promise<void> {
    if (held.get(key) !== database) return;
    // A disk that fails here has failed before, and that error is the one to tell. What stays of it locks nothing.
    discard(info);
    held.delete(key);
    database.close();
  }

  try {
    attempt("write", info, () => writeInfo(folder, holder));
  } catch (error) {
    await release();
    throw error;
  }
  return { release };
}

/** Opens and locks the file. `undefined` if another has it. */
function openExclusive(Database: typeof DatabaseSync, file: string): DatabaseSync | undefined {
  const database = attempt("lock", file, () => {
    try {
      return new Database(file, { timeout: 0 });
    } catch (error) {
      askTheSystem(file);
      throw error;
    }
  });
  try {
    // Nothing is ever written to it, so it needs no journal file beside it. Where SQLite may not open a file for writing it
    // opens it for reading, and BEGIN EXCLUSIVE then takes a lock that many can hold. A change, though it is never committed,
    // fails there.
    database.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE; PRAGMA user_version = 1");
    return database;
  } catch (error) {
    database.close();
    // Deno has no error number; every engine has SQLite's message.
    if (messageOf(error).includes("database is locked")) return undefined;
    attempt("lock", file, () => askTheSystem(file));
    throw new CarryoverError(
      "IO",
      `Cannot lock "${file}": found ${messageOf(error)}, expected a lock file in a folder that can be written`,
      { cause: error },
    );
  }
}

/** SQLite does not say why it cannot open or write its file. The same, asked of the system, fails with the reason. */
function askTheSystem(file: string): void {
  if (fs.existsSync(file)) fs.accessSync(file, fs.constants.R_OK | fs.constants.W_OK);
  // Another file: to close the one that is locked would free it.
  const temp = join(dirname(file), temporaryName());
  try {
    fs.closeSync(fs.openSync(temp, CREATE_ONLY, 0o600));
  } finally {
    discard(temp);
  }
}

/** Not durable, since it says nothing after a crash; renamed, so that a reader never sees half of it. */
function writeInfo(folder: string, holder: LockHolder): void {
  const temp = join(folder, temporaryName());
  try {
    const fd = fs.openSync(temp, CREATE_ONLY, 0o644);
    try {
      fs.writeSync(fd, `${JSON.stringify(holder)}\n`);
    } finally {
      fs.closeSync(fd);
    }
    fs.renameSync(temp, join(folder, ".lock.json"));
  } catch (error) {
    discard(temp);
    throw error;
  }
}

function lockedError(folder: string): CarryoverError {
  return new CarryoverError(
    "LOCKED",
    `Cannot write to "${folder}": found it locked by ${holderOf(folder)}, expected one writer at a time: wait for it, ` +
      `or use a folder of your own with --memory-dir`,
  );
}

/** Who holds the lock as far as `.lock.json` says; the file may be missing, or anyone's. */
function holderOf(folder: string): string {
  try {
    const fd = fs.openSync(join(folder, ".lock.json"), READ_ONLY);
    try {
      const bytes = new Uint8Array(4096);
      const holder: unknown = JSON.parse(new TextDecoder().decode(bytes.subarray(0, readFully(fd, bytes, 0))));
      if (typeof holder === "object" && holder !== null) {
        const { pid, command, host, since }: Partial<Record<keyof LockHolder, unknown>> = holder;
        return (
          `process ${JSON.stringify(pid)} (${JSON.stringify(command)} on ${JSON.stringify(host)} ` +
          `since ${JSON.stringify(since)})`
        );
      }
    } finally {
      fs.closeSync(fd);
    }
  } catch {
    // No word about the holder is no reason to fail differently.
  }
  return "another process";
}

/** What a second writer is told of this process. */
export function lockHolder(): LockHolder {
  const [, script = "", ...words] = process.argv;
  return {
    pid: process.pid,
    command: [basename(script), ...words].join(" "),
    host: hostname(),
    since: new Date().toISOString(),
  };
}
