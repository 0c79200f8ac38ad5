/** What is counted from the outcomes and kept beside them: statistics, and `memory.json`, which says of what. */
import { encodeJson } from "../files/json-file.ts";
import type { Storage, StoredFile } from "../files/storage.ts";
import { countedSince, type ForgetMark } from "./forget.ts";
import { outcomeFileName } from "./outcome.ts";
import type { OutcomeRow } from "./outcome-row.ts";
import { providerPerformance, regimePerformance } from "./performance.ts";

export const PROVIDER_FILE = "provider_performance.json";
export const REGIME_FILE = "regime_performance.json";
export const MEMORY_FILE = "memory.json";

/**
 * Counts everything anew and writes what has changed; `memory.json` last.
 *
 * @param rows All outcomes, in order of (exit, id).
 */
export async function writeCaches(
  storage: Storage,
  rows: readonly OutcomeRow[],
  options: { marks: readonly ForgetMark[]; markFiles: readonly StoredFile[] },
): Promise<void> {
  const { marks, markFiles } = options;
  await replaceIfOther(storage, PROVIDER_FILE, providerPerformance(rows, countedSince(marks)));
  await replaceIfOther(storage, REGIME_FILE, regimePerformance(rows));
  const outcomeFiles = rows.map((row) => ({ name: outcomeFileName(row.id), size: row.bytes }));
  await replaceIfOther(storage, MEMORY_FILE, {
    format: "carryover-memory",
    version: 1,
    outcomes: rows.length,
    forget_marks: marks.length,
    digest: await digestOf([...outcomeFiles, ...markFiles]),
  });
}

/**
 * SHA-256 over a line `<name> <size>` for each outcome and mark, sorted: what the caches were built from. Web Crypto's,
 * because it is native and this is a long text.
 */
export async function digestOf(files: readonly StoredFile[]): Promise<string> {
  const lines = files.map(({ name, size }) => `${name} ${size}\n`).toSorted();
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(lines.join("")));
  return Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function replaceIfOther(storage: Storage, name: string, value: object): Promise<void> {
  const bytes = encodeJson(value);
  const before = await storage.read(name, { maxBytes: bytes.length + 1 });
  const same = before?.length === bytes.length && bytes.every((byte, i) => byte === before[i]);
  if (!same) await storage.replace(name, bytes);
}
