/** Stored runs compared with others, on the days that both have. */
import { RunFiles } from "../backtest/run-files.ts";
import { timeframeMsOf } from "../backtest/run-key.ts";
import { fail } from "../errors.ts";
import { type Arm, armOf, type Figures, fromFigures, minus } from "../experiments/arm.ts";
import { DaySample, type FigureIntervals, type World } from "../experiments/day-sample.ts";
import { readMemory } from "../memory/load.ts";
import type { Trade } from "../memory/trade.ts";
import type { ChunkRecord } from "../results/chunks.ts";
import { daysPerYearOfMarks } from "../results/metrics.ts";
import { blockLength } from "../stats/bootstrap.ts";
import { minTrackRecord, momentsOf } from "../stats/sharpe-significance.ts";
import type { DamagedFile } from "../storage/damaged-file.ts";
import type { Storage } from "../storage/storage.ts";
import { type Pause, pauseEvery } from "../util/async.ts";
import { DAY_MS } from "../util/time.ts";

/** Resamples of every interval. */
const DRAWS = 2000;
const SEED = "runs compare";
/** Of the days needed to show a difference. */
const CONFIDENCE = 0.95;
/** Records that are read between two moments in which a signal can stop the reading. */
const RECORDS_PER_PAUSE = 16;

/** What a comparison reads of a stored run. */
export interface StoredRun {
  readonly runId: string;
  readonly timeframeMs: number;
  /** Of its committed chunks, in order. */
  readonly records: readonly ChunkRecord[];
  readonly trades: readonly Trade[];
}

type Verdict = "a is better" | "b is better" | "no difference that this much data can show";

/** What `runs compare --json` prints. Figures are means over the runs of a side. */
export interface RunComparison {
  /** By the Sharpe ratio. */
  readonly verdict: Verdict;
  readonly a: Figures & { readonly runs: readonly string[]; readonly trades: number };
  readonly b: Figures & { readonly runs: readonly string[]; readonly trades: number };
  readonly a_minus_b: FigureIntervals;
  /** Days that both have, of all pairs together, and the first and the last of them. */
  readonly days: number;
  readonly first_day: string;
  readonly last_day: string;
  /** How many days would show the difference of the daily returns, if it stays as it is; `null` if there is none. */
  readonly days_needed: number | null;
  readonly method: { readonly draws: number; readonly seed: string; readonly level_pct: 95 };
}

/**
 * Reads runs, and the memory of each storage once.
 *
 * @param options `damaged`: gets the damaged files of the memories. They are left out.
 * @throws {CarryoverError} `NOT_FOUND` if a run has no committed chunk; `CORRUPT` if the record of one is damaged.
 */
export async function readStoredRuns(
  runs: readonly { readonly storage: Storage; readonly id: string }[],
  options: { signal?: AbortSignal; damaged?: DamagedFile[] } = {},
): Promise<readonly StoredRun[]> {
  const { signal, damaged = [] } = options;
  const pause = pauseEvery(RECORDS_PER_PAUSE, signal);
  const tradesIn = new Map<Storage, readonly Trade[]>();
  const read: StoredRun[] = [];
  for (const { storage, id } of runs) {
    const files = new RunFiles(storage, id);
    const records = await readRecords(files, { runId: id, pause });
    const key = await files.readManifestHead();
    const timeframeMs = key === undefined ? DAY_MS : timeframeMsOf(key);
    let trades = tradesIn.get(storage);
    if (trades === undefined) {
      const memory = await readMemory(storage, { signal });
      damaged.push(...memory.damaged);
      trades = memory.trades;
      tradesIn.set(storage, trades);
    }
    read.push(storedRunOf({ runId: id, records, timeframeMs }, trades));
  }
  return read;
}

/** Of the committed chunks, in order of time. */
async function readRecords(
  files: RunFiles,
  { runId, pause }: { runId: string; pause: Pause },
): Promise<readonly ChunkRecord[]> {
  const records: ChunkRecord[] = [];
  for (const name of await files.chunkNames()) {
    await pause();
    const record = await files.readChunk(name);
    if (record !== undefined) records.push(record);
  }
  if (records.length === 0) {
    const found = "no committed chunk";
    throw fail("NOT_FOUND", `Cannot compare run ${runId.slice(0, 12)}`, { found, expected: "one or more" });
  }
  return records.toSorted((a, b) => (a.start < b.start ? -1 : 1));
}

/** A run by its records, and by those of the trades of its memory folder that belong to them. */
export function storedRunOf(run: Omit<StoredRun, "trades">, trades: readonly Trade[]): StoredRun {
  const { runId, records, timeframeMs } = run;
  const committed = new Set(records.map(({ chunk }) => chunk));
  return {
    runId,
    records,
    timeframeMs,
    trades: trades.filter((trade) => trade.runId === runId && committed.has(trade.chunk)),
  };
}

/**
 * Compares runs pair by pair: the first of `a` with the first of `b`. Pairs on the same bars and days are resampled together, others each
 * by itself.
 *
 * @throws {CarryoverError} `BAD_USAGE` if the sides differ in number, or a pair has no day in common.
 */
