import { fail, messageOf } from "../errors.ts";
import { isRecord } from "../util/json.ts";
import { assertStorageName } from "../util/names.ts";
import { sha256OfText } from "../util/sha256.ts";

/** The file of a backup that lists its other files. */
export const MANIFEST = "MANIFEST.json";

/** Size limit of a manifest: enough for more than a million files. */
export const MAX_MANIFEST_BYTES: number = 1 << 28;

export interface BackupFile {
  /** Relative to the backup's folder, `/` between folders. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** 64 hex digits. */
  readonly sha256: string;
}

export interface BackupManifest {
  /** Orders the backups of a folder: later ones have greater numbers, whatever the clock said. 0 in format version 1. */
  readonly sequence: number;
  /** When the backup was made, ISO 8601. */
  readonly created: string;
  readonly label: string | null;
  /** Bytes of the files that no earlier backup shares. */
  readonly new_bytes: number;
  /** Sorted by name. */
  readonly files: readonly BackupFile[];
}

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z$/;
const SHA256 = /^[0-9a-f]{64}$/;

/** The key of the last line: SHA-256 of all bytes before that line. */
const OWN_HASH = '"manifest_sha256"';

/** Larger than any file of a memory folder: a size that is none must not become a list of parts. */
const MAX_FILE_BYTES = 2 ** 40;

/** More than anybody will ever make, so that there is always a greater number. */
const MAX_SEQUENCE = 1e12;

/** How a manifest with a sequence number begins. */
const START = /^\{\n"format": "carryover-backup",\n"version": 2,\n"sequence": (\d{1,12}),\n/;

/** Bytes of a manifest that `sequenceIn()` needs. */
export const MANIFEST_START_BYTES = 128;

/** The sequence number in the first bytes of a manifest, which may be damaged; `undefined` if they are not those of one. */
export function sequenceIn(start: Uint8Array): number | undefined {
  const text = new TextDecoder().decode(start);
  if (text.startsWith('{\n"format": "carryover-backup",\n"version": 1,\n')) return 0;
  const digits = START.exec(text)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** Writes a manifest as JSON, with one file a line. */
export function formatManifest({ sequence, created, label, new_bytes, files }: BackupManifest): Uint8Array {
  const lines = files.map(({ name, size, sha256 }) => JSON.stringify({ name, size, sha256 }));
  const head = [
    "{",
    `"format": "carryover-backup",`,
    ...(sequence === 0 ? [`"version": 1,`] : [`"version": 2,`, `"sequence": ${sequence},`]),
    `"created": ${JSON.stringify(created)},`,
    `"label": ${JSON.stringify(label)},`,
    `"new_bytes": ${new_bytes},`,
    `"files": [`,
    ...(lines.length === 0 ? [] : [lines.join(",\n")]),
    "],",
    "",
  ].join("\n");
  return new TextEncoder().encode(`${head}${OWN_HASH}: "${sha256OfText(head)}"\n}\n`);
}

/**
 * Reads a manifest, which may be damaged or hostile.
 *
 * @throws {CarryoverError} `CORRUPT` if `formatManifest()` did not write these bytes, or if a file is outside the backup.
 */
export function parseManifest(bytes: Uint8Array, path: string): BackupManifest {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    const manifest = manifestOf(JSON.parse(text));
    // This compares the hash of the last line, and every other byte too.
    if (text !== new TextDecoder().decode(formatManifest(manifest))) {
      throw new Error("bytes that do not match its own SHA-256");
    }
    assertNames(manifest.files);
    return manifest;
  } catch (cause) {
    throw fail("CORRUPT", `Cannot read "${path}"`, {
      found: messageOf(cause),
      expected: "the manifest of a backup",
      cause,
    });
  }
}

/** Checks the shape of parsed JSON. By hand, because zod takes 25 ms to load. */
function manifestOf(value: unknown): BackupManifest {
  const other = (path: string): Error => new Error(`something else at "${path}"`);
  if (!isRecord(value)) throw other("");
  const { format, version, sequence = 0, created, label, new_bytes, files } = value;
  if (format !== "carryover-backup") throw other("format");
  if (version !== 1 && version !== 2) throw other("version");
  if (!isCount(sequence) || sequence > MAX_SEQUENCE || (sequence === 0) !== (version === 1)) throw other("sequence");
  if (typeof created !== "string" || !TIME.test(created) || Number.isNaN(Date.parse(created))) throw other("created");
  if (typeof label !== "string" && label !== null) throw other("label");
  if (!isCount(new_bytes)) throw other("new_bytes");
  if (!Array.isArray(files)) throw other("files");
  const entries = files.map((file: unknown, i): BackupFile => {
    if (!isRecord(file)) throw other(`files.${i}`);
    const { name, size, sha256 } = file;
    if (typeof name !== "string") throw other(`files.${i}.name`);
    if (!isCount(size) || size > MAX_FILE_BYTES) throw other(`files.${i}.size`);
    if (typeof sha256 !== "string" || !SHA256.test(sha256)) throw other(`files.${i}.sha256`);
    return { name, size, sha256 };
  });
  return { sequence, created, label, new_bytes, files: entries };
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

/** Checks that names stay inside the backup, are distinct, and are not the manifest's own. */
function assertNames(files: readonly BackupFile[]): void {
  const seen = new Set([MANIFEST]);
  for (const { name } of files) {
    assertStorageName(name);
    if (seen.has(name)) throw new Error(`the name ${JSON.stringify(name)} twice`);
    seen.add(name);
  }
}
