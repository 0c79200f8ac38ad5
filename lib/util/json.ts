import { CarryoverError, messageOf } from "../errors.ts";

/** A value that JSON can say. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/** A JSON document as Carryover writes it: indented by two spaces, keys in the order of the object, a final newline. */
export function encodeJson(value: unknown): Uint8Array {
  return encoder.encode(`${JSON.stringify(value, null, 2)}\n`);
}

/**
 * Parses a JSON document whose top level is an object.
 *
 * @param name Names the file in messages.
 * @param options `maxBytes`: larger ones are refused.
 * @throws {CarryoverError} `CORRUPT` if it is larger, no UTF-8, no JSON, or no object.
 */
export function decodeJsonObject(
  bytes: Uint8Array,
  name: string,
  options: { maxBytes?: number } = {},
): Record<string, unknown> {
  const { maxBytes = Infinity } = options;
  if (bytes.length > maxBytes) {
    throw new CarryoverError("CORRUPT", `Cannot read "${name}": found more than ${maxBytes} bytes, expected fewer`);
  }
  let value: unknown;
  try {
    value = JSON.parse(decoder.decode(bytes));
  } catch (cause) {
    throw new CarryoverError("CORRUPT", `Cannot read "${name}": ${messageOf(cause)}, expected a JSON object`, {
      cause,
    });
  }
  if (!isRecord(value)) {
    throw new CarryoverError("CORRUPT", `Cannot read "${name}": found ${describe(value)}, expected a JSON object`);
  }
  return value;
}

/** Whether a value is an object with keys: neither `null` nor an array. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function describe(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "an array" : `a ${typeof value}`;
}
