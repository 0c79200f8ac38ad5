/** Folders that appear whole: filled beside their place, made durable, and then given their name. */
import fs from "node:fs";
import { basename, dirname, join } from "node:path";
import { fail } from "../errors.ts";
import { DAY_MS } from "../util/time.ts";
import { attempt, attemptAsync, discard, makeFolder, syncFolder } from "./fs.node.ts";
import { lockHolder, takeLock } from "./lock.node.ts";
import { inTemporaryFolder, syncFolders, temporaryEntries } from "./tree.node.ts";

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
 * Makes a folder that is complete and durable when it appears; after an error or a kill, its place is as it was.
 *
 * @param to Absolute; missing or empty.
 * @param fill Writes into the temporary folder, and makes the bytes of its files durable.
 */
export async function makeWholeFolder(
  to: string,
  purpose: Purpose,
  fill: (temp: string) => Promise<void>,
): Promise<void> {
  const above = dirname(to);
  const verb = `${purpose} to`;
  attempt(verb, to, () => makeFolder(above));
  await sweepAbandoned(above, purpose);
  await inTemporaryFolder(above, purpose, async (temp) => {
    const lock = await takeLock(temp, lockHolder());
    try {
      await attemptAsync(verb, to, async () => {
        await fill(temp);
        // The lock does not come along.
        for (const name of [".lock", ".lock.json"]) fs.unlinkSync(join(temp, name));
        syncFolders(temp);
        // This fails if the target has been filled meanwhile.
        fs.renameSync(temp, to);
      });
    } finally {
      await lock.release();
    }
  });
  attempt(verb, to, () => syncFolder(above));
}

/** Removes what killed processes left beside a target. A living one holds the lock of its temporary folder. */
async function sweepAbandoned(above: string, purpose: Purpose): Promise<void> {
  for (const path of attempt("list", above, () => temporaryEntries(above, purpose))) {
    try {
      // Without a lock it was killed in its first or last moment, or is of a version before 0.3.0.
      if (!fs.existsSync(join(path, ".lock")) && Date.now() - fs.lstatSync(path).mtimeMs < DAY_MS) continue;
      const lock = await takeLock(path, lockHolder());
      discard(path);
      await lock.release();
    } catch {
      // In use, or somebody else's who may not be disturbed.
    }
  }
}
