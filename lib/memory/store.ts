import type { Outcome } from "../types.ts";
import { embedSentence, type Embedder } from "../embed/embedder.ts";
import { hashingEmbedder } from "../embed/hashing.ts";
import { CarryoverError } from "../errors.ts";
import { ensureFile, type Storage } from "../storage/storage.ts";
import { fillVectors, keptOf, type OnEmbedded, type OnVectorsKept } from "./embed-missing.ts";
import { areCachesCurrent, writeCaches } from "./statistics.ts";
import { situationSentence } from "./description.ts";
import { type DamagedFile, digestOf, loadOutcomes, moveToQuarantine, quarantine } from "./load.ts";
import { encodeForgetMark, type ForgetMark } from "./forget.ts";
import { encodeOutcome, outcomeFileName } from "./outcome.ts";
import { compareTrades, type EmbeddedTrade, tradeOf, type Trade } from "./trade.ts";
import { readSidecar, VECTORS_FILE, vectorBytes, writeVectors, type Sidecar } from "./vectors.ts";

export type { OnEmbedded } from "./embed-missing.ts";
export { MEMORY_FILE, PROVIDER_FILE, REGIME_FILE } from "./statistics.ts";

/** At least this many outcomes are recorded between two writes of the caches. */
const FLUSH_EVERY = 64;

/** A memory folder opened for writing. Its caches match its outcomes when it is open, and again after `flush()`. */
export interface Memory {
  /** Where it is kept, and the runs that it learned from. */
  readonly storage: Storage;
  readonly embedder: Embedder;
  /** In the order of (exit, id). */
  readonly trades: readonly EmbeddedTrade[];
  readonly marks: readonly ForgetMark[];
  /** Files that were found damaged at the opening and moved to `quarantine/`. */
  readonly damaged: readonly DamagedFile[];
  /** Vectors that had to be made at the opening. */
  readonly embedded: number;

  /**
   * Remembers a closed trade. Durable when it returns; the same outcome again is success.
   *
   * @throws {CarryoverError} `BAD_OUTCOME` if it cannot be stored, `CONFLICT` if its id is taken by another outcome.
   */
  record(outcome: Outcome): Promise<EmbeddedTrade>;

  /** Moves outcomes out of memory, to `quarantine/`. */
  discard(ids: readonly string[]): Promise<void>;

  /** Writes a durable forget mark. The statistics follow with the next `flush()`. */
  forget(mark: ForgetMark): Promise<void>;

  /** Brings the caches on disk up to what is remembered. */
  flush(): Promise<void>;
}

/** How a memory folder is opened. */
export interface OpenMemoryOptions {
  /** @default hashingEmbedder() */
  readonly embedder?: Embedder | undefined;
  /** Make every vector anew. @default false */
  readonly rebuildVectors?: boolean;
  /** Make those anew that are not of unit length, which nothing of ours has written. It takes time for each number. @default false */
  readonly checkLengths?: boolean;
  readonly onEmbedded?: OnEmbedded | undefined;
  readonly onVectorsKept?: OnVectorsKept | undefined;
  /** Told, before they are replaced, of vectors that another embedder made. */
  readonly onNote?: ((note: string) => void) | undefined;
}

/**
 * Opens a memory folder for writing: loads what is remembered, moves damaged files aside, embeds what has no vector, and
 * brings the caches up to date. The caller holds the storage's lock.
 *
 * @throws Whatever the embedder throws; the vectors that it had made are kept, as far as they could be written, and the next opening
 * goes on from there.
 */
