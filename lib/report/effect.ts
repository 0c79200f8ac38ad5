/** How the growth of two runs differs, day by day. */
import { type DaysPerYear, lastOfDays, simpleReturns } from "../results/metrics.ts";
import { blockLength, stationaryIndices } from "../stats/bootstrap.ts";
import { createRandom } from "../util/random.ts";
import { thinned } from "./buckets.ts";
import type { RunData } from "./run-data.ts";

/** Resamples of the band. */
const BAND_DRAWS = 1000;

/** Days for which the band is computed. */
const MAX_POINTS = 130;

/** Simple returns by day. */
export interface DailyReturns {
  /** `YYYY-MM-DD`. */
  readonly dates: readonly string[];
  readonly returns: readonly number[];
}

/** Log growth of one run less that of another since the start, in percent, with its 95 % interval. */
export type DifferencePath = readonly {
  readonly date: string;
  readonly value: number;
  readonly low: number;
  readonly high: number;
}[];

/** A run's returns by day. */
export function dailyReturnsOf({ records, summary }: RunData, daysPerYear: DaysPerYear): DailyReturns {
  const days = lastOfDays(
    records.flatMap(({ daily }) => daily),
    daysPerYear,
  );
  return { dates: days.map(({ date }) => date), returns: simpleReturns(days, summary.initial_balance) };
}

/**
 * The path of the difference of two runs on the days that both have; `undefined` if there are fewer than two.
 *
 * @param options `longestTradeDays`: blocks of days that are drawn again are no shorter on average, as in docs/RULES.md, "Does
 *   memory help".
 */
export function pathOf(
  first: DailyReturns,
  second: DailyReturns,
  options: { longestTradeDays: number },
): DifferencePath | undefined {
  const { dates, a, b } = paired(first, second);
  if (dates.length < 2) return undefined;
  const wanted = Math.max(Math.ceil(options.longestTradeDays), blockLength(dates.map((_, i) => a[i]! - b[i]!)));
  const growth = dates.map((_, i) => Math.log1p(a[i]!) - Math.log1p(b[i]!));
  return bandOf(
    { dates, growth },
    { length: dates.length, meanBlock: Math.max(1, Math.min(wanted, dates.length / 3)) },
  );
}

/** The returns of the days that both have. */
function paired(first: DailyReturns, second: DailyReturns): { dates: string[]; a: number[]; b: number[] } {
  const others = new Map(second.dates.map((date, i) => [date, second.returns[i]!]));
  const found = first.dates.flatMap((date, i) => {
    const other = others.get(date);
    return other === undefined ? [] : [{ date, a: first.returns[i]!, b: other }];
  });
  return { dates: found.map(({ date }) => date), a: found.map(({ a }) => a), b: found.map(({ b }) => b) };
}

/**
 * Sums of the differences up to some of the days. The interval of a day is symmetric, as that of `bootstrap()`: how far the sums of
 * resamples are from what they are on average, in 95 % of them.
 */
function bandOf(
  { dates, growth }: { dates: readonly string[]; growth: readonly number[] },
  series: { length: number; meanBlock: number },
): DifferencePath {
  const shown = thinned(
    dates.map((_, i) => i),
    MAX_POINTS,
  );
  const mean = growth.reduce((sum, each) => sum + each, 0) / growth.length;
  const random = createRandom("report band");
  const distances = shown.map(() => new Float64Array(BAND_DRAWS));
  for (let draw = 0; draw < BAND_DRAWS; draw++) {
    const drawn = stationaryIndices(series, random);
    let sum = 0;
    let next = 0;
    for (let i = 0; i < drawn.length; i++) {
      sum += growth[drawn[i]!]!;
      if (shown[next] === i) distances[next++]![draw] = Math.abs(sum - mean * (i + 1));
    }
  }
  let sum = 0;
  const sums = growth.map((each) => (sum += each));
  return shown.map((i, at) => {
    const half = distances[at]!.toSorted()[Math.ceil(0.95 * (BAND_DRAWS + 1)) - 1]!;
    return { date: dates[i]!, value: 100 * sums[i]!, low: 100 * (sums[i]! - half), high: 100 * (sums[i]! + half) };
  });
}
