import { undefinedIfCorrupt } from "../errors.ts";
import { gapsIn } from "../market/spacing.ts";
import { InMemoryMemory } from "../memory/in-memory.ts";
import { MemoryView, type MemoryViewOptions } from "../memory/view.ts";
import { isRead } from "../providers/provider.ts";
import { largestMoves } from "../results/attribution.ts";
import { type Baselines, baselinesOf } from "../results/baselines.ts";
import { type Chunk, type ChunkRecord, planChunks } from "../results/chunks.ts";
import { type DailyReturns, lastOfDays, simpleReturns } from "../results/metrics.ts";
import { RunSnapshots } from "../results/snapshot.ts";
import { snapshotOf, summarize, type SummaryInput } from "../results/summary.ts";
import { type Summary } from "../results/summary-shape.ts";
import type { Bar } from "../types.ts";
import { settleAll } from "../util/async.ts";
import { Broker, costsOf } from "./broker.ts";
import { carriedInNotes } from "./carried-in.ts";
import { Feed } from "./feed.ts";
import {
  type BacktestJob,
  barsOfPeriod,
  checkJob,
  closingChunkIndexOf,
  daysPerYearOf,
  newNotes,
  seriesOf,
} from "./job.ts";
import { type ChunkResult, type LoopContext, runChunk } from "./loop.ts";
import { PendingWrites } from "./pending-writes.ts";
import { assertComplete, persistenceOf } from "./persistence.ts";
import { assertUnchanged, committedChunks, discardUnexpected, type OwnOutcomes, ownOutcomes } from "./resume.ts";
import { outcomesDigest, readManifests, RunFiles } from "./run-files.ts";
import { identifyRun } from "./run-key.ts";

export interface BacktestResult {
  readonly summary: Summary;
  /** Of the whole run, day by day. */
  readonly daily: () => DailyReturns;
  /** Names of the chunks that this call ran. The others had been committed before. */
  readonly chunksRun: readonly string[];
}

/**
 * Runs a backtest chunk by chunk and remembers every trade as it closes. It goes on where an earlier call of the same run
 * stopped. Equal jobs give equal files, however often they were stopped.
 *
 * @throws The reason of `job.signal`, if that stops the run. What was recorded is kept.
 * @throws {RangeError} If the job contradicts itself.
 */
export async function runBacktest(job: BacktestJob): Promise<BacktestResult> {
  checkJob(job);
  job.memory.assertOpen();
  const run = await openRun(job);
  return goOn(run).finally(() => run.view.close());
}

async function goOn(run: Run): Promise<BacktestResult> {
  const { job, chunks, files, records } = run;
  if (records.length === chunks.length) {
    const summary = await undefinedIfCorrupt(() => files.readSummary());
    if (summary !== undefined) {
      newNotes(summary, job).forEach((note) => job.onNote?.(note));
      return { summary, daily: () => dailyReturnsOf(run), chunksRun: [] };
    }
  }

  await job.onStart?.(run.id);
  const chunksRun = chunks.slice(records.length);
  const writes = new PendingWrites();
  const context = openLoop(run, writes);
  try {
    for (const chunk of chunksRun) await runAndCommit(run, chunk, context);
  } finally {
    // Also if the run is stopped, so that what is under way becomes durable. A failed write says more than the stop.
    await writes.settle();
  }
  await job.memory.flush();
  const persistence = await persistenceOf(run);
  // A memory of the process leaves no files that could be missed.
  if (!(job.memory instanceof InMemoryMemory)) await assertComplete(run, persistence.outcomes_stored);
  const summary = summarize(summaryInput(run), { baselines: runBaselines(run), persistence });
  await files.writeSummary(summary);
  newNotes(summary, job).forEach((note) => job.onNote?.(note));
  return { summary, daily: () => dailyReturnsOf(run), chunksRun: chunksRun.map(({ name }) => name) };
}

type RunFacts = Omit<SummaryInput, "records" | "trades">;

/** A run, as far as it is committed. */
interface Run {
  readonly job: BacktestJob;
  readonly id: string;
  readonly chunks: readonly Chunk[];
  readonly closingChunkIndex: number;
  /** For its summary. */
  readonly facts: () => RunFacts;
  readonly view: MemoryView;
  readonly files: RunFiles;
  readonly snapshots: RunSnapshots;
  readonly own: OwnOutcomes;
  /** Of the committed chunks, in order. */
  readonly records: ChunkRecord[];
}

