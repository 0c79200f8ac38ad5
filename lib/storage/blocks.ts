/** Reads a stored file block by block. One that is damaged or somebody else's may have any size, and is refused in little memory. */
import { corruptFile } from "../errors.ts";
import { joinBytes } from "../util/bytes.ts";
import { crc32 } from "../util/crc32.ts";
import type { Storage } from "./storage.ts";

/** Engines keep some dozens of them before they free the first. */
export const BLOCK_BYTES: number = 1 << 20;

/** More than any line that is written here has. */
export const MAX_LINE_BYTES: number = 1 << 24;

const NEWLINE = 10;

/** Which bytes of a file are read: those after `offset`, at most `maxBytes`. */
interface Range {
  readonly maxBytes: number;
  readonly offset?: number;
}

/** The blocks of a file, in order. An empty file has an empty one, a missing file has none. */
async function* readBlocks(storage: Storage, name: string, range: Range): AsyncGenerator<Uint8Array> {
  let { maxBytes: left, offset = 0 } = range;
  for (;;) {
    const wanted = Math.min(BLOCK_BYTES, left);
    const block = await storage.read(name, { offset, maxBytes: wanted });
    if (block === undefined) return;
    yield block;
    left -= block.length;
    offset += block.length;
    if (block.length < wanted || left === 0) return;
  }
}

/** CRC-32 of a file; `undefined` if there is none. */
export async function crc32OfFile(storage: Storage, name: string, range: Range): Promise<number | undefined> {
  let crc: number | undefined;
  for await (const block of readBlocks(storage, name, range)) crc = crc32(block, crc);
  return crc;
}

/**
 * The lines of a file, some thousands at a time. What follows the last line break is left out.
 *
 * @throws {CarryoverError} `CORRUPT` at a line of more than 16 MiB.
 */
export async function* readLines(storage: Storage, name: string, range: Range): AsyncGenerator<readonly string[]> {
  const decoder = new TextDecoder();
  let parts: Uint8Array[] = [];
  let length = 0;
  for await (const block of readBlocks(storage, name, range)) {
    const end = block.lastIndexOf(NEWLINE) + 1;
    if (length + (end === 0 ? block.length : block.indexOf(NEWLINE)) > MAX_LINE_BYTES) {
      throw corruptFile(name, { found: `a line of more than ${MAX_LINE_BYTES} bytes`, expected: "shorter ones" });
    }
    if (end > 0) {
      const bytes = joinBytes([...parts, block.subarray(0, end)], length + end);
      yield decoder.decode(bytes).split("\n").slice(0, -1);
      [parts, length] = [[], 0];
    }
    parts.push(block.subarray(end));
    length += block.length - end;
  }
}
