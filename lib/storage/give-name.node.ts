/** The step that makes a temporary file what it is to be. */
// The default import, so that tests can make single calls fail.
import fs from "node:fs";
import { dirname } from "node:path";
import { discard, systemCodeOf } from "./fs.node.ts";
import { renameSync } from "./rename.node.ts";

/** What a file system without hard links answers to `link()`. */
const NO_LINKS = ["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"];

/**
 * Gives a temporary file its name, unless that is taken. Without hard links it is a rename after a look, which misses a
 * process that creates the name in the same moment.
 */
export function takeName(temp: string, path: string): boolean {
  try {
    return linkNew(temp, path);
  } finally {
    discard(temp);
  }
}

/** Whether a file could not get its name because another process removed its temporary file. */
export function isTemporaryFileGone(error: unknown, path: string): boolean {
  return error instanceof Error && systemCodeOf(error.cause) === "ENOENT" && fs.existsSync(dirname(path));
}

function linkNew(temp: string, path: string): boolean {
  try {
    fs.linkSync(temp, path);
    return true;
  } catch (error) {
    if (systemCodeOf(error) === "EEXIST") return false;
    if (!NO_LINKS.includes(systemCodeOf(error))) throw error;
  }
  if (fs.lstatSync(path, { throwIfNoEntry: false }) !== undefined) return false;
  renameSync(temp, path);
  return true;
}

/** Gives a temporary file its name, replacing what was there. */
export function replaceName(temp: string, path: string): boolean {
  renameSync(temp, path);
  return true;
}
