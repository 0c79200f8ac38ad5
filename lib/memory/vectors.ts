/**
 * `vectors.f32` and its sidecar `vectors.meta.json.gz`, which is replaced last: the commit point. Rows stand in the one
 * order of outcomes. Every 1,024 rows have a CRC-32, so that a damaged block is noticed and made anew alone.
 */
import type { Embedder } from "../embed/embedder.ts";
import { CarryoverError } from "../errors.ts";
import { crc32Hex } from "../util/crc32.ts";
import { columnsOf, decodeSidecar, encodeSidecar, tradesOf } from "./sidecar.ts";
import type { Storage } from "../storage/storage.ts";
import type { EmbeddedTrade, Trade } from "./trade.ts";

/** A vector for each row of the sidecar, and maybe a tail that does not count. */
export const VECTORS_FILE = "vectors.f32";
/** What the vectors are of: their commit point. */
export const SIDECAR_FILE = "vectors.meta.json.gz";

const FORMAT = "carryover-vectors";
const VERSION = 2;
const BLOCK_ROWS = 1024;
const MAX_SIDECAR_BYTES = 1 << 28;
const FLOAT_BYTES = 4;

/** What a sidecar says. */
export interface Sidecar {
  readonly embedder: string;
  readonly fingerprint: string;
  readonly dim: number;
  readonly trades: readonly Trade[];
  /** Of the outcomes and marks of the folder that it was written in: see `digestOf()`. */
  readonly digest: string;
  /** CRC-32 of each block of 1,024 rows of `vectors.f32`, the last one shorter. */
  readonly blockCrc32: readonly string[];
}

/** Size of `vectors.f32` with so many rows. */
export function vectorBytes(trades: number, embedder: Embedder): number {
  return trades * embedder.dim * FLOAT_BYTES;
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
  if (format !== FORMAT || version !== VERSION || typeof embedder !== "string" || typeof fingerprint !== "string") {
    throw corrupt(
      `format ${JSON.stringify(format)} version ${JSON.stringify(version)}`,
      `"${FORMAT}" version ${VERSION}`,
    );
  }
  if (!isCount(dim) || !isCount(rows) || !Array.isArray(blocks) || blocks.length !== Math.ceil(rows / BLOCK_ROWS)) {
    throw corrupt("sizes that do not fit each other", "dim, rows, and a block_crc32 for each 1,024 rows");
  }
  if (typeof digest !== "string") throw corrupt("no digest", "the one of the folder");
  const parsed = tradesOf(value["columns"], rows);
  if (parsed === undefined) throw corrupt("columns that do not fit", `${rows} values in each`);
  return { embedder, fingerprint, dim, trades: parsed, digest, blockCrc32: blocks.map(String) };
}

/**
 * Reads the vectors that a sidecar speaks of.
 *
 * @returns A vector for each of its trades; `undefined` for those of blocks that are missing or damaged.
 */
export async function readVectors(storage: Storage, sidecar: Sidecar): Promise<(Float32Array | undefined)[]> {
  const { dim, trades, blockCrc32 } = sidecar;
  const stored = await storage.read(VECTORS_FILE, { maxBytes: trades.length * dim * FLOAT_BYTES });
  // A copy where the bytes do not start at a multiple of four, which Float32Array asks for.
  const bytes = stored === undefined || stored.byteOffset % FLOAT_BYTES === 0 ? stored : stored.slice();
  const vectors: (Float32Array | undefined)[] = [];
  blockCrc32.forEach((expected, block) => {
    const first = block * BLOCK_ROWS;
    const last = Math.min(trades.length, first + BLOCK_ROWS);
    const from = first * dim * FLOAT_BYTES;
    const to = last * dim * FLOAT_BYTES;
    const good = bytes !== undefined && bytes.length >= to && crc32Hex(bytes.subarray(from, to)) === expected;
    for (let trade = first; trade < last; trade++) {
      vectors.push(
        good ? new Float32Array(bytes.buffer, bytes.byteOffset + trade * dim * FLOAT_BYTES, dim) : undefined,
      );
    }
  });
  return vectors;
}

/**
 * Writes trades and their vectors: what comes after `kept` is appended in place of whatever is there, or the file replaced
 * where nothing is kept.
 *
 * @param trades All trades, in order.
 * @param options `kept`: of how many leading trades `vectors.f32` has the vectors already, in this order; `blockCrc32`: the sums of their
 * blocks; `digest`: of the folder's outcomes and marks.
 * @returns The sums of all blocks.
 */
export async function writeVectors(
  storage: Storage,
  trades: readonly EmbeddedTrade[],
  options: { embedder: Embedder; kept: number; blockCrc32: readonly string[]; digest: string },
): Promise<readonly string[]> {
  const { embedder, kept } = options;
  if (kept === 0) await storage.replace(VECTORS_FILE, bytesOf(trades, embedder.dim));
  else await storage.appendAt(VECTORS_FILE, vectorBytes(kept, embedder), bytesOf(trades.slice(kept), embedder.dim));

  const wholeBlocks = Math.floor(kept / BLOCK_ROWS);
  const blockCrc32 = options.blockCrc32.slice(0, wholeBlocks);
  for (let first = wholeBlocks * BLOCK_ROWS; first < trades.length; first += BLOCK_ROWS) {
    blockCrc32.push(crc32Hex(bytesOf(trades.slice(first, first + BLOCK_ROWS), embedder.dim)));
  }
  const sidecar = {
    format: FORMAT,
    version: VERSION,
    embedder: embedder.id,
    fingerprint: embedder.fingerprint,
    dim: embedder.dim,
    rows: trades.length,
    digest: options.digest,
    block_rows: BLOCK_ROWS,
    block_crc32: blockCrc32,
    columns: columnsOf(trades),
  };
  await storage.replace(SIDECAR_FILE, await encodeSidecar(sidecar));
  return blockCrc32;
}

function bytesOf(trades: readonly EmbeddedTrade[], dim: number): Uint8Array {
  const floats = new Float32Array(trades.length * dim);
  trades.forEach(({ vector }, i) => floats.set(vector, i * dim));
  return new Uint8Array(floats.buffer);
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function corrupt(found: string, expected: string): CarryoverError {
  return new CarryoverError("CORRUPT", `Cannot read "${SIDECAR_FILE}": found ${found}, expected ${expected}`);
}