export async function openMemory(storage: Storage, options: OpenMemoryOptions = {}): Promise<Memory> {
  const { embedder = hashingEmbedder() } = options;
  const found = await readSidecarOrNone(storage);
  const sidecar = options.rebuildVectors === true ? undefined : found;
  const listing = await storage.list();
  const stored = await loadOutcomes(storage, listing, sidecar);
  if (found !== undefined && !isOf(found, embedder) && found.trades.length > 0 && stored.trades.length > 0) {
    const by = found.embedder === embedder.id ? `another version of ${embedder.id}` : found.embedder;
    options.onNote?.(`Replacing ${found.trades.length} vectors by ${by} with vectors by ${embedder.id}`);
  }
  const current = sidecar !== undefined && isOf(sidecar, embedder) ? sidecar : undefined;
  const { checkLengths, onEmbedded, onVectorsKept } = options;
  const { trades, unreadable, embedded, written } = await fillVectors(storage, stored, {
    sidecar: current,
    embedder,
    checkLengths,
    onEmbedded,
    onVectorsKept,
  });
  const damaged = [...stored.damaged, ...unreadable];
  await quarantine(storage, damaged);

  const marks = [...stored.marks];
  const markFiles = [...stored.markFiles];
  // Made when something is recorded: a run that is finished, and a start that is measured, do without.
  let byLowerCaseId: Map<string, EmbeddedTrade> | undefined;

  let { kept, blockCrc32 } = keptOf(written, trades);
  const vectorsSize = listing.files.find(({ name }) => name === VECTORS_FILE)?.size;
  let vectorsWritten =
    embedded === 0 &&
    written !== undefined &&
    kept === trades.length &&
    vectorsSize === vectorBytes(kept, embedder) &&
    current?.digest === stored.digest &&
    damaged.length === 0;
  let recorded = 0;

  const flush = async (): Promise<void> => {
    const outcomeFiles = trades.map(({ id, bytes }) => ({ name: outcomeFileName(id), size: bytes }));
    const digest = await digestOf([...outcomeFiles, ...markFiles]);
    if (!vectorsWritten) {
      blockCrc32 = await writeVectors(storage, trades, { embedder, kept, blockCrc32, digest });
      kept = trades.length;
      vectorsWritten = true;
    }
    await writeCaches(storage, { trades, marks, digest });
    recorded = 0;
  };

  const record = async (outcome: Outcome): Promise<EmbeddedTrade> => {
    const id = outcome.decision_id;
    const { bytes, crc32 } = encodeOutcome(outcome);
    byLowerCaseId ??= new Map(trades.map((trade) => [trade.id.toLowerCase(), trade]));
    const known = byLowerCaseId.get(id.toLowerCase());
    if (known !== undefined && known.id !== id) {
      const message = `Cannot record "${id}": found "${known.id}", expected ids that differ by more than case`;
      throw new CarryoverError("BAD_OUTCOME", message);
    }
    // Before the outcome is written: one that has no vector is refused, not remembered by half.
    const vector = known?.vector ?? (await embedSentence(embedder, situationSentence(outcome.description)));
    await ensureFile(storage, outcomeFileName(id), bytes);
    if (known !== undefined) return known;

    const trade = { ...tradeOf(outcome, { bytes: bytes.length, crc32 }), vector };
    const place = placeOf(trade, trades);
    trades.splice(place, 0, trade);
    byLowerCaseId.set(id.toLowerCase(), trade);
    if (place < kept) kept = 0;
    vectorsWritten = false;
    recorded += 1;
    // Writing the caches takes time in proportion to all trades; waiting for a share of them keeps the cost of a record flat.
    if (recorded >= Math.max(FLUSH_EVERY, trades.length / 8)) await flush();
    return trade;
  };

  const discard = async (ids: readonly string[]): Promise<void> => {
    for (const id of ids) {
      const place = trades.findIndex((trade) => trade.id === id);
      if (place === -1) throw new CarryoverError("NOT_FOUND", `Cannot discard "${id}": found no such outcome`);
      await moveToQuarantine(storage, outcomeFileName(id));
      trades.splice(place, 1);
      byLowerCaseId?.delete(id.toLowerCase());
      if (place < kept) kept = 0;
      vectorsWritten = false;
    }
  };

  const forget = async (mark: ForgetMark): Promise<void> => {
    const { name, bytes } = encodeForgetMark(mark);
    await ensureFile(storage, name, bytes);
    if (markFiles.some((file) => file.name === name)) return;
    markFiles.push({ name, size: bytes.length });
    marks.push(mark);
    // The sidecar says which marks there are.
    vectorsWritten = false;
  };

  const { digest } = stored;
  if (!vectorsWritten || !(await areCachesCurrent(storage, { trades, marks, digest }))) await flush();
  const inTurn = queue();
  return {
    storage,
    embedder,
    trades,
    marks,
    damaged,
    embedded,
    record: (outcome) => inTurn(() => record(outcome)),
    discard: (ids) => inTurn(() => discard(ids)),
    forget: (mark) => inTurn(() => forget(mark)),
    flush: () => inTurn(flush),
  };
}

/** Whether the vectors of a sidecar are those that an embedder makes. */
function isOf(sidecar: Sidecar, embedder: Embedder): boolean {
  return sidecar.fingerprint === embedder.fingerprint && sidecar.dim === embedder.dim;
}

/** A damaged sidecar is a cache that is made anew: nothing is lost with it. */
async function readSidecarOrNone(storage: Storage): ReturnType<typeof readSidecar> {
  try {
    return await readSidecar(storage);
  } catch (error) {
    if (error instanceof CarryoverError && error.code === "CORRUPT") return undefined;
    throw error;
  }
}

/** Where a trade belongs among sorted ones. A binary search: a run of an earlier period records far from the end. */
function placeOf(trade: Trade, sorted: readonly Trade[]): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareTrades(sorted[middle]!, trade) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Runs one piece of work after the other: each starts from what the one before has left. */
function queue(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const turn = last.then(work);
    last = turn.catch(() => {});
    return turn;
  };
}
