import { createHash } from "node:crypto";
import { CarryoverError, messageOf } from "../errors.ts";
import { isRecord } from "../util/json.ts";
import { assertStorageName } from "../util/names.ts";

/** The file in a backup that says what else is in it. */
export const MANIFEST = "MANIFEST.json";

/** One file of a backup. */
export interface BackupFile {
  /** Relative to the backup's folder, `/` between folders. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** 64 hex digits. */
  readonly sha256: string;
}

/** What `MANIFEST.json` says. */
export interface BackupManifest {
  /** When the backup was made, ISO 8601. */
  readonly created: string;
  readonly label: string | null;
  /** Bytes that were not there in the backup before. */
  readonly newBytes: number;
  /** Sorted by name. */
  readonly files: readonly BackupFile[];
}

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z$/;
const SHA256 = /^[0-9a-f]{64}$/;

/** The last line's key: SHA-256 of every byte before that line. */
const OWN_HASH = '"manifest_sha256"';

/** Writes a manifest: JSON with one file a line, in `version` 1 of its format. */
export function formatManifest(manifest: BackupManifest): Uint8Array {
  const files = manifest.files.map(({ name, size, sha256 }) => JSON.stringify({ name, size, sha256 }));
  const head = [
    "{",
    `"format": "carryover-backup",`,
    `"version": 1,`,
    `"created": ${JSON.stringify(manifest.created)},`,
    `"label": ${JSON.stringify(manifest.label)},`,
    `"new_bytes": ${manifest.newBytes},`,
    `"files": [`,
    ...(files.length === 0 ? [] : [files.join(",\n")]),
    "],",
    "",
  ].join("\n");
  return new TextEncoder().encode(`${head}${OWN_HASH}: "${sha256Of(head)}"\n}\n`);
}

/**
 * Reads a manifest, which may be damaged or hostile.
 *
 * @param path Names the file in messages.
 * @throws {CarryoverError} `CORRUPT` if it is not as `formatManifest()` wrote it, or names a file outside the backup.
 */
export function parseManifest(bytes: Uint8Array, path: string): BackupManifest {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    const manifest = manifestOf(JSON.parse(text));
    // Its own SHA-256 is part of what is written, and so is every other byte.
    if (text !== new TextDecoder().decode(formatManifest(manifest))) {
      throw new Error("bytes that do not match its own SHA-256");
    }
    assertNames(manifest.files);
    return manifest;
  } catch (error) {
    const found = messageOf(error);
    throw new CarryoverError("CORRUPT", `Cannot read "${path}": found ${found}, expected the manifest of a backup`, {
      cause: error,
    });
  }
}

/** What parsed JSON says, as far as it has the shape of a manifest. By hand: zod takes 25 ms to load. */
function manifestOf(value: unknown): BackupManifest {
  const other = (place: string): Error => new Error(`something else at "${place}"`);
  if (!isRecord(value)) throw other("");
  const { format, version, created, label, new_bytes: newBytes, files } = value;
  if (format !== "carryover-backup") throw other("format");
  if (version !== 1) throw other("version");
  if (typeof created !== "string" || !TIME.test(created) || Number.isNaN(Date.parse(created))) throw other("created");
  if (typeof label !== "string" && label !== null) throw other("label");
  if (!isCount(newBytes)) throw other("new_bytes");
  if (!Array.isArray(files)) throw other("files");
  const entries = files.map((file: unknown, i): BackupFile => {
    if (!isRecord(file)) throw other(`files.${i}`);
    const { name, size, sha256 } = file;
    if (typeof name !== "string") throw other(`files.${i}.name`);
    if (!isCount(size)) throw other(`files.${i}.size`);
    if (typeof sha256 !== "string" || !SHA256.test(sha256)) throw other(`files.${i}.sha256`);
    return { name, size, sha256 };
  });
  return { created, label, newBytes, files: entries };
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

/** Names that stay inside the backup, each once, and not the manifest's own. */
function assertNames(files: readonly BackupFile[]): void {
  const seen = new Set([MANIFEST]);
  for (const { name } of files) {
    assertStorageName(name);
    if (seen.has(name)) throw new Error(`the name ${JSON.stringify(name)} twice`);
    seen.add(name);
  }
}

function sha256Of(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
