import { embedSentence, type Embedder } from "../embed/embedder.ts";
import { hashingEmbedder } from "../embed/hashing.ts";
import { fail } from "../errors.ts";
import { ensureFile, type Storage, type StoredFile } from "../storage/storage.ts";
import type { Outcome } from "../types.ts";
import type { DamagedFile } from "../storage/damaged-file.ts";
import { settleAll } from "../util/async.ts";
import { situationSentence } from "./description.ts";
import type { OnEmbedded } from "./embed-missing.ts";
import { encodeForgetMark, type ForgetMark } from "./forget.ts";
import { keepForeignStatistics } from "./foreign-statistics.ts";
import { embedAndKeep, outcomeFiles } from "./keep-vectors.ts";
import { digestOf, ensureOutcome, type MemoryReading, moveToQuarantine, quarantine, readMemory } from "./load.ts";
import { encodeOutcome, outcomeFileName } from "./outcome.ts";
import type { SessionOutcome } from "./session-outcome.ts";
import { SIDECAR_FILE } from "./sidecar.ts";
import { areStatisticsCurrent, writeStatistics } from "./statistics.ts";
import { type EmbeddedTrade, insertionIndex, isSameTrade, tradeOf } from "./trade.ts";
import { attachVectors, noteReplacing, VectorFiles, VECTORS_FILE } from "./vectors.ts";

/** Outcomes that are recorded between two writes of the caches, in a memory of this many. */
export const recordsPerFlush = (trades: number): number => Math.max(512, trades / 8);

/** A trade that is remembered, and whose outcome is on its way to disk. */
export interface BegunRecord {
  readonly trade: EmbeddedTrade;
  /** Settles when the outcome is durable. If it rejects, with what `record()` throws, the trade is not remembered any more. */
  readonly durable: Promise<void>;
}

/** What is remembered, opened for writing. */
export interface Memory {
  /** Where it is kept, with the runs that it learned from. */
  readonly storage: Storage;
  readonly embedder: Embedder;
  /** In the order of (exit, id). */
  readonly trades: readonly EmbeddedTrade[];
  readonly marks: readonly ForgetMark[];
  /** Files that were found damaged when it was opened, and moved to `quarantine/`. */
  readonly damaged: readonly DamagedFile[];
  /** How many vectors were made when it was opened. */
  readonly embedded: number;

  /** The remembered trade with an id. */
  find(id: string): EmbeddedTrade | undefined;

  /**
   * Remembers a closed trade. Durable when it returns; the same outcome again is success.
   *
   * @throws {CarryoverError} `BAD_OUTCOME` if it cannot be stored, `CONFLICT` if its id is taken by another outcome.
   */
  record(outcome: Outcome | SessionOutcome): Promise<EmbeddedTrade>;

  /** As `record()`, but returns before the outcome is durable. Those that are begun before that share the cost of it. */
  beginRecord(outcome: Outcome | SessionOutcome): Promise<BegunRecord>;

  /** Moves outcomes to `quarantine/`. */
  discard(ids: readonly string[]): Promise<void>;

  /** Writes a durable forget mark. The statistics follow with the next `flush()`. */
  forget(mark: ForgetMark): Promise<void>;

  /** Brings the caches on disk up to date. */
  flush(): Promise<void>;

  /** As `flush()`; whatever is still to be written after it is refused. Its lock may then be released. */
  close(): Promise<void>;

  /** @throws {CarryoverError} `BAD_USAGE` once it is closed. */
  assertOpen(): void;
}

/** How a memory folder is opened. */
export interface OpenMemoryOptions {
  /** @default hashingEmbedder() */
  readonly embedder?: Embedder | undefined;
  /** Make every vector again. @default false */
  readonly rebuildVectors?: boolean;
  /** Also make vectors again that are not of unit length, which takes time for every number. @default false */
  readonly checkLengths?: boolean;
  readonly onEmbedded?: OnEmbedded | undefined;
  /** Stops the reading of outcomes and the making of vectors. A note then says how many of the new vectors are kept. */
  readonly signal?: AbortSignal | undefined;
  /** How that note says to make the others. @default "the same command goes on" */
  readonly resume?: string | undefined;
  /** Called before vectors of another embedder are replaced, and when making vectors is stopped. */
  readonly onNote?: ((note: string) => void) | undefined;
}

