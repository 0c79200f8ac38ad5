import { corruptFile } from "../errors.ts";

/** What the first line of a file's object says. The file's bytes follow it, or are in parts of their own. */
export interface ObjectHead {
  /** The fencing token of the lock under which it was written; 0 without a lock. */
  readonly token: number;
  /** Of the file, in bytes. */
  readonly size: number;
  /** Size of each part but the last; 0 if the file's bytes follow the line. */
  readonly partBytes: number;
  /** Of this one write: no other has it. */
  readonly id: string;
}

const FORMAT = /^carryover-1 (\d{12}) (\d{12}) (\d{12}) ([\w-]+) *\n$/;
const MAX_ID = 36;

/** Every first line has this length. So an object is longer than its file by it, and an object of just this length is an empty file or one in parts. */
export const HEAD_BYTES: number = "carryover-1 ".length + 3 * 13 + MAX_ID + 1;

/** The first line and, unless the file is in parts, its bytes. */
export function encodeObject(head: ObjectHead, content: Uint8Array): Uint8Array {
  const numbers = [head.token, head.size, head.partBytes].map((number) => String(number).padStart(12, "0"));
  const line = `carryover-1 ${numbers.join(" ")} ${head.id.padEnd(MAX_ID)}\n`;
  if (line.length !== HEAD_BYTES)
    throw new RangeError(`Cannot write with the id "${head.id}": expected at most ${MAX_ID} characters`);
  const bytes = new Uint8Array(HEAD_BYTES + content.length);
  new TextEncoder().encodeInto(line, bytes);
  bytes.set(content, HEAD_BYTES);
  return bytes;
}

/** @throws {CarryoverError} `CORRUPT`. */
export function parseHead(bytes: Uint8Array, name: string): ObjectHead {
  const line = new TextDecoder().decode(bytes.subarray(0, HEAD_BYTES));
  const [, token, size, partBytes, id] = FORMAT.exec(line) ?? [];
  if (id === undefined) {
    const expected = `a first line with "carryover-1", three numbers and an id`;
    throw corruptFile(name, { found: "an object that this program did not write", expected });
  }
  return { token: Number(token), size: Number(size), partBytes: Number(partBytes), id };
}
