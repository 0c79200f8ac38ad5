/** How often the same bars were tried, and what is left of a Sharpe ratio then (docs/RULES.md, "Does memory help"). */
import { readManifests, RunFiles } from "../backtest/run-files.ts";
import { fail, undefinedIfCorrupt } from "../errors.ts";
import type { ChunkRecord } from "../results/chunks.ts";
import { type DaysPerYear, lastOfDays, sharpeRatio, simpleReturns } from "../results/metrics.ts";
import {
  deflatedSharpe,
  expectedMaxSharpe,
  minTrackRecord,
  momentsOf,
  probabilisticSharpe,
  varianceOf,
} from "../stats/sharpe-significance.ts";
import { readJsonObject } from "../storage/json-file.ts";
import type { Storage } from "../storage/storage.ts";
import { isRecord } from "../util/json.ts";
import { rounded } from "../util/numbers.ts";
import type { Arm } from "./arm.ts";

/** A comparison may have many worlds of many years. */
const MAX_COMPARISON_BYTES = 1 << 28;

/** A run on the bars in question: a chance to be lucky. */
export interface Trial {
  /** Simple daily returns. */
  readonly returns: readonly number[];
  readonly isFinished: boolean;
}

/** The distinct trials on the same bars. */
export interface Trials {
  readonly count: number;
  /** Annualized Sharpe ratios of the finished ones. */
  readonly sharpes: readonly number[];
}

/** SHA-256 by asset, as in a run's key. */
type Bars = Readonly<Record<string, string>>;

/**
 * Counts trials. Runs with the same daily returns are one trial. A run without a day does not count, and neither does a stopped
 * run whose days are the first days of another run.
 */
export function countTrials(trials: readonly Trial[], daysPerYear: DaysPerYear): Trials {
  const distinct = new Map<string, Trial>();
  for (const trial of trials) {
    const key = trial.returns.map(rounded).join();
    if (trial.returns.length > 0 && distinct.get(key)?.isFinished !== true) distinct.set(key, trial);
  }
  const keys = [...distinct.keys()];
  const goesOn = (key: string): boolean => keys.some((other) => other.startsWith(`${key},`));
  const counted = [...distinct].filter(([key, { isFinished }]) => isFinished || !goesOn(key));
  const sharpes = counted.map(([, trial]) => (trial.isFinished ? sharpeRatio(trial.returns, daysPerYear) : null));
  return { count: counted.length, sharpes: sharpes.filter((sharpe) => sharpe !== null) };
}

/** Simple daily returns of a run, from the records of its chunks in the order of time. */
export function dailyReturns(records: readonly ChunkRecord[], daysPerYear: DaysPerYear): number[] {
  const days = records.flatMap(({ daily }) => daily);
  return simpleReturns(lastOfDays(days, daysPerYear), records[0]?.initial_balance ?? 0);
}

/**
 * The runs of a memory folder on the same bars.
 *
 * @throws {CarryoverError} `CORRUPT` if the record of a chunk is damaged: without it, a run would pass for a shorter one.
 */
export async function trialsOfRuns(
  storage: Storage,
  { bars, daysPerYear }: { bars: Bars; daysPerYear: DaysPerYear },
): Promise<readonly Trial[]> {
  const trials: Trial[] = [];
  for (const [runId, key] of await readManifests(storage)) {
    if (!isSameBars(key.bars, bars)) continue;
    const files = new RunFiles(storage, runId);
    const records: ChunkRecord[] = [];
    for (const name of await files.chunkNames()) {
      const record = await files.readChunk(name);
      // A chunk that is gone since it was listed is being run again by another process.
      if (record !== undefined) records.push(record);
    }
    records.sort((a, b) => (a.start < b.start ? -1 : 1));
    const isFinished = (await undefinedIfCorrupt(() => files.readSummary())) !== undefined;
    trials.push({ returns: dailyReturns(records, daysPerYear), isFinished });
  }
  return trials;
}

/**
 * The runs with memory and without it that the comparisons in a folder made on the same bars. Shuffled runs are no trials: nobody
 * would choose them.
 *
 * @throws {CarryoverError} `CORRUPT` if a comparison is damaged.
 */
