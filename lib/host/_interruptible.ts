import type { Embedder } from "../embed/embedder.ts";

/** How long signals of the operating system wait at most, beside the sentence that is under way. */
const PAUSE_EVERY_MS = 50;

/**
 * Returns an embedder that stops when it is told to. What runs the sentence model awaits promises that are settled already, so
 * that a loop over sentences would let no signal in; this lets them in as time goes by.
 *
 * @returns Whose `embed()` rejects with the signal's reason once it is aborted.
 */
export function interruptible(embedder: Embedder, signal: AbortSignal): Embedder {
  let pausedAt = performance.now();
  return {
    ...embedder,
    embed: async (sentence) => {
      if (performance.now() - pausedAt >= PAUSE_EVERY_MS) {
        await new Promise((resolve) => setTimeout(resolve, 0));
        pausedAt = performance.now();
      }
      signal.throwIfAborted();
      return embedder.embed(sentence);
    },
  };
}
