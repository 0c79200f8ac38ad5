import { existsSync } from "node:fs";
import { join } from "node:path";
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
  let older: RunDescription | undefined;
  for (const run of newestFirst(found).toReversed()) {
    const described = await describeRun(run.storage, run);
    entries.push(entryOf(run, described, older));
    older = described;
  }
  return entries.toReversed();
}

/** A run by its folder, and what that says; `older` is the run before it in a list. */
export function entryOf(run: FoundRun, described: RunDescription, older?: RunDescription): RunEntry {
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
    total_trades: summary?.total_trades ?? null,
  };
}
