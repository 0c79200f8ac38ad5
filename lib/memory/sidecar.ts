/**
 * `vectors.meta.json.gz`: one JSON object, gzip. It is written last, so it says which rows of `vectors.f32` count.
 *
 * The gzip is fflate's, with time 0: other libraries compress to other bytes, and equal inputs give equal files here. Its
 * header has an extra field `CO` (RFC 1952, section 2.3.1.1) with the CRC-32 of all bytes after it. The CRC that gzip has
 * itself is over the JSON, so it can't see a flipped bit that decompresses to the same: there are such bits, where a
 * match could as well be copied from another place, and after the last code.
 */
import { CarryoverError } from "../errors.ts";
import { decodeJsonObject, isRecord } from "../util/json.ts";
import type { Market, TradeAction } from "../types.ts";
import { gunzip } from "../util/gunzip.ts";
import { crc32 } from "../util/crc32.ts";
import type { Trade, TradeVote } from "./trade.ts";

/** The trades of a sidecar as its file has them: columns of one value a trade. */
interface Columns {
  readonly ids: string[];
  readonly bytes: number[];
  readonly crc32: (string | null)[];
  readonly run_id: string[];
  readonly chunk: string[];
  readonly market: Market[];
  readonly asset: string[];
  readonly regime: string[];
  readonly action: TradeAction[];
  readonly entry_ms: number[];
  readonly exit_ms: number[];
  readonly exit_reason: string[];
  readonly won: boolean[];
  readonly pnl: number[];
  readonly pnl_pct: number[];
  readonly result_r: (number | null)[];
  readonly confidence: number[];
  readonly raw_confidence: number[];
  readonly trend_score: (number | null)[];
}

/** A provider's votes: direction 1, -1 or 0, and confidence; `null` where it did not vote. */
interface VoteColumns {
  readonly direction: (TradeVote["direction"] | null)[];
  readonly confidence: (number | null)[];
}

type Check = (value: unknown) => boolean;

const isText: Check = (value) => typeof value === "string";
const isTruth: Check = (value) => typeof value === "boolean";
/** JSON can say 1e999, which is read as infinite. */
const isNumber: Check = (value) => Number.isFinite(value);
/** What `Date` can hold. */
const isTime: Check = (value) => typeof value === "number" && Math.abs(value) <= 8.64e15;
const orNull =
  (check: Check): Check =>
  (value) =>
    value === null || check(value);
const oneOf =
  (...values: readonly unknown[]): Check =>
  (value) =>
    values.includes(value);

/** What the values of each column are. */
const COLUMNS: Readonly<Record<keyof Columns, Check>> = {
  ids: isText,
  bytes: isNumber,
  crc32: orNull(isText),
  run_id: isText,
  chunk: isText,
  market: oneOf("bars", "synthetic"),
  asset: isText,
  regime: isText,
  action: oneOf("BUY", "SELL"),
  entry_ms: isTime,
  exit_ms: isTime,
  exit_reason: isText,
  won: isTruth,
  pnl: isNumber,
  pnl_pct: isNumber,
  result_r: orNull(isNumber),
  confidence: isNumber,
  raw_confidence: isNumber,
  trend_score: orNull(isNumber),
};

const isDirection = orNull(oneOf(1, -1, 0));
const isConfidence = orNull(isNumber);

/** The trades as columns, the form that the sidecar has. Providers stand in order of their names. */
export function columnsOf(trades: readonly Trade[]): object {
  const votes = new Map<string, VoteColumns>();
  trades.forEach((trade, i) => {
    for (const vote of trade.votes) {
      let byProvider = votes.get(vote.provider);
      if (byProvider === undefined) {
        byProvider = { direction: trades.map(() => null), confidence: trades.map(() => null) };
        votes.set(vote.provider, byProvider);
      }
      byProvider.direction[i] = vote.direction;
      byProvider.confidence[i] = vote.confidence;
    }
  });
  // By name: any order of appearance would depend on which trades were here before.
  const sorted = [...votes].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return { ...columnsOfValues(trades), votes: Object.fromEntries(sorted) };
}

