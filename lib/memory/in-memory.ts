import { type Embedder, embedSentence } from "../embed/embedder.ts";
import { inMemoryStorage } from "../storage/in-memory.ts";
import type { Storage } from "../storage/storage.ts";
import type { Outcome } from "../types.ts";
import { situationSentence } from "./description.ts";
import type { ForgetMark } from "./forget.ts";
import { readMemory } from "./load.ts";
import { encodeOutcome } from "./outcome.ts";
import { readDescription, soundVectors } from "./recall.ts";
import type { Memory } from "./store.ts";
import { compareTrades, type EmbeddedTrade, tradeOf } from "./trade.ts";

/** What was remembered when an experiment began. */
export interface Remembered {
  readonly embedder: Embedder;
  /** In the order of (exit, id). */
  readonly trades: readonly EmbeddedTrade[];
  readonly marks: readonly ForgetMark[];
}

/** A memory that is gone with the process. */
export interface InMemoryMemory extends Memory {
  /** What was recorded, in the order in which it was. */
  readonly recorded: readonly Outcome[];
}

/** Reads what a folder remembers, without a lock and without a write. Damaged outcomes are left out. */
export async function readRemembered(storage: Storage, embedder: Embedder): Promise<Remembered> {
  const reading = await readMemory(storage);
  const stored = await soundVectors(storage, reading, embedder);
  const trades: EmbeddedTrade[] = [];
  for (const trade of reading.trades) {
    let vector = stored.get(trade);
    if (vector === undefined) {
      const description = await readDescription(storage, { trade, damaged: [] });
      if (description === undefined) continue;
      vector = await embedSentence(embedder, situationSentence(description));
    }
    trades.push(Object.assign(trade, { vector }));
  }
  return { embedder, trades: trades, marks: reading.marks };
}

/** An embedder that makes each vector once: runs of the same bars have the same situations. */
export function cachingEmbedder(embedder: Embedder): Embedder {
  const vectors = new Map<string, Float32Array | Promise<Float32Array>>();
  return {
    ...embedder,
    embed: (sentence) => {
      let vector = vectors.get(sentence);
      if (vector === undefined) vectors.set(sentence, (vector = embedder.embed(sentence)));
      return vector;
    },
  };
}

/** Opens a memory that starts from what is remembered and leaves no file: for experiments. */
export function inMemoryMemory({ embedder, trades: remembered, marks }: Remembered): InMemoryMemory {
  const trades = [...remembered];
  const recorded: Outcome[] = [];
  const byId = new Map(trades.map((trade) => [trade.id, trade]));
  return {
    storage: inMemoryStorage(),
    embedder,
    trades: trades,
    marks,
    damaged: [],
    embedded: 0,
    recorded,
    record: async (outcome) => {
      const known = byId.get(outcome.decision_id);
      if (known !== undefined) return known;
      const { bytes, crc32 } = encodeOutcome(outcome);
      const vector = await embedSentence(embedder, situationSentence(outcome.description));
      const trade = { ...tradeOf(outcome, { bytes: bytes.length, crc32 }), vector };
      let place = trades.length;
      while (place > 0 && compareTrades(trades[place - 1]!, trade) > 0) place--;
      trades.splice(place, 0, trade);
      byId.set(trade.id, trade);
      recorded.push(outcome);
      return trade;
    },
    discard: async (ids) => {
      const gone = new Set(ids);
      for (let i = trades.length - 1; i >= 0; i--) if (gone.has(trades[i]!.id)) trades.splice(i, 1);
    },
    forget: async () => {},
    flush: async () => {},
  };
}
