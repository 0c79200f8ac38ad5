/** Statistics that are counted from the outcomes, and `memory.json`, which says from which ones. */
import type { Storage } from "../storage/storage.ts";
import { areEqual } from "../util/bytes.ts";
import { crc32Hex } from "../util/crc32.ts";
import { settleAll } from "../util/async.ts";
import { encodeJson } from "../util/json.ts";
import { sha256OfText } from "../util/sha256.ts";
import { countedFrom, type ForgetMark } from "./forget.ts";
import { countedTrades, directionOf, performanceOf, type PerformanceRecord, type Trade } from "./trade.ts";
import { groupBy } from "../util/group.ts";

export const PROVIDER_FILE = "provider_performance.json";
export const REGIME_FILE = "regime_performance.json";
export const MEMORY_FILE = "memory.json";

/** Version of `memory.json`. Under another version statistics were counted in another way. */
export const MEMORY_VERSION = 3;

/** Size limit of each of the three files. */
export const MAX_STATISTICS_BYTES: number = 1 << 24;

/**
 * Counts the trades of every provider: those that went the way it voted, each with its whole P&L.
 *
 * @param trades In the order of (exit, id): sums of floats depend on it.
 * @param marks Trades that closed before a provider's mark do not count for it.
 */
export function providerPerformance(
  trades: readonly Trade[],
  marks: readonly ForgetMark[],
): Record<string, PerformanceRecord> {
  const from = countedFrom(marks);
  const byProvider = new Map<string, Trade[]>();
  for (const trade of trades) {
    for (const { provider, direction } of trade.votes) {
      if (direction !== directionOf(trade.action) || trade.exitMs < from(provider)) continue;
      const counted = byProvider.get(provider);
      if (counted === undefined) byProvider.set(provider, [trade]);
      else counted.push(trade);
    }
  }
  return performanceByName(byProvider);
}

/** Counts the trades of every regime, by the regime at the decision. */
export function regimePerformance(trades: readonly Trade[]): Record<string, PerformanceRecord> {
  return performanceByName(groupBy(trades, ({ regime }) => regime));
}

/** Sorted by name. `Object.fromEntries` makes an own key even of `__proto__`. */
function performanceByName(groups: ReadonlyMap<string, readonly Trade[]>): Record<string, PerformanceRecord> {
  const sorted = [...groups].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(sorted.map(([name, trades]) => [name, performanceOf(trades)]));
}

interface Source {
  /** All of the folder, in the order of (exit, id). */
  readonly trades: readonly Trade[];
  readonly marks: readonly ForgetMark[];
  /** `digestOf()` the folder's outcomes and marks. */
  readonly digest: string;
}

interface StatisticsFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Counts everything, in the order in which the files are written: `memory.json` last. */
export function countStatistics(source: Source): readonly StatisticsFile[] {
  const { trades } = countedTrades(source.trades);
  const statistics = [
    { name: PROVIDER_FILE, bytes: encodeJson(providerPerformance(trades, source.marks)) },
    { name: REGIME_FILE, bytes: encodeJson(regimePerformance(trades)) },
  ];
  return [...statistics, { name: MEMORY_FILE, bytes: memoryBytes(source, statistics) }];
}

/** Counts everything, and writes the files that have changed. */
export async function writeStatistics(storage: Storage, source: Source): Promise<void> {
  const changed: StatisticsFile[] = [];
  for (const file of countStatistics(source)) {
    const before = await storage.read(file.name, { maxBytes: file.bytes.length + 1 });
    if (before === undefined || !areEqual(before, file.bytes)) changed.push(file);
  }
  await settleAll(changed.map(({ name, bytes }) => storage.replace(name, bytes)));
}

/** Whether `memory.json` says that the stored statistics were counted from this source. Counts nothing. */
export async function areStatisticsCurrent(storage: Storage, source: Source): Promise<boolean> {
  const statistics: StatisticsFile[] = [];
  for (const name of [PROVIDER_FILE, REGIME_FILE]) {
    const bytes = await storage.read(name, { maxBytes: MAX_STATISTICS_BYTES });
    if (bytes === undefined) return false;
    statistics.push({ name, bytes });
  }
  const memory = await storage.read(MEMORY_FILE, { maxBytes: MAX_STATISTICS_BYTES });
  return memory !== undefined && areEqual(memory, memoryBytes(source, statistics));
}

/** `memory.json` for these statistics. */
function memoryBytes({ trades, marks, digest }: Source, statistics: readonly StatisticsFile[]): Uint8Array {
  return encodeJson({
    format: "carryover-memory",
    version: MEMORY_VERSION,
    outcomes: trades.length,
    forget_marks: marks.length,
    digest,
    ...importedOf(trades),
    crc32: Object.fromEntries(statistics.map(({ name, bytes }) => [name, crc32Hex(bytes)])),
  });
}

/**
 * SHA-256 over a line `<id> <content hash>` for each imported outcome, if there are any. They may be changed by anybody, and the
 * folder's digest only has their names and sizes.
 */
export function importedOf(trades: readonly Trade[]): { readonly imported?: string } {
  const imported = trades.filter(({ crc32 }) => crc32 === null);
  if (imported.length === 0) return {};
  return { imported: sha256OfText(imported.map(({ id, contentHash }) => `${id} ${contentHash}\n`).join("")) };
}
