import { statSync } from "node:fs";
import { fail } from "../errors.ts";
import { diskStorage } from "../storage/disk.node.ts";
import { attempt } from "../storage/fs.node.ts";
import type { Storage } from "../storage/storage.ts";
import { assertMemoryFolder } from "./folder.ts";

/**
 * Opens a memory folder for reading, without a lock.
 *
 * @throws {CarryoverError} `NOT_FOUND` if there is no such folder, `BAD_USAGE` if it is not a memory, `IO` if it may not be read.
 */
export async function openToRead(memoryDir: string): Promise<Storage> {
  const stat = attempt("read", memoryDir, () => statSync(memoryDir, { throwIfNoEntry: false }));
  if (stat === undefined) {
    const details = { found: "nothing there", expected: "a folder that a run has written" };
    throw fail("NOT_FOUND", `Cannot read memory in "${memoryDir}"`, details);
  }
  const storage = diskStorage(memoryDir);
  await assertMemoryFolder(storage);
  return storage;
}
