/**
 * `vectors.meta.json.gz`: one JSON object, gzip. It is written last, so it says which rows of `vectors.f32` count.
 *
 * The gzip is fflate's, with time 0: other libraries compress to other bytes, and equal inputs give equal files here.
 * fflate checks no CRC and believes the length in the trailer; both are checked here.
 */
import { gunzipSync, gzipSync } from "fflate/browser";
import { CarryoverError, messageOf } from "../errors.ts";
import { crc32 } from "./crc32.ts";
import { decodeJsonObject } from "./json-file.ts";

/** Deflate cannot make its input larger than this many times (zlib's technical details, maximum expansion factor). */
const MAX_DEFLATE_RATIO = 1032;

/** The largest sidecar that is decompressed: some two million rows. */
const MAX_JSON_BYTES = 1 << 30;

const HEADER_BYTES = 10;
const TRAILER_BYTES = 8;

/** Compresses one JSON object; equal objects give equal bytes. */
export function encodeSidecar(value: object): Uint8Array {
  return gzipSync(new TextEncoder().encode(`${JSON.stringify(value)}\n`), { mtime: 0, level: 1 });
}

/**
 * Decompresses and parses what `encodeSidecar()` made.
 *
 * @throws {CarryoverError} `CORRUPT` for a damaged file, a forged length, or more bytes than memory should take.
 */
export function decodeSidecar(bytes: Uint8Array, name: string): Record<string, unknown> {
  if (bytes.length < HEADER_BYTES + TRAILER_BYTES) {
    throw corrupt(name, `${bytes.length} bytes`, "a gzip file");
  }
  const header = encodeSidecar({}).subarray(0, HEADER_BYTES);
  if (!header.every((byte, i) => byte === bytes[i])) throw corrupt(name, "another gzip header", "the one of fflate");

  const trailer = new DataView(bytes.buffer, bytes.byteOffset + bytes.length - TRAILER_BYTES, TRAILER_BYTES);
  const jsonBytes = trailer.getUint32(4, true);
  const most = Math.min(MAX_JSON_BYTES, bytes.length * MAX_DEFLATE_RATIO);
  if (jsonBytes > most) throw corrupt(name, `a length of ${jsonBytes} bytes`, `at most ${most}`);

  let json: Uint8Array;
  try {
    json = gunzipSync(bytes, { out: new Uint8Array(jsonBytes) });
  } catch (cause) {
    throw new CarryoverError("CORRUPT", `Cannot read "${name}": ${messageOf(cause)}, expected a gzip file`, { cause });
  }
  if (json.length !== jsonBytes || crc32(json) !== trailer.getUint32(0, true)) {
    throw corrupt(name, "a checksum that does not match", "the CRC-32 in its trailer");
  }
  return decodeJsonObject(json, name);
}

function corrupt(name: string, found: string, expected: string): CarryoverError {
  return new CarryoverError("CORRUPT", `Cannot read "${name}": found ${found}, expected ${expected}`);
}
