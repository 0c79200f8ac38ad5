/**
 * `snapshot_<YYYYMMDD_HHMMSS>.json`: a run's metrics at the end of a chunk, in simulated time, with a `crc32` like outcomes. If
 * another run has the name, `_<8 hex of the run>` is added. The newest 100 of a run are kept.
 */
import { isCorrupt } from "../errors.ts";
import { encodeSealedJson, readSealedJson, type SealedObject } from "../storage/sealed-json.ts";
import type { Storage } from "../storage/storage.ts";

/** `snapshot_<YYYYMMDD_HHMMSS>.json`: a run's metrics from its start to the end of a chunk. Keys are written in this order. */
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
  /** Mean P&L of winning and of other trades, both positive. */
  readonly avg_win: number | null;
  readonly avg_loss: number | null;
  readonly profit_factor: number | null;
  readonly max_drawdown_pct: number;
  readonly sharpe_ratio: number | null;
  readonly sortino_ratio: number | null;
  readonly provider_stats: Readonly<Record<string, unknown>>;
  readonly regime_performance: Readonly<Record<string, unknown>>;
}

const KEPT_PER_RUN = 100;
const MAX_SNAPSHOT_BYTES = 1 << 22;
const NAME = /^snapshot_\d{8}_\d{6}(_[0-9a-f]{8})?\.json$/;

/** Whether a file is a snapshot, by its name. */
export function isSnapshotFile(name: string): boolean {
  return NAME.test(name);
}

/**
 * Writes a run's snapshot, and removes its snapshots beyond the newest 100. Those of other runs and damaged ones are left alone.
 *
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

  // With few snapshots in all, none has to be read.
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

/** Reads a snapshot; `undefined` if there is no such file. @throws {CarryoverError} `CORRUPT` */
export function readSnapshot(storage: Storage, name: string): Promise<SealedObject | undefined> {
  return readSealedJson(storage, name, { maxBytes: MAX_SNAPSHOT_BYTES });
}

/** The run that wrote a snapshot: empty if the file does not say, `undefined` if there is none. */
async function runOf(storage: Storage, name: string): Promise<string | undefined> {
  try {
    const snapshot = await readSnapshot(storage, name);
    if (snapshot === undefined) return undefined;
    const { run_id: runId } = snapshot.fields;
    return typeof runId === "string" ? runId : "";
  } catch (error) {
    if (!isCorrupt(error)) throw error;
    return "";
  }
}
