import { deflatedSharpe, expectedMaxSharpe, minTrackRecord, momentsOf, probabilisticSharpe } from "../stats/sharpe.ts";
import type { Arm } from "./_arm.ts";
import type { Trials } from "./trials.ts";

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
