/** What a decoder under test is. */
import { CarryoverError } from "../../lib/errors.ts";
import { isRecord } from "../../lib/util/json.ts";

/** A decoder under test. */
export interface Target {
  readonly name: string;
  readonly seeds: readonly Uint8Array[];
  /** Some of the seeds were damaged on purpose and are refused. @default false */
  readonly someAreBad?: boolean;
  /**
   * Decodes: a value, `undefined` where it was passed over, or a `CarryoverError`. Anything else that it throws is a bug.
   */
  decode(bytes: Uint8Array<ArrayBuffer>): Promise<unknown>;
}

export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
export const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** JSON that a checksum would hide from random damage; `undefined` where it is none any more. */
export function objectOf(bytes: Uint8Array): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text(bytes));
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Decodes one input.
 *
 * @returns What is wrong with how it went; `undefined` for a value or an error of ours.
 */
export async function failureOn(target: Target, bytes: Uint8Array<ArrayBuffer>): Promise<string | undefined> {
  try {
    await target.decode(bytes);
    return undefined;
  } catch (error) {
    if (error instanceof CarryoverError && /^Cannot .*[^.]$/s.test(error.message)) return undefined;
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
}
