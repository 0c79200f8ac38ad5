import { type Embedder, embedSentence } from "../embed/embedder.ts";
import { type DamagedFile, unlessDamaged } from "../storage/damaged-file.ts";
import type { Storage } from "../storage/storage.ts";
import { pauseEvery } from "../util/async.ts";
import { collectGarbage } from "../util/garbage.ts";
import { situationSentence } from "./description.ts";
import { readOutcome } from "./load.ts";
import { outcomeFileName } from "./outcome.ts";
import { type EmbeddedTrade, isEmbedded, type Trade } from "./trade.ts";

/** Vectors that are made between two moments in which a signal can stop the work. */
const VECTORS_PER_PAUSE = 64;

/** Vectors that are made between two collections of garbage, where there are many. Reading their outcomes leaves 13 kB each. */
const VECTORS_PER_COLLECTION = 4096;

/** Called after each vector with how many are made, and how many will be. */
export type OnEmbedded = (made: number, wanted: number) => void;

export interface EmbeddedTrades {
  /** In the order given, without those whose outcome is damaged or gone. */
  readonly trades: readonly EmbeddedTrade[];
  /** How many vectors were made. */
  readonly made: number;
  /** Outcomes that are not as they were written. */
  readonly damaged: readonly DamagedFile[];
}

/**
 * Makes the vectors that trades lack, from the descriptions of their outcomes. Writes nothing.
 *
 * @param options `descriptions`: those that were read already, by id; `afterEach`: waited for after each vector; `signal`: stops the
 * work between two vectors.
 */
export async function embedMissing(
  storage: Storage,
  trades: readonly Trade[],
  options: {
    embedder: Embedder;
    descriptions?: ReadonlyMap<string, string> | undefined;
    onEmbedded?: OnEmbedded | undefined;
    afterEach?: (() => Promise<void>) | undefined;
    signal?: AbortSignal | undefined;
  },
): Promise<EmbeddedTrades> {
  const { embedder, descriptions, onEmbedded, afterEach } = options;
  const missing = trades.filter((trade) => !isEmbedded(trade));
  const damaged: DamagedFile[] = [];
  const pause = pauseEvery(VECTORS_PER_PAUSE, options.signal);
  let made = 0;
  for (const [i, trade] of missing.entries()) {
    if (i % VECTORS_PER_COLLECTION === VECTORS_PER_COLLECTION - 1) collectGarbage(missing.length);
    const { id } = trade;
    await unlessDamaged(damaged, outcomeFileName(id), async () => {
      const description = descriptions?.get(id) ?? (await readOutcome(storage, id))?.description;
      // A writer has moved the outcome away since it was listed.
      if (description === undefined) return;
      trade.vector = await embedSentence(embedder, situationSentence(description));
    });
    if (!isEmbedded(trade)) continue;
    made += 1;
    onEmbedded?.(made, missing.length);
    await afterEach?.();
    await pause();
  }
  return { trades: trades.filter(isEmbedded), made, damaged };
}
