import { sha256OfBytes } from "../files/sha256.ts";
import type { StoredFile } from "../files/storage.ts";

/**
 * SHA-256 over a line `<name> <size>` for each outcome and mark, sorted: what caches were built from. A folder whose digest
 * is the caches' is opened without a look at its outcomes.
 */
export function digestOf(files: readonly StoredFile[]): Promise<string> {
  const lines = files.map(({ name, size }) => `${name} ${size}\n`).toSorted();
  return sha256OfBytes(new TextEncoder().encode(lines.join("")));
}
