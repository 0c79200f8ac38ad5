/** `vectors.f32`: a vector for each trade of the sidecar, in its order. Bytes beyond them do not count. */
import type { Embedder } from "../embed/embedder.ts";
import type { Storage } from "../storage/storage.ts";
import { crc32Hex } from "../util/crc32.ts";
import { collectGarbage } from "../util/garbage.ts";
import { isUnit } from "../util/vectors.ts";
import { BLOCK_ROWS, type Sidecar, writeSidecar } from "./sidecar.ts";
import type { EmbeddedTrade, Trade } from "./trade.ts";

export const VECTORS_FILE = "vectors.f32";

const FLOAT_BYTES = 4;

/** Reads the vectors of a sidecar's trades, block by block; `undefined` in blocks that are missing or damaged. */
export async function* readVectors(
  storage: Storage,
  { dim, trades, blockCrc32 }: Sidecar,
): AsyncGenerator<readonly (Float32Array | undefined)[]> {
  const rowBytes = dim * FLOAT_BYTES;
  for (const [block, expected] of blockCrc32.entries()) {
    const first = block * BLOCK_ROWS;
    const rows = Math.min(BLOCK_ROWS, trades.length - first);
    const maxBytes = rows * rowBytes;
    const stored = await storage.read(VECTORS_FILE, { maxBytes, offset: first * rowBytes });
    // Float32Array needs bytes that start at a multiple of four.
    const bytes = stored === undefined || stored.byteOffset % FLOAT_BYTES === 0 ? stored : stored.slice();
    const isSound = bytes?.length === maxBytes && crc32Hex(bytes) === expected;
    yield Array.from({ length: rows }, (_, row) =>
      isSound ? new Float32Array(bytes.buffer, bytes.byteOffset + row * rowBytes, dim) : undefined,
    );
  }
}

/** Says so if vectors of another embedder are about to be replaced. */
export function noteReplacing(
  { sidecar, trades }: { sidecar: Sidecar | undefined; trades: readonly Trade[] },
  { embedder, onNote }: { embedder: Embedder; onNote?: ((note: string) => void) | undefined },
): void {
  if (sidecar === undefined || sidecar.trades.length === 0 || trades.length === 0) return;
  if (sidecar.fingerprint === embedder.fingerprint && sidecar.dim === embedder.dim) return;
  const by = sidecar.embedder === embedder.id ? `another version of ${embedder.id}` : sidecar.embedder;
  const { length: count } = sidecar.trades;
  onNote?.(`Replacing ${count} ${count === 1 ? "vector" : "vectors"} by ${by} with vectors by ${embedder.id}`);
}

/**
 * Gives the trades of a sidecar their stored vectors, if they are of this embedder. A trade whose vector is missing or damaged
 * gets none.
 *
 * @param options `checkLengths`: skip vectors that are not of unit length, which no embedder of ours makes.
 * @returns Whether every trade has its vector.
 */
export async function attachVectors(
  storage: Storage,
  sidecar: Sidecar | undefined,
  options: { embedder: Embedder; checkLengths: boolean },
): Promise<boolean> {
  const { embedder, checkLengths } = options;
  if (sidecar?.fingerprint !== embedder.fingerprint || sidecar.dim !== embedder.dim) return false;
  let isComplete = true;
  let row = 0;
  for await (const block of readVectors(storage, sidecar)) {
    for (const vector of block) {
      if (vector !== undefined && (!checkLengths || isUnit(vector))) sidecar.trades[row]!.vector = vector;
      else isComplete = false;
      row += 1;
    }
  }
  return isComplete;
}

/** Keeps `vectors.f32` and its sidecar up to date. */
export class VectorFiles {
  readonly #storage: Storage;
  readonly #embedder: Embedder;
  #written: Pick<Sidecar, "trades" | "blockCrc32"> & { readonly digest?: string } = { trades: [], blockCrc32: [] };

  /**
   * @param found The sidecar, if `vectors.f32` has a sound vector for each of its trades, and the size of `vectors.f32`. Without
   * it the first write replaces both files.
   */
  constructor(storage: Storage, embedder: Embedder, found?: { sidecar: Sidecar; size: number | undefined }) {
    this.#storage = storage;
    this.#embedder = embedder;
    if (found === undefined) return;
    const { trades, blockCrc32, digest } = found.sidecar;
    // Without a digest nothing is current, so that the next write cuts off the extra bytes, and replaces an old sidecar.
    const isExact = found.size === trades.length * this.#rowBytes && !found.sidecar.isOld;
    this.#written = isExact ? { trades, blockCrc32, digest } : { trades, blockCrc32 };
  }

  /** How many trades the files have. */
  get length(): number {
    return this.#written.trades.length;
  }

  /** Whether the files have exactly these trades, written for a folder of this digest. */
  isCurrent(trades: readonly Trade[], digest: string): boolean {
    return this.#written.digest === digest && this.length === trades.length && this.#isPrefixOf(trades);
  }

  /**
   * Writes the vectors of trades, then the sidecar. Where the files have the first of the trades already, the others are
   * appended; else `vectors.f32` is replaced.
   *
   * @param trades In the order of (exit, id).
   * @param digest `digestOf()` the folder's outcomes and marks.
   */
  async write(trades: readonly EmbeddedTrade[], digest: string): Promise<void> {
    // The digest has left as much as the vectors take.
    collectGarbage(trades.length);
    const blockCrc32 = await this.#writeRows(trades);
    const { id: embedder, fingerprint, dim } = this.#embedder;
    await writeSidecar(this.#storage, { embedder, fingerprint, dim, trades, digest, blockCrc32 });
    this.#written = { trades: [...trades], blockCrc32, digest };
  }

  /** Writes `vectors.f32`, and returns the CRC-32 of each of its blocks. */
  async #writeRows(trades: readonly EmbeddedTrade[]): Promise<readonly string[]> {
    const kept = this.#isPrefixOf(trades) ? this.length : 0;
    // From the start of a block: its checksum is of all its rows.
    const wholeBlocks = Math.floor(kept / BLOCK_ROWS);
    const first = wholeBlocks * BLOCK_ROWS;
    const bytes = this.#bytesOf(trades.slice(first));
    const added = bytes.subarray((kept - first) * this.#rowBytes);
    if (kept === 0) await this.#storage.replace(VECTORS_FILE, added);
    else await this.#storage.appendAt(VECTORS_FILE, kept * this.#rowBytes, added);

    const blockCrc32 = this.#written.blockCrc32.slice(0, wholeBlocks);
    const blockBytes = BLOCK_ROWS * this.#rowBytes;
    for (let start = 0; start < bytes.length; start += blockBytes) {
      blockCrc32.push(crc32Hex(bytes.subarray(start, start + blockBytes)));
    }
    return blockCrc32;
  }

  get #rowBytes(): number {
    return this.#embedder.dim * FLOAT_BYTES;
  }

  #isPrefixOf(trades: readonly Trade[]): boolean {
    return this.#written.trades.every((trade, i) => trade === trades[i]);
  }

  #bytesOf(trades: readonly EmbeddedTrade[]): Uint8Array {
    const { dim } = this.#embedder;
    const floats = new Float32Array(trades.length * dim);
    trades.forEach(({ vector }, i) => floats.set(vector, i * dim));
    return new Uint8Array(floats.buffer);
  }
}
