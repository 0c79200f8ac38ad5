import { statSync } from "node:fs";
import { CarryoverError } from "../errors.ts";
import type { Storage } from "../files/storage.ts";
import { attempt } from "./_durable.ts";
import { diskStorage } from "./disk-storage.ts";

/**
 * A memory folder to read from.
 *
 * @throws {CarryoverError} `NOT_FOUND` if there is no such folder, `IO` if it may not be read.
 */
export function readableMemory(memoryDir: string): Storage {
  const found = attempt("read", memoryDir, () => statSync(memoryDir, { throwIfNoEntry: false }));
  if (found?.isDirectory() === true) return diskStorage(memoryDir);
  const what = found === undefined ? "nothing there" : "a file";
  throw new CarryoverError(
    "NOT_FOUND",
    `Cannot read memory in "${memoryDir}": found ${what}, expected a folder that a run has written`,
  );
}
