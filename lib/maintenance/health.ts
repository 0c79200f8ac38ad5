/** What a look at this machine found. */
import { CarryoverError } from "../errors.ts";

/** `note`: a run is possible, but something is worth knowing. `missing` and `damaged`: no run is possible, or none can be trusted. */
export type HealthState = "ok" | "note" | "missing" | "damaged";

/** One thing that was looked at. */
export interface HealthCheck {
  readonly name: string;
  readonly state: HealthState;
  readonly found: string;
  /** The folder that was looked at, absolute; `null` if there is none, or if `found` names it. */
  readonly folder: string | null;
  /** The command that cures it, or what to do where no command does; `null` if nothing is to be done. */
  readonly cure: string | null;
  /** Of `disk`, if it could be measured: how long a small write takes to become durable. */
  readonly sync_ms?: number;
  /** Of `space`. */
  readonly free_bytes?: number;
}

/** A check that found nothing to do. */
export function ok(name: string, found: string, folder: string | null = null): HealthCheck {
  return { name, state: "ok", found, folder, cure: null };
}

/**
 * Returns what `check` does, or the check of its failure.
 *
 * @param cure If the failure's message has none in its second line.
 */
export async function checkOrFailure(
  name: string,
  cure: string | undefined,
  check: () => Promise<HealthCheck>,
): Promise<HealthCheck> {
  try {
    return await check();
  } catch (error) {
    // What the operating system refuses, no other folder or download cures: the message says what does.
    return failureOf(name, error, error instanceof CarryoverError && error.code === "IO" ? undefined : cure);
  }
}

/**
 * The check of a failure.
 *
 * @param cure As of `checkOrFailure()`.
 */
export function failureOf(name: string, error: unknown, cure: string | undefined): HealthCheck {
  if (!(error instanceof CarryoverError)) throw error;
  const [message, ...advice] = error.message.split("\n");
  const state = error.code === "CORRUPT" || error.code === "BAD_DATA" ? "damaged" : "missing";
  if (advice.length > 0 || cure === undefined) {
    return { name, state, found: message!, folder: null, cure: advice.length > 0 ? advice.join(" ") : null };
  }
  // The cure says what is expected.
  return { name, state, found: message!.split(", expected ")[0]!, folder: null, cure };
}
