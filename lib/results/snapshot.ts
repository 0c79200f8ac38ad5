/**
 * `snapshot_<YYYYMMDD_HHMMSS>.json`: a run's metrics at the end of a chunk, in simulated time, with a `crc32` like outcomes. If
 * another run has the name, `_<8 hex of the run>` is added. The newest 100 of a run are kept.
 */
import { isCorrupt } from "../errors.ts";
import { encodeSealedJson, readSealedJson, type SealedObject } from "../storage/sealed-json.ts";
import type { Storage } from "../storage/storage.ts";
import { groupBy } from "../util/group.ts";

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

export function isSnapshotFile(name: string): boolean {
  return NAME.test(name);
}

/** The snapshots of one run, for writing. The folder is listed at most once: nobody else writes to it meanwhile. */
export class RunSnapshots {
  readonly #storage: Storage;
  readonly #runId: string;
  readonly #chunks: number;
  /** Names of all snapshots, of whichever run, and of the run's own, oldest first. Read when they are first needed. */
  #all: Set<string> | undefined;
  #own: string[] | undefined;

  /** @param options `chunks`: of the run. With 100 at most, none of its snapshots is one too many. */
  constructor(storage: Storage, runId: string, options: { chunks?: number } = {}) {
    this.#storage = storage;
    this.#runId = runId;
    this.#chunks = options.chunks ?? Infinity;
  }

  /**
   * Writes a snapshot, and removes those beyond the newest 100. Those of other runs and damaged ones are left alone.
   *
   * @param options `atMs`: the chunk's end, epoch ms.
   */
  async write(snapshot: { readonly run_id: string }, options: { atMs: number }): Promise<void> {
    const storage = this.#storage;
    const name = await this.#nameAt(options.atMs);
    await storage.replace(name, encodeSealedJson(snapshot));
    if (this.#chunks <= KEPT_PER_RUN) return;

    this.#all ??= new Set(await snapshotFiles(storage));
    this.#all.add(name);
    // With few snapshots in all, none has to be read.
    if (this.#all.size <= KEPT_PER_RUN) return;
    this.#own ??= await ownNames(storage, this.#runId, this.#all);
    if (!this.#own.includes(name)) this.#own.push(name);
    this.#own.sort();
    for (const old of this.#own.splice(0, this.#own.length - KEPT_PER_RUN)) {
      await storage.remove(old);
      this.#all.delete(old);
    }
  }

  async #nameAt(atMs: number): Promise<string> {
    const stamp = new Date(atMs).toISOString().replace(/[-:]/g, "").replace("T", "_").slice(0, 15);
    const plain = `snapshot_${stamp}.json`;
    const owner = await runOf(this.#storage, plain);
    const isFree = owner === undefined || owner === this.#runId;
    return isFree ? plain : `snapshot_${stamp}_${this.#runId.slice(0, 8)}.json`;
  }
}

/** Names of a run's readable snapshots, oldest first. @param names Of all files in the folder, in order. */
export function snapshotsOfRun(storage: Storage, runId: string, names: Iterable<string>): Promise<readonly string[]> {
  return ownNames(storage, runId, [...names].filter(isSnapshotFile));
}

/** Names of the readable snapshots in a folder, by run. */
export async function snapshotsByRun(storage: Storage): Promise<ReadonlyMap<string, readonly string[]>> {
  const named: { name: string; runId: string }[] = [];
  for (const name of await snapshotFiles(storage)) {
    const runId = await runOf(storage, name);
    if (runId !== undefined) named.push({ name, runId });
  }
  const byRun = groupBy(named, ({ runId }) => runId);
  return new Map([...byRun].map(([runId, files]) => [runId, files.map(({ name }) => name)]));
}

async function ownNames(storage: Storage, runId: string, names: Iterable<string>): Promise<string[]> {
  const own: string[] = [];
  for (const name of names) if ((await runOf(storage, name)) === runId) own.push(name);
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
