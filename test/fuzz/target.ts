import { CarryoverError } from "../../lib/errors.ts";
import { isRecord } from "../../lib/util/json.ts";

/** A decoder under test. */
export interface Target {
  readonly name: string;
  readonly seeds: readonly Uint8Array[];
  /** Some of the seeds are damaged on purpose and refused. @default false */
  readonly someAreBad?: boolean;
  /** Returns a value, or `undefined` if it skips the input, or throws a `CarryoverError`. Any other error is a bug. */
  decode(bytes: Uint8Array<ArrayBuffer>): Promise<unknown>;
}

export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
export const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** Parses damaged JSON, so that it can be given a right checksum; `undefined` if it is no longer an object. */
export function objectOf(bytes: Uint8Array): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text(bytes));
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Decodes one input. Returns what went wrong; `undefined` for a value or a `CarryoverError`. */
export async function failureOn(target: Target, bytes: Uint8Array<ArrayBuffer>): Promise<string | undefined> {
  try {
    await target.decode(bytes);
    return undefined;
  } catch (error) {
    if (error instanceof CarryoverError && /^Cannot .*[^.]$/s.test(error.message)) return undefined;
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
}
