/**
 * `vectors.meta.json.gz`: one JSON object, gzip. It is written last, so it says which rows of `vectors.f32` count.
 *
 * The gzip is fflate's, with time 0: other libraries compress to other bytes, and equal inputs give equal files here. Its
 * header has an extra field `CO` (RFC 1952, section 2.3.1.1) with the CRC-32 of all bytes after it. The CRC that gzip has
 * itself is over the JSON, so it can't see a flipped bit that decompresses to the same: there are such bits, where a
 * match could as well be copied from another place, and after the last code.
 */
import { CarryoverError } from "../errors.ts";
import { crc32 } from "./crc32.ts";
import { gunzip } from "./gunzip.ts";
import { decodeJsonObject } from "./json-file.ts";

/** Magic, deflate, "has an extra field", time 0, fastest, Unix; eight bytes of extra field: "CO", four bytes. */
const HEADER: Uint8Array = Uint8Array.of(0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 4, 3, 8, 0, 0x43, 0x4f, 4, 0);

/** Where the deflate stream begins, after the extra field's CRC-32. */
const BODY_OFFSET: number = HEADER.length + 4;

/** The header that fflate writes, which has no extra field. */
const FFLATE_HEADER_BYTES = 10;

/** The most that is decompressed: a sidecar of some million rows, and as long as a text may be in V8. */
const MAX_JSON_BYTES: number = 1 << 29;

/** Compresses one JSON object; equal objects give equal bytes. */
export async function encodeSidecar(value: object): Promise<Uint8Array> {
  // Loaded where something is written: reading goes without it.
  const { gzipSync } = await import("fflate/browser");
  const json = new TextEncoder().encode(`${JSON.stringify(value)}\n`);
  const body = gzipSync(json, { mtime: 0, level: 1 }).subarray(FFLATE_HEADER_BYTES);
  const bytes = new Uint8Array(BODY_OFFSET + body.length);
  bytes.set(HEADER);
  new DataView(bytes.buffer).setUint32(HEADER.length, crc32(body), true);
  bytes.set(body, BODY_OFFSET);
  return bytes;
}

/**
 * Decompresses and parses what `encodeSidecar()` made.
 *
 * @param name Names the file in messages.
 * @throws {CarryoverError} `CORRUPT` if a single bit is not as it was written, or it holds more than memory should take.
 */
export async function decodeSidecar(bytes: Uint8Array, name: string): Promise<Record<string, unknown>> {
  if (bytes.length < BODY_OFFSET || !HEADER.every((byte, i) => byte === bytes[i])) {
    throw corrupt(name, "another header", "a gzip file that was written here");
  }
  const expected = new DataView(bytes.buffer, bytes.byteOffset).getUint32(HEADER.length, true);
  if (crc32(bytes.subarray(BODY_OFFSET)) !== expected) {
    throw corrupt(name, "bytes that do not match their checksum", "the CRC-32 in its header");
  }
  const json = await gunzip(bytes.slice(), {
    maxBytes: MAX_JSON_BYTES,
    refuse: (found, wanted, cause) => corrupt(name, found, wanted, cause),
  });
  return decodeJsonObject(json, name);
}

function corrupt(name: string, found: string, expected: string, cause?: unknown): CarryoverError {
  return new CarryoverError("CORRUPT", `Cannot read "${name}": found ${found}, expected ${expected}`, { cause });
}
