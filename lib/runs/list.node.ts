import { existsSync } from "node:fs";
import { join } from "node:path";
import { type MemoryReading, readMemory } from "../memory/load.ts";
import { describeRun, differences, providersOf, type RunDescription, type RunState, usesMemory } from "./describe.ts";
import { type FoundRun, MEMORY_FOLDERS, newestFirst, runsIn } from "./find.node.ts";

/** A line of the list: what `runs list --json` prints of a run. */
export interface RunEntry {
  readonly run_id: string;
  readonly label: string | null;
  /** Where it is in the memory folder: "", `off`, `synthetic` or `synthetic/off`. */
  readonly folder: string;
  /** When the newest of its files was written, ISO 8601. */
  readonly written: string;
  readonly state: RunState;
  /** The chunk that a stopped run would go on with. */
  readonly stopped_in: string | null;
  readonly problem: string | null;
  readonly version: string | null;
  readonly period: string | null;
  readonly assets: readonly string[];
  readonly providers: readonly string[];
  readonly memory_enabled: boolean | null;
  /** Paths in the keys at which it differs from the run before it in the list; `null` for the oldest. */
  readonly differs_in: readonly string[] | null;
  readonly total_return_pct: number | null;
  readonly annualized_sharpe: number | null;
  readonly max_drawdown_pct: number | null;
  /** Of an open session, those that are in memory. */
  readonly total_trades: number | null;
}

/**
 * The runs of a memory folder and of the memory folders in it, the newest first.
 *
 * @throws {CarryoverError} As `runsIn()` does.
 */
export async function listRuns(memoryDir: string): Promise<readonly RunEntry[]> {
  const found: FoundRun[] = [];
  for (const folder of MEMORY_FOLDERS) {
    if (folder === "" || existsSync(join(memoryDir, folder))) found.push(...(await runsIn(memoryDir, { folder })));
  }
  const entries: RunEntry[] = [];
  const openTradesOf = openTradeCounter();
  let older: RunDescription | undefined;
  for (const run of newestFirst(found).toReversed()) {
    const described = await describeRun(run.storage, run);
    entries.push(entryOf(run, described, { older, openTrades: await openTradesOf(run, described) }));
    older = described;
  }
  return entries.toReversed();
}

/** Returns a function that counts the trades of an open session in memory. It reads each memory folder once. */
export function openTradeCounter(): (run: FoundRun, described: RunDescription) => Promise<number | undefined> {
  const readings = new Map<string, MemoryReading>();
  return async ({ id, memoryDir, storage }, { state }) => {
    if (state !== "open") return undefined;
    const reading = readings.get(memoryDir) ?? (await readMemory(storage));
    readings.set(memoryDir, reading);
    return reading.trades.filter(({ runId }) => runId === id).length;
  };
}

/**
 * A run by its folder, and what that says.
 *
 * @param options `older`: the run before it in a list. `openTrades`: trades of an open session.
 */
export function entryOf(
  run: FoundRun,
  described: RunDescription,
  options: { older?: RunDescription | undefined; openTrades?: number | undefined } = {},
): RunEntry {
  const { older, openTrades } = options;
  const { key, summary } = described;
  return {
    run_id: run.id,
    label: run.label ?? null,
    folder: run.folder,
    written: new Date(run.writtenMs).toISOString(),
    state: described.state,
    stopped_in: described.stoppedIn ?? null,
    problem: described.problem ?? null,
    version: key?.version ?? null,
    period: key?.period ?? null,
    assets: key === undefined ? [] : Object.keys(key.bars),
    providers: key === undefined ? [] : providersOf(key),
    memory_enabled: (key === undefined ? undefined : usesMemory(key)) ?? null,
    differs_in: key === undefined || older?.key === undefined ? null : differences(older.key, key),
    total_return_pct: summary?.total_return_pct ?? null,
    annualized_sharpe: summary?.annualized_sharpe ?? null,
    max_drawdown_pct: summary?.max_drawdown_pct ?? null,
    total_trades: summary?.total_trades ?? openTrades ?? null,
  };
}