async function openRun(job: BacktestJob): Promise<Run> {
  const { memory, market, period, onNote = (): void => {} } = job;
  const providers = job.providers.map(({ name }) => name);
  const chunks = planChunks(period, job.chunkKind);
  const bars = barsOfPeriod(job);
  const closingChunkIndex = closingChunkIndexOf(chunks, bars);
  const viewOptions: MemoryViewOptions = {
    ...job.memorySettings,
    market,
    startMs: period.startMs,
    providers,
    records: isRead("records", job.providers),
  };
  const view = job.openView?.(memory, viewOptions) ?? new MemoryView(memory, viewOptions);
  const known = await readManifests(memory.storage);
  const { id, key, notes } = await identifyRun(job, { carriedIn: view.carriedIn, known });
  notes.forEach((note) => onNote(note));
  const files = new RunFiles(memory.storage, id);
  const own = ownOutcomes(memory, { id, chunks, closingChunkIndex });
  const records = await committedChunks(files, own, { chunks, onNote });
  if (records.length < chunks.length) carriedInNotes(view.carriedIn, { key, known }).forEach((note) => onNote(note));
  if (records.length > 0 && records.length < chunks.length) {
    await assertUnchanged(memory, [...view.carriedIn, ...own((i) => i < records.length)]);
  }
  await files.writeManifest(key);
  let made: RunFacts | undefined;
  const facts = (): RunFacts => (made ??= factsOf(job, { id, chunks, bars }));
  const snapshots = new RunSnapshots(memory.storage, id, { chunks: chunks.length });
  return { job, id, chunks, closingChunkIndex, facts, view, files, snapshots, own, records };
}

/** What the summary says of a run's bars and settings. Counting bars takes longer than to read the summary of a finished run. */
function factsOf(
  job: BacktestJob,
  { id, chunks, bars }: { id: string; chunks: readonly Chunk[]; bars: readonly (readonly Bar[])[] },
): RunFacts {
  const { settings, market, period } = job;
  return {
    runId: id,
    period,
    chunkKind: job.chunkKind,
    chunks,
    market,
    memoryEnabled: job.memorySettings.enabled,
    assets: settings.assets,
    barGaps: Object.fromEntries(settings.assets.map((asset, i) => [asset, gapsIn(bars[i]!, settings.timeframeMs)])),
    barCounts: Object.fromEntries(
      settings.assets.map((asset) => [
        asset,
        seriesOf(job, asset).bars.filter(({ timestamp }) => timestamp < period.endMs).length,
      ]),
    ),
    decisionIntervalMs: settings.decisionIntervalMs,
    initialBalance: settings.initialBalance,
    daysPerYear: daysPerYearOf(bars, settings.timeframeMs),
    providers: job.providers.map(({ name }) => name),
    providerBars: new Map(job.providers.map((provider) => [provider.name, provider.bars])),
    notes: job.notes ?? [],
  };
}

/** Brings broker, feeds and memory to where the last committed chunk left them. */
function openLoop({ job, id, chunks, view, own, records }: Run, writes: PendingWrites): LoopContext {
  const { settings, period, signal } = job;
  const last = records.at(-1);
  const startMs = chunks[records.length]?.startMs ?? period.endMs;
  const broker = new Broker(settings, last?.state.broker);
  const feeds = settings.assets.map((asset) => {
    const series = seriesOf(job, asset);
    const options = { startMs, endMs: period.endMs, regimesAdapt: job.memorySettings.enabled };
    const { decisionIntervalMs } = settings;
    const situations = job.shared?.situationsOf(series, { ...options, decisionIntervalMs });
    const feed = new Feed(series, { ...options, situations, features: job.features?.get(asset) });
    if (feed.last !== undefined) broker.setLastBar(asset, feed.last, feed.lastTick);
    return feed;
  });
  // Outcomes of a chunk that was cut off become visible when they are recorded again, as they did the first time.
  const committed = own((i) => i < records.length);
  for (const trade of committed) view.add(trade);

  let trades = committed.length;
  return {
    settings,
    providers: job.providers,
    recallFeatures: job.memorySettings.recallFeatures,
    view,
    broker,
    feeds,
    drawdown: { peak: last?.state.peak_equity ?? 0, maxPct: last?.state.max_drawdown_pct ?? 0 },
    runId: id,
    market: job.market,
    chunks,
    keepDecisions: job.keepDecisions !== false,
    writes,
    signal,
    onTick: ({ chunk, knownMs, equity, closed }) => {
      writes.throwIfFailed();
      job.memory.assertOpen();
      signal?.throwIfAborted();
      trades += closed;
      const share = Math.min(1, (knownMs - period.startMs) / (period.endMs - period.startMs));
      job.onProgress?.({ chunk, simulatedMs: knownMs, share, equity, trades });
    },
  };
}

