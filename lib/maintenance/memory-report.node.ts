import { confidenceScores, type ConfidenceScores } from "../results/confidence.ts";
import { breakdownOf, votedFor, type Breakdown } from "../results/breakdown.ts";
import {
  providerEvidence,
  regretOf,
  type ProviderEvidence,
  type Regret,
  type WeightMove,
} from "../results/attribution.ts";
import type { ChunkRecord } from "../results/chunks.ts";
import { RunFiles, RUNS_FOLDER } from "../backtest/run-files.ts";
import type { Market } from "../types.ts";
import type { Storage, StoredFile } from "../storage/storage.ts";
import { countedTrades, type Trade } from "../memory/trade.ts";
import { QUARANTINE_FOLDER, readMemory } from "../memory/load.ts";
import { isSnapshotFile } from "../results/snapshot.ts";
import { SIDECAR_FILE } from "../memory/sidecar.ts";
import { VECTORS_FILE } from "../memory/vectors.ts";
import { readableMemory } from "../memory/open.node.ts";

/** What is remembered in a folder: what `memory-stats --json` prints. Sizes in bytes, rates 0..100. */
export interface MemoryReport {
  readonly memory_dir: string;
  readonly outcomes: {
    readonly count: number;
    readonly bytes: number;
    readonly imported: number;
    readonly synthetic: number;
  };
  /** What everything below is about: trades on real bars, or on synthetic ones where there are no others. */
  readonly market: Market;
  /** Of that market; trades that several runs of the same period remember count once, here and in everything below. */
  readonly distinct_trades: number;
  readonly forget_marks: readonly { readonly provider: string; readonly before: string }[];
  readonly snapshots: { readonly count: number; readonly bytes: number };
  readonly vectors: {
    readonly rows: number;
    readonly dim: number | null;
    readonly embedder: string | null;
    readonly bytes: number;
    /** Outcomes that the next writer adds. */
    readonly behind: number;
  };
  readonly runs: number;
  readonly quarantined: number;
  readonly damaged: readonly { readonly name: string; readonly problem: string }[];
  readonly newest: {
    readonly decision_id: string;
    readonly exit_timestamp: string;
    readonly asset: string;
    readonly action: string;
    readonly pnl_percentage: number;
    readonly result_r: number | null;
  } | null;
  /** Chunks that trades closed in, by time; `imported` for outcomes of other systems. */
  readonly chunks: readonly string[];
  readonly providers: Readonly<Record<string, Breakdown>>;
  readonly regimes: Readonly<Record<string, Breakdown>>;
  readonly assets: Readonly<Record<string, Breakdown>>;
  readonly confidence: ConfidenceScores;
  /** By provider, over all trades; forget marks, which only learning obeys, are passed over. */
  readonly evidence: Readonly<Record<string, ProviderEvidence>>;
  readonly regret: Regret | null;
  /** How the weights moved in the run that made the newest trade; `null` where that run is not here. */
  readonly weights: {
    readonly run_id: string;
    readonly chunks: readonly {
      readonly quarter: string;
      readonly multipliers_at_start: Readonly<Record<string, number>>;
      readonly multipliers_at_end: Readonly<Record<string, number>>;
      readonly weight_moves: readonly WeightMove[];
    }[];
  } | null;
}

/**
 * Reads what a memory folder remembers. Takes no lock and writes nothing.
 *
 * @throws {CarryoverError} `NOT_FOUND` if there is no such folder, `IO` if it may not be read.
 */
export async function readMemoryReport(memoryDir: string): Promise<MemoryReport> {
  const storage = readableMemory(memoryDir);
  const { trades: all, marks, damaged, sidecar, descriptions, listing } = await readMemory(storage);
  const { market, trades: counted } = countedTrades(all);
  const trades = counted.map((trade) => (trade.chunk === "" ? { ...trade, chunk: "imported" } : trade));
  const chunks = [...new Set(trades.map((trade) => trade.chunk))];
  const named = chunks.map((name) => ({ name }));
  const breakdowns = (
    names: Iterable<string>,
    belongs: (trade: Trade, name: string) => boolean,
  ): Record<string, Breakdown> =>
    Object.fromEntries(
      [...new Set(names)].toSorted().map((name) => [
        name,
        breakdownOf(
          trades.filter((trade) => belongs(trade, name)),
          named,
        ),
      ]),
    );
  const snapshots = listing.files.filter(({ name }) => isSnapshotFile(name));
  const sizeOf = (file: string): number => listing.files.find(({ name }) => name === file)?.size ?? 0;
  const newest = all.findLast((trade) => trade.market === market);
  const voters = [...new Set(trades.flatMap((trade) => trade.votes.map((vote) => vote.provider)))].toSorted();
  return {
    memory_dir: memoryDir,
    outcomes: {
      count: all.length,
      bytes: all.reduce((sum, trade) => sum + trade.bytes, 0),
      imported: all.filter((trade) => trade.crc32 === null).length,
      synthetic: all.filter((trade) => trade.market === "synthetic").length,
    },
    market,
    distinct_trades: trades.length,
    forget_marks: marks.map(({ provider, beforeMs }) => ({ provider, before: new Date(beforeMs).toISOString() })),
    snapshots: { count: snapshots.length, bytes: bytesOf(snapshots) },
    vectors: {
      rows: sidecar?.trades.length ?? 0,
      dim: sidecar?.dim ?? null,
      embedder: sidecar?.embedder ?? null,
      bytes: sizeOf(VECTORS_FILE) + sizeOf(SIDECAR_FILE),
      behind: descriptions.size,
    },
    runs: (await storage.list(RUNS_FOLDER)).folders.length,
    quarantined: (await storage.list(QUARANTINE_FOLDER)).files.length,
    damaged,
    newest:
      newest === undefined
        ? null
        : {
            decision_id: newest.id,
            exit_timestamp: new Date(newest.exitMs).toISOString(),
            asset: newest.asset,
            action: newest.action,
            pnl_percentage: newest.pnlPct,
            result_r: newest.resultR,
          },
    chunks,
    providers: breakdowns(
      trades.flatMap((trade) =>
        trade.votes.filter((vote) => votedFor(trade, vote.provider)).map((vote) => vote.provider),
      ),
      votedFor,
    ),
    regimes: breakdowns(
      trades.map((trade) => trade.regime),
      (trade, name) => trade.regime === name,
    ),
    assets: breakdowns(
      trades.map((trade) => trade.asset),
      (trade, name) => trade.asset === name,
    ),
    confidence: confidenceScores(trades),
    evidence: Object.fromEntries(voters.map((name) => [name, providerEvidence(trades, name)])),
    regret: regretOf(trades, voters),
    weights: newest === undefined ? null : await weightsOf(storage, newest.runId),
  };
}

/** How the weights moved in a run; `null` where its chunks are not here. */
async function weightsOf(storage: Storage, runId: string): Promise<MemoryReport["weights"]> {
  if (runId === "") return null;
  const files = new RunFiles(storage, runId);
  const records: ChunkRecord[] = [];
  for (const name of await files.chunkNames()) {
    const record = await files.readCommitted(name);
    if (record !== undefined) records.push(record);
  }
  if (records.length === 0) return null;
  records.sort((a, b) => (a.start < b.start ? -1 : 1));
  return {
    run_id: runId,
    chunks: records.map(({ chunk, multipliers_at_start, multipliers_at_end, weight_moves }) => ({
      quarter: chunk,
      multipliers_at_start,
      multipliers_at_end,
      weight_moves,
    })),
  };
}

function bytesOf(files: readonly StoredFile[]): number {
  return files.reduce((sum, { size }) => sum + size, 0);
}
