/** How often the same bars were tried: each time was a chance to be lucky (docs/RULES.md, "Does memory help"). */
import { readManifests, RunFiles } from "../backtest/run-files.ts";
import { CarryoverError, undefinedIfCorrupt } from "../errors.ts";
import type { ChunkRecord } from "../results/chunks.ts";
import { type DaysPerYear, lastOfDays, sharpeRatio, simpleReturns } from "../results/metrics.ts";
import {
  deflatedSharpe,
  expectedMaxSharpe,
  minTrackRecord,
  momentsOf,
  probabilisticSharpe,
} from "../stats/sharpe-significance.ts";
import { readJsonObject } from "../storage/json-file.ts";
import { isRecord } from "../util/json.ts";
import type { Storage } from "../storage/storage.ts";
import { rounded } from "../util/numbers.ts";
import type { Arm } from "./arm.ts";

/** Large ones have many worlds of many years. */
const MAX_COMPARISON_BYTES = 1 << 28;

/** Runs on the same bars. */
export interface Trials {
  readonly count: number;
  /** Annualized Sharpe ratios of those that were finished. */
  readonly sharpes: readonly number[];
}

/** A run on the bars in question. */
export interface Tried {
  /** Simple, a day. */
  readonly returns: readonly number[];
  readonly isFinished: boolean;
}

/** SHA-256 by asset, as in a run's key. */
type Bars = Readonly<Record<string, string>>;

/**
 * Counts runs, those of the same daily returns once: they were no other chance. Nor was one that was stopped and is there as a whole
 * as well; and one without a day has shown nothing.
 */
export function countTrials(tried: readonly Tried[], daysPerYear: DaysPerYear): Trials {
  const distinct = new Map<string, Tried>();
  for (const run of tried) {
    const key = run.returns.map(rounded).join();
    if (run.returns.length > 0 && distinct.get(key)?.isFinished !== true) distinct.set(key, run);
  }
  const keys = [...distinct.keys()];
  const goesOn = (key: string): boolean => keys.some((other) => other.startsWith(`${key},`));
  const trials = [...distinct].flatMap(([key, run]) => (run.isFinished || !goesOn(key) ? [run] : []));
  const sharpes = trials.map(({ returns, isFinished }) => (isFinished ? sharpeRatio(returns, daysPerYear) : null));
  return { count: trials.length, sharpes: sharpes.filter((sharpe) => sharpe !== null) };
}

/** A run's simple returns, a day each, from its chunks in order of time. */
export function dailyReturns(records: readonly ChunkRecord[], daysPerYear: DaysPerYear): number[] {
  const days = lastOfDays(
    records.flatMap(({ daily }) => daily),
    daysPerYear,
  );
  return simpleReturns(days, records[0]?.initial_balance ?? 0);
}

/**
 * The runs of a memory folder on the same bars.
 *
 * @throws {CarryoverError} `CORRUPT` if the record of a chunk is not as it was written: without it a run would pass for a shorter one.
 */
export async function triedRuns(
  storage: Storage,
  { bars, daysPerYear }: { bars: Bars; daysPerYear: DaysPerYear },
): Promise<readonly Tried[]> {
  const tried: Tried[] = [];
  for (const [runId, key] of await readManifests(storage)) {
    if (!areSame(key.bars, bars)) continue;
    const files = new RunFiles(storage, runId);
    const records: ChunkRecord[] = [];
    for (const name of await files.chunkNames()) {
      const record = await files.readChunk(name);
      // Gone since it was listed: another process makes that run anew.
      if (record !== undefined) records.push(record);
    }
    records.sort((a, b) => (a.start < b.start ? -1 : 1));
    const isFinished = (await undefinedIfCorrupt(() => files.readSummary())) !== undefined;
    tried.push({ returns: dailyReturns(records, daysPerYear), isFinished });
  }
  return tried;
}

/**
 * The runs with memory and without that the comparisons in a folder made on the same bars. Shuffled ones are no trials: nobody would pick
 * them.
 *
 * @throws {CarryoverError} `CORRUPT` if a comparison can't be read.
 */
export async function comparedRuns(storage: Storage, bars: Bars): Promise<readonly Tried[]> {
  const tried: Tried[] = [];
  for (const { name } of (await storage.list()).files) {
    if (!/^comparison_[0-9a-f]+\.json$/.test(name)) continue;
    const { worlds } = (await readJsonObject(storage, name, { maxBytes: MAX_COMPARISON_BYTES })) ?? {};
    if (!Array.isArray(worlds)) throw unreadable(name);
    for (const world of worlds.filter(isRecord)) {
      if (!areSame(world["bars"], bars)) continue;
      for (const arm of [world["on"], world["off"]]) {
        const returns: unknown = isRecord(arm) ? arm["returns"] : undefined;
        if (!isListOfNumbers(returns)) throw unreadable(name);
        tried.push({ returns, isFinished: true });
      }
    }
  }
  return tried;
}

