import { expect, test } from "bun:test";
import { findWeekOpens } from "../../lib/market/week-opens.ts";
import type { BarSeries } from "../../lib/types.ts";
import { offsetsOf } from "../../lib/util/zones.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const newYork = offsetsOf("America/New_York");

/** Bars of 2022 whose start `isOpen` says is traded, by the clock of New York. */
function seriesOf(isOpen: (local: Date) => boolean, { hours = 1 } = {}): BarSeries {
  const bars = Array.from({ length: (365 * 24) / hours }, (_, i) => Date.UTC(2022, 0, 1) + i * hours * HOUR)
    .filter((ms) => isOpen(new Date(ms + newYork(ms))))
    .map((timestamp) => ({ timestamp, open: 1, high: 1, low: 1, close: 1, volume: 0 }));
  return { asset: "EURUSD", timeframeMs: hours * HOUR, market: "bars", bars, gaps: 0 };
}

/** Sunday 17:00 to Friday 17:00. */
function isForexOpen(local: Date): boolean {
  const hour = local.getUTCDay() * 24 + local.getUTCHours();
  return hour >= 17 && hour < 5 * 24 + 17;
}

test("currencies open on Sunday at 17:00 in New York, winter and summer", () => {
  // 2022 has 52 Sundays, and before the first of them there is no bar.
  expect(findWeekOpens(seriesOf(isForexOpen))).toEqual({ open: "Sunday 17:00", isUsual: true, weeks: 51, shifted: 0 });
});

test("times of New York that were read as UTC open at noon or one o'clock, which is not usual", () => {
  // In summer the clock of New York is four hours behind UTC, for 33 of the weeks.
  const read = seriesOf(isForexOpen);
  const bars = read.bars.map((bar) => ({ ...bar, timestamp: bar.timestamp + newYork(bar.timestamp) }));
  expect(findWeekOpens({ ...read, bars })).toMatchObject({ open: "Sunday 13:00", isUsual: false });
});

test("bars of four hours that divide the UTC day begin before the market and hide its clock", () => {
  const isTouched = (local: Date): boolean =>
    Array.from({ length: 4 }, (_, hours) => new Date(local.getTime() + hours * HOUR)).some(isForexOpen);
  const opens = findWeekOpens(seriesOf(isTouched, { hours: 4 }));
  expect(opens).toMatchObject({ open: "Sunday 16:00", isUsual: true, shifted: 0 });
});

test("futures open at 18:00 and pause for an hour each day", () => {
  const isOpen = (local: Date): boolean => isForexOpen(new Date(local.getTime() - HOUR)) && local.getUTCHours() !== 17;
  expect(findWeekOpens(seriesOf(isOpen))).toMatchObject({ open: "Sunday 18:00", isUsual: true, shifted: 0 });
});

test.each([
  ["crypto, which never closes", (): boolean => true, {}],
  [
    "shares, which close each night",
    (local: Date): boolean => local.getUTCDay() % 6 !== 0 && local.getUTCHours() >= 9 && local.getUTCHours() < 16,
    {},
  ],
  ["daily bars", isForexOpen, { hours: 24 }],
])("nothing is said of %s", (_, isOpen, options) => {
  expect(findWeekOpens(seriesOf(isOpen, options))).toBeUndefined();
});

test("nothing is said of three weeks", () => {
  const series = seriesOf(isForexOpen);
  expect(
    findWeekOpens({
      ...series,
      bars: series.bars.filter(({ timestamp }) => timestamp < series.bars[0]!.timestamp + 23 * DAY),
    }),
  ).toBeUndefined();
});
