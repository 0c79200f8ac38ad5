import { fail, messageOf } from "../errors.ts";

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
 * @param options `maxBytes`: larger documents are refused.
 * @throws {CarryoverError} `CORRUPT` if it is too large, or not UTF-8, JSON or an object.
 */
export function decodeJsonObject(
  bytes: Uint8Array,
  name: string,
  options: { maxBytes?: number } = {},
): Record<string, unknown> {
  const { maxBytes = Infinity } = options;
  const tried = `Cannot read "${name}"`;
  if (bytes.length > maxBytes) {
    throw fail("CORRUPT", tried, { found: `more than ${maxBytes} bytes`, expected: "fewer" });
  }
  let value: unknown;
  try {
    value = JSON.parse(decoder.decode(bytes));
  } catch (cause) {
    throw fail("CORRUPT", tried, { found: messageOf(cause), expected: "a JSON object", cause });
  }
  if (!isRecord(value)) throw fail("CORRUPT", tried, { found: kindOf(value), expected: "a JSON object" });
  return value;
}

/** Whether a value is an object with keys: neither `null` nor an array. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "an array" : `a ${typeof value}`;
}

/** JSON without spaces, the keys of every object in order of code units: equal values give equal text. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    isRecord(part) ? Object.fromEntries(Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : 1))) : part,
  );
}

/** Whether two JSON values are the same, whatever the order of their keys. */
export function isSameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((item, i) => isSameJson(item, b[i]));
  if (!isRecord(a) || !isRecord(b)) return false;
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && isSameJson(a[key], b[key]))
  );
}

/** The paths at which two JSON values differ, such as `situation.atr`. Lists are compared whole. */
export function changedPaths(a: unknown, b: unknown, path = ""): readonly string[] {
  if (isSameJson(a, b)) return [];
  if (!isRecord(a) || !isRecord(b)) return [path];
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].flatMap((key) => {
    const inside = path === "" ? key : `${path}.${key}`;
    const [left, right] = [a[key], b[key]];
    // A missing key is not the same as null.
    if (left === undefined || right === undefined) return left === right ? [] : [inside];
    return changedPaths(left, right, inside);
  });
}