/**
 * Opens a memory folder for writing: loads the outcomes, moves damaged files to `quarantine/`, makes the vectors that are
 * missing, and brings the caches up to date. The caller holds the storage's lock.
 *
 * @throws Whatever the embedder throws. Vectors that were made are kept as far as they could be written.
 */
export async function openMemory(storage: Storage, options: OpenMemoryOptions = {}): Promise<Memory> {
  const { embedder = hashingEmbedder(), rebuildVectors = false, checkLengths = false } = options;
  const reading = await readMemory(storage, { parseAll: rebuildVectors, signal: options.signal });
  noteReplacing(reading, { embedder, onNote: options.onNote });
  for (const name of reading.foreign) options.onNote?.(`Left alone "${name}": it is no outcome`);
  const sidecar = rebuildVectors ? undefined : reading.sidecar;
  const isComplete = await attachVectors(storage, sidecar, { embedder, checkLengths });
  const size = reading.otherFiles.find(({ name }) => name === VECTORS_FILE)?.size;
  const files = new VectorFiles(storage, embedder, isComplete && sidecar ? { sidecar, size } : undefined);
  const { trades, made, damaged } = await embedAndKeep(storage, reading, { ...options, embedder, files });
  const moved = [...reading.damaged.filter(({ name }) => name !== SIDECAR_FILE), ...damaged];
  await quarantine(storage, moved);
  const memory = new StoredMemory(storage, files, { embedder, reading, trades, damaged: moved, embedded: made });
  const isUnchanged = moved.length === 0 && files.isCurrent(trades, reading.digest);
  if (isUnchanged && (await areStatisticsCurrent(storage, reading))) return memory;
  await keepForeignStatistics(storage, options);
  await memory.flush();
  return memory;
}

/** A memory folder opened for writing. Its caches match its outcomes when it is open, and again after `flush()`. */
class StoredMemory implements Memory {
  readonly storage: Storage;
  readonly embedder: Embedder;
  readonly trades: EmbeddedTrade[];
  readonly marks: ForgetMark[];
  readonly damaged: readonly DamagedFile[];
  readonly embedded: number;

