/** Statistics of another system in a memory folder. They have what cannot be counted again, such as calibration lists. */
import { undefinedIfCorrupt } from "../errors.ts";
import type { Storage } from "../storage/storage.ts";
import { decodeJsonObject, isRecord } from "../util/json.ts";
import { MAX_STATISTICS_BYTES, MEMORY_FILE, PROVIDER_FILE, REGIME_FILE } from "./statistics.ts";

/** Begins the names of files that were moved aside. */
const PREFIX = "foreign_";

/** The keys of a record of ours, of any version. */
const OWN_KEYS: readonly string[] = ["total_trades", "winning_trades", "total_pnl", "mean_result_r"];

/** Whether a file with the name of statistics is another system's: sound JSON of another shape. What cannot be read counts as ours. */
export async function isForeignStatistics(name: string, bytes: Uint8Array): Promise<boolean> {
  const fields = await undefinedIfCorrupt(() => decodeJsonObject(bytes, name));
  if (fields === undefined) return false;
  if (name === MEMORY_FILE) return fields["format"] !== "carryover-memory" && !("digest" in fields);
  return !Object.values(fields).every(isOwnRecord);
}

/** Also where a flipped bit has changed the name of one key: that is damage. */
function isOwnRecord(record: unknown): boolean {
  if (!isRecord(record) || Object.keys(record).length !== OWN_KEYS.length) return false;
  const missing = OWN_KEYS.find((key) => !(key in record));
  const [other, ...more] = Object.keys(record).filter((key) => !OWN_KEYS.includes(key));
  if (missing === undefined || other === undefined) return true;
  return more.length === 0 && Math.abs(other.length - missing.length) <= 1;
}

/** The name under which another system's statistics are kept, one that Windows can have too. */
export function keptName(name: string, count = 1): string {
  const safe = name.replaceAll(/[:*?"<>|\p{Cc}]/gu, "_");
  return `${PREFIX}${count === 1 ? safe : safe.replace(/(?=\.[^.]*$)|$/, `.${count}`)}`;
}

/** Moves the statistics of another system aside, before ours are written under their names. The caller holds the lock. */
export async function keepForeignStatistics(
  storage: Storage,
  { onNote }: { onNote?: ((note: string) => void) | undefined },
): Promise<void> {
  for (const name of [PROVIDER_FILE, REGIME_FILE, MEMORY_FILE]) {
    const bytes = await storage.read(name, { maxBytes: MAX_STATISTICS_BYTES });
    if (bytes === undefined || !(await isForeignStatistics(name, bytes))) continue;
    let count = 1;
    while ((await storage.read(keptName(name, count), { maxBytes: 0 })) !== undefined) count += 1;
    await storage.move(name, keptName(name, count));
    onNote?.(`Kept "${name}" of another system as "${keptName(name, count)}"`);
  }
}
