import { isThenable, type Provider } from "./provider.ts";

interface WaitNotes {
  readonly onNote: (note: string) => void;
  /** Stops the run. */
  readonly signal?: AbortSignal | undefined;
  /** @default 30 seconds */
  readonly afterMs?: number;
}

/** A provider that is named, once, if a vote takes long, or if the run is stopped while it is waited for. */
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
      signal?.addEventListener("abort", tell, { once: true });
      return Promise.resolve(answer).finally(() => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", tell);
      });
    },
  };
}
