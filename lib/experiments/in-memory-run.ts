/** Backtests that leave no files: what experiments are made of. */
import { inMemoryStorage } from "../storage/in-memory.ts";
import type { EmbeddedTrade } from "../memory/trade.ts";
import { inMemoryMemory } from "../memory/in-memory.ts";
import { type Chunk, type ChunkRecord, planChunks } from "../results/chunks.ts";
import type { InMemoryJob } from "../backtest/job.ts";
import { runBacktest } from "../backtest/run.ts";
import type { RunKey } from "../backtest/run-key.ts";
import { readManifests, RunFiles } from "../backtest/run-files.ts";
import type { Summary } from "../results/summary.ts";

/** What a rehearsed run left, in this process. */
export interface RunTrace {
  readonly runId: string;
  readonly key: RunKey;
  /** Ids of its decisions, those that became trades among them. */
  readonly ownIds: ReadonlySet<string>;
  /** Of the chunks that were run. */
  readonly chunks: readonly Chunk[];
  readonly records: readonly ChunkRecord[];
  /** A line a decision and a line a mark, as in the files of a run. */
  readonly decisions: readonly string[];
  readonly marks: readonly string[];
  /** An outcome a line, in the order in which they were recorded. */
  readonly outcomes: readonly string[];
  /** The run's trades, in the order of (exit, id). */
  readonly trades: readonly EmbeddedTrade[];
  /** `undefined` where the run was stopped early. */
  readonly summary: Summary | undefined;
}

/** How a decision's line begins. */
const DECISION_ID = '{"decision_id":"';

/**
 * Runs a job in the memory of this process.
 *
 * @param options `untilMs`: no chunk that starts at or after it is run.
 * @throws The reason of `job.signal`, if that stops it.
 */
export async function runInMemory(
  { remembered, ...job }: InMemoryJob,
  options: { untilMs?: number } = {},
): Promise<RunTrace> {
  const { untilMs = Infinity } = options;
  const storage = inMemoryStorage();
  const memory = inMemoryMemory(remembered);
  const chunks = planChunks(job.period, job.chunkKind).filter(({ startMs }) => startMs < untilMs);
  const lastMs = chunks.at(-1)?.endMs ?? job.period.startMs;
  const enough = new AbortController();
  let summary: Summary | undefined;
  try {
    const result = await runBacktest({
      ...job,
      memory,
      storage,
      signal: job.signal === undefined ? enough.signal : AbortSignal.any([enough.signal, job.signal]),
      onProgress: (progress) => {
        // The first tick of the next chunk: by then the one before is committed.
        if (progress.simulatedMs > lastMs) enough.abort();
        job.onProgress?.(progress);
      },
    });
    summary = result.summary;
  } catch (error) {
    if (!enough.signal.aborted || error !== enough.signal.reason) throw error;
  }

  const [manifest] = await readManifests(storage);
  if (manifest === undefined) throw new RangeError("Cannot run in memory: found no manifest, expected that of the run");
  const [runId, key] = manifest;
  const files = new RunFiles(storage, runId);
  const records: ChunkRecord[] = [];
  const decisions: string[] = [];
  const marks: string[] = [];
  for (const { name } of chunks) {
    const record = await files.readCommitted(name);
    if (record === undefined)
      throw new RangeError(`Cannot run in memory: found no chunk ${name}, expected it committed`);
    records.push(record);
    decisions.push(...(await files.readLines(name, "decisions.ndjson")));
    marks.push(...(await files.readLines(name, "equity.csv")).slice(1));
  }
  return {
    runId,
    key,
    ownIds: new Set(decisions.map((line) => line.slice(DECISION_ID.length, line.indexOf('"', DECISION_ID.length)))),
    chunks,
    records,
    decisions,
    marks,
    outcomes: memory.recorded.map((outcome) => JSON.stringify(outcome)),
    trades: memory.trades.filter((trade) => trade.runId === runId),
    summary,
  };
}
