import { isThenable, type Provider } from "./provider.ts";

export interface WaitNotes {
  readonly onNote: (note: string) => void;
  /** Stops the run. */
  readonly signal?: AbortSignal | undefined;
  /** @default 30 seconds */
  readonly afterMs?: number;
}

/** A provider that is named, once, if a vote takes long, or if the user stops the run while it is waited for. */
export function withWaitNotes(provider: Provider, { onNote, signal, afterMs = 30_000 }: WaitNotes): Provider {
  let isTold = false;
  return {
    ...provider,
    vote: (situation, context) => {
      const answer = provider.vote(situation, context);
      if (!isThenable(answer)) return answer;
      const tell = (): void => {
        clearTimeout(timer);
        if (isTold) return;
        isTold = true;
        const { asset, timestamp } = situation;
        onNote(`Waiting for "${provider.name}": no vote yet on ${asset} as of ${new Date(timestamp).toISOString()}`);
      };
      const timer = setTimeout(tell, afterMs);
      const stop = (): void => {
        clearTimeout(timer);
        // An error of the run has nothing to do with who is waited for then.
        if (signal?.reason instanceof Error && signal.reason.name === "AbortError") tell();
      };
      signal?.addEventListener("abort", stop, { once: true });
      return Promise.resolve(answer).finally(() => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", stop);
      });
    },
  };
}
