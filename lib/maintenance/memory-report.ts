import { RunFiles, RUNS_FOLDER } from "../backtest/run-files.ts";
import { type MemoryReading, QUARANTINE_FOLDER, readMemory } from "../memory/load.ts";
import { SIDECAR_FILE } from "../memory/sidecar.ts";
import { countedTrades, directionOf, type Trade, votersOf } from "../memory/trade.ts";
import { VECTORS_FILE } from "../memory/vectors.ts";
import { providerEvidence, type ProviderEvidence, type Regret, regretOf, votersIn } from "../results/attribution.ts";
import { type Breakdown, breakdownOf } from "../results/breakdown.ts";
import type { ChunkRecord } from "../results/chunks.ts";
import { confidenceScores, type ConfidenceScores } from "../results/confidence.ts";
import { type ExpectationBin, expectationBins } from "../results/expectation.ts";
import { isSnapshotFile } from "../results/snapshot.ts";
import type { DamagedFile } from "../storage/damaged-file.ts";
import type { Storage } from "../storage/storage.ts";
import type { Market } from "../types.ts";

/** What a memory folder remembers, as `memory-stats --json` prints it. Sizes in bytes, rates 0..100. */
export interface MemoryReport {
  readonly memory_dir: string;
  readonly outcomes: {
    readonly count: number;
    readonly bytes: number;
    readonly imported: number;
    readonly synthetic: number;
  };
  /** Everything below is about trades on real bars, or on synthetic bars if there are no others. */
  readonly market: Market;
  /** Trades of that market. A trade that several runs remember counts once, here and below. */
  readonly distinct_trades: number;
  readonly forget_marks: readonly { readonly provider: string; readonly before: string }[];
  readonly snapshots: { readonly count: number; readonly bytes: number };
  readonly vectors: {
    readonly rows: number;
    readonly dim: number | null;
    readonly embedder: string | null;
    readonly bytes: number;
    /** Outcomes without a vector, which the next writer adds. */
    readonly behind: number;
  };
  readonly runs: number;
  readonly quarantined: number;
  readonly damaged: readonly DamagedFile[];
  readonly newest: {
    readonly decision_id: string;
    readonly exit_timestamp: string;
    readonly asset: string;
    readonly action: string;
    readonly pnl_percentage: number;
    readonly result_r: number | null;
  } | null;
  /** Chunks in which trades closed, by time; `imported` for outcomes of other systems. */
  readonly chunks: readonly string[];
  readonly providers: Readonly<Record<string, Breakdown>>;
  readonly regimes: Readonly<Record<string, Breakdown>>;
  readonly assets: Readonly<Record<string, Breakdown>>;
  readonly confidence: ConfidenceScores;
  /** By provider, over all trades. Forget marks are ignored, because they apply to learning alone. */
  readonly evidence: Readonly<Record<string, ProviderEvidence>>;
  readonly regret: Regret | null;
  /** How the weights moved in the run of the newest trade; `null` if that run is missing. */
  readonly weights: {
    readonly run_id: string;
    readonly chunks: readonly ({ readonly quarter: string } & Pick<
      ChunkRecord,
      "multipliers_at_start" | "multipliers_at_end" | "weight_moves"
    >)[];
  } | null;
  /** What that run's trades were expected to earn and what they earned. Empty without memory, and for a run before version 0.3. */
  readonly expectation: readonly ExpectationBin[];
}