export async function trialsOfComparisons(storage: Storage, bars: Bars): Promise<readonly Trial[]> {
  const trials: Trial[] = [];
  for (const { name } of (await storage.list()).files) {
    if (!/^comparison_[0-9a-f]+\.json$/.test(name)) continue;
    const { worlds } = (await readJsonObject(storage, name, { maxBytes: MAX_COMPARISON_BYTES })) ?? {};
    if (!Array.isArray(worlds)) throw unreadable(name);
    for (const world of worlds.filter(isRecord)) {
      if (!isSameBars(world["bars"], bars)) continue;
      for (const arm of [world["on"], world["off"]]) {
        const returns: unknown = isRecord(arm) ? arm["returns"] : undefined;
        if (!isListOfNumbers(returns)) throw unreadable(name);
        trials.push({ returns, isFinished: true });
      }
    }
  }
  return trials;
}

function isSameBars(found: unknown, bars: Bars): boolean {
  const sorted = (hashes: object): string => JSON.stringify(Object.entries(hashes).toSorted());
  return isRecord(found) && sorted(found) === sorted(bars);
}

function isListOfNumbers(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((each) => typeof each === "number");
}

function unreadable(name: string): Error {
  return fail("CORRUPT", `Cannot read "${name}"`, {
    found: "no daily returns",
    expected: "those of its worlds",
  });
}

const CONFIDENCE = 0.95;

/** How far returns can be trusted. Ratios are daily; probabilities are 0..1. */
export interface TrackRecordFigures {
  readonly days: number;
  readonly daily_sharpe: number;
  readonly skewness: number;
  readonly kurtosis: number;
  /** That the true Sharpe ratio is above 0 (Bailey and Lopez de Prado 2012). */
  readonly probabilistic_sharpe: number | null;
  /** The same after the trials that were made (Bailey and Lopez de Prado 2014). */
  readonly deflated_sharpe: number | null;
  /** Days until it would be above 0 with 95 %, if all goes on as it did; `null` if it is not above 0. */
  readonly min_track_record_days: number | null;
}

/** The track record of a comparison's first world. */
export interface TrackRecord {
  readonly world: string;
  readonly trials: number;
  readonly trials_with_sharpe: number;
  /** Of the trials' daily Sharpe ratios; 0 with fewer than two. */
  readonly sharpe_variance: number;
  /** Expected maximum of the daily Sharpe ratios of that many trials without skill. */
  readonly expected_max_sharpe: number;
  readonly on: TrackRecordFigures | null;
  readonly off: TrackRecordFigures | null;
  /**
   * Of the daily returns with memory less those without. It is not deflated, as it was not chosen among trials. The track record
   * is the one that would show the difference, whichever sign it has.
   */
  readonly on_minus_off: Omit<TrackRecordFigures, "deflated_sharpe"> | null;
}

/** Judges the two runs of a world, and their difference. */
export function trackRecord(
  world: { readonly name: string; readonly days_per_year: number; readonly on: Arm; readonly off: Arm } | undefined,
  { count, sharpes }: Trials,
): TrackRecord {
  if (world === undefined) throw new RangeError("Cannot judge a track record: found no world, expected one");
  const { on, off } = world;
  const daily = sharpes.map((sharpe) => sharpe / Math.sqrt(world.days_per_year));
  const chosenFrom = { trials: count, variance: varianceOf(daily) };
  const difference = figuresOf(
    on.returns.map((value, i) => value - (off.returns[i] ?? 0)),
    chosenFrom,
  );
  return {
    world: world.name,
    trials: count,
    trials_with_sharpe: daily.length,
    sharpe_variance: chosenFrom.variance,
    expected_max_sharpe: expectedMaxSharpe(chosenFrom.trials, chosenFrom.variance),
    on: figuresOf(on.returns, chosenFrom),
    off: figuresOf(off.returns, chosenFrom),
    on_minus_off: difference && ofDifference(difference),
  };
}

function figuresOf(
  returns: readonly number[],
  chosenFrom: { trials: number; variance: number },
): TrackRecordFigures | null {
  const moments = momentsOf(returns);
  if (moments === null) return null;
  return {
    days: moments.count,
    daily_sharpe: moments.sharpe,
    skewness: moments.skewness,
    kurtosis: moments.kurtosis,
    probabilistic_sharpe: probabilisticSharpe(moments, 0),
    deflated_sharpe: deflatedSharpe(moments, chosenFrom),
    min_track_record_days: minTrackRecord(moments, CONFIDENCE),
  };
}

/** Takes a difference in the direction that it has. */
function ofDifference({ deflated_sharpe: _deflated, ...figures }: TrackRecordFigures): TrackRecord["on_minus_off"] {
  const { days: count, daily_sharpe: sharpe, skewness, kurtosis } = figures;
  if (sharpe >= 0) return figures;
  const opposite = { count, sharpe: -sharpe, skewness: -skewness, kurtosis };
  return { ...figures, min_track_record_days: minTrackRecord(opposite, CONFIDENCE) };
}
