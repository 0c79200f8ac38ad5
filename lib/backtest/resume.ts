import type { Memory } from "../memory/store.ts";
import type { EmbeddedTrade, Trade } from "../memory/trade.ts";
import type { Chunk, ChunkRecord } from "../results/chunks.ts";
import { outcomesDigest, type RunFiles } from "./run-files.ts";

/** The outcomes of one run in memory, by the chunk in which they were recorded. */
export class OwnOutcomes {
  readonly #memory: Memory;
  readonly #runId: string;
  readonly #closingChunkIndex: number;
  readonly #indexByName: ReadonlyMap<string, number>;

  /** @param run `closingChunkIndex`: the chunk at whose end the run closes what is open. */
  constructor(memory: Memory, run: { id: string; chunks: readonly Chunk[]; closingChunkIndex: number }) {
    this.#memory = memory;
    this.#runId = run.id;
    this.#closingChunkIndex = run.closingChunkIndex;
    this.#indexByName = new Map(run.chunks.map(({ name }, i) => [name, i]));
  }

  /** Those recorded up to the end of a chunk, in the order of (exit, id). */
  upTo(chunkIndex: number): readonly EmbeddedTrade[] {
    return this.#select((i) => i <= chunkIndex);
  }

  /** Those recorded in one chunk. */
  recordedIn(chunkIndex: number): readonly EmbeddedTrade[] {
    return this.#select((i) => i === chunkIndex);
  }

  #select(isWanted: (chunkIndex: number) => boolean): readonly EmbeddedTrade[] {
    return this.#memory.trades.filter((trade) => trade.runId === this.#runId && isWanted(this.#chunkIndexOf(trade)));
  }

  /**
   * What the end of the run closes is recorded there, whichever chunk owns the bar. An outcome of a chunk that the run does not
   * have counts to the first, so that it is noticed at once.
   */
  #chunkIndexOf(trade: Trade): number {
    return trade.exitReason === "end_of_run" ? this.#closingChunkIndex : (this.#indexByName.get(trade.chunk) ?? 0);
  }
}

/**
 * Reads the leading chunks that are committed and whose outcomes are in memory as they were then.
 *
 * @param options `onNote` hears where memory no longer matches a chunk.
 */
export async function committedChunks(
  files: RunFiles,
  own: OwnOutcomes,
  options: { chunks: readonly Chunk[]; onNote: (note: string) => void },
): Promise<ChunkRecord[]> {
  const records: ChunkRecord[] = [];
  for (const [i, chunk] of options.chunks.entries()) {
    const record = await files.readCommitted(chunk.name);
    if (record === undefined) break;
    const trades = own.upTo(i);
    if (outcomesDigest(trades) !== record.outcomes_digest) {
      options.onNote(
        `Memory no longer matches chunk ${chunk.name}: found ${trades.length} outcomes of the run up to it, ` +
          `expected the ${record.outcomes_so_far} that it committed. The run goes on from ${chunk.name}`,
      );
      break;
    }
    records.push(record);
  }
  return records;
}

/** Moves outcomes to quarantine that claim to be of a chunk of this run, but were not made by it. */
export async function discardUnexpected(
  memory: Memory,
  found: readonly Trade[],
  options: { recorded: readonly Trade[]; onNote: (note: string) => void },
): Promise<void> {
  const expected = new Set(options.recorded.map(({ id }) => id));
  const unexpected = found.map(({ id }) => id).filter((id) => !expected.has(id));
  if (unexpected.length === 0) return;
  await memory.discard(unexpected);
  options.onNote(`Moved to quarantine, as the run does not make them: ${unexpected.join(", ")}`);
}