function areSame(some: unknown, bars: Bars): boolean {
  const sorted = (of: object): string => JSON.stringify(Object.entries(of).toSorted());
  return isRecord(some) && sorted(some) === sorted(bars);
}

function isListOfNumbers(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((each) => typeof each === "number");
}

function unreadable(name: string): CarryoverError {
  return new CarryoverError("CORRUPT", `Cannot read "${name}": found no daily returns, expected those of its worlds`);
}

const CONFIDENCE = 0.95;

/** How far returns can be trusted. Ratios are of a day; probabilities 0..1. */
export interface TrackRecordOf {
  readonly days: number;
  readonly daily_sharpe: number;
  readonly skewness: number;
  readonly kurtosis: number;
  /** That the true Sharpe ratio is above 0 (Bailey and Lopez de Prado 2012). */
  readonly probabilistic_sharpe: number | null;
  /** The same after so many trials (Bailey and Lopez de Prado 2014). */
  readonly deflated_sharpe: number | null;
  /** Days until it would be above 0 with 95 %, were all to go on as it did; `null` where it is not above 0. */
  readonly min_track_record_days: number | null;
}

/** Of the first world of a comparison. */
export interface TrackRecord {
  readonly world: string;
  readonly trials: number;
  readonly trials_with_sharpe: number;
  /** Of the trials' daily Sharpe ratios; 0 with fewer than two. */
  readonly sharpe_variance: number;
  /** The daily Sharpe ratio that the best of so many trials without skill is expected to show. */
  readonly expected_max_sharpe: number;
  readonly on: TrackRecordOf | null;
  readonly off: TrackRecordOf | null;
  /**
   * Of the daily returns with memory less those without; not deflated, as it was not picked. The track record is the one that it
   * would take to show the difference, whichever sign it has.
   */
  readonly on_minus_off: Omit<TrackRecordOf, "deflated_sharpe"> | null;
}

/** Judges the two runs of a world, and their difference. */
export function trackRecord(
  world: { readonly name: string; readonly days_per_year: number; readonly on: Arm; readonly off: Arm } | undefined,
  trials: Trials,
): TrackRecord {
  if (world === undefined) throw new RangeError("Cannot judge a track record: found no world, expected one");
  const daily = trials.sharpes.map((sharpe) => sharpe / Math.sqrt(world.days_per_year));
  const picked = { trials: trials.count, variance: varianceOf(daily) };
  const { on, off } = world;
  const difference = recordOf(
    on.returns.map((value, i) => value - (off.returns[i] ?? 0)),
    picked,
  );
  let plain: TrackRecord["on_minus_off"] = null;
  if (difference !== null) {
    const { deflated_sharpe: _deflated, ...rest } = difference;
    plain = rest.daily_sharpe < 0 ? { ...rest, min_track_record_days: lengthToShow(rest) } : rest;
  }
  return {
    world: world.name,
    trials: trials.count,
    trials_with_sharpe: daily.length,
    sharpe_variance: picked.variance,
    expected_max_sharpe: expectedMaxSharpe(picked.trials, picked.variance),
    on: recordOf(on.returns, picked),
    off: recordOf(off.returns, picked),
    on_minus_off: plain,
  };
}

function recordOf(returns: readonly number[], picked: { trials: number; variance: number }): TrackRecordOf | null {
  const moments = momentsOf(returns);
  if (moments === null) return null;
  return {
    days: moments.count,
    daily_sharpe: moments.sharpe,
    skewness: moments.skewness,
    kurtosis: moments.kurtosis,
    probabilistic_sharpe: probabilisticSharpe(moments, 0),
    deflated_sharpe: deflatedSharpe(moments, picked),
    min_track_record_days: minTrackRecord(moments, CONFIDENCE),
  };
}

/** Of the opposite returns. */
function lengthToShow({
  days,
  daily_sharpe,
  skewness,
  kurtosis,
}: Omit<TrackRecordOf, "deflated_sharpe">): number | null {
  return minTrackRecord({ count: days, sharpe: -daily_sharpe, skewness: -skewness, kurtosis }, CONFIDENCE);
}

/** Of a sample; 0 of fewer than two. */
function varianceOf(values: readonly number[]): number {
  if (values.length < 2) return 0;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return values.reduce((sum, value) => sum + (value - mean) * (value - mean), 0) / (values.length - 1);
}
