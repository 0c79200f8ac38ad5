/** Folders that appear whole: filled beside their place, made durable, and then given their name. */
import fs from "node:fs";
import { basename, dirname, join } from "node:path";
import { CarryoverError, fail } from "../errors.ts";
import { attempt, attemptAsync, discard, makeFolder, syncFolder, temporaryName } from "./fs.node.ts";
import { lockHolder, takeLock } from "./lock.node.ts";
import type { Lock } from "./storage.ts";
import { syncFolders, temporaryEntries } from "./tree.node.ts";
import { renameSync } from "./rename.node.ts";

/** What a folder is made for. */
type Purpose = "restore" | "merge";

/**
 * Refuses a place where something is.
 *
 * @param to Absolute.
 * @throws {CarryoverError} `BAD_USAGE`, `IO`.
 */
export function assertFree(to: string, purpose: Purpose): void {
  attempt(`${purpose} to`, to, () => {
    const stat = fs.lstatSync(to, { throwIfNoEntry: false });
    if (stat === undefined) return;
    const entries = stat.isDirectory() ? fs.readdirSync(to).length : undefined;
    if (entries === 0) return;
    const found =
      entries !== undefined
        ? `${entries} ${entries === 1 ? "entry" : "entries"}`
        : stat.isSymbolicLink()
          ? "a symbolic link"
          : "a file";
    const old = JSON.stringify(join(dirname(to), `${basename(to)}.old`));
    throw fail("BAD_USAGE", `Cannot ${purpose} to "${to}"`, {
      found,
      expected: `nothing or an empty folder: move it away first (mv ${JSON.stringify(to)} ${old})`,
    });
  });
}

/**
 * Makes a folder that is complete and durable when it appears; after an error or a kill, its place is as it was. It is filled inside a
 * temporary folder, beside a lock that is held until the end.
 *
 * @param to Absolute; missing or empty.
 * @param fill Writes into the folder, and makes the bytes of its files durable.
 */
export async function makeWholeFolder(
  to: string,
  purpose: Purpose,
  fill: (folder: string) => Promise<void>,
): Promise<void> {
  const above = dirname(to);
  const verb = `${purpose} to`;
  attempt(verb, to, () => makeFolder(above));
  await sweepAbandoned(above, purpose);
  const { temp, lock } = await lockedFolder(above, purpose);
  try {
    await attemptAsync(verb, to, async () => {
      const folder = join(temp, "whole");
      fs.mkdirSync(folder);
      await fill(folder);
      syncFolders(folder);
      lock.assertHeld();
      // This fails if the target has been filled meanwhile.
      renameSync(folder, to);
    });
  } finally {
    // Released first: Windows removes no file that is open.
    await lock.release();
    discard(temp);
  }
  attempt(verb, to, () => syncFolder(above));
}

/** Makes a temporary folder and takes its lock. If another process sweeps it in between, it makes another. */
async function lockedFolder(above: string, purpose: Purpose): Promise<{ temp: string; lock: Lock }> {
  for (let isLast = false; ; isLast = true) {
    const temp = join(above, temporaryName(purpose));
    attempt("make", temp, () => fs.mkdirSync(temp));
    try {
      return { temp, lock: await takeLock(temp, lockHolder()) };
    } catch (error) {
      const isSwept = !fs.existsSync(temp) || (error instanceof CarryoverError && error.code === "LOCKED");
      discard(temp);
      if (isLast || !isSwept) throw error;
    }
  }
}

/** Removes what killed processes left beside a target: the folders whose lock nobody holds. No clock can tell. */
async function sweepAbandoned(above: string, purpose: Purpose): Promise<void> {
  for (const path of attempt("list", above, () => temporaryEntries(above, purpose))) {
    try {
      const lock = await takeLock(path, lockHolder());
      discard(path);
      await lock.release();
    } catch {
      // In use, or somebody else's who may not be disturbed.
    }
  }
}
