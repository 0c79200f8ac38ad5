/** Lets work through no faster than a server wants it. */
export interface RateLimiter {
  /**
   * Runs `work` when there is room for it, in the order of the calls.
   *
   * @param options `onRan`: told how many milliseconds the work took, without the wait for it; also where it failed.
   * @throws The signal's reason, if it is aborted while the work waits; what has begun goes on.
   */
  run<T>(work: () => Promise<T>, signal: AbortSignal, options?: { onRan: (ms: number) => void }): Promise<T>;

  /** Begins nothing more for so long: the server said so. */
  pause(ms: number): void;
}

const MINUTE_MS = 60_000;

/** @param limits `now`: milliseconds of a clock that is never set back; `perMinute`: how much may begin in a minute. */
export function createRateLimiter(limits: {
  concurrency: number;
  perMinute?: number | undefined;
  now: () => number;
}): RateLimiter {
  const { concurrency, perMinute = Infinity, now } = limits;
  const waiting: (() => void)[] = [];
  /** When the last ones began, oldest first. */
  const begun: number[] = [];
  let running = 0;
  let notBefore = 0;

  const takeSlot = (signal: AbortSignal): Promise<void> => {
    signal.throwIfAborted();
    if (running < concurrency) {
      running += 1;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const proceed = (): void => {
        signal.removeEventListener("abort", leave);
        resolve();
      };
      const leave = (): void => {
        waiting.splice(waiting.indexOf(proceed), 1);
        reject(signal.reason);
      };
      waiting.push(proceed);
      signal.addEventListener("abort", leave, { once: true });
    });
  };

  /** The next one takes the slot over. */
  const freeSlot = (): void => {
    const next = waiting.shift();
    if (next === undefined) running -= 1;
    else next();
  };

  const untilAllowed = async (signal: AbortSignal): Promise<void> => {
    for (;;) {
      const at = now();
      while (begun[0] !== undefined && begun[0] <= at - MINUTE_MS) begun.shift();
      const crowded = begun.length < perMinute ? 0 : (begun[0] ?? at) + MINUTE_MS - at;
      const wait = Math.max(notBefore - at, crowded);
      if (wait <= 0) break;
      await delay(wait, signal);
    }
    if (perMinute !== Infinity) begun.push(now());
  };

  return {
    async run(work, signal, options) {
      await takeSlot(signal);
      try {
        await untilAllowed(signal);
        const startMs = now();
        try {
          return await work();
        } finally {
          options?.onRan(now() - startMs);
        }
      } finally {
        freeSlot();
      }
    },
    pause: (ms) => {
      notBefore = Math.max(notBefore, now() + ms);
    },
  };
}

/** Waits. @throws The signal's reason, as soon as it is aborted. */
export function delay(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal.addEventListener("abort", stop, { once: true });
  });
}
