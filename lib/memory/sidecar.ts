/**
 * `vectors.meta.json.gz`: the trades whose vectors `vectors.f32` has, in columns; one JSON object, gzip. It is written after
 * the vectors, so it is their commit point.
 *
 * The gzip is fflate's, with time 0: equal inputs give equal files, while libraries differ in what they compress to. Its header
 * has an extra field `CO` (RFC 1952, section 2.3.1.1) with the CRC-32 of all bytes after it. The CRC of gzip itself is over the
 * JSON and misses flipped bits that decompress to the same: a match may be copied from two places, and bits follow the last code.
 */
import { corruptFile, type FailureDetails } from "../errors.ts";
import type { Storage } from "../storage/storage.ts";
import { crc32 } from "../util/crc32.ts";
import { collectGarbage } from "../util/garbage.ts";
import { gunzip } from "../util/gunzip.ts";
import { decodeJsonObject, isRecord } from "../util/json.ts";
import type { Trade, TradeVote } from "./trade.ts";

export const SIDECAR_FILE = "vectors.meta.json.gz";

const FORMAT = "carryover-vectors";
const VERSION = 3;
/** Without the column `content_hash`. It is read, so that its vectors are not made again. */
const OLD_VERSION = 2;
const MAX_SIDECAR_BYTES = 1 << 28;

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
  const bytes = await storage.read(SIDECAR_FILE, { maxBytes: MAX_SIDECAR_BYTES });
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
  const columns = isOld ? withoutHashes(value["columns"], rows) : value["columns"];
  const trades = fromColumns(columns, rows);
  if (trades === undefined)
    throw corruptFile(SIDECAR_FILE, { found: "columns that do not fit", expected: `${rows} values in each` });
  return { embedder, fingerprint, dim, trades, digest, blockCrc32: blocks.map(String), isOld };
}

function withoutHashes(columns: unknown, count: number): unknown {
  return isRecord(columns) ? { ...columns, content_hash: Array.from({ length: count }, () => "") } : columns;
}

export async function writeSidecar(storage: Storage, sidecar: Omit<Sidecar, "isOld">): Promise<void> {
  const { embedder, fingerprint, dim, trades, digest, blockCrc32 } = sidecar;
  const value = {
    format: FORMAT,
    version: VERSION,
    embedder,
    fingerprint,
    dim,
    rows: trades.length,
    digest,
    block_rows: BLOCK_ROWS,
    block_crc32: blockCrc32,
    columns: toColumns(trades),
  };
  await storage.replace(SIDECAR_FILE, await encodeSidecar(value));
}

type Check = (value: unknown) => boolean;

const isText: Check = (value) => typeof value === "string";
const isBoolean: Check = (value) => typeof value === "boolean";
/** JSON can say 1e999, which is read as infinite. */
const isNumber: Check = (value) => Number.isFinite(value);
/** The range of `Date`. */
const isTime: Check = (value) => typeof value === "number" && Math.abs(value) <= 8.64e15;
const orNull =
  (check: Check): Check =>
  (value) =>
    value === null || check(value);
const oneOf =
  (...values: readonly unknown[]): Check =>
  (value) =>
    values.includes(value);

const column = <Value>(of: (trade: Trade) => Value, check: Check): { of: (trade: Trade) => Value; check: Check } => ({
  of,
  check,
});

/** The columns of one value per trade: their names in the file, where the values come from, and what they may be. */
const COLUMNS = {
  ids: column((trade) => trade.id, isText),
  bytes: column((trade) => trade.bytes, isNumber),
  crc32: column((trade) => trade.crc32, orNull(isText)),
  content_hash: column((trade) => trade.contentHash, isText),
  run_id: column((trade) => trade.runId, isText),
  chunk: column((trade) => trade.chunk, isText),
  market: column((trade) => trade.market, oneOf("bars", "synthetic")),
  asset: column((trade) => trade.asset, isText),
  regime: column((trade) => trade.regime, isText),
  action: column((trade) => trade.action, oneOf("BUY", "SELL")),
  entry_ms: column((trade) => trade.entryMs, isTime),
  exit_ms: column((trade) => trade.exitMs, isTime),
  exit_reason: column((trade) => trade.exitReason, isText),
  won: column((trade) => trade.won, isBoolean),
  pnl: column((trade) => trade.pnl, isNumber),
  pnl_pct: column((trade) => trade.pnlPct, isNumber),
  result_r: column((trade) => trade.resultR, orNull(isNumber)),
  confidence: column((trade) => trade.confidence, isNumber),
  raw_confidence: column((trade) => trade.rawConfidence, isNumber),
  trend_score: column((trade) => trade.trendScore, orNull(isNumber)),
};

type Columns = { readonly [Name in keyof typeof COLUMNS]: readonly ReturnType<(typeof COLUMNS)[Name]["of"]>[] };

/** A provider's votes; both `null` where it did not vote. */
interface VoteColumns {
  readonly direction: (TradeVote["direction"] | null)[];
  readonly confidence: (number | null)[];
}

const isDirection = orNull(oneOf(1, -1, 0));
const isConfidence = orNull(isNumber);

