import { openMemoryView, type MemoryView } from "../memory/view.ts";
import { outcomeFileName } from "../memory/outcome.ts";
import { snapshotOf, snapshotsOfRun, writeSnapshot } from "../results/snapshot.ts";
import { type LoopContext, runChunk } from "./loop.ts";
import { Broker } from "./broker.ts";
import { Feed } from "./feed.ts";
import { type Chunk, type ChunkRecord, planChunks } from "../results/chunks.ts";
import { largestMoves } from "../results/attribution.ts";
import { committedChunks, discardUnexpected, ownOutcomes, type OwnOutcomes } from "./resume.ts";
import { assertSound, type BacktestJob, barsIn, closingChunk, daysPerYearOf, gapsIn, seriesOf } from "./job.ts";
import { identifyRun } from "./run-identity.ts";
import { openRunStore, outcomesDigest } from "./run-files.ts";
import { summarize, type Summary } from "../results/summary.ts";

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
 * @throws {RangeError} If the job contradicts itself.
 */
export async function runBacktest(job: BacktestJob): Promise<BacktestResult> {
  assertSound(job);
  const { settings, memory, period } = job;
  const note = job.onNote ?? ((): void => {});
  const names = job.providers.map((provider) => provider.name);
  const chunks = planChunks(period, job.chunkKind);
  const bars = settings.assets.map((asset) => barsIn(seriesOf(job, asset), period));
  const closingChunkIndex = closingChunk(chunks, bars);
  const runMemory = (job.openView ?? openMemoryView)(memory, {
    ...job.memorySettings,
    market: job.market,
    startMs: period.startMs,
    providers: names,
  });
  const run = await identifyRun(job, runMemory.carriedIn);
  run.notes.forEach(note);
  const store = openRunStore(job.storage, run.id);
  const ownTrades = ownOutcomes(memory, { id: run.id, chunks, closing: closingChunkIndex });
  const records = [...(await committedChunks(store, ownTrades, { chunks, note }))];
  await store.writeManifest(run.key);
  const stored = records.length === chunks.length ? await store.readSummary() : undefined;
  if (stored !== undefined) return { summary: stored, chunksRun: [] };

  await job.onStart?.(run.id);
  const facts = {
    runId: run.id,
    period,
    chunkKind: job.chunkKind,
    chunks,
    market: job.market,
    memoryEnabled: job.memorySettings.enabled,
    assets: settings.assets,
    barGaps: Object.fromEntries(
      settings.assets.map((asset, i) => [asset, gapsIn(bars[i] ?? [], settings.timeframeMs)]),
    ),
    initialBalance: settings.initialBalance,
    daysPerYear: daysPerYearOf(bars),
    providers: names,
  };
  const context = openContext(job, { runId: run.id, chunks, runMemory, ownTrades, records });
  const multipliersAsOf = (asOf: number): Record<string, number> => {
    const weights = runMemory.lessons(asOf)?.weights;
    return Object.fromEntries(names.map((name, i) => [name, (weights?.[i] ?? 1 / names.length) * names.length]));
  };

  // Just after a border, what closed at the border is remembered.
  const multipliersAfter = (borderMs: number): Record<string, number> => multipliersAsOf(borderMs + 1);

  const chunksRun = chunks.slice(records.length);
  for (const chunk of chunksRun) {
    const index = records.length;
    const atStart = {
      remembered: runMemory.remembered(chunk.startMs + 1),
      multipliers: multipliersAfter(chunk.startMs),
      balance: records.at(-1)?.final_value ?? settings.initialBalance,
    };
    const result = await runChunk(context, chunk, { closes: index === closingChunkIndex });

    await discardUnexpected(memory, ownTrades.recordedIn(index), { recorded: result.recorded, note });
    await memory.flush();
    const trades = ownTrades.upTo(index);
    const record: ChunkRecord = {
      run_id: run.id,
      chunk: chunk.name,
      start: new Date(chunk.startMs).toISOString(),
      end: new Date(chunk.endMs).toISOString(),
      outcomes_digest: outcomesDigest(trades),
      outcomes_so_far: trades.length,
      remembered_at_start: atStart.remembered,
      multipliers_at_start: atStart.multipliers,
      multipliers_at_end: multipliersAfter(chunk.endMs),
      weight_moves: job.memorySettings.enabled ? largestMoves(result.recorded, multipliersAsOf) : [],
      initial_balance: atStart.balance,
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
    await writeSnapshot(job.storage, snapshotOf({ ...facts, records, trades: trades }), { atMs: chunk.endMs });
    await store.commitChunk(record, result);
  }

  const trades = ownTrades.upTo(chunks.length - 1);
  const persistence = await persistenceOf(job, { runId: run.id, runMemory });
  const summary = summarize({ ...facts, records, trades: trades }, persistence);
  await store.writeSummary(summary);
  return { summary, chunksRun: chunksRun.map((chunk) => chunk.name) };
}

/** Brings everything to where the last committed chunk left it. */
function openContext(
  job: BacktestJob,
  run: {
    runId: string;
    chunks: readonly Chunk[];
    runMemory: MemoryView;
    ownTrades: OwnOutcomes;
    records: readonly ChunkRecord[];
  },
): LoopContext {
  const last = run.records.at(-1);
  const startMs = run.chunks[run.records.length]?.startMs ?? job.period.endMs;
  const broker = new Broker(job.settings, last?.state.broker);
  const feeds = job.settings.assets.map((asset) => {
    const feed = new Feed(seriesOf(job, asset), { startMs, regimesAdapt: job.memorySettings.enabled });
    if (feed.last !== undefined) broker.setLastBar(asset, feed.last);
    return feed;
  });
  // Outcomes of a chunk that was cut off become visible when it makes them again, as they did the first time.
  const committed = run.ownTrades.upTo(run.records.length - 1);
  for (const entry of committed) run.runMemory.add(entry);

  const { startMs: fromMs, endMs: toMs } = job.period;
  let trades = committed.length;
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
    signal: job.signal,
    onTick: ({ chunk, knownMs, equity, closed }) => {
      job.signal?.throwIfAborted();
      trades += closed;
      const share = Math.min(1, (knownMs - fromMs) / (toMs - fromMs));
      job.onProgress?.({ chunk, simulatedMs: knownMs, share, equity, trades });
    },
  };
}

/** Counts what the folder really has of this run, file by file. */
async function persistenceOf(
  job: BacktestJob,
  run: { runId: string; runMemory: MemoryView },
): Promise<Summary["memory_persistence"]> {
  const names = new Set((await job.storage.list()).files.map(({ name }) => name));
  const trades = job.memory.trades.filter((trade) => trade.runId === run.runId);
  return {
    outcomes_carried_in: run.runMemory.carriedIn.length,
    outcomes_stored: trades.filter(({ id }) => names.has(outcomeFileName(id))).length,
    snapshots_stored: (await snapshotsOfRun(job.storage, run.runId)).length,
    vectors_stored: trades.filter(({ vector }) => vector !== undefined).length,
  };
}
