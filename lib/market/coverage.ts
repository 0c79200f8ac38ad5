/** Whether an asset's bars reach from the start of a period to its end. */
import type { Bar, BarSeries } from "../types.ts";
import { DAY_MS, HOUR_MS, isoDate } from "../util/time.ts";
import { dayTimeOf } from "./spacing.ts";

/**
 * Says which assets begin after the start of a period or stop before its end. Days of the week on which an asset's market is closed are not
 * missed. Nor are 25 December and 1 January, and a Sunday before them, unless the market is open on all seven days. The last day is short if it ends over an hour before
 * days of its weekday usually do.
 *
 * @param series Each has a bar in the period.
 * @returns A sentence for each asset and end.
 */
export function missingEnds(
  series: readonly BarSeries[],
  period: { startMs: number; endMs: number },
): readonly string[] {
  const { startMs, endMs } = period;
  return series.flatMap(({ asset, bars: ofFile, timeframeMs }) => {
    const bars = ofFile.filter(({ timestamp }) => timestamp < endMs);
    const isMissed = (missedMs: number, fromDay: number, toDay: number): boolean => {
      if (missedMs < timeframeMs) return false;
      const isOpen = openDays(bars, timeframeMs);
      return isOpen === "always" || daysBetween(fromDay, toDay).some(isOpen);
    };
    const firstMs = bars.find(({ timestamp }) => timestamp >= startMs)!.timestamp;
    const lastMs = bars.at(-1)!.timestamp;
    // A bar of a week covers seven days.
    const lastDay = dayOf(dayTimeOf(lastMs, timeframeMs) + Math.max(0, timeframeMs - DAY_MS));
    const beginsLate = isMissed(firstMs - startMs, dayOf(startMs), dayOf(dayTimeOf(firstMs, timeframeMs)));
    const missedMs = endMs - (lastMs + timeframeMs);
    const stopsEarly =
      isMissed(missedMs, lastDay + 1, dayOf(endMs)) || (missedMs >= timeframeMs && isCutShort(bars, timeframeMs));
    const sentence = (which: string, ms: number, border: string): string =>
      `${asset}: the ${which} bar of the period is of ${isoMinute(ms)}, and the period ${border}`;
    return [
      ...(beginsLate ? [sentence("first", firstMs, `starts at ${isoDate(startMs)}`)] : []),
      ...(stopsEarly ? [sentence("last", lastMs, `ends at ${isoDate(endMs)}`)] : []),
    ];
  });
}

/** Such as `2021-03-10 23:00 UTC`. */
export function isoMinute(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

/** Days since the epoch. */
function dayOf(ms: number): number {
  return Math.floor(ms / DAY_MS);
}

function daysBetween(from: number, to: number): readonly number[] {
  return Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i);
}

/**
 * Whether a market is open on a day, by the days of the week that have bars at least half as often as the most frequent one. Fewer than two
 * weeks show too little: then Monday to Friday count as open.
 */
function openDays(bars: readonly Bar[], timeframeMs: number): "always" | ((day: number) => boolean) {
  const counts = Array.from({ length: 7 }, () => 0);
  const days = new Set(bars.map(({ timestamp }) => dayOf(dayTimeOf(timestamp, timeframeMs))));
  for (const day of days) counts[weekdayOf(day)]! += 1;
  const most = Math.max(...counts);
  const isOpen = counts.map((count, weekday) => (most < 2 ? count > 0 || isWorkday(weekday) : count >= most / 2));
  if (isOpen.every(Boolean)) return "always";
  // A Sunday has the first hours of Monday's session.
  return (day) => isOpen[weekdayOf(day)]! && !isHoliday(day) && !(weekdayOf(day) === 0 && isHoliday(day + 1));
}

function isHoliday(day: number): boolean {
  return ["12-25", "01-01"].includes(isoDate(day * DAY_MS).slice(5));
}

/** Whether the last day ends over an hour, by which clocks change, before days of its weekday usually do. */
function isCutShort(bars: readonly Bar[], timeframeMs: number): boolean {
  if (timeframeMs >= DAY_MS) return false;
  const endsByDay = new Map(bars.map(({ timestamp }) => [dayOf(timestamp), timestamp % DAY_MS]));
  const [lastDay, lastEnd] = [...endsByDay].at(-1)!;
  const others = [...endsByDay].filter(([day]) => day !== lastDay && weekdayOf(day) === weekdayOf(lastDay));
  const ends = others.map(([, end]) => end).toSorted((a, b) => a - b);
  return ends.length >= 2 && lastEnd < ends[ends.length >> 1]! - HOUR_MS;
}

/** 0 for Sunday. */
function weekdayOf(day: number): number {
  return new Date(day * DAY_MS).getUTCDay();
}

function isWorkday(weekday: number): boolean {
  return weekday >= 1 && weekday <= 5;
}
