/** Backtests that leave no files: experiments are made of them. */
import type { InMemoryJob } from "../backtest/job.ts";
import { readManifests, RunFiles } from "../backtest/run-files.ts";
import type { RunKey } from "../backtest/run-key.ts";
import { type BacktestResult, runBacktest } from "../backtest/run.ts";
import { InMemoryMemory } from "../memory/in-memory.ts";
import type { EmbeddedTrade } from "../memory/trade.ts";
import { type Chunk, type ChunkRecord, planChunks } from "../results/chunks.ts";
import type { DailyReturns } from "../results/metrics.ts";
import type { Summary } from "../results/summary-shape.ts";

/** What a run in memory left. */
export interface RunTrace {
  readonly runId: string;
  readonly key: RunKey;
  /** The chunks that were run, and their records. */
  readonly chunks: readonly Chunk[];
  readonly records: readonly ChunkRecord[];
  /** Lines of the decisions and the equity marks, as in the files of a run. */
  readonly decisions: readonly string[];
  readonly marks: readonly string[];
  /** The outcomes as lines of JSON, in the order in which they were recorded. */
  readonly outcomes: readonly string[];
  /** The run's trades, in the order of (exit, id). */
  readonly trades: readonly EmbeddedTrade[];
  /** `undefined` if the run was stopped early. */
  readonly summary: Summary | undefined;
  /** `undefined` if the run was stopped early. */
  readonly daily: (() => DailyReturns) | undefined;
}

/**
 * Runs a job in the memory of this process.
 *
 * @param options `untilMs`: chunks that start at or after it are not run.
 * @throws The reason of `job.signal`, if that stops the run.
 */
export async function runInMemory(
  { remembered, ...job }: InMemoryJob,
  options: { untilMs?: number } = {},
): Promise<RunTrace> {
  const { untilMs = Infinity } = options;
  const memory = new InMemoryMemory(remembered);
  const { storage } = memory;
  const chunks = planChunks(job.period, job.chunkKind).filter(({ startMs }) => startMs < untilMs);
  const lastMs = chunks.at(-1)?.endMs ?? job.period.startMs;
  const enough = new AbortController();
  let result: BacktestResult | undefined;
  try {
    result = await runBacktest({
      ...job,
      memory,
      signal: job.signal === undefined ? enough.signal : AbortSignal.any([enough.signal, job.signal]),
      onProgress: (progress) => {
        // At the first tick of the next chunk, the one before is committed.
        if (progress.simulatedMs > lastMs) enough.abort();
        job.onProgress?.(progress);
      },
    });
  } catch (error) {
    if (!enough.signal.aborted || error !== enough.signal.reason) throw error;
  }

  const [runId, key] = [...(await readManifests(storage))][0]!;
  const files = new RunFiles(storage, runId);
  const records: ChunkRecord[] = [];
  const decisions: (readonly string[])[] = [];
  const marks: (readonly string[])[] = [];
  for (const { name } of chunks) {
    const record = (await files.readCommitted(name))!;
    records.push(record);
    for await (const lines of await files.readLines(record, "decisions.ndjson")) decisions.push(lines);
    for await (const lines of await files.readLines(record, "equity.csv")) marks.push(lines);
  }
  return {
    runId,
    key,
    chunks,
    records,
    decisions: decisions.flat(),
    marks: marks.flat(),
    outcomes: memory.recorded.map((outcome) => JSON.stringify(outcome)),
    trades: memory.trades.filter((trade) => trade.runId === runId),
    summary: result?.summary,
    daily: result?.daily,
  };
}
