import type { Bar, BarSeries, Market } from "../domain.ts";
import type { Json } from "../files/json-file.ts";
import type { Storage } from "../files/storage.ts";
import type { Memory } from "../memory/memory.ts";
import type { OutcomeRow } from "../memory/outcome-row.ts";
import { openRunMemory, type RunMemory } from "../memory/run-memory.ts";
import { outcomeFileName } from "../memory/outcome.ts";
import { snapshotsOfRun, writeSnapshot } from "../memory/snapshot-store.ts";
import type { Provider } from "../providers/provider.ts";
import { openFeed } from "./asset-feed.ts";
import { openBroker } from "./broker.ts";
import { runChunk, type LoopContext } from "./chunk-loop.ts";
import { planChunks, type Chunk } from "./chunks.ts";
import type { DaysPerYear } from "./metrics.ts";
import { committedChunks, discardStrays, ownOutcomes, type OwnOutcomes } from "./resume.ts";
import { identifyRun } from "./run-identity.ts";
import { openRunStore, outcomesDigest, type ChunkRecord } from "./run-store.ts";
import type { BacktestSettings, MemorySettings } from "./settings.ts";
import { snapshotOf } from "./snapshot.ts";
import { summarize, type Summary } from "./summary.ts";

/** All that a run is made of. */
export interface BacktestJob {
  readonly settings: BacktestSettings;
  readonly memorySettings: MemorySettings;
  /** Midnights UTC; the end is exclusive. */
  readonly period: { readonly startMs: number; readonly endMs: number };
  /** `quarter`, `month`, `week` or `<n>d`. */
  readonly chunkKind: string;
  /** The bars of every asset, from the start of its file. */
  readonly series: ReadonlyMap<string, BarSeries>;
  readonly market: Market;
  /** In the order in which their votes are listed. */
  readonly providers: readonly Provider[];
  /** Opened for writing; its storage also keeps the run. */
  readonly memory: Memory;
  readonly storage: Storage;
  /** What the run key says beside bars and memory. */
  readonly key: {
    readonly version: string;
    readonly config: Json;
    readonly seed: number;
    readonly files: Readonly<Record<string, string>>;
  };
  /** Start over, as another attempt. */
  readonly restart?: boolean;
  /** What the user should know, a sentence a call. */
  readonly onNote?: (note: string) => void;
  readonly onProgress?: (progress: Progress) => void;
  /** Stops the run between two ticks; what was recorded stays. */
  readonly signal?: AbortSignal;
}

/** How far a run has come. */
export interface Progress {
  readonly chunk: string;
  readonly simulatedMs: number;
  /** 0..1 of the run's period. */
  readonly share: number;
  readonly equity: number;
  readonly trades: number;
  readonly ticks: number;
}

/** What a run came to. */
export interface BacktestResult {
  readonly summary: Summary;
  /** Chunks that were run now; the others had been committed before. */
  readonly chunksRun: readonly string[];
}

/**
 * Runs a backtest chunk by chunk, remembering every closed trade as it closes, and goes on where an earlier call of the same
 * run stopped. Equal jobs give equal files, however often they were stopped.
 *
 * @throws The reason of `job.signal`, if it stops the run; what was recorded is kept.
 */
export async function runBacktest(job: BacktestJob): Promise<BacktestResult> {
  const { settings, memory, period } = job;
  const note = job.onNote ?? ((): void => {});
  const names = job.providers.map((provider) => provider.name);
  const chunks = planChunks(period, job.chunkKind);
  const runMemory = openRunMemory(memory, {
    ...job.memorySettings,
    market: job.market,
    startMs: period.startMs,
    providers: names,
  });
  const run = await identifyRun(job, runMemory.base);
  run.notes.forEach(note);
  const store = openRunStore(job.storage, run.id);
  const own = ownOutcomes(memory, run.id, chunks);
  const records = [...(await committedChunks(store, own, { chunks, note }))];
  const stored = records.length === chunks.length ? await store.readSummary() : undefined;
  if (stored !== undefined) return { summary: stored, chunksRun: [] };

  await store.writeManifest(run.key);
  const ownRows = (): OutcomeRow[] => own.all().map(({ row }) => row);
  const summaryInput = {
    runId: run.id,
    period,
    chunkKind: job.chunkKind,
    chunks,
    market: job.market,
    memoryEnabled: job.memorySettings.enabled,
    assets: settings.assets,
    barGaps: gapsOf(job),
    initialBalance: settings.initialBalance,
    daysPerYear: daysPerYearOf(job),
    providers: names,
  };
  const context = openContext(job, { runId: run.id, chunks, runMemory, own, records });
  const multipliersAt = (asOf: number): Record<string, number> => {
    const weights = runMemory.weights(asOf);
    return Object.fromEntries(names.map((name, i) => [name, (weights[i] ?? 0) * names.length]));
  };

  const chunksRun = chunks.slice(records.length);
  for (const chunk of chunksRun) {
    const index = records.length;
    const initialBalance = records.at(-1)?.final_value ?? settings.initialBalance;
    const rememberedAtStart = runMemory.remembered(chunk.startMs);
    const multipliersAtStart = multipliersAt(chunk.startMs);
    const result = await runChunk(context, chunk, { isLast: index === chunks.length - 1 });

    await discardStrays(memory, own.recordedIn(index), { recorded: result.recorded, note });
    await memory.flush();
    const soFar = own.upTo(index).map(({ row }) => row);
    const record: ChunkRecord = {
      run_id: run.id,
      chunk: chunk.name,
      start: new Date(chunk.startMs).toISOString(),
      end: new Date(chunk.endMs).toISOString(),
      outcomes_digest: outcomesDigest(soFar),
      outcomes_so_far: soFar.length,
      remembered_at_start: rememberedAtStart,
      multipliers_at_start: multipliersAtStart,
      multipliers_at_end: multipliersAt(chunk.endMs),
      initial_balance: initialBalance,
      final_value: context.broker.equity(),
      max_drawdown_pct: result.maxDrawdownPct,
      counters: result.counters,
      daily: result.daily,
      state: {
        broker: context.broker.state(),
        peak_equity: context.drawdown.peak,
        max_drawdown_pct: context.drawdown.maxPct,
      },
    };
    records.push(record);
    const persistence = await persistenceOf(job, { runId: run.id, runMemory });
    const snapshot = snapshotOf({ ...summaryInput, records, rows: soFar, persistence });
    await writeSnapshot(job.storage, snapshot, { atMs: chunk.endMs });
    await store.commitChunk(record, result);
  }

  const persistence = await persistenceOf(job, { runId: run.id, runMemory });
  const summary = summarize({ ...summaryInput, records, rows: ownRows(), persistence });
  await store.writeSummary(summary);
  return { summary, chunksRun: chunksRun.map((chunk) => chunk.name) };
}

