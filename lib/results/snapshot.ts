/**
 * `snapshot_<YYYYMMDD_HHMMSS>.json`: a run's metrics at the end of a chunk, in simulated time, with a `crc32` as outcomes have
 * it. Where another run has the name, `_<8 hex of the run>` is added to it. The newest 100 of a run are kept.
 */
import { CarryoverError } from "../errors.ts";
import { providerPerformance, regimePerformance } from "../memory/statistics.ts";
import type { Trade } from "../memory/trade.ts";
import { encodeSealedJson, readSealedJson, type SealedObject } from "../storage/sealed-json.ts";
import type { Storage } from "../storage/storage.ts";
import { meanOf, percentOf } from "./metrics.ts";
import { type SummaryInput, totalsOf } from "./summary.ts";

/** `snapshot_<YYYYMMDD_HHMMSS>.json`: a run's metrics from its start to the end of a chunk. Keys in this order. */
export interface Snapshot {
  /** The chunk's end, simulated time. */
  readonly timestamp: string;
  readonly run_id: string;
  readonly chunk: string;
  readonly equity: number;
  readonly total_trades: number;
  readonly winning_trades: number;
  readonly losing_trades: number;
  readonly win_rate: number | null;
  readonly total_pnl: number;
  /** Mean P&L of the trades that won, and of the others, the latter as a positive number. */
  readonly avg_win: number | null;
  readonly avg_loss: number | null;
  readonly profit_factor: number | null;
  readonly max_drawdown_pct: number;
  readonly sharpe_ratio: number | null;
  readonly sortino_ratio: number | null;
  readonly provider_stats: Readonly<Record<string, unknown>>;
  readonly regime_performance: Readonly<Record<string, unknown>>;
}

/** Sums up a run as far as it has come. */
export function snapshotOf(input: SummaryInput): Snapshot {
  const totals = totalsOf(input);
  const record = input.records.at(-1);
  if (record === undefined) throw new RangeError("Cannot take a snapshot: found no chunk, expected one or more");
  const mean = (trades: readonly Trade[]): number | null => meanOf(trades.map((trade) => Math.abs(trade.pnl)));
  const noMarks: ReadonlyMap<string, number> = new Map();
  const providers = Object.entries(providerPerformance(input.trades, noMarks)).map(
    ([name, { total_trades, winning_trades, total_pnl, mean_result_r }]) =>
      [
        name,
        {
          win_rate: percentOf(winning_trades, total_trades),
          total_trades,
          winning_trades,
          total_pnl,
          mean_result_r,
          multiplier: record.multipliers_at_end[name] ?? null,
        },
      ] as const,
  );
  return {
    timestamp: record.end,
    run_id: input.runId,
    chunk: record.chunk,
    equity: record.final_value,
    total_trades: totals.total_trades,
    winning_trades: totals.total_winning_trades,
    losing_trades: totals.total_trades - totals.total_winning_trades,
    win_rate: totals.overall_win_rate,
    total_pnl: totals.total_pnl,
    avg_win: mean(input.trades.filter((trade) => trade.won)),
    avg_loss: mean(input.trades.filter((trade) => !trade.won)),
    profit_factor: totals.profit_factor,
    max_drawdown_pct: totals.max_drawdown_pct,
    sharpe_ratio: totals.annualized_sharpe,
    sortino_ratio: totals.annualized_sortino,
    provider_stats: Object.fromEntries(providers),
    regime_performance: regimePerformance(input.trades),
  };
}

const KEPT_PER_RUN = 100;
const MAX_SNAPSHOT_BYTES = 1 << 22;
const NAME = /^snapshot_\d{8}_\d{6}(_[0-9a-f]{8})?\.json$/;

/** Whether a file's name is that of a snapshot. */
export function isSnapshotFile(name: string): boolean {
  return NAME.test(name);
}

/**
 * Writes a run's snapshot, and removes its oldest beyond the newest 100. Other runs' and damaged snapshots are left alone,
 * and do not count.
 *
 * @param snapshot A JSON object with the run's `run_id`.
 * @param options `atMs`: the chunk's end, epoch ms.
 */
export async function writeSnapshot(
  storage: Storage,
  snapshot: { readonly run_id: string },
  options: { atMs: number },
): Promise<void> {
  const stamp = new Date(options.atMs).toISOString().replace(/[-:]/g, "").replace("T", "_").slice(0, 15);
  const plain = `snapshot_${stamp}.json`;
  const owner = await runOf(storage, plain);
  const isFree = owner === undefined || owner === snapshot.run_id;
  const name = isFree ? plain : `snapshot_${stamp}_${snapshot.run_id.slice(0, 8)}.json`;
  await storage.replace(name, encodeSealedJson(snapshot));

  // Nobody has too many where there are few in all: then none has to be read.
  if ((await snapshotFiles(storage)).length <= KEPT_PER_RUN) return;
  const own = await snapshotsOfRun(storage, snapshot.run_id);
  for (const old of own.slice(0, -KEPT_PER_RUN)) await storage.remove(old);
}

/** Names of a run's readable snapshots, oldest first. */
export async function snapshotsOfRun(storage: Storage, runId: string): Promise<readonly string[]> {
  const own: string[] = [];
  for (const name of await snapshotFiles(storage)) if ((await runOf(storage, name)) === runId) own.push(name);
  return own;
}

async function snapshotFiles(storage: Storage): Promise<readonly string[]> {
  return (await storage.list()).files.map(({ name }) => name).filter(isSnapshotFile);
}

/**
 * Reads a snapshot.
 *
 * @returns `isSealed`: false for one of another system. `undefined` if there is no such file.
 * @throws {CarryoverError} `CORRUPT` if it is not as it was written.
 */
export function readSnapshot(storage: Storage, name: string): Promise<SealedObject | undefined> {
  return readSealedJson(storage, name, { maxBytes: MAX_SNAPSHOT_BYTES });
}

/** The run that wrote a snapshot: `undefined` where there is none, empty where the file does not say. */
async function runOf(storage: Storage, name: string): Promise<string | undefined> {
  try {
    const snapshot = await readSnapshot(storage, name);
    if (snapshot === undefined) return undefined;
    const { run_id: runId } = snapshot.fields;
    return typeof runId === "string" ? runId : "";
  } catch (error) {
    if (error instanceof CarryoverError && error.code === "CORRUPT") return "";
    throw error;
  }
}
