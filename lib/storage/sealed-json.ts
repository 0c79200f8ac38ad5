/**
 * A sealed file is a JSON object whose last key, `crc32`, is the checksum of all bytes before the key: of what
 * `head -c -22 FILE` prints. An object without this key was written by another program.
 */
import { fail } from "../errors.ts";
import { crc32Hex } from "../util/crc32.ts";
import { decodeJsonObject, encodeJson } from "../util/json.ts";
import type { Storage } from "./storage.ts";

const FIELD = '"crc32": "';
const TAIL = '"\n}\n';
/** The last line: the key, eight digits, the end of the object. */
const SEAL_BYTES = FIELD.length + 8 + TAIL.length;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The bytes of a sealed file and their checksum, eight hexadecimal digits. */
export interface Sealed {
  readonly bytes: Uint8Array;
  readonly crc32: string;
}

/**
 * Ends an object with its seal.
 *
 * @param before The object up to the comma, line break and indent after its last value.
 */
export function seal(before: string): Sealed {
  const head = encoder.encode(before);
  const crc32 = crc32Hex(head);
  const bytes = new Uint8Array(head.length + SEAL_BYTES);
  bytes.set(head);
  bytes.set(encoder.encode(`${FIELD}${crc32}${TAIL}`), head.length);
  return { bytes, crc32 };
}

/**
 * Checks the seal of a file.
 *
 * @param file Its bytes, and the object that they were parsed to.
 * @param name Names the file in messages.
 * @returns Its checksum; `undefined` for a file that never had one.
 * @throws {CarryoverError} `CORRUPT` if any bit has changed.
 */
export function checkSeal(
  file: { readonly bytes: Uint8Array; readonly fields: Readonly<Record<string, unknown>> },
  name: string,
): string | undefined {
  const { bytes, fields } = file;
  const crc32 = crc32Hex(bytes.subarray(0, -SEAL_BYTES));
  const tail = decoder.decode(bytes.subarray(-SEAL_BYTES));
  if (tail === `${FIELD}${crc32}${TAIL}`) return crc32;
  // If the key itself is damaged, the right checksum is still in its place: the file had a seal.
  if (!Object.hasOwn(fields, "crc32") && !tail.endsWith(`${crc32}${TAIL}`)) return undefined;
  const found = String(fields["crc32"]).slice(0, crc32.length);
  throw fail("CORRUPT", `Cannot read "${name}"`, {
    found: `a crc32 of "${found}" that does not match its bytes`,
    expected: `"${crc32}" as the last key`,
  });
}

/** Encodes an object like `encodeJson()`, with a seal. */
export function encodeSealedJson(value: object): Uint8Array {
  const text = decoder.decode(encodeJson(value));
  return seal(`${text.slice(0, text.lastIndexOf("\n}"))},\n  `).bytes;
}

/** A stored object, without its seal. */
export interface SealedObject {
  readonly fields: Readonly<Record<string, unknown>>;
  /** False for a file that never had a seal. */
  readonly isSealed: boolean;
}

/**
 * Reads a JSON object and checks its seal.
 *
 * @returns `undefined` if there is no such file.
 * @throws {CarryoverError} `CORRUPT` if it is larger than `maxBytes`, not a JSON object, or changed since it was sealed.
 */
export async function readSealedJson(
  storage: Storage,
  name: string,
  options: { maxBytes: number },
): Promise<SealedObject | undefined> {
  const bytes = await storage.read(name, { maxBytes: options.maxBytes + 1 });
  if (bytes === undefined) return undefined;
  const all = decodeJsonObject(bytes, name, options);
  const isSealed = checkSeal({ bytes, fields: all }, name) !== undefined;
  const { crc32: _crc32, ...fields } = all;
  return { fields, isSealed };
}