/** Runs the next chunk, and begins to commit it: the one after that does not depend on it. */
async function runAndCommit(run: Run, chunk: Chunk, context: LoopContext): Promise<void> {
  const { job, view, own, records } = run;
  const { memory, onNote = (): void => {} } = job;
  const index = records.length;
  // Just after a border, what closed at the border is remembered.
  const [startMs, endMs] = [chunk.startMs + 1, chunk.endMs + 1];
  const atStart = {
    remembered_at_start: view.remembered(startMs),
    multipliers_at_start: multipliersAsOf(run, startMs),
  };
  const result = await runChunk(context, chunk, { closes: index === run.closingChunkIndex });
  if (index === run.chunks.length - 1) for (const provider of job.providers) provider.beforeEnd?.();

  await discardUnexpected(
    memory,
    own((i) => i === index),
    { recorded: result.recorded, onNote },
  );
  const trades = own((i) => i <= index);
  const record: ChunkRecord = {
    run_id: run.id,
    chunk: chunk.name,
    start: new Date(chunk.startMs).toISOString(),
    end: new Date(chunk.endMs).toISOString(),
    outcomes_digest: outcomesDigest(trades),
    outcomes_so_far: trades.length,
    ...atStart,
    multipliers_at_end: multipliersAsOf(run, endMs),
    weight_moves: job.memorySettings.enabled ? largestMoves(result.recorded, (ms) => multipliersAsOf(run, ms)) : [],
    initial_balance: records.at(-1)?.final_value ?? job.settings.initialBalance,
    final_value: context.broker.equity(),
    max_drawdown_pct: result.maxDrawdownPct,
    counters: result.counters,
    costs: result.costs,
    costs_r: result.costs_r,
    expectation: result.expectation,
    daily: result.daily,
    state: {
      broker: context.broker.state(),
      peak_equity: context.drawdown.peak,
      max_drawdown_pct: context.drawdown.maxPct,
    },
  };
  records.push(record);
  context.writes.add(commit(run, record, result));
}

/** Writes the files of a chunk: snapshot and details at the same time, then the record that commits them. */
async function commit(run: Run, record: ChunkRecord, { decisions, marks }: ChunkResult): Promise<void> {
  const [files_crc32] = await settleAll([
    run.files.writeDetails(record.chunk, { decisions, marks }),
    run.snapshots.write(snapshotOf(summaryInput(run)), { atMs: Date.parse(record.end) }),
  ]);
  await run.files.commitChunk({ ...record, files_crc32 });
}

/** The weights of the providers x their number, by name. */
function multipliersAsOf({ job: { providers }, view }: Run, asOf: number): Record<string, number> {
  const weights = view.lessons(asOf)?.weights;
  return Object.fromEntries(
    providers.map(({ name }, i) => [name, (weights?.[i] ?? 1 / providers.length) * providers.length]),
  );
}

function summaryInput({ facts, own, records }: Run): SummaryInput {
  return { ...facts(), records, trades: own((i) => i < records.length) };
}

function dailyReturnsOf({ facts, records }: Run): DailyReturns {
  const { daysPerYear, initialBalance } = facts();
  const days = lastOfDays(
    records.flatMap(({ daily }) => daily),
    daysPerYear,
  );
  return { dates: days.map(({ date }) => date), returns: simpleReturns(days, initialBalance), daysPerYear };
}

function runBaselines(run: Run): Baselines {
  const { job } = run;
  const bars = barsOfPeriod(job);
  const held = job.settings.assets.map((asset, i) => {
    const { feeBps, spreadBps, slippageBps } = costsOf(job.settings, asset);
    const shares = { feeShare: feeBps / 10_000, fillShare: (spreadBps / 2 + slippageBps) / 10_000 };
    return { asset, bars: bars[i]!, timeframeMs: job.settings.timeframeMs, ...shares };
  });
  return baselinesOf(held, summaryInput(run));
}
