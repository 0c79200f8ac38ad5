import { type Embedder, embedSentence } from "../embed/embedder.ts";
import { inMemoryStorage } from "../storage/in-memory.ts";
import type { Storage } from "../storage/storage.ts";
import type { Outcome, Situation } from "../types.ts";
import { situationSentence } from "./description.ts";
import { embedMissing } from "./embed-missing.ts";
import type { ForgetMark } from "./forget.ts";
import { readMemory } from "./load.ts";
import { encodeOutcome } from "./outcome.ts";
import type { BegunRecord, Memory } from "./store.ts";
import { type EmbeddedTrade, insertionIndex, tradeOf } from "./trade.ts";
import { attachVectors } from "./vectors.ts";

const DONE: Promise<void> = Promise.resolve();

/** What a folder remembered when it was read. */
export type Remembered = Pick<Memory, "embedder" | "trades" | "marks">;

/** Reads what a folder remembers, without a lock and without a write. Damaged outcomes are left out. */
export async function readRemembered(
  storage: Storage,
  { embedder, signal }: { embedder: Embedder; signal?: AbortSignal | undefined },
): Promise<Remembered> {
  const { trades: found, descriptions, marks, sidecar } = await readMemory(storage, { signal });
  await attachVectors(storage, sidecar, { embedder, checkLengths: true });
  const { trades } = await embedMissing(storage, found, { embedder, descriptions, signal });
  return { embedder, trades, marks };
}

/** An embedder that makes each vector once: runs on the same bars have the same situations. */
export function cachingEmbedder(embedder: Embedder): Embedder {
  const vectors = new Map<string, Float32Array | Promise<Float32Array>>();
  const ofSituations = new WeakMap<Situation, Float32Array>();
  return {
    ...embedder,
    embedSituation: (situation) => {
      const known = ofSituations.get(situation);
      const vector = known ?? embedder.embedSituation?.(situation);
      if (known === undefined && vector !== undefined) ofSituations.set(situation, vector);
      return vector;
    },
    embed: (sentence) => {
      let vector = vectors.get(sentence);
      if (vector === undefined) vectors.set(sentence, (vector = embedder.embed(sentence)));
      return vector;
    },
  };
}

/** A memory that starts from what is remembered and leaves no file. It ends with the process. */
export class InMemoryMemory implements Memory {
  readonly storage: Storage = inMemoryStorage();
  readonly embedder: Embedder;
  readonly trades: EmbeddedTrade[];
  readonly marks: readonly ForgetMark[];
  readonly damaged: Memory["damaged"] = [];
  readonly embedded = 0;
  /** What was recorded, in that order. */
  readonly recorded: Outcome[] = [];

  constructor({ embedder, trades, marks }: Remembered) {
    this.embedder = embedder;
    this.trades = [...trades];
    this.marks = marks;
  }

  find(id: string): EmbeddedTrade | undefined {
    return this.trades.find((trade) => trade.id === id);
  }

  async record(outcome: Outcome): Promise<EmbeddedTrade> {
    return (await this.beginRecord(outcome)).trade;
  }

  async beginRecord(outcome: Outcome): Promise<BegunRecord> {
    const { bytes, crc32, contentHash } = encodeOutcome(outcome);
    const trade = tradeOf(outcome, { bytes: bytes.length, crc32, contentHash });
    const index = insertionIndex(this.trades, trade);
    const known = this.trades[index - 1];
    if (known?.id === trade.id) return { trade: known, durable: DONE };
    const vector = await embedSentence(this.embedder, situationSentence(outcome.description));
    const embedded = { ...trade, vector };
    this.trades.splice(index, 0, embedded);
    this.recorded.push(outcome);
    return { trade: embedded, durable: DONE };
  }

  async discard(ids: readonly string[]): Promise<void> {
    const discarded = new Set(ids);
    for (let i = this.trades.length - 1; i >= 0; i--) if (discarded.has(this.trades[i]!.id)) this.trades.splice(i, 1);
  }

  async forget(): Promise<void> {}

  async flush(): Promise<void> {}

  async close(): Promise<void> {}

  assertOpen(): void {}
}