/** Makes the columns of the file. */
export function toColumns(trades: readonly Trade[]): object {
  const votes = new Map<string, VoteColumns>();
  trades.forEach((trade, i) => {
    for (const vote of trade.votes) {
      let ofProvider = votes.get(vote.provider);
      if (ofProvider === undefined) {
        ofProvider = { direction: trades.map(() => null), confidence: trades.map(() => null) };
        votes.set(vote.provider, ofProvider);
      }
      ofProvider.direction[i] = vote.direction;
      ofProvider.confidence[i] = vote.confidence;
    }
  });
  // By name: the order of appearance would depend on which trades were here before.
  const sorted = [...votes].toSorted(([a], [b]) => (a < b ? -1 : 1));
  const columns = Object.entries(COLUMNS).map(([name, { of }]) => [name, trades.map<unknown>(of)]);
  return { ...Object.fromEntries(columns), votes: Object.fromEntries(sorted) };
}

/**
 * Makes trades of columns. Every value is checked: the checksum shows that no bit was flipped, but not who wrote the file, and
 * a wrong value would fail far from here.
 *
 * @returns `undefined` if a column is missing, does not have `count` values, or has a wrong one.
 */
function fromColumns(columns: unknown, count: number): Trade[] | undefined {
  if (!isRecord(columns) || !isRecord(columns["votes"])) return undefined;
  const isColumn = (value: unknown, check: Check): boolean =>
    Array.isArray(value) && value.length === count && value.every(check);
  if (!Object.entries(COLUMNS).every(([name, { check }]) => isColumn(columns[name], check))) return undefined;

  const votes: TradeVote[][] = Array.from({ length: count }, () => []);
  for (const [provider, ofProvider] of Object.entries(columns["votes"])) {
    if (!isRecord(ofProvider) || !isColumn(ofProvider["direction"], isDirection)) return undefined;
    if (!isColumn(ofProvider["confidence"], isConfidence)) return undefined;
    const { direction: directions, confidence: confidences } = ofProvider as unknown as VoteColumns;
    for (let i = 0; i < count; i++) {
      const direction = directions[i]!;
      const confidence = confidences[i]!;
      if ((direction === null) !== (confidence === null)) return undefined;
      if (direction !== null && confidence !== null) votes[i]!.push({ provider, direction, confidence });
    }
  }
  const c = columns as unknown as Columns;
  // A literal, which engines make ten times as fast as an object that grows key by key.
  return votes.map((ofTrade, i) => ({
    id: c.ids[i]!,
    bytes: c.bytes[i]!,
    crc32: c.crc32[i]!,
    contentHash: c.content_hash[i]!,
    runId: c.run_id[i]!,
    chunk: c.chunk[i]!,
    market: c.market[i]!,
    asset: c.asset[i]!,
    regime: c.regime[i]!,
    action: c.action[i]!,
    entryMs: c.entry_ms[i]!,
    exitMs: c.exit_ms[i]!,
    exitReason: c.exit_reason[i]!,
    won: c.won[i]!,
    pnl: c.pnl[i]!,
    pnlPct: c.pnl_pct[i]!,
    resultR: c.result_r[i]!,
    confidence: c.confidence[i]!,
    rawConfidence: c.raw_confidence[i]!,
    trendScore: c.trend_score[i]!,
    votes: ofTrade,
  }));
}

/** Magic, deflate, "has an extra field", time 0, fastest, Unix; eight bytes of extra field: "CO", four bytes. */
const HEADER: Uint8Array = Uint8Array.of(0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 4, 3, 8, 0, 0x43, 0x4f, 4, 0);

/** Where the deflate stream begins, after the extra field's CRC-32. */
const BODY_OFFSET: number = HEADER.length + 4;

/** Size of the header that fflate writes, which has no extra field. */
const FFLATE_HEADER_BYTES = 10;

/** A sidecar of some million trades, and the longest text that V8 can hold. */
const MAX_JSON_BYTES: number = 1 << 29;

/** From here on the text that was encoded, and the columns that it was made of, are freed before the next copy is made. */
const LARGE_JSON_BYTES = 1 << 22;

/** Compresses one JSON object; equal objects give equal bytes. */
export async function encodeSidecar(value: object): Promise<Uint8Array> {
  // Loaded by the first write: a reader does not need it.
  const { gzipSync } = await import("../util/gzip.ts");
  const json = new TextEncoder().encode(`${JSON.stringify(value)}\n`);
  if (json.length > LARGE_JSON_BYTES) collectGarbage();
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
 * @throws {CarryoverError} `CORRUPT` if a bit is not as it was written, or the JSON is larger than 512 MB.
 */
export async function decodeSidecar(bytes: Uint8Array, name: string): Promise<Record<string, unknown>> {
  if (bytes.length < BODY_OFFSET || !HEADER.every((byte, i) => byte === bytes[i])) {
    throw corruptFile(name, { found: "another header", expected: "a gzip file that was written here" });
  }
  const expected = new DataView(bytes.buffer, bytes.byteOffset).getUint32(HEADER.length, true);
  if (crc32(bytes.subarray(BODY_OFFSET)) !== expected) {
    throw corruptFile(name, { found: "bytes that do not match their checksum", expected: "the CRC-32 in its header" });
  }
  const refuse = (details: FailureDetails): Error => corruptFile(name, details);
  // One member, as the checksum says.
  const json = await gunzip(bytes.slice(), { maxBytes: MAX_JSON_BYTES, isOneMember: true, refuse });
  return decodeJsonObject(json, name);
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