/**
 * The trades that columns say. The file's checksum says that no bit was flipped, but not who wrote it: a value of another kind
 * would fail far from here.
 *
 * @param count How many trades there are.
 * @returns `undefined` if a column is missing, of another length, or of other values.
 */
export function tradesOf(columns: unknown, count: number): Trade[] | undefined {
  if (!isRecord(columns) || !isRecord(columns["votes"])) return undefined;
  const isColumn = (value: unknown, check: Check): boolean =>
    Array.isArray(value) && value.length === count && value.every(check);
  if (!Object.entries(COLUMNS).every(([name, check]) => isColumn(columns[name], check))) return undefined;
  const byProvider: [string, VoteColumns][] = [];
  for (const [provider, votes] of Object.entries(columns["votes"])) {
    if (!isRecord(votes) || !isColumn(votes["direction"], isDirection)) return undefined;
    if (!isColumn(votes["confidence"], isConfidence)) return undefined;
    byProvider.push([provider, votes as unknown as VoteColumns]);
  }

  const votes: TradeVote[][] = Array.from({ length: count }, () => []);
  for (const [provider, { direction, confidence }] of byProvider) {
    for (let i = 0; i < count; i++) {
      const way = direction[i] ?? null;
      const sure = confidence[i] ?? null;
      if ((way === null) !== (sure === null)) return undefined;
      if (way !== null && sure !== null) votes[i]?.push({ provider, direction: way, confidence: sure });
    }
  }
  const c = columns as unknown as Columns;
  return votes.map((tradeVotes, i) => ({
    id: c.ids[i] as string,
    bytes: c.bytes[i] as number,
    crc32: c.crc32[i] as string | null,
    runId: c.run_id[i] as string,
    chunk: c.chunk[i] as string,
    market: c.market[i] as Market,
    asset: c.asset[i] as string,
    regime: c.regime[i] as string,
    action: c.action[i] as TradeAction,
    entryMs: c.entry_ms[i] as number,
    exitMs: c.exit_ms[i] as number,
    exitReason: c.exit_reason[i] as string,
    won: c.won[i] as boolean,
    pnl: c.pnl[i] as number,
    pnlPct: c.pnl_pct[i] as number,
    resultR: c.result_r[i] as number | null,
    confidence: c.confidence[i] as number,
    rawConfidence: c.raw_confidence[i] as number,
    trendScore: c.trend_score[i] as number | null,
    votes: tradeVotes,
  }));
}

function columnsOfValues(trades: readonly Trade[]): Columns {
  return {
    ids: trades.map((trade) => trade.id),
    bytes: trades.map((trade) => trade.bytes),
    crc32: trades.map((trade) => trade.crc32),
    run_id: trades.map((trade) => trade.runId),
    chunk: trades.map((trade) => trade.chunk),
    market: trades.map((trade) => trade.market),
    asset: trades.map((trade) => trade.asset),
    regime: trades.map((trade) => trade.regime),
    action: trades.map((trade) => trade.action),
    entry_ms: trades.map((trade) => trade.entryMs),
    exit_ms: trades.map((trade) => trade.exitMs),
    exit_reason: trades.map((trade) => trade.exitReason),
    won: trades.map((trade) => trade.won),
    pnl: trades.map((trade) => trade.pnl),
    pnl_pct: trades.map((trade) => trade.pnlPct),
    result_r: trades.map((trade) => trade.resultR),
    confidence: trades.map((trade) => trade.confidence),
    raw_confidence: trades.map((trade) => trade.rawConfidence),
    trend_score: trades.map((trade) => trade.trendScore),
  };
}

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
    refuse: (details) => corrupt(name, details.found, details.expected, details.cause),
  });
  return decodeJsonObject(json, name);
}

function corrupt(name: string, found: string, expected: string, cause?: unknown): CarryoverError {
  return new CarryoverError("CORRUPT", `Cannot read "${name}": found ${found}, expected ${expected}`, { cause });
}
