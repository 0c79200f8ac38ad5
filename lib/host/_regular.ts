/** What is in the place of a file or a folder. No link is followed. */
import fs from "node:fs";
import { CarryoverError } from "../errors.ts";
import { READ_ONLY, systemCodeOf } from "./_durable.ts";

/** Whether the folders are there. @throws {CarryoverError} `CORRUPT` if one of them is a link. */
export function areFolders(paths: readonly string[]): boolean {
  return paths.every((path) => {
    const stat = fs.lstatSync(path, { throwIfNoEntry: false });
    if (stat?.isSymbolicLink()) throw notRegular(path, "a symbolic link", "a folder of its own");
    return stat?.isDirectory() ?? false;
  });
}

/** Opens a file to read; `undefined` if it is not there. @throws {CarryoverError} `CORRUPT` if it is a link. */
export function openToRead(path: string): number | undefined {
  try {
    return fs.openSync(path, READ_ONLY);
  } catch (error) {
    if (systemCodeOf(error) === "ENOENT") return undefined;
    if (systemCodeOf(error) === "ELOOP") throw notRegular(path, "a symbolic link");
    throw error;
  }
}

/** The error for what is no file, or no folder, of its own. */
export function notRegular(path: string, found: string, expected = "a regular file"): CarryoverError {
  return new CarryoverError("CORRUPT", `Cannot use "${path}": found ${found}, expected ${expected}`);
}

/**
 * Reads a file that a configuration names, links followed.
 *
 * @throws What the operating system says, or that it is no file: a pipe would be waited for without end, and no signal ends that.
 */
export function readRegular(path: string): Uint8Array<ArrayBuffer> {
  const stat = fs.statSync(path, { throwIfNoEntry: false });
  if (stat !== undefined && !stat.isFile() && !stat.isDirectory()) throw new Error("a device or pipe");
  return fs.readFileSync(path);
}
