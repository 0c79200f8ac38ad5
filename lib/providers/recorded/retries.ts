import { CarryoverError, messageOf } from "../../errors.ts";
import { delay } from "../../util/async.ts";
import type { ClientSignals } from "./client.ts";
import type { RateLimiter } from "./rate-limit.ts";

/** What is known about a failed request. */
interface FailureTraits {
  /** Whether the same request may succeed later. @default false */
  readonly isTransient?: boolean;
  /** How long the server asks to wait. */
  readonly retryAfterMs?: number | undefined;
  /** Whether the model may have worked on it. @default false */
  readonly mayBeBilled?: boolean;
  /** What any request needs to be answered, if this failure is not about its question. No answer is recorded then. */
  readonly expected?: string | undefined;
}

/** A request without an answer. */
export class RequestFailure extends Error {
  readonly traits: FailureTraits;

  constructor(message: string, traits: FailureTraits, options?: { cause?: unknown }) {
    super(message, options);
    this.name = "RequestFailure";
    this.traits = traits;
  }
}

/** When and how often a request is sent. */
export interface RetryPolicy {
  readonly rateLimiter: RateLimiter;
  /** Time for one request. */
  readonly timeoutMs: number;
  readonly maxRetries: number;
}

const FIRST_BACKOFF_MS = 500;
const MAX_BACKOFF_MS = 30_000;

/** A server that asks for a longer wait counts as unavailable. */
const MAX_RETRY_AFTER_MS = 300_000;

/**
 * Sends a request, and again after failures that may pass, with exponential backoff and the waits that the server asks for.
 *
 * @param options `onBilled` is called for each failed request that the model may have worked on; `onRan` gets the milliseconds
 * of each request.
 * @throws {RequestFailure} The last failure, with the number of tries in its message.
 * @throws The signals' reason, if they are aborted; any `CarryoverError` of `send`.
 */
export async function withRetries<T>(
  send: (signal: AbortSignal) => Promise<T>,
  options: RetryPolicy & { signals: ClientSignals; onBilled: () => void; onRan: (ms: number) => void },
): Promise<T> {
  const { rateLimiter, timeoutMs, maxRetries, signals, onBilled, onRan } = options;
  const sendOnce = async (): Promise<T> => {
    const timeout = AbortSignal.timeout(timeoutMs);
    try {
      return await send(AbortSignal.any([signals.abort, timeout]));
    } catch (error) {
      signals.abort.throwIfAborted();
      if (timeout.aborted) {
        throw new RequestFailure(`no answer within ${timeoutMs / 1000} s`, { isTransient: true, mayBeBilled: true });
      }
      // Before this request's slot is free: the next one has to wait as well.
      if (error instanceof RequestFailure && shouldWait(error)) rateLimiter.pause(error.traits.retryAfterMs ?? 0);
      throw error;
    }
  };

  for (let attempt = 0; ; attempt++) {
    try {
      return await rateLimiter.run(sendOnce, { signal: signals.drain, onRan });
    } catch (error) {
      if (error instanceof CarryoverError || (signals.drain.aborted && !(error instanceof RequestFailure))) throw error;
      const failure = asFailure(error);
      const { isTransient, mayBeBilled, retryAfterMs = 0 } = failure.traits;
      if (mayBeBilled === true) onBilled();
      if (isTransient !== true || !shouldWait(failure) || attempt >= maxRetries) {
        const tries = attempt === 0 ? "" : ` (${attempt + 1} tries)`;
        throw new RequestFailure(`${failure.message}${tries}`, failure.traits, { cause: error });
      }
      const backoffMs = Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * (1 << attempt));
      await delay(Math.max(retryAfterMs, backoffMs), signals.drain);
    }
  }
}

/** Whether the wait that the server asks for is short enough. */
function shouldWait({ traits: { retryAfterMs = 0 } }: RequestFailure): boolean {
  return retryAfterMs <= MAX_RETRY_AFTER_MS;
}

function asFailure(error: unknown): RequestFailure {
  if (error instanceof RequestFailure) return error;
  return new RequestFailure(messageOf(error), { isTransient: true, mayBeBilled: true }, { cause: error });
}
