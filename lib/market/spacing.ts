/** The times between bars: where clocks change, where a market is closed, and where bars are missing. */
import type { Bar } from "../types.ts";
import { DAY_MS, HOUR_MS } from "../util/time.ts";

/** A market is closed at the times of day that have bars on less than this share of its days. */
const MIN_OPEN_SHARE = 0.1;

/** Minimum days with bars that show the times of day. */
const MIN_DAYS = 3;

/**
 * How many timeframes apart two bars start, at least 1. A start may be off by an hour where clocks change, that of a week by
 * three days where it begins with a holiday.
 *
 * @returns `undefined` for a spacing that nothing explains.
 */
export function timeframesBetween(spacingMs: number, timeframeMs: number): number | undefined {
  const count = nearestTimeframes(spacingMs, timeframeMs);
  const offMs = Math.abs(spacingMs - count * timeframeMs);
  const maxOffMs = timeframeMs >= 7 * DAY_MS ? 3 * DAY_MS : timeframeMs > HOUR_MS ? HOUR_MS : 0;
  return offMs <= maxOffMs && offMs % HOUR_MS === 0 ? count : undefined;
}

/** The nearest number of timeframes, halves down, at least 1. */
export function nearestTimeframes(spacingMs: number, timeframeMs: number): number {
  return Math.max(1, Math.ceil(spacingMs / timeframeMs - 0.5));
}

/**
 * The most common distance of neighbours in lists of sorted times, ties by the shorter one, and its share of all distances above 0.
 *
 * @returns `undefined` where no list has two different times.
 */
export function commonSpacing(
  lists: readonly ArrayLike<number>[],
): { readonly spacing: number; readonly share: number } | undefined {
  const counts = new Map<number, number>();
  let all = 0;
  for (const times of lists) {
    for (let i = 1; i < times.length; i++) {
      const spacing = times[i]! - times[i - 1]!;
      if (spacing <= 0) continue;
      counts.set(spacing, (counts.get(spacing) ?? 0) + 1);
      all += 1;
    }
  }
  const [first] = [...counts].toSorted(([a, countA], [b, countB]) => countB - countA || a - b);
  return first === undefined ? undefined : { spacing: first[0], share: first[1] / all };
}

/**
 * When a bar ends: a timeframe after its start. If the asset's next bar starts sooner, the bar ends there; and so it does if the next bar starts an
 * hour later, where a clock was put back.
 *
 * @param nextMs The start of the next bar, if there is one.
 */
export function endOfBar(startMs: number, nextMs: number | undefined, timeframeMs: number): number {
  const endMs = startMs + timeframeMs;
  if (nextMs === undefined) return endMs;
  const isLonger = timeframeMs > HOUR_MS && nextMs === endMs + HOUR_MS;
  return nextMs < endMs || isLonger ? nextMs : endMs;
}

/**
 * A time in the calendar day to which a bar belongs: that of its tick. A bar of a day or longer may begin at any midnight of the world, from 14 hours
 * before that of UTC to 10 hours after it; 13 hours after its start it is that day in UTC.
 */
export function dayTimeOf(tickMs: number, timeframeMs: number): number {
  return timeframeMs < DAY_MS ? tickMs : tickMs + 13 * HOUR_MS;
}

/** How long before its end a bar was stamped that shows its last moment, such as `...59.999` or `...:59`; 0 for any other time. */
export function msToEnd(timestamp: number): number {
  if (timestamp % 1000 === 999) return 1;
  return timestamp % 60_000 === 59_000 ? 1000 : 0;
}

/** How often bars are missing, and how often the market was closed between two bars. */
export interface Gaps {
  readonly missing: number;
  readonly closed: number;
}

/**
 * Counts the gaps between bars. One that skips a time of day at which the asset hardly ever has bars is its market's close, such as the
 * night of a stock exchange. All others are missing bars. So are whole days, such as weekends, as the bars do not show why.
 */
export function gapsIn(bars: readonly Bar[], timeframeMs: number): Gaps {
  let isClosed: ((fromMs: number, toMs: number) => boolean) | undefined;
  let [missing, closed] = [0, 0];
  for (let i = 1; i < bars.length; i++) {
    const [before, after] = [bars[i - 1]!.timestamp, bars[i]!.timestamp];
    if (after - before === timeframeMs || nearestTimeframes(after - before, timeframeMs) === 1) continue;
    isClosed ??= closedTimes(bars, timeframeMs);
    if (isClosed(before + timeframeMs, after)) closed += 1;
    else missing += 1;
  }
  return { missing, closed };
}

/** Returns a function that says whether the market is closed at any time in a span without bars. */
function closedTimes(bars: readonly Bar[], timeframeMs: number): (fromMs: number, toMs: number) => boolean {
  if (timeframeMs >= DAY_MS) return () => false;
  const counts = new Float64Array(Math.ceil(DAY_MS / timeframeMs));
  let days = 0;
  let lastDay = Number.NaN;
  for (const { timestamp } of bars) {
    const day = Math.floor(timestamp / DAY_MS);
    if (day !== lastDay) days += 1;
    lastDay = day;
    counts[Math.floor((timestamp - day * DAY_MS) / timeframeMs)]! += 1;
  }
  if (days < MIN_DAYS) return () => false;
  return (fromMs, toMs) => {
    for (let ms = fromMs; ms < Math.min(toMs, fromMs + DAY_MS); ms += timeframeMs) {
      const timeOfDay = ms - Math.floor(ms / DAY_MS) * DAY_MS;
      if (counts[Math.floor(timeOfDay / timeframeMs)]! < MIN_OPEN_SHARE * days) return true;
    }
    return false;
  };
}