export function compareStoredRuns(a: readonly StoredRun[], b: readonly StoredRun[]): RunComparison {
  if (a.length !== b.length) {
    const expected = "as many on both sides: they are compared pair by pair";
    throw fail("BAD_USAGE", "Cannot compare runs", { found: `${a.length} and ${b.length} of them`, expected });
  }
  const worlds = a.map((run, i) => worldOf(run, b[i]!));
  const sample = new DaySample(worlds, { draws: DRAWS, seed: SEED });
  const days = sample.allDays();
  const [drawn] = sample.intervals([days], {
    name: "whole",
    differences: ([some]) => [minus(sample.figures("on", some!), sample.figures("off", some!))],
  });
  const [left, right] = [sample.reported("on", days), sample.reported("off", days)];
  const difference = fromFigures((figure) => (left[figure] === null || right[figure] === null ? null : drawn![figure]));
  const dates = worlds.flatMap((world) => world.dates).toSorted();
  return {
    verdict: verdictOn(difference.sharpe),
    a: { ...left, ...sideOf(worlds.map(({ on }) => on)) },
    b: { ...right, ...sideOf(worlds.map(({ off }) => off)) },
    a_minus_b: difference,
    days: dates.length,
    first_day: dates[0]!,
    last_day: dates.at(-1)!,
    days_needed: daysNeeded(worlds),
    method: { draws: DRAWS, seed: SEED, level_pct: 95 },
  };
}

/** Two runs as the arms of a world: on the days that both have. */
function worldOf(a: StoredRun, b: StoredRun): World {
  const marks = [a, b].flatMap(({ records }) => records.flatMap(({ daily }) => daily));
  const daysPerYear = daysPerYearOfMarks(marks, Math.max(a.timeframeMs, b.timeframeMs));
  const [left, right] = [a, b].map((run) => {
    const initialBalance = run.records[0]!.initial_balance;
    return armOf(run, { initialBalance, daysPerYear });
  });
  const ofRight = new Set(right!.dates);
  const dates = left!.dates.filter((date) => ofRight.has(date));
  if (dates.length === 0) {
    const spans = [left!, right!].map((side) => `${side.dates[0]} to ${side.dates.at(-1)}`);
    throw fail("BAD_USAGE", "Cannot compare runs", {
      found: `no day that both have: ${spans.join(", and ")}`,
      expected: "periods that overlap",
    });
  }
  const [on, off] = [left!, right!].map((side) => onDays(side, dates));
  const differences = on!.returns.map((value, i) => value - off!.returns[i]!);
  const longestDays = Math.max(0, ...[...a.trades, ...b.trades].map((trade) => trade.exitMs - trade.entryMs)) / DAY_MS;
  return {
    name: dates.join(),
    bars: {},
    days_per_year: daysPerYear,
    mean_block_days: Math.max(1, Math.ceil(longestDays), blockLength(differences)),
    dates,
    on: on!,
    off: off!,
    matched: null,
    mean_size_scale: null,
    shuffled: [],
    without: {},
  };
}

/** The part of an arm that lies on some of its days. */
function onDays({ dates, arm }: { dates: readonly string[]; arm: Arm }, days: readonly string[]): Arm {
  const indexOf = new Map(days.map((date, i) => [date, i]));
  const { day, won, result_r, confidence } = arm.trades;
  const kept = day.map((_, i) => i).filter((i) => indexOf.has(dates[day[i]!]!));
  return {
    run_id: arm.run_id,
    returns: arm.returns.filter((_, i) => indexOf.has(dates[i]!)),
    trades: {
      day: kept.map((i) => indexOf.get(dates[day[i]!]!)!),
      won: kept.map((i) => won[i]!),
      result_r: kept.map((i) => result_r[i]!),
      confidence: kept.map((i) => confidence[i]!),
    },
  };
}

function sideOf(arms: readonly Arm[]): { runs: readonly string[]; trades: number } {
  const trades = arms.reduce((sum, arm) => sum + arm.trades.day.length, 0);
  return { runs: arms.map((arm) => arm.run_id), trades: trades / arms.length };
}

/** The Sharpe ratio is the one figure that is chosen in advance, and betting less does not change it. */
function verdictOn(difference: FigureIntervals["sharpe"]): Verdict {
  if (difference === null || difference.p_value > 0.05 || difference.estimate === 0) {
    return "no difference that this much data can show";
  }
  return difference.estimate > 0 ? "a is better" : "b is better";
}

function daysNeeded(worlds: readonly World[]): number | null {
  const moments = momentsOf(worlds.flatMap(({ on, off }) => on.returns.map((value, i) => value - off.returns[i]!)));
  if (moments === null) return null;
  // Taken in the direction that it has.
  const { count, sharpe, skewness, kurtosis } = moments;
  const sign = sharpe < 0 ? -1 : 1;
  return minTrackRecord({ count, sharpe: sign * sharpe, skewness: sign * skewness, kurtosis }, CONFIDENCE);
}
