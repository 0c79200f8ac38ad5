/**
 * `outcome_<decision_id>.json`: one closed trade, written once.
 *
 * A JSON object with one key per line. The last key, `crc32`, is over all bytes before its opening quote, so
 * `head -c -22 FILE` prints what it was taken of. A file without it was imported.
 */
import { ASSET_FORM, isAssetName } from "../config/asset-name.ts";
import { type CarryoverError, corruptFile, fail, isCorrupt } from "../errors.ts";
import { checkSeal, seal, type Sealed } from "../storage/sealed-json.ts";
import type { Outcome } from "../types.ts";
import { decodeJsonObject } from "../util/json.ts";
import { assertFileNamePart } from "../util/names.ts";
import { sha256OfText } from "../util/sha256.ts";
import { parseTimestamp } from "../util/time.ts";
import { tradeOfImported } from "./outcome-import.ts";
import type { SessionOutcome } from "./session-outcome.ts";
import { type DecodedOutcome, MAX_NUMBER, tradeOf } from "./trade.ts";

export const MAX_OUTCOME_BYTES: number = 1 << 20;

const TIMESTAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,3})?Z$/;

export function outcomeFileName(decisionId: string): string {
  return `outcome_${decisionId}.json`;
}

/** The id in the name of an outcome's file; `undefined` for other files. A backslash separates folders on some machines. */
export function idOfOutcomeFile(name: string): string | undefined {
  return name.startsWith("outcome_") && name.endsWith(".json") && !name.includes("\\") ? name.slice(8, -5) : undefined;
}

const OWN_ID = /^\d{8}T\d{4}-.+-[0-9a-f]{8}$/i;

/**
 * Whether a file with the name of an outcome never was one: it is a JSON object of another kind. A file that cannot be parsed
 * counts as a damaged outcome.
 */
export function isForeignFile(bytes: Uint8Array, name: string): boolean {
  if (OWN_ID.test(idOfOutcomeFile(name) ?? "")) return false;
  try {
    return !Object.hasOwn(decodeJsonObject(bytes, name, { maxBytes: MAX_OUTCOME_BYTES }), "decision_id");
  } catch (error) {
    if (isCorrupt(error)) return false;
    throw error;
  }
}

/**
 * Encodes an outcome as its file has it.
 *
 * @throws {CarryoverError} `BAD_OUTCOME` if it would not be read back as it is: its id or asset cannot be part of a file name, a
 * number is not finite or beyond 1e100, a time is not ISO 8601, a provider votes twice, or it is larger than 1 MB.
 */
export function encodeOutcome(outcome: Outcome | SessionOutcome): EncodedOutcome {
  const id = outcome.decision_id;
  assertFileNamePart("decision_id", id);
  if (!isAssetName(outcome.asset_pair))
    throw refused(id, `asset_pair ${JSON.stringify(outcome.asset_pair.slice(0, 100))}`, ASSET_FORM);
  const wrong = outOfBounds(outcome);
  if (wrong !== undefined) throw refused(id, `${wrong.path} ${wrong.value}`, "a number of at most 1e100");
  for (const key of ["decision_timestamp", "entry_timestamp", "exit_timestamp"] as const) {
    if (!TIMESTAMP.test(outcome[key]) || parseTimestamp(outcome[key]) === undefined) {
      throw refused(id, `${key} "${outcome[key]}"`, "a time such as 2021-01-01T00:00:00Z");
    }
  }
  const voters = outcome.votes.map(({ provider }) => provider);
  const twice = voters.find((provider, i) => voters.indexOf(provider) !== i);
  if (twice !== undefined) throw refused(id, `two votes of "${twice}"`, "one of each provider");

  const lines = Object.entries(outcome).map(([key, value]) => `  ${JSON.stringify(key)}: ${JSON.stringify(value)},\n`);
  const sealed = seal(`{\n${lines.join("")}  `);
  const { length } = sealed.bytes;
  if (length > MAX_OUTCOME_BYTES) throw refused(id, `${length} bytes`, `at most ${MAX_OUTCOME_BYTES}`);
  return { ...sealed, contentHash: contentHash(sealed.bytes) };
}

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** The first 32 digits of the SHA-256 of a file's bytes, which are UTF-8. */
export function contentHash(bytes: Uint8Array): string {
  return sha256OfText(decoder.decode(bytes)).slice(0, 32);
}

/** A sealed outcome. */
export interface EncodedOutcome extends Sealed {
  readonly contentHash: string;
}

/**
 * Decodes an outcome's file, one of ours or an imported one.
 *
 * @param name The file's name; its id must be the one inside.
 * @throws {CarryoverError} `CORRUPT` if it is not as it was written, or an imported one lacks a field.
 */
export function decodeOutcome(bytes: Uint8Array, name: string): DecodedOutcome {
  const fields = decodeJsonObject(bytes, name, { maxBytes: MAX_OUTCOME_BYTES });
  const id = idOfOutcomeFile(name);
  if (fields["decision_id"] !== id) {
    throw corruptFile(name, { found: "another decision_id in it", expected: `"${id}" as in its name` });
  }
  const crc32 = checkSeal({ bytes, fields }, name);
  if (crc32 === undefined) {
    return tradeOfImported(fields, { name, bytes: bytes.length, contentHash: contentHash(bytes) });
  }
  // The checksum says that we wrote it, so its fields are what encodeOutcome() was given.
  const outcome = fields as unknown as Outcome;
  const file = { bytes: bytes.length, crc32, contentHash: contentHash(bytes) };
  return { trade: tradeOf(outcome, file), description: outcome.description };
}

/** The first number that is too large or none, which JSON would silently turn into `null`, and the keys that lead to it. */
function outOfBounds(value: unknown): { readonly path: string; readonly value: number } | undefined {
  if (typeof value === "number") return Math.abs(value) <= MAX_NUMBER ? undefined : { path: "", value };
  if (typeof value !== "object" || value === null) return undefined;
  for (const key in value) {
    const inside = outOfBounds((value as Readonly<Record<string, unknown>>)[key]);
    if (inside !== undefined) return { ...inside, path: inside.path === "" ? key : `${key}.${inside.path}` };
  }
  return undefined;
}

function refused(id: string, found: string, expected: string): CarryoverError {
  return fail("BAD_OUTCOME", `Cannot record "${id}"`, { found, expected });
}
