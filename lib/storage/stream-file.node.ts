import fs from "node:fs";
import { dirname, join, resolve } from "node:path";
import { attempt, CREATE_ONLY, discard, syncFolder, temporaryName, writeAll } from "./fs.node.ts";
import { renameSync } from "./rename.node.ts";

/**
 * Writes a file that somebody asked for, piece by piece, in place of an older one of that name. It has its name when all of it is on
 * disk. Who may read it is up to the umask, unlike with what a `Storage` has: a web server may show it.
 *
 * @param fill Gets the function that appends bytes. If it throws, nothing is left.
 * @returns What `fill` returns, and how large the file is.
 * @throws {CarryoverError} `IO`
 */
export async function writeStream<T>(
  path: string,
  fill: (write: (bytes: Uint8Array) => Promise<void>) => Promise<T>,
): Promise<{ result: T; file: string; size_bytes: number }> {
  const file = resolve(path);
  const temp = join(dirname(file), temporaryName());
  const fd = attempt("write", file, () => fs.openSync(temp, CREATE_ONLY, 0o666));
  let size = 0;
  try {
    const result = await fill(async (bytes) => {
      attempt("write", file, () => writeAll(fd, bytes, size));
      size += bytes.length;
    });
    attempt("write", file, () => {
      fs.fsyncSync(fd);
      renameSync(temp, file);
      syncFolder(dirname(file));
    });
    return { result, file, size_bytes: size };
  } catch (error) {
    discard(temp);
    throw error;
  } finally {
    fs.closeSync(fd);
  }
}
