/** Makes the vectors that an opening needs, and keeps them. */
import type { Embedder } from "../embed/embedder.ts";
import type { Storage, StoredFile } from "../storage/storage.ts";
import { collectGarbage } from "../util/garbage.ts";
import { embedMissing, type EmbeddedTrades } from "./embed-missing.ts";
import { digestOf, type MemoryReading } from "./load.ts";
import { outcomeFileName } from "./outcome.ts";
import type { OpenMemoryOptions } from "./store.ts";
import { type EmbeddedTrade, isEmbedded } from "./trade.ts";
import type { VectorFiles } from "./vectors.ts";

/** Least vectors that are made between two writes at an opening. */
const WRITE_EVERY = 256;
/** Most vectors of a slow embedder between two writes, which a kill loses: about a minute of the sentence model. */
const WRITE_SLOW_EVERY = 1024;

/** Makes the missing vectors, and writes now and then so that a stopped opening keeps what it made. */
export async function embedAndKeep(
  storage: Storage,
  { trades, descriptions, markFiles }: MemoryReading,
  options: OpenMemoryOptions & { embedder: Embedder; files: VectorFiles },
): Promise<EmbeddedTrades> {
  const { embedder, files, onEmbedded, signal } = options;
  let made = 0;
  let unwritten = 0;
  const write = async (): Promise<void> => {
    collectGarbage(trades.length);
    const sound = trades.filter(isEmbedded);
    await files.write(sound, await digestOf([...outcomeFiles(sound), ...markFiles]));
    unwritten = 0;
  };
  const afterEach = async (): Promise<void> => {
    made += 1;
    unwritten += 1;
    // A write takes time in proportion to all trades: waiting for a share of them keeps the cost per vector flat. Beside a
    // slow embedder's vectors that cost is small.
    const share = Math.max(WRITE_EVERY, files.length / 2);
    if (unwritten >= (embedder.isSlow === true ? Math.min(WRITE_SLOW_EVERY, share) : share)) await write();
  };
  try {
    return await embedMissing(storage, trades, { embedder, descriptions, onEmbedded, afterEach, signal });
  } catch (error) {
    // The first error says more than the one of this write.
    if (unwritten > 0) await write().catch(() => {});
    if (options.signal?.aborted === true && error === options.signal.reason) noteKept(made - unwritten, options);
    throw error;
  }
}

function noteKept(kept: number, { resume = "the same command goes on", onNote }: OpenMemoryOptions): void {
  if (kept === 0) return;
  const what = kept === 1 ? "the vector that was made is" : `the ${kept} vectors that were made are`;
  onNote?.(`Stopped: ${what} kept, and ${resume}`);
}

/** The files of trades, for the digest of the folder. */
export function outcomeFiles(trades: readonly EmbeddedTrade[]): StoredFile[] {
  return trades.map(({ id, bytes }) => ({ name: outcomeFileName(id), size: bytes }));
}
