import { type Embedder, embedSentence } from "../embed/embedder.ts";
import type { Storage } from "../storage/storage.ts";
import type { Outcome } from "../types.ts";
import { situationSentence } from "./description.ts";
import type { ForgetMark } from "./forget.ts";
import { readMemory } from "./load.ts";
import { encodeOutcome } from "./outcome.ts";
import { readDescription, soundVectors } from "./recall.ts";
import type { Memory } from "./store.ts";
import { compareTrades, tradeOf } from "./trade.ts";
import type { VectorRow } from "./vectors.ts";

/** What was remembered when an experiment began. */
export interface Remembered {
  readonly embedder: Embedder;
  /** In the order of (exit, id). */
  readonly rows: readonly VectorRow[];
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
  const rows: VectorRow[] = [];
  for (const row of reading.rows) {
    let vector = stored.get(row);
    if (vector === undefined) {
      const description = await readDescription(storage, { row, damaged: [] });
      if (description === undefined) continue;
      vector = await embedSentence(embedder, situationSentence(description));
    }
    rows.push({ row, vector });
  }
  return { embedder, rows, marks: reading.marks };
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
export function inMemoryMemory({ embedder, rows: remembered, marks }: Remembered): InMemoryMemory {
  const rows = [...remembered];
  const recorded: Outcome[] = [];
  const byId = new Map(rows.map((entry) => [entry.row.id, entry]));
  return {
    embedder,
    rows,
    marks,
    damaged: [],
    embedded: 0,
    recorded,
    record: async (outcome) => {
      const known = byId.get(outcome.decision_id);
      if (known !== undefined) return known;
      const { bytes, crc32 } = encodeOutcome(outcome);
      const vector = await embedSentence(embedder, situationSentence(outcome.description));
      const entry = { row: tradeOf(outcome, { bytes: bytes.length, crc32 }), vector };
      let place = rows.length;
      while (place > 0 && compareTrades((rows[place - 1] as VectorRow).row, entry.row) > 0) place--;
      rows.splice(place, 0, entry);
      byId.set(entry.row.id, entry);
      recorded.push(outcome);
      return entry;
    },
    discard: async (ids) => {
      const gone = new Set(ids);
      for (let i = rows.length - 1; i >= 0; i--) if (gone.has((rows[i] as VectorRow).row.id)) rows.splice(i, 1);
    },
    forget: async () => {},
    flush: async () => {},
  };
}
