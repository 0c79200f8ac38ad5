import { createHash } from "node:crypto";
import { z } from "zod";
import { CarryoverError, messageOf } from "../errors.ts";
import { assertStorageName } from "../files/names.ts";

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

const schema = z.strictObject({
  format: z.literal("carryover-backup"),
  version: z.literal(1),
  created: z.iso.datetime(),
  label: z.string().nullable(),
  new_bytes: z.int().nonnegative(),
  files: z.array(
    z.strictObject({
      name: z.string(),
      size: z.int().nonnegative(),
      sha256: z.string().regex(/^[0-9a-f]{64}$/),
    }),
  ),
  manifest_sha256: z.string(),
});

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
  let found: string;
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    const parsed = schema.safeParse(JSON.parse(text));
    if (parsed.success) {
      const { created, label, files, new_bytes: newBytes, manifest_sha256: hash } = parsed.data;
      const head = text.slice(0, text.lastIndexOf(OWN_HASH));
      if (hash === sha256Of(head) && text === `${head}${OWN_HASH}: "${hash}"\n}\n`) {
        assertNames(files);
        return { created, label, newBytes, files };
      }
      found = "bytes that do not match its own SHA-256";
    } else {
      const [issue] = parsed.error.issues;
      found = `${issue?.message ?? "something else"} at "${issue?.path.join(".") ?? ""}"`;
    }
  } catch (error) {
    found = messageOf(error);
  }
  throw new CarryoverError("CORRUPT", `Cannot read "${path}": found ${found}, expected the manifest of a backup`);
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
