/** What is counted from the outcomes and kept beside them: statistics, and `memory.json`, which says of what. */
import { crc32Hex } from "../files/crc32.ts";
import { encodeJson } from "../files/json-file.ts";
import type { Storage } from "../files/storage.ts";
import { countedSince, type ForgetMark } from "./forget.ts";
import { countedTrades, type OutcomeRow } from "./outcome-row.ts";
import { providerPerformance, regimePerformance } from "./performance.ts";

/** The record of each provider. */
export const PROVIDER_FILE = "provider_performance.json";
/** The record of each regime. */
export const REGIME_FILE = "regime_performance.json";
/** What the caches were built from. */
export const MEMORY_FILE = "memory.json";

/** Of `memory.json`: statistics beside one of another version were counted in another way. */
export const MEMORY_VERSION = 2;

/** Larger files are none of these. */
export const MAX_CACHE_BYTES: number = 1 << 24;

/** What the caches are built from. */
interface Source {
  /** All outcomes, in order of (exit, id). */
  readonly rows: readonly OutcomeRow[];
  readonly marks: readonly ForgetMark[];
  /** Of the folder's outcomes and marks: see `digestOf()`. */
  readonly digest: string;
}

/** Counts everything anew and writes what has changed; `memory.json` last. */
export async function writeCaches(storage: Storage, source: Source): Promise<void> {
  for (const { name, bytes } of countCaches(source)) {
    const before = await storage.read(name, { maxBytes: bytes.length + 1 });
    if (before === undefined || !areEqual(before, bytes)) await storage.replace(name, bytes);
  }
}

/** Whether the statistics are those that were counted from the folder as it is: then they need not be counted anew. */
export async function areCachesCurrent(
  storage: Storage,
  source: { rows: readonly unknown[]; marks: readonly unknown[]; digest: string },
): Promise<boolean> {
  const statistics: CacheFile[] = [];
  for (const name of [PROVIDER_FILE, REGIME_FILE]) {
    const bytes = await storage.read(name, { maxBytes: MAX_CACHE_BYTES });
    if (bytes === undefined) return false;
    statistics.push({ name, bytes });
  }
  const memory = await storage.read(MEMORY_FILE, { maxBytes: MAX_CACHE_BYTES });
  return memory !== undefined && areEqual(memory, memoryBytes(source, statistics));
}

/** A cache as its file has it. */
export interface CacheFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** What the files are when everything is counted anew, in the order in which they are written. */
export function countCaches(source: Source): readonly CacheFile[] {
  const { trades } = countedTrades(source.rows);
  const statistics = [
    { name: PROVIDER_FILE, bytes: encodeJson(providerPerformance(trades, countedSince(source.marks))) },
    { name: REGIME_FILE, bytes: encodeJson(regimePerformance(trades)) },
  ];
  return [...statistics, { name: MEMORY_FILE, bytes: memoryBytes(source, statistics) }];
}

/** `memory.json` beside these statistics. */
function memoryBytes(
  source: { rows: readonly unknown[]; marks: readonly unknown[]; digest: string },
  statistics: readonly CacheFile[],
): Uint8Array {
  return encodeJson({
    format: "carryover-memory",
    version: MEMORY_VERSION,
    outcomes: source.rows.length,
    forget_marks: source.marks.length,
    digest: source.digest,
    crc32: Object.fromEntries(statistics.map(({ name, bytes }) => [name, crc32Hex(bytes)])),
  });
}

function areEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
