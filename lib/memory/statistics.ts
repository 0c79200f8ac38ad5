/** What is counted from the outcomes and kept beside them: statistics, and `memory.json`, which says of what. */
import { encodeJson } from "../util/json.ts";
import type { Storage } from "../storage/storage.ts";
import { crc32Hex } from "../util/crc32.ts";
import { countedSince, type ForgetMark } from "./forget.ts";
import { countedTrades, type Trade } from "./trade.ts";

/** What a provider or a regime has to show. Money in account currency. */
export interface PerformanceRecord {
  readonly total_trades: number;
  readonly winning_trades: number;
  readonly total_pnl: number;
  /** Mean `result_r` of these trades; `null` where no outcome says. */
  readonly mean_result_r: number | null;
}

interface Tally {
  trades: number;
  wins: number;
  pnl: number;
  sumR: number;
  countR: number;
}

/**
 * Counts the trades of every provider: those that went the way it voted, each with its whole P&L.
 *
 * @param trades In order of (exit, id): sums of floats depend on it.
 * @param since What closed earlier does not count for the provider.
 */
export function providerPerformance(
  trades: readonly Trade[],
  since: ReadonlyMap<string, number>,
): Record<string, PerformanceRecord> {
  const tallies = new Map<string, Tally>();
  for (const trade of trades) {
    const direction = trade.action === "BUY" ? 1 : -1;
    for (const vote of trade.votes) {
      if (vote.direction === direction && trade.exitMs >= (since.get(vote.provider) ?? trade.exitMs)) {
        count(tallies, vote.provider, trade);
      }
    }
  }
  return recordsOf(tallies);
}

/** Counts the trades of every regime, by the regime at the decision. */
export function regimePerformance(trades: readonly Trade[]): Record<string, PerformanceRecord> {
  const tallies = new Map<string, Tally>();
  for (const trade of trades) count(tallies, trade.regime, trade);
  return recordsOf(tallies);
}

function count(tallies: Map<string, Tally>, key: string, trade: Trade): void {
  let tally = tallies.get(key);
  if (tally === undefined) tallies.set(key, (tally = { trades: 0, wins: 0, pnl: 0, sumR: 0, countR: 0 }));
  tally.trades += 1;
  tally.wins += trade.won ? 1 : 0;
  tally.pnl += trade.pnl;
  if (trade.resultR !== null) {
    tally.sumR += trade.resultR;
    tally.countR += 1;
  }
}

/** Sorted by name; `Object.fromEntries` makes own keys even of `__proto__`. */
function recordsOf(tallies: Map<string, Tally>): Record<string, PerformanceRecord> {
  const names = [...tallies.keys()].toSorted((a, b) => (a < b ? -1 : 1));
  return Object.fromEntries(
    names.map((name) => {
      const { trades, wins, pnl, sumR, countR } = tallies.get(name) as Tally;
      return [
        name,
        {
          total_trades: trades,
          winning_trades: wins,
          total_pnl: pnl,
          mean_result_r: countR === 0 ? null : sumR / countR,
        },
      ];
    }),
  );
}

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
  readonly trades: readonly Trade[];
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
  source: { trades: readonly unknown[]; marks: readonly unknown[]; digest: string },
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
  const { trades } = countedTrades(source.trades);
  const statistics = [
    { name: PROVIDER_FILE, bytes: encodeJson(providerPerformance(trades, countedSince(source.marks))) },
    { name: REGIME_FILE, bytes: encodeJson(regimePerformance(trades)) },
  ];
  return [...statistics, { name: MEMORY_FILE, bytes: memoryBytes(source, statistics) }];
}

/** `memory.json` beside these statistics. */
function memoryBytes(
  source: { trades: readonly unknown[]; marks: readonly unknown[]; digest: string },
  statistics: readonly CacheFile[],
): Uint8Array {
  return encodeJson({
    format: "carryover-memory",
    version: MEMORY_VERSION,
    outcomes: source.trades.length,
    forget_marks: source.marks.length,
    digest: source.digest,
    crc32: Object.fromEntries(statistics.map(({ name, bytes }) => [name, crc32Hex(bytes)])),
  });
}

function areEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
