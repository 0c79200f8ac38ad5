/** What a report needs of a run's files. */
import { RunFiles, type StoredChunk } from "../backtest/run-files.ts";
import type { RunKey } from "../backtest/run-key.ts";
import { CarryoverError, corruptFile, fail, isCorrupt } from "../errors.ts";
import type { ReadingOptions } from "../memory/load.ts";
import { MAX_OUTCOME_BYTES, outcomeFileName } from "../memory/outcome.ts";
import type { Summary } from "../results/summary-shape.ts";
import { isSession } from "../runs/describe.ts";
import { readSealedJson } from "../storage/sealed-json.ts";
import type { Storage } from "../storage/storage.ts";
import type { Action, Outcome } from "../types.ts";
import { pauseEvery } from "../util/async.ts";

/** A decision, without what no picture shows. */
export interface DecisionPoint {
  readonly id: string;
  /** Epoch ms. */
  readonly atMs: number;
  /** The chunk that it was made in. */
  readonly chunk: string;
  readonly asset: string;
  readonly regime: string;
  readonly close: number;
  readonly action: Action;
  /** Whether it opened a position. */
  readonly isEntry: boolean;
  /** By provider, sum 1. */
  readonly weights: Readonly<Record<string, number>>;
  readonly expectedR: number | null;
  readonly sizeScale: number;
  /** Most similar first. */
  readonly nearest: readonly { readonly decision_id: string; readonly similarity: number }[];
}

/** A mark of equity after a tick. */
export interface Mark {
  /** Start of the tick's bars, epoch ms. */
  readonly atMs: number;
  readonly equity: number;
}

/** A finished run. */
export interface RunData {
  readonly runId: string;
  readonly key: RunKey;
  readonly summary: Summary;
  /** In order. */
  readonly records: readonly StoredChunk[];
  readonly marks: readonly Mark[];
}

const UNKNOWN_RUN = { found: "no such run in this memory folder", expected: "one of its runs" };
const UNFINISHED_RUN = {
  found: "no summary, as it has not ended",
  expected: "a finished run: run-chunks continues it",
};
const OPEN_SESSION = {
  found: "an open session",
  expected:
    "a closed one: the method close_session ends it while the server goes on; meanwhile, export trades has its trades",
};

/**
 * A run without its decisions and outcomes.
 *
 * @throws {CarryoverError} `NOT_FOUND` if it is not there or has not ended; `BAD_USAGE` if it is of a version before 0.3; `CORRUPT`.
 */
export async function readRun(storage: Storage, runId: string): Promise<RunData> {
  const files = new RunFiles(storage, runId);
  const key = await files.readManifest({ verify: false });
  const summary = await files.readSummary();
  if (key === undefined || summary === undefined) {
    const problem = key === undefined ? UNKNOWN_RUN : isSession(key) ? OPEN_SESSION : UNFINISHED_RUN;
    throw fail("NOT_FOUND", `Cannot report the run ${runId.slice(0, 12)}`, problem);
  }
  // The newest of its keys.
  if (summary.expected_and_realized === undefined) {
    throw fail("BAD_USAGE", `Cannot report the run ${runId.slice(0, 12)}`, {
      found: `a summary of Carryover ${key.version} without all of its figures`,
      expected: "a run of 1.0.0 or later",
    });
  }
  const records: StoredChunk[] = [];
  const marks: Mark[] = [];
  for (const { quarter } of summary.quarterly_breakdown) {
    const record = await withHint(() => readRecord(files, quarter));
    records.push(record);
    for await (const lines of await withHint(() => files.readLines(record, "equity.csv"))) {
      for (const line of lines) {
        const [at = "", equity] = line.split(",");
        marks.push({ atMs: Date.parse(at), equity: Number(equity) });
      }
    }
  }
  return { runId, key, summary, records, marks };
}

async function readRecord(files: RunFiles, chunk: string): Promise<StoredChunk> {
  const record = await files.readChunk(chunk);
  if (record !== undefined) return record;
  throw corruptFile(`${chunk}.json`, { found: "no such file", expected: "one, as the run has ended" });
}

/** Says of a damaged file where the others are named. */
async function withHint<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!isCorrupt(error)) throw error;
    throw new CarryoverError("CORRUPT", `${error.message}. memory-stats --check lists all that is damaged`);
  }
}

/** Files that are read between two moments in which a signal can stop the reading. */
const READS_PER_PAUSE = 64;

/** The decisions of a run, in order. */
export async function readDecisions(
  storage: Storage,
  { runId, records }: RunData,
  signal: AbortSignal | undefined,
): Promise<readonly DecisionPoint[]> {
  const files = new RunFiles(storage, runId);
  const pause = pauseEvery(1, signal);
  const points: DecisionPoint[] = [];
  for (const record of records) {
    await pause();
    for await (const lines of await withHint(() => files.readLines(record, "decisions.ndjson"))) {
      for (const line of lines) points.push(pointOf(JSON.parse(line), record.chunk));
    }
  }
  return points;
}

/** A line of `<chunk>.decisions.ndjson`, as far as it is read here. */
interface DecisionLine {
  readonly decision_id: string;
  readonly timestamp: string;
  readonly asset: string;
  readonly situation: { readonly regime: string; readonly close: number };
  readonly action: Action;
  readonly weights: Readonly<Record<string, number>>;
  readonly expected_r: number | null;
  readonly size_scale: number;
  readonly order: string;
  readonly context: { readonly similar: { readonly nearest: DecisionPoint["nearest"] } };
}

function pointOf(line: DecisionLine, chunk: string): DecisionPoint {
  return {
    id: line.decision_id,
    atMs: Date.parse(line.timestamp),
    chunk,
    asset: line.asset,
    regime: line.situation.regime,
    close: line.situation.close,
    action: line.action,
    isEntry: line.order === "open" || line.order === "reverse",
    weights: line.weights,
    expectedR: line.expected_r,
    sizeScale: line.size_scale,
    nearest: line.context.similar.nearest,
  };
}

/** The outcomes of a run's entries, in their order. An order that was never filled has none. */
export async function readOutcomes(
  storage: Storage,
  decisions: readonly DecisionPoint[],
  { signal, onSteps }: ReadingOptions,
): Promise<readonly Outcome[]> {
  const pause = pauseEvery(READS_PER_PAUSE, signal);
  const outcomes: Outcome[] = [];
  const entries = decisions.filter(({ isEntry }) => isEntry);
  for (const [i, { id }] of entries.entries()) {
    await pause();
    onSteps?.("Read", i, entries.length);
    const found = await readSealedJson(storage, outcomeFileName(id), { maxBytes: MAX_OUTCOME_BYTES + 1 });
    // What the fields are was checked when they were written.
    if (found !== undefined) outcomes.push(found.fields as unknown as Outcome);
  }
  return outcomes;
}
