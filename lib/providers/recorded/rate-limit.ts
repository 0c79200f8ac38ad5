import { delay } from "../../util/async.ts";

const MINUTE_MS = 60_000;

/** What a server allows. */
interface RateLimits {
  /** Requests at a time. */
  readonly concurrency: number;
  /** Requests that may start within a minute. @default no limit */
  readonly perMinute?: number | undefined;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
}

/** Starts requests no faster than a server allows, in the order of the calls. */
export class RateLimiter {
  readonly #concurrency: number;
  readonly #perMinute: number;
  readonly #now: () => number;
  /** Calls that wait for a slot, oldest first. */
  readonly #waiting: (() => void)[] = [];
  /** When the requests of the last minute started, oldest first. */
  readonly #starts: number[] = [];
  #running = 0;
  #pausedUntil = 0;

  constructor({ concurrency, perMinute = Infinity, now }: RateLimits) {
    this.#concurrency = concurrency;
    this.#perMinute = perMinute;
    this.#now = now;
  }

  /**
   * Runs `work` as soon as the limits allow.
   *
   * @param options `onRan` gets the milliseconds that the work took, without the wait before it, also if it failed.
   * @throws The signal's reason, if it is aborted before the work starts.
   */
  async run<T>(work: () => Promise<T>, options: { signal: AbortSignal; onRan?: (ms: number) => void }): Promise<T> {
    const { signal, onRan } = options;
    await this.#takeSlot(signal);
    try {
      await this.#untilAllowed(signal);
      const startMs = this.#now();
      try {
        return await work();
      } finally {
        onRan?.(this.#now() - startMs);
      }
    } finally {
      this.#freeSlot();
    }
  }

  /** Starts nothing more for this long, as the server asked. */
  pause(ms: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, this.#now() + ms);
  }

  #takeSlot(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#running < this.#concurrency) {
      this.#running += 1;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const proceed = (): void => {
        signal.removeEventListener("abort", leave);
        resolve();
      };
      const leave = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(proceed), 1);
        reject(signal.reason);
      };
      this.#waiting.push(proceed);
      signal.addEventListener("abort", leave, { once: true });
    });
  }

  /** Hands the slot to the call that has waited longest. */
  #freeSlot(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#running -= 1;
    else next();
  }

  async #untilAllowed(signal: AbortSignal): Promise<void> {
    for (;;) {
      const at = this.#now();
      while (this.#starts.length > 0 && this.#starts[0]! <= at - MINUTE_MS) this.#starts.shift();
      const untilMinuteHasRoom = this.#starts.length < this.#perMinute ? 0 : this.#starts[0]! + MINUTE_MS - at;
      const waitMs = Math.max(this.#pausedUntil - at, untilMinuteHasRoom);
      if (waitMs <= 0) break;
      await delay(waitMs, signal);
    }
    if (this.#perMinute !== Infinity) this.#starts.push(this.#now());
  }
}
