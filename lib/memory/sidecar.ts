/**
 * `vectors.meta.json.gz`: the trades whose vectors `vectors.f32` has, in columns; one JSON object, gzip. It is written after
 * the vectors, so it is their commit point.
 *
 * The gzip is fflate's, with time 0: equal inputs give equal files, while libraries differ in what they compress to. Its header
 * has an extra field `CO` (RFC 1952, section 2.3.1.1) with the CRC-32 of all bytes after it. The CRC of gzip itself is over the
 * JSON and misses flipped bits that decompress to the same: a match may be copied from two places, and bits follow the last code.
 */
import { corruptFile, type FailureDetails } from "../errors.ts";
import { crc32OfFile } from "../storage/blocks.ts";
import type { Storage } from "../storage/storage.ts";
import { areEqual } from "../util/bytes.ts";
import { crc32 } from "../util/crc32.ts";
import { collectGarbage } from "../util/garbage.ts";
import { gunzip } from "../util/gunzip.ts";
import { decodeJsonObject, isRecord } from "../util/json.ts";
import type { Trade } from "./trade.ts";
import { columnsOf, fromColumns } from "./trade-columns.ts";

export const SIDECAR_FILE = "vectors.meta.json.gz";

const FORMAT = "carryover-vectors";
const VERSION = 3;
/** Without the column `content_hash`. It is read, so that its vectors are not made again. */
const OLD_VERSION = 2;
const MAX_SIDECAR_BYTES = 1 << 28;
/** That of 100,000 trades is smaller. */
const LARGE_SIDECAR_BYTES = 1 << 24;

/** Rows of `vectors.f32` that share a checksum: a damaged block is noticed, and its vectors alone are made again. */
export const BLOCK_ROWS = 1024;

export interface Sidecar {
  /** Its id. */
  readonly embedder: string;
  readonly fingerprint: string;
  readonly dim: number;
  /** In the order of `vectors.f32`. */
  readonly trades: readonly Trade[];
  /** `digestOf()` the folder's outcomes and marks when it was written. */
  readonly digest: string;
  /** CRC-32 of each block of `vectors.f32`; the last one may be shorter. */
  readonly blockCrc32: readonly string[];
  /** Whether an earlier version wrote it: the next writer writes it again. */
  readonly isOld: boolean;
}

/**
 * Reads the sidecar.
 *
 * @returns `undefined` if there is none.
 * @throws {CarryoverError} `CORRUPT` if it is damaged or of another format.
 */
export async function readSidecar(storage: Storage): Promise<Sidecar | undefined> {
  const bytes = await readSound(storage);
  if (bytes === undefined) return undefined;
  const value = await decodeSidecar(bytes, SIDECAR_FILE);
  const { format, version, embedder, fingerprint, dim, rows, digest, block_crc32: blocks } = value;
  // The first version counted levels otherwise: nothing in it is of use.
  if (format === FORMAT && version === 1) return undefined;
  const isOld = version === OLD_VERSION;
  const isKnown = format === FORMAT && (isOld || version === VERSION);
  if (!isKnown || typeof embedder !== "string" || typeof fingerprint !== "string") {
    const found = `format ${JSON.stringify(format)} version ${JSON.stringify(version)}`;
    throw corruptFile(SIDECAR_FILE, { found, expected: `"${FORMAT}" version ${VERSION}` });
  }
  if (!isCount(dim) || !isCount(rows) || !Array.isArray(blocks) || blocks.length !== Math.ceil(rows / BLOCK_ROWS)) {
    const expected = "dim, rows, and a block_crc32 for each 1,024 rows";
    throw corruptFile(SIDECAR_FILE, { found: "sizes that do not fit each other", expected });
  }
  if (typeof digest !== "string")
    throw corruptFile(SIDECAR_FILE, { found: "no digest", expected: "the one of the folder" });
  // The text takes as much as the trades.
  collectGarbage(rows);
  const columns = isOld ? withoutHashes(value["columns"], rows) : value["columns"];
  const trades = fromColumns(columns, rows);
  if (trades === undefined)
    throw corruptFile(SIDECAR_FILE, { found: "columns that do not fit", expected: `${rows} values in each` });
  return { embedder, fingerprint, dim, trades, digest, blockCrc32: blocks.map(String), isOld };
}

/** Its bytes. A large one is read as a whole only once it is known to be ours and sound: another may have any size. */
async function readSound(storage: Storage): Promise<Uint8Array | undefined> {
  for (;;) {
    const start = await storage.read(SIDECAR_FILE, { maxBytes: LARGE_SIDECAR_BYTES });
    if (start === undefined || start.length < LARGE_SIDECAR_BYTES) return start;
    const range = { offset: BODY_OFFSET, maxBytes: MAX_SIDECAR_BYTES - BODY_OFFSET };
    const expected = statedChecksum(start, SIDECAR_FILE);
    const found = await crc32OfFile(storage, SIDECAR_FILE, range);
    if (found === expected) return storage.read(SIDECAR_FILE, { maxBytes: MAX_SIDECAR_BYTES });
    // A writer may have replaced it between two blocks: then it has another header.
    const header = await storage.read(SIDECAR_FILE, { maxBytes: BODY_OFFSET });
    if (header !== undefined && areEqual(header, start.subarray(0, BODY_OFFSET))) throw otherBytes(SIDECAR_FILE);
  }
}

