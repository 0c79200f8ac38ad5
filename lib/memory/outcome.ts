/**
 * `outcome_<decision_id>.json`: one closed trade, written once.
 *
 * A JSON object with a key a line. The last key, `crc32`, is over all bytes before its opening quote, so that
 * `head -c -22 FILE` is what it was taken of. A file without it was imported: it loads, and counts as unverified.
 */
import type { Outcome } from "../domain.ts";
import { CarryoverError } from "../errors.ts";
import { crc32Hex } from "../files/crc32.ts";
import { decodeJsonObject } from "../files/json-file.ts";
import { assertFileNamePart } from "../files/names.ts";
import { rowOfOutcome, type OutcomeRow } from "./outcome-row.ts";

/** Larger files are no outcomes. */
export const MAX_OUTCOME_BYTES: number = 1 << 20;

const FIELD = '"crc32": "';
const TAIL = '"\n}\n';
/** The last line: the key, eight digits, the end of the object. */
const CRC_BYTES = FIELD.length + 8 + TAIL.length;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The name of an outcome's file. */
export function outcomeFileName(decisionId: string): string {
  return `outcome_${decisionId}.json`;
}

/** The id in the name of an outcome's file; `undefined` for other files. */
export function idOfOutcomeFile(name: string): string | undefined {
  return name.startsWith("outcome_") && name.endsWith(".json") ? name.slice(8, -5) : undefined;
}

/**
 * Encodes an outcome.
 *
 * @returns The bytes of its file, and their `crc32`.
 * @throws {CarryoverError} `BAD_OUTCOME` if its id or asset cannot be part of a file name, or a number is not finite.
 */
export function encodeOutcome(outcome: Outcome): { bytes: Uint8Array; crc32: string } {
  assertFileNamePart("decision_id", outcome.decision_id);
  assertFileNamePart("asset_pair", outcome.asset_pair);
  assertFinite(outcome, outcome.decision_id, "");
  const lines = Object.entries(outcome).map(([key, value]) => `  ${JSON.stringify(key)}: ${JSON.stringify(value)},\n`);
  const before = encoder.encode(`{\n${lines.join("")}  `);
  const sum = crc32Hex(before);
  const bytes = new Uint8Array(before.length + CRC_BYTES);
  bytes.set(before);
  bytes.set(encoder.encode(`${FIELD}${sum}${TAIL}`), before.length);
  return { bytes, crc32: sum };
}

/** An outcome as it is read back: what learning needs of it, and its description. */
export interface DecodedOutcome {
  readonly row: OutcomeRow;
  readonly description: string;
}

/**
 * Decodes an outcome's file, one of ours or an imported one.
 *
 * @param name The file's name; its id must be the one inside.
 * @throws {CarryoverError} `CORRUPT` if anything in it is not as it was written, or an imported one lacks a field.
 */
export async function decodeOutcome(bytes: Uint8Array, name: string): Promise<DecodedOutcome> {
  if (bytes.length > MAX_OUTCOME_BYTES) {
    throw new CarryoverError(
      "CORRUPT",
      `Cannot read "${name}": found more than ${MAX_OUTCOME_BYTES} bytes, expected fewer`,
    );
  }
  const fields = decodeJsonObject(bytes, name);
  const id = idOfOutcomeFile(name);
  if (fields["decision_id"] !== id) {
    throw new CarryoverError(
      "CORRUPT",
      `Cannot read "${name}": found decision_id ${JSON.stringify(fields["decision_id"])}, expected "${id}"`,
    );
  }
  if (!("crc32" in fields)) {
    const { rowOfImported } = await import("./imported-outcome.ts");
    return rowOfImported(fields, { name, bytes: bytes.length });
  }

  const tail = decoder.decode(bytes.subarray(-CRC_BYTES));
  const expected = `${FIELD}${crc32Hex(bytes.subarray(0, -CRC_BYTES))}${TAIL}`;
  if (tail !== expected) {
    throw new CarryoverError(
      "CORRUPT",
      `Cannot read "${name}": found a crc32 of "${String(fields["crc32"])}" that does not match its bytes, expected ${expected.slice(0, -3)}`,
    );
  }
  // The checksum says that we wrote it, so its fields are what encodeOutcome() was given.
  const outcome = fields as unknown as Outcome;
  return {
    row: rowOfOutcome(outcome, { bytes: bytes.length, crc32: expected.slice(FIELD.length, -TAIL.length) }),
    description: outcome.description,
  };
}

/** Refuses NaN and infinity, which JSON would silently turn into `null`. */
function assertFinite(value: unknown, id: string, path: string): void {
  if (typeof value === "number" && !Number.isFinite(value)) {
    throw new CarryoverError("BAD_OUTCOME", `Cannot record "${id}": found ${path} ${value}, expected a finite number`);
  }
  if (typeof value !== "object" || value === null) return;
  for (const [key, inner] of Object.entries(value)) assertFinite(inner, id, path === "" ? key : `${path}.${key}`);
}
