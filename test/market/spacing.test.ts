import { describe, expect, test } from "bun:test";
import { commonSpacing, gapsIn, timeframesBetween } from "../../lib/market/spacing.ts";
import { loadBars } from "../../lib/market/load.node.ts";
import type { Bar } from "../../lib/types.ts";
import { DAY_MS, HOUR_MS } from "../../lib/util/time.ts";
import { HAS_REAL_BARS, REAL_BARS_DIR } from "../samples.ts";

const MONDAY = Date.UTC(2021, 0, 4);

function barsAt(hours: readonly number[]): Bar[] {
  return hours.map((hour) => ({ timestamp: MONDAY + hour * HOUR_MS, open: 1, high: 1, low: 1, close: 1, volume: 0 }));
}

describe("commonSpacing()", () => {
  test("is the most common distance in all lists, and its share of the distances above 0", () => {
    // The distances are 1, 2, 0, 2 and 1, 2.
    expect(
      commonSpacing([
        [0, 1, 3, 3, 5],
        [7, 8, 10],
      ]),
    ).toEqual({ spacing: 2, share: 0.6 });
  });

  test("is the shorter of two that are as common, and nothing without two times", () => {
    expect(commonSpacing([[0, 3, 4]])).toEqual({ spacing: 1, share: 0.5 });
    expect(commonSpacing([[], [5], [6, 6]])).toBeUndefined();
  });
});

describe("timeframesBetween()", () => {
  test.each([
    [24, 24, 1],
    [23, 24, 1],
    [25, 24, 1],
    [71, 24, 3],
    [49, 4, 12],
    [8 * 24, 7 * 24, 1],
    [6 * 24, 7 * 24, 1],
    [2, 1, 2],
  ])("a spacing of %d h is of bars of %d h %d", (spacing, timeframe, count) => {
    expect(timeframesBetween(spacing * HOUR_MS, timeframe * HOUR_MS)).toBe(count);
  });

  test.each([
    [22, 24],
    [23.5, 24],
    [12, 24],
    [0.5, 1],
    [1.5, 1],
    [3 * 24, 7 * 24],
  ])("no clock explains a spacing of %d h of bars of %d h", (spacing, timeframe) => {
    expect(timeframesBetween(spacing * HOUR_MS, timeframe * HOUR_MS)).toBeUndefined();
  });
});

describe("gapsIn()", () => {
  /** Seven bars a day from 14:30 on, as New York trades in winter. */
  const session = [14.5, 15.5, 16.5, 17.5, 18.5, 19.5, 20.5];
  const days = [0, 1, 2, 3, 4, 7, 8, 9, 10, 11];
  const stock = days.flatMap((day) => session.map((hour) => day * 24 + hour));

  test("counts the nights of a stock exchange apart from missing bars", () => {
    expect(gapsIn(barsAt(stock), HOUR_MS)).toEqual({ missing: 0, closed: 9 });
    const without = stock.filter((hour) => hour !== 24 + 16.5 && hour !== 48 + 18.5);
    expect(gapsIn(barsAt(without), HOUR_MS)).toEqual({ missing: 2, closed: 9 });
  });

  test("counts hours that a market without a close lacks, and weekends", () => {
    const hours = Array.from({ length: 24 * 12 }, (_, hour) => hour).filter((hour) => ![30, 31, 100].includes(hour));
    expect(gapsIn(barsAt(hours), HOUR_MS)).toEqual({ missing: 2, closed: 0 });
    const weekdays = hours.filter((hour) => Math.floor(hour / 24) % 7 < 5);
    expect(gapsIn(barsAt(weekdays), HOUR_MS)).toEqual({ missing: 3, closed: 0 });
  });

  test("takes days of 23 and 25 hours for days", () => {
    expect(gapsIn(barsAt([0, 24, 47, 71, 96, 120]), DAY_MS)).toEqual({ missing: 0, closed: 0 });
  });

  const name = HAS_REAL_BARS ? "" : " (skipped: no real bars)";
  test.skipIf(!HAS_REAL_BARS)(`finds only missing bars in currencies and coins${name}`, async () => {
    const series = await loadBars({ assets: ["BTCUSD", "EURUSD"], dataDir: REAL_BARS_DIR, timeframe: "1h" });
    expect(series.map(({ bars }) => gapsIn(bars, HOUR_MS))).toEqual([
      { missing: 0, closed: 0 },
      { missing: 103, closed: 0 },
    ]);
  });
});
