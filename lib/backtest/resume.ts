import { embedSentence } from "../embed/embedder.ts";
import { fail } from "../errors.ts";
import { situationSentence } from "../memory/description.ts";
import { readOutcome } from "../memory/load.ts";
import { outcomeFileName } from "../memory/outcome.ts";
import type { Memory } from "../memory/store.ts";
import type { EmbeddedTrade, Trade } from "../memory/trade.ts";
import type { Chunk, ChunkRecord } from "../results/chunks.ts";
import { isSameJson } from "../util/json.ts";
import { outcomesDigest, type RunFiles } from "./run-files.ts";

/** The outcomes of a run in memory that were recorded in the wanted chunks, in the order of (exit, id). */
export type OwnOutcomes = (isWanted: (chunkIndex: number) => boolean) => readonly EmbeddedTrade[];

/** @param run `closingChunkIndex`: the chunk at whose end the run closes what is open. */
export function ownOutcomes(
  memory: Memory,
  run: { id: string; chunks: readonly Chunk[]; closingChunkIndex: number },
): OwnOutcomes {
  const indexByName = new Map(run.chunks.map(({ name }, i) => [name, i]));
  // What the end of the run closes is recorded there, whichever chunk has the bar. An outcome of a chunk that the run does not
  // have counts as one of the first, so that it is noticed at once.
  const chunkIndexOf = ({ chunk, exitReason }: Trade): number =>
    exitReason === "end_of_run" ? run.closingChunkIndex : (indexByName.get(chunk) ?? 0);
  return (isWanted) => memory.trades.filter((trade) => trade.runId === run.id && isWanted(chunkIndexOf(trade)));
}

/** Reads the leading chunks that are committed and whose outcomes memory still has. A note says where it no longer does. */
export async function committedChunks(
  files: RunFiles,
  own: OwnOutcomes,
  options: { chunks: readonly Chunk[]; onNote: (note: string) => void },
): Promise<ChunkRecord[]> {
  const records: ChunkRecord[] = [];
  for (const [i, chunk] of options.chunks.entries()) {
    const record = await files.readCommitted(chunk.name);
    if (record === undefined) break;
    const trades = own((index) => index <= i);
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

/**
 * Makes sure that a run goes on from what it learned from: that the outcomes which it carried in or made are, in their files, what
 * memory has of them. Caches may be wrong although their checksums are right.
 *
 * @throws {CarryoverError} `CORRUPT`, naming the first that is not.
 */
export async function assertUnchanged(memory: Memory, trades: readonly EmbeddedTrade[]): Promise<void> {
  const { storage, embedder } = memory;
  for (const { vector, ...trade } of trades) {
    const name = outcomeFileName(trade.id);
    const stored = await readOutcome(storage, trade.id);
    if (stored !== undefined && isSameJson(stored.trade, trade)) {
      // A slow embedder's vectors would take longer than the run.
      if (embedder.isSlow === true) continue;
      const made = await embedSentence(embedder, situationSentence(stored.description));
      if (made.every((value, i) => value === vector[i])) continue;
    }
    const found = stored === undefined ? "no such outcome" : `"${name}" changed, or its row in the caches`;
    const expected = "what it was when the run began: see memory-stats --check, then --repair";
    throw fail("CORRUPT", "Cannot go on with the run", { found, expected });
  }
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