function withoutHashes(columns: unknown, count: number): unknown {
  return isRecord(columns) ? { ...columns, content_hash: Array.from({ length: count }, () => "") } : columns;
}

export async function writeSidecar(storage: Storage, sidecar: Omit<Sidecar, "isOld">): Promise<void> {
  const { embedder, fingerprint, dim, trades, digest, blockCrc32 } = sidecar;
  const head = {
    format: FORMAT,
    version: VERSION,
    embedder,
    fingerprint,
    dim,
    rows: trades.length,
    digest,
    block_rows: BLOCK_ROWS,
    block_crc32: blockCrc32,
  };
  collectGarbage(trades.length);
  const json = encodeAll(jsonOf(head, trades), { room: ROOM_PER_ROW * trades.length });
  collectGarbage(trades.length);
  await storage.replace(SIDECAR_FILE, await pack(json));
}

/** The parts of one JSON object: those of `head`, then the columns. */
function* jsonOf(head: object, trades: readonly Trade[]): Generator<string> {
  yield `${JSON.stringify(head).slice(0, -1)},"columns":{`;
  let separator = "";
  for (const [name, values] of columnsOf(trades)) {
    yield `${separator}${JSON.stringify(name)}:${JSON.stringify(values)}`;
    separator = ",";
  }
  yield "}}\n";
}

/** Magic, deflate, "has an extra field", time 0, fastest, Unix; eight bytes of extra field: "CO", four bytes. */
const HEADER: Uint8Array = Uint8Array.of(0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 4, 3, 8, 0, 0x43, 0x4f, 4, 0);

/** Where the deflate stream begins, after the extra field's CRC-32. */
const BODY_OFFSET: number = HEADER.length + 4;

/** Size of the header that fflate writes, which has no extra field. */
const FFLATE_HEADER_BYTES = 10;

/** A sidecar of some million trades, and the longest text that V8 can hold. */
const MAX_JSON_BYTES: number = 1 << 29;

/** UTF-8 takes at most this many bytes for a UTF-16 unit. */
const BYTES_PER_UNIT = 3;

/** Bytes of JSON for a trade with a dozen votes. */
const ROOM_PER_ROW = 1024;

/** Compresses one JSON object; equal objects give equal bytes. */
export function encodeSidecar(value: object): Promise<Uint8Array> {
  return pack(encodeAll([`${JSON.stringify(value)}\n`], { room: 0 }));
}

async function pack(json: Uint8Array): Promise<Uint8Array> {
  // Loaded by the first write: a reader does not need it.
  const { gzipSync } = await import("../util/gzip.ts");
  const body = gzipSync(json, { mtime: 0, level: 1 }).subarray(FFLATE_HEADER_BYTES);
  const bytes = new Uint8Array(BODY_OFFSET + body.length);
  bytes.set(HEADER);
  new DataView(bytes.buffer).setUint32(HEADER.length, crc32(body), true);
  bytes.set(body, BODY_OFFSET);
  return bytes;
}

/** UTF-8 of texts, one after the other. What of the room is not written to takes no memory. */
function encodeAll(texts: Iterable<string>, { room }: { room: number }): Uint8Array {
  const encoder = new TextEncoder();
  let bytes = new Uint8Array(room);
  let end = 0;
  for (const text of texts) {
    const needed = end + BYTES_PER_UNIT * text.length;
    if (needed > bytes.length) {
      const larger = new Uint8Array(2 * needed);
      larger.set(bytes.subarray(0, end));
      bytes = larger;
    }
    end += encoder.encodeInto(text, bytes.subarray(end)).written;
  }
  return bytes.subarray(0, end);
}

/**
 * Decompresses and parses what `encodeSidecar()` made.
 *
 * @throws {CarryoverError} `CORRUPT` if a bit is not as it was written, or the JSON is larger than 512 MB.
 */
export async function decodeSidecar(bytes: Uint8Array, name: string): Promise<Record<string, unknown>> {
  const expected = statedChecksum(bytes, name);
  if (crc32(bytes.subarray(BODY_OFFSET)) !== expected) throw otherBytes(name);
  const refuse = (details: FailureDetails): Error => corruptFile(name, details);
  // One member, as the checksum says.
  const json = await gunzip(bytes.slice(), { maxBytes: MAX_JSON_BYTES, isOneMember: true, refuse });
  return decodeJsonObject(json, name);
}

/** The CRC-32 in the header. */
function statedChecksum(bytes: Uint8Array, name: string): number {
  if (bytes.length < BODY_OFFSET || !HEADER.every((byte, i) => byte === bytes[i])) {
    throw corruptFile(name, { found: "another header", expected: "a gzip file that was written here" });
  }
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(HEADER.length, true);
}

function otherBytes(name: string): Error {
  return corruptFile(name, { found: "bytes that do not match their checksum", expected: "the CRC-32 in its header" });
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
