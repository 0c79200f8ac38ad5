import { fail, undefinedIfCorrupt } from "../errors.ts";
import { loadOutcomes } from "../memory/load.ts";
import {
  MAX_STATISTICS_BYTES,
  PROVIDER_FILE,
  providerPerformance,
  REGIME_FILE,
  regimePerformance,
} from "../memory/statistics.ts";
import { countedTrades, type PerformanceRecord, votersOf } from "../memory/trade.ts";
import type { DamagedFile } from "../storage/damaged-file.ts";
import { readJsonObject } from "../storage/json-file.ts";
import type { Storage } from "../storage/storage.ts";
import { isRecord, isSameJson } from "../util/json.ts";
import { rebuildCaches, type RepairOptions } from "./repair.ts";

/** The record of a provider or regime, before and after a recount. */
export interface RecountedRecord {
  readonly name: string;
  /** `null` if the file was missing, unreadable, or without this name. */
  readonly before: PerformanceRecord | null;
  /** `null` if no outcome counts. */
  readonly after: PerformanceRecord | null;
  readonly changed: boolean;
}

/** What `reset-providers --json` prints. */
export interface RecountResult {
  readonly outcomes: number;
  /** Sorted by name, like the regimes. */
  readonly providers: readonly RecountedRecord[];
  readonly regimes: readonly RecountedRecord[];
  /** Damaged outcomes and marks. They are moved to `quarantine/`, except in a dry run. */
  readonly damaged: readonly DamagedFile[];
}

/**
 * Recounts the statistics of providers and regimes from the outcomes. Every outcome is read and checked, and no cache is
 * trusted. The caller holds the storage's lock, except for a dry run.
 *
 * @param options `providers`: report only these; `dryRun`: write nothing.
 * @throws {CarryoverError} `NOT_FOUND` for a provider without a vote.
 */
export async function recountProviders(
  storage: Storage,
  options: RepairOptions & { providers?: readonly string[]; dryRun?: boolean },
): Promise<RecountResult> {
  const { providers = [], dryRun = false, ...opening } = options;
  const beforeProviders = await storedRecords(storage, PROVIDER_FILE);
  const beforeRegimes = await storedRecords(storage, REGIME_FILE);
  const stored = await loadOutcomes(storage, await storage.list(), options);
  const known = new Set([...votersOf(stored.trades), ...beforeProviders.keys()]);
  assertKnownProviders(providers, known);

  if (!dryRun) await rebuildCaches(storage, stored, opening);
  const { trades } = countedTrades(stored.trades);
  const afterProviders = new Map(Object.entries(providerPerformance(trades, stored.marks)));
  const afterRegimes = new Map(Object.entries(regimePerformance(trades)));
  const names = providers.length === 0 ? known : providers;
  const regimes = [...beforeRegimes.keys(), ...afterRegimes.keys()];
  return {
    outcomes: stored.trades.length,
    providers: compareRecords(names, beforeProviders, afterProviders),
    regimes: compareRecords(regimes, beforeRegimes, afterRegimes),
    damaged: stored.damaged,
  };
}

type Records = ReadonlyMap<string, PerformanceRecord>;

/** The records of a statistics file, as far as they are valid. */
async function storedRecords(storage: Storage, name: string): Promise<Records> {
  // A damaged file is about to be replaced.
  const statistics = await undefinedIfCorrupt(() => readJsonObject(storage, name, { maxBytes: MAX_STATISTICS_BYTES }));
  return new Map(
    Object.entries(statistics ?? {}).flatMap(([key, value]) => {
      const record = recordOf(value);
      return record === undefined ? [] : [[key, record]];
    }),
  );
}

function recordOf(value: unknown): PerformanceRecord | undefined {
  if (!isRecord(value)) return undefined;
  const { total_trades, winning_trades, total_pnl, mean_result_r } = value;
  if (typeof total_trades !== "number" || typeof winning_trades !== "number") return undefined;
  if (typeof total_pnl !== "number") return undefined;
  if (typeof mean_result_r !== "number" && mean_result_r !== null) return undefined;
  return { total_trades, winning_trades, total_pnl, mean_result_r };
}

function compareRecords(names: Iterable<string>, before: Records, after: Records): RecountedRecord[] {
  return sortedNames(names).map((name) => {
    const [old, counted] = [before.get(name) ?? null, after.get(name) ?? null];
    return { name, before: old, after: counted, changed: !isSameJson(old, counted) };
  });
}

export function sortedNames(names: Iterable<string>): string[] {
  return [...new Set(names)].toSorted();
}

/** @throws {CarryoverError} `NOT_FOUND` for names that are not known. */
export function assertKnownProviders(providers: readonly string[], known: Iterable<string>): void {
  const names = sortedNames(known);
  const unknown = providers.filter((provider) => !names.includes(provider));
  if (unknown.length === 0) return;
  const list = (some: readonly string[]): string => some.map((name) => JSON.stringify(name)).join(", ");
  throw fail("NOT_FOUND", `Cannot reset the provider ${list(unknown)}`, {
    found: "no vote of it",
    expected: names.length === 0 ? "one with votes, and there is none" : `one of ${list(names)}`,
  });
}