/** Brings everything to where the last committed chunk left it. */
function openContext(
  job: BacktestJob,
  run: {
    runId: string;
    chunks: readonly Chunk[];
    runMemory: RunMemory;
    own: OwnOutcomes;
    records: readonly ChunkRecord[];
  },
): LoopContext {
  const last = run.records.at(-1);
  const startMs = run.chunks[run.records.length]?.startMs ?? job.period.endMs;
  const broker = openBroker(job.settings, last?.state.broker);
  const feeds = job.settings.assets.map((asset) => {
    const series = job.series.get(asset);
    if (series === undefined) throw new RangeError(`Cannot run: found no bars of "${asset}", expected them in the job`);
    const feed = openFeed(series, startMs);
    const bar = feed.bars[feed.count - 1];
    if (bar !== undefined) broker.remember(asset, bar);
    return feed;
  });
  // Outcomes of a chunk that was cut off become visible when it makes them again, as they did the first time.
  for (const entry of run.own.upTo(run.records.length - 1)) run.runMemory.add(entry);

  const totalTicks = new Set(
    [...job.series.values()].flatMap((series) => barsIn(series, job).map((bar) => bar.timestamp)),
  ).size;
  let ticks = run.records.reduce((sum, record) => sum + record.counters.ticks, 0);
  return {
    settings: job.settings,
    providers: job.providers,
    memory: run.runMemory,
    broker,
    feeds,
    drawdown: { peak: last?.state.peak_equity ?? 0, maxPct: last?.state.max_drawdown_pct ?? 0 },
    runId: run.runId,
    market: job.market,
    chunks: run.chunks,
    onBreath: async (breath) => {
      ticks += breath.ticks;
      // A timer lets signals of the operating system in: a loop of settled promises never would.
      await new Promise((resolve) => setTimeout(resolve, 0));
      job.signal?.throwIfAborted();
      const trades = run.own.all().length;
      job.onProgress?.({ ...breath, share: ticks / totalTicks, trades });
    },
  };
}

/** The bars that a run owns. */
function barsIn(series: BarSeries, job: BacktestJob): readonly Bar[] {
  const { startMs, endMs } = job.period;
  return series.bars.filter(({ timestamp }) => timestamp >= startMs && timestamp < endMs);
}

/** 365 where any of the run's bars starts on a Saturday. */
function daysPerYearOf(job: BacktestJob): DaysPerYear {
  const isSaturday = (bar: Bar): boolean => new Date(bar.timestamp).getUTCDay() === 6;
  return [...job.series.values()].some((series) => barsIn(series, job).some(isSaturday)) ? 365 : 252;
}

function gapsOf(job: BacktestJob): Record<string, number> {
  const gaps = (series: BarSeries): number =>
    barsIn(series, job).filter((bar, i, bars) => {
      const before = bars[i - 1];
      return before !== undefined && bar.timestamp > before.timestamp + series.timeframeMs;
    }).length;
  return Object.fromEntries([...job.series].map(([asset, series]) => [asset, gaps(series)]));
}

/** Counts what the folder really has of this run, file by file. */
async function persistenceOf(
  job: BacktestJob,
  run: { runId: string; runMemory: RunMemory },
): Promise<Summary["memory_persistence"]> {
  const names = new Set((await job.storage.list()).files.map(({ name }) => name));
  const rows = job.memory.rows.filter(({ row }) => row.runId === run.runId);
  return {
    outcomes_carried_in: run.runMemory.base.length,
    outcomes_stored: rows.filter(({ row }) => names.has(outcomeFileName(row.id))).length,
    snapshots_stored: (await snapshotsOfRun(job.storage, run.runId)).length,
    vectors_stored: rows.filter(({ vector }) => vector !== undefined).length,
  };
}