/** Reads what a memory folder remembers. Takes no lock and writes nothing. */
export async function readMemoryReport(
  storage: Storage,
  options: { signal?: AbortSignal | undefined } = {},
): Promise<MemoryReport> {
  const reading = await readMemory(storage, options);
  const all = reading.trades;
  const { market, trades: counted } = countedTrades(all);
  const trades = counted.map((trade) => (trade.chunk === "" ? { ...trade, chunk: "imported" } : trade));
  const chunks = [...new Set(trades.map((trade) => trade.chunk))];
  const voters = votersOf(trades);
  const newest = all.findLast((trade) => trade.market === market);
  const marks = reading.marks.map(({ provider, beforeMs }) => ({ provider, before: new Date(beforeMs).toISOString() }));
  const snapshots = reading.otherFiles.filter(({ name }) => isSnapshotFile(name));
  const records = newest === undefined ? [] : await recordsOf(storage, newest.runId);
  const namedChunks = chunks.map((name) => ({ name }));
  const breakdownsBy = (namesOf: (trade: Trade) => readonly string[]): Readonly<Record<string, Breakdown>> => {
    const groups = new Map<string, Trade[]>();
    for (const trade of trades) {
      for (const name of namesOf(trade)) {
        const group = groups.get(name);
        if (group === undefined) groups.set(name, [trade]);
        else group.push(trade);
      }
    }
    const sorted = [...groups].toSorted(([one], [two]) => (one < two ? -1 : 1));
    return Object.fromEntries(sorted.map(([name, group]) => [name, breakdownOf(group, namedChunks)]));
  };
  return {
    memory_dir: storage.label,
    outcomes: {
      count: all.length,
      bytes: all.reduce((sum, { bytes }) => sum + bytes, 0),
      imported: all.filter(({ crc32 }) => crc32 === null).length,
      synthetic: all.filter((trade) => trade.market === "synthetic").length,
    },
    market,
    distinct_trades: trades.length,
    forget_marks: marks,
    snapshots: { count: snapshots.length, bytes: snapshots.reduce((sum, { size }) => sum + size, 0) },
    vectors: vectorsIn(reading),
    runs: (await storage.list(RUNS_FOLDER)).folders.length,
    quarantined: (await storage.list(QUARANTINE_FOLDER)).files.length,
    damaged: reading.damaged,
    newest: newest === undefined ? null : newestOf(newest),
    chunks,
    providers: breakdownsBy((trade) => votersIn(trade, directionOf(trade.action))),
    regimes: breakdownsBy(({ regime }) => [regime]),
    assets: breakdownsBy(({ asset }) => [asset]),
    confidence: confidenceScores(trades),
    evidence: Object.fromEntries(voters.map((name) => [name, providerEvidence(trades, name)])),
    regret: regretOf(trades, voters),
    weights: weightsOf(records),
    // The records of 0.2.0 have none.
    expectation: expectationBins(records.filter((record) => "expectation" in record).map((each) => each.expectation)),
  };
}

function vectorsIn({ sidecar, otherFiles, trades }: MemoryReading): MemoryReport["vectors"] {
  const known = new Set(sidecar?.trades);
  const files = otherFiles.filter(({ name }) => name === VECTORS_FILE || name === SIDECAR_FILE);
  return {
    rows: sidecar?.trades.length ?? 0,
    dim: sidecar?.dim ?? null,
    embedder: sidecar?.embedder ?? null,
    bytes: files.reduce((sum, { size }) => sum + size, 0),
    behind: trades.filter((trade) => !known.has(trade)).length,
  };
}

function newestOf({ id, exitMs, asset, action, pnlPct, resultR }: Trade): MemoryReport["newest"] {
  return {
    decision_id: id,
    exit_timestamp: new Date(exitMs).toISOString(),
    asset,
    action,
    pnl_percentage: pnlPct,
    result_r: resultR,
  };
}

/** The records of a run's chunks, by time. */
async function recordsOf(storage: Storage, runId: string): Promise<readonly ChunkRecord[]> {
  if (runId === "") return [];
  const files = new RunFiles(storage, runId);
  const records: ChunkRecord[] = [];
  for (const name of await files.chunkNames()) {
    const record = await files.readCommitted(name);
    if (record !== undefined) records.push(record);
  }
  return records.toSorted((a, b) => (a.start < b.start ? -1 : 1));
}

function weightsOf(records: readonly ChunkRecord[]): MemoryReport["weights"] {
  if (records.length === 0) return null;
  const chunks = records.map(({ chunk, multipliers_at_start, multipliers_at_end, weight_moves }) => ({
    quarter: chunk,
    multipliers_at_start,
    multipliers_at_end,
    weight_moves,
  }));
  return { run_id: records[0]!.run_id, chunks };
}
