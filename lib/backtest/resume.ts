import type { Memory } from "../memory/store.ts";
import type { Trade } from "../memory/trade.ts";
import type { EmbeddedTrade } from "../memory/trade.ts";
import type { Chunk, ChunkRecord } from "../results/chunks.ts";
import { outcomesDigest, type RunStore } from "./run-files.ts";

/** A run's outcomes and when they were recorded. */
export interface OwnOutcomes {
  /** Those recorded up to the end of a chunk, by its place, in the order of (exit, id). */
  upTo(chunkIndex: number): readonly EmbeddedTrade[];
  /** Those recorded in one chunk, by its place. */
  recordedIn(chunkIndex: number): readonly EmbeddedTrade[];
}

/**
 * Looks at a run's outcomes in memory.
 *
 * @param run `closing`: place of the chunk at whose end the run closes what is open.
 */
export function ownOutcomes(
  memory: Memory,
  run: { id: string; chunks: readonly Chunk[]; closing: number },
): OwnOutcomes {
  const indexByName = new Map(run.chunks.map(({ name }, i) => [name, i]));
  // What is closed at the end of the run is recorded there, whichever chunk owns the bar. Nobody records under a chunk that
  // the run does not have: with the first chunk, such an outcome is noticed at once.
  const indexOf = (trade: Trade): number =>
    trade.exitReason === "end_of_run" ? run.closing : (indexByName.get(trade.chunk) ?? 0);
  const select = (isWanted: (chunkIndex: number) => boolean): readonly EmbeddedTrade[] =>
    memory.trades.filter((trade) => trade.runId === run.id && isWanted(indexOf(trade)));
  return {
    upTo: (chunkIndex) => select((i) => i <= chunkIndex),
    recordedIn: (chunkIndex) => select((i) => i === chunkIndex),
  };
}

/**
 * Reads the leading chunks that are committed and whose outcomes memory still has as they were.
 *
 * @param options `note` is told where memory and the record of a chunk differ.
 */
export async function committedChunks(
  store: RunStore,
  own: OwnOutcomes,
  options: { chunks: readonly Chunk[]; note: (text: string) => void },
): Promise<readonly ChunkRecord[]> {
  const records: ChunkRecord[] = [];
  for (const [i, chunk] of options.chunks.entries()) {
    const record = await store.readChunk(chunk.name);
    if (record === undefined) break;
    const trades = own.upTo(i);
    if (outcomesDigest(trades) !== record.outcomes_digest) {
      options.note(
        `Memory no longer matches chunk ${chunk.name}: found ${trades.length} outcomes of the run up to it, ` +
          `expected the ${record.outcomes_so_far} that it committed. The run goes on from ${chunk.name}`,
      );
      break;
    }
    records.push(record);
  }
  return records;
}

/** Moves outcomes aside that claim to be of a chunk of this run but were not made by it: someone put them there. */
export async function discardUnexpected(
  memory: Memory,
  inMemory: readonly EmbeddedTrade[],
  options: { recorded: readonly Trade[]; note: (text: string) => void },
): Promise<void> {
  const made = new Set(options.recorded.map((trade) => trade.id));
  const unexpectedOutcomes = inMemory.map((trade) => trade.id).filter((id) => !made.has(id));
  if (unexpectedOutcomes.length === 0) return;
  await memory.discard(unexpectedOutcomes);
  options.note(`Moved to quarantine, as the run does not make them: ${unexpectedOutcomes.join(", ")}`);
}