  readonly #vectorFiles: VectorFiles;
  readonly #markFiles: StoredFile[];
  /** Made by the first record: opening a folder goes without. */
  #byLowerCaseId: Map<string, EmbeddedTrade> | undefined;
  /** Outcomes recorded since the last flush. */
  #unflushed = 0;
  /** Outcomes on their way to disk, by id in lower case. */
  readonly #underWay = new Map<string, Promise<void>>();
  #isClosed = false;
  /** Calls run one after the other. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(
    storage: Storage,
    vectorFiles: VectorFiles,
    opened: Pick<Memory, "embedder" | "trades" | "damaged" | "embedded"> & { reading: MemoryReading },
  ) {
    this.storage = storage;
    this.embedder = opened.embedder;
    this.trades = [...opened.trades];
    this.marks = [...opened.reading.marks];
    this.damaged = opened.damaged;
    this.embedded = opened.embedded;
    this.#vectorFiles = vectorFiles;
    this.#markFiles = [...opened.reading.markFiles];
  }

  find(id: string): EmbeddedTrade | undefined {
    const known = this.#byId.get(id.toLowerCase());
    return known?.id === id ? known : undefined;
  }

  async record(outcome: Outcome | SessionOutcome): Promise<EmbeddedTrade> {
    const { trade, durable } = await this.beginRecord(outcome);
    await durable;
    return trade;
  }

  beginRecord(outcome: Outcome | SessionOutcome): Promise<BegunRecord> {
    return this.#inTurn(() => this.#beginRecord(outcome));
  }

  discard(ids: readonly string[]): Promise<void> {
    return this.#inTurn(async () => {
      await Promise.allSettled(this.#underWay.values());
      for (const id of ids) {
        const index = this.trades.findIndex((trade) => trade.id === id);
        if (index === -1) {
          throw fail("NOT_FOUND", `Cannot discard "${id}"`, { found: "no such outcome", expected: "a remembered one" });
        }
        await moveToQuarantine(this.storage, outcomeFileName(id));
        this.trades.splice(index, 1);
        this.#byLowerCaseId?.delete(id.toLowerCase());
      }
    });
  }

  forget(mark: ForgetMark): Promise<void> {
    return this.#inTurn(async () => {
      const { name, bytes } = encodeForgetMark(mark);
      await ensureFile(this.storage, name, bytes);
      if (this.#markFiles.some((file) => file.name === name)) return;
      this.#markFiles.push({ name, size: bytes.length });
      this.marks.push(mark);
    });
  }

  flush(): Promise<void> {
    return this.#inTurn(() => this.#flush());
  }

  close(): Promise<void> {
    if (this.#isClosed) return this.#last.then(() => {});
    const flushed = this.flush();
    this.#isClosed = true;
    return flushed;
  }

  assertOpen(): void {
    if (!this.#isClosed) return;
    const expected = "an open one: await what writes to it, such as backtest(), before close()";
    throw fail("BAD_USAGE", "Cannot write to this memory", { found: "it closed", expected });
  }

  async #beginRecord(outcome: Outcome | SessionOutcome): Promise<BegunRecord> {
    // A flush takes time in proportion to all trades: waiting for a share of them keeps the cost per record flat.
    if (this.#unflushed >= recordsPerFlush(this.trades.length)) await this.#flush();
    const id = outcome.decision_id;
    const { bytes, crc32, contentHash } = encodeOutcome(outcome);
    const key = id.toLowerCase();
    // If it fails, it is not known after all.
    await this.#underWay.get(key)?.catch(() => {});
    const known = this.#byId.get(key);
    if (known !== undefined && known.id !== id) {
      const expected = "ids that differ by more than case";
      throw fail("BAD_OUTCOME", `Cannot record "${id}"`, { found: `"${known.id}"`, expected });
    }
    // Before the outcome is written, so that one without a vector is refused as a whole.
    const vector = known?.vector ?? (await embedSentence(this.embedder, situationSentence(outcome.description)));
    const written = ensureOutcome(this.storage, id, bytes);
    const trade = { ...tradeOf(outcome, { bytes: bytes.length, crc32, contentHash }), vector };
    if (known !== undefined) {
      if (isSameTrade(known, trade)) return { trade: known, durable: this.#follow(key, written) };
      // The caches were wrong, unless another outcome has the id.
      await written;
      this.trades.splice(this.trades.indexOf(known), 1);
    }
    this.trades.splice(insertionIndex(this.trades, trade), 0, trade);
    this.#byId.set(key, trade);
    this.#unflushed += 1;
    const durable = written.catch((error: unknown) => {
      this.trades.splice(this.trades.indexOf(trade), 1);
      this.#byLowerCaseId?.delete(key);
      throw error;
    });
    return { trade, durable: this.#follow(key, durable) };
  }

  /** Lets what needs all outcomes on disk wait for this one. */
  #follow(key: string, durable: Promise<void>): Promise<void> {
    const end = (): void => void this.#underWay.delete(key);
    this.#underWay.set(key, durable);
    durable.then(end, end);
    return durable;
  }

  async #flush(): Promise<void> {
    await Promise.allSettled(this.#underWay.values());
    const { trades, marks } = this;
    const digest = await digestOf([...outcomeFiles(trades), ...this.#markFiles]);
    const isCurrent = this.#vectorFiles.isCurrent(trades, digest);
    await settleAll([
      isCurrent ? undefined : this.#vectorFiles.write(trades, digest),
      writeStatistics(this.storage, { trades, marks, digest }),
    ]);
    this.#unflushed = 0;
  }

  get #byId(): Map<string, EmbeddedTrade> {
    return (this.#byLowerCaseId ??= new Map(this.trades.map((trade) => [trade.id.toLowerCase(), trade])));
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    this.assertOpen();
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => {});
    return turn;
  }
}
