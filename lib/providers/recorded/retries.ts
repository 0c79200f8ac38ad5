import { CarryoverError, messageOf } from "../../errors.ts";
import { delay } from "../../util/async.ts";
import type { ClientSignals } from "./client.ts";
import type { RateLimiter } from "./rate-limit.ts";
import type { Cure } from "./request-parameters.ts";

/** What is known about a failed request. */
interface FailureTraits {
  /** Whether the same request may succeed later. @default false */
  readonly isTransient?: boolean;
  /** Whether no other question will be answered before somebody changes something: a wrong key, no such model. @default false */
  readonly isFatal?: boolean;
  /** Whether too many requests came, so that other requests have to wait as well. @default false */
  readonly isLimit?: boolean;
  /** Whether there was no server. @default false */
  readonly isUnreachable?: boolean;
  /** How long the server asks to wait. */
  readonly retryAfterMs?: number | undefined;
  /** Whether the model may have worked on it. @default false */
  readonly mayBeBilled?: boolean;
  /** The parameter that would have to be sent otherwise. */
  readonly cure?: Cure | undefined;
  /** What the request needs to be answered. @default "an answer" */
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
  /** Further tries after failures that may be billed. */
  readonly maxRetries: number;
  /** How long a failure that passes is waited for. */
  readonly patienceMs: number;
  /** What is known about the server. The requests of a client share it. */
  readonly server: ServerState;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
}

/** Whether a server answers. */
export class ServerState {
  /** Whether it has ever answered, if only with an error. */
  #wasReached = false;
  #failingSince: number | undefined;

  succeeded(): void {
    this.#wasReached = true;
    this.#failingSince = undefined;
  }

  /**
   * @param request `failingSince`: since when this request fails.
   * @returns How much longer a failure is waited for, ms. Nothing, where the server has been out for longer than that.
   */
  patienceLeft(
    { traits }: RequestFailure,
    request: Pick<RetryPolicy, "now" | "patienceMs"> & { failingSince: number },
  ): number {
    const nowMs = request.now();
    this.#wasReached ||= traits.isUnreachable !== true;
    if (traits.isTransient === true) this.#failingSince ??= nowMs;
    const patience = this.#wasReached ? request.patienceMs : Math.min(FIRST_CONTACT_MS, request.patienceMs);
    return Math.min(request.failingSince, this.#failingSince ?? nowMs) + patience - nowMs;
  }
}

const FIRST_BACKOFF_MS = 500;
const MAX_BACKOFF_MS = 30_000;

/** How long a server is waited for that was never there: its address may be wrong. */
const FIRST_CONTACT_MS = 10_000;

/**
 * Sends a request, and again after failures that may pass, with exponential backoff and the waits that the server asks for, until it
 * is answered or the patience ends. A server that is out for longer than that is tried once for each request.
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
  const { rateLimiter, maxRetries, signals, now, onBilled, onRan } = options;
  let failingSince: number | undefined;
  let billed = 0;
  for (let tries = 1; ; tries++) {
    try {
      const answer = await rateLimiter.run(() => sendOnce(send, options), { signal: signals.drain, onRan });
      options.server.succeeded();
      return answer;
    } catch (error) {
      if (error instanceof CarryoverError || (signals.drain.aborted && !(error instanceof RequestFailure))) throw error;
      const failure = asFailure(error);
      const { isTransient = false, isLimit = false, mayBeBilled = false, retryAfterMs = 0 } = failure.traits;
      if (mayBeBilled) {
        onBilled();
        billed += 1;
      }
      failingSince ??= now();
      const leftMs = options.server.patienceLeft(failure, { ...options, failingSince });
      if (!isTransient || billed > maxRetries || leftMs < 1 || retryAfterMs > leftMs) {
        const asks =
          isTransient && retryAfterMs > Math.max(0, leftMs) ? `; it asks to wait ${spanOf(retryAfterMs)}` : "";
        const count = tries === 1 ? "" : ` (${tries} tries in ${spanOf(now() - failingSince)})`;
        throw new RequestFailure(`${failure.message}${asks}${count}`, failure.traits, { cause: error });
      }
      const backoffMs = Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS << Math.min(tries - 1, 10), leftMs);
      const waitMs = Math.max(retryAfterMs, backoffMs);
      if (isLimit) rateLimiter.pause(waitMs);
      signals.onWait?.({ ms: waitMs, reason: failure.message });
      await delay(waitMs, signals.drain);
    }
  }
}

/** @throws {RequestFailure} If no answer comes, also within the time for one request. */
async function sendOnce<T>(
  send: (signal: AbortSignal) => Promise<T>,
  { rateLimiter, timeoutMs, patienceMs, signals }: RetryPolicy & { signals: ClientSignals },
): Promise<T> {
  const timeout = AbortSignal.timeout(timeoutMs);
  try {
    return await send(AbortSignal.any([signals.abort, timeout]));
  } catch (error) {
    signals.abort.throwIfAborted();
    if (timeout.aborted) {
      throw new RequestFailure(`no answer within ${timeoutMs / 1000} s`, { isTransient: true, mayBeBilled: true });
    }
    // Before this request's slot is free: the next one has to wait as well.
    if (error instanceof RequestFailure) {
      const { retryAfterMs = 0 } = error.traits;
      if (retryAfterMs <= patienceMs) rateLimiter.pause(retryAfterMs);
    }
    throw error;
  }
}

function asFailure(error: unknown): RequestFailure {
  if (error instanceof RequestFailure) return error;
  return new RequestFailure(messageOf(error), { isTransient: true, mayBeBilled: true }, { cause: error });
}

/** A span of time in words, such as `4 min`. */
function spanOf(ms: number): string {
  if (ms < 120_000) return `${Math.round(ms / 100) / 10} s`;
  return ms < 5_400_000 ? `${Math.round(ms / 60_000)} min` : `${Math.round(ms / 360_000) / 10} h`;
}
