import { describe, expect, test } from "bun:test";
import type { BarSeries } from "../../lib/types.ts";
import { CarryoverError } from "../../lib/errors.ts";
import { choosePeriod } from "../../lib/job/period.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** Daily bars from `first` up to `end`, exclusive, but for holes. */
function series(asset: string, first: string, end: string, isHole: (day: string) => boolean = () => false): BarSeries {
  const bars = [];
  for (let timestamp = Date.parse(first); timestamp < Date.parse(end); timestamp += DAY) {
    if (isHole(new Date(timestamp).toISOString().slice(0, 10))) continue;
    bars.push({ timestamp, open: 1, high: 1, low: 1, close: 1, volume: 0 });
  }
  return { asset, timeframeMs: DAY, market: "bars", bars, gaps: 0 };
}

function choose(all: BarSeries[], start?: string, end?: string): { period: string; notes: readonly string[] } {
  const { period, notes } = choosePeriod(all, { start, end });
  const day = (ms: number): string => new Date(ms).toISOString().slice(0, 10);
  return { period: `${day(period.startMs)}/${day(period.endMs)}`, notes };
}

function refusal(all: BarSeries[], start?: string, end?: string): CarryoverError {
  try {
    choose(all, start, end);
  } catch (error) {
    if (error instanceof CarryoverError) return error;
    throw error;
  }
  throw new Error("was not refused");
}

describe("choosePeriod() without a period", () => {
  test("chooses the last full year of which all assets have bars", () => {
    const all = [series("AAA", "2019-06-01", "2023-01-01"), series("BBB", "2020-03-01", "2022-05-01")];
    expect(choose(all)).toEqual({ period: "2021-01-01/2022-01-01", notes: [] });
  });

  test("accepts a year that lacks a week at New Year", () => {
    expect(choose([series("AAA", "2021-01-04", "2021-12-31")]).period).toBe("2021-01-01/2022-01-01");
    expect(choose([series("AAA", "2021-01-08", "2021-12-25")]).period).toBe("2021-01-01/2022-01-01");
  });

  test("passes over a year that is not over", () => {
    expect(choose([series("AAA", "2020-01-01", "2021-12-20")]).period).toBe("2020-01-01/2021-01-01");
  });

  test("refuses bars without a full year, and says what there is", () => {
    const error = refusal([series("AAA", "2021-02-01", "2021-12-31"), series("BBB", "2020-01-01", "2022-01-01")]);
    expect(error.code).toBe("NOT_FOUND");
    expect(error.message).toBe(
      "Cannot choose a period: found bars of AAA 2021-02-01 to 2021-12-31, BBB 2020-01-01 to 2022-01-01, " +
        "expected a full year of all, or a start and an end",
    );
  });
});

describe("a period given to choosePeriod()", () => {
  const all = [series("AAA", "2021-01-01", "2022-01-01"), series("BBB", "2021-03-01", "2021-10-01")];

  test("is taken, with a note on each asset and end without bars", () => {
    expect(choose(all, "2021-04-01", "2021-07-01")).toEqual({ period: "2021-04-01/2021-07-01", notes: [] });
    expect(choose(all, "2021-02-01", "2021-12-01")).toEqual({
      period: "2021-02-01/2021-12-01",
      notes: [
        "BBB: the first bar of the period is of 2021-03-01 00:00 UTC, and the period starts at 2021-02-01",
        "BBB: the last bar of the period is of 2021-09-30 00:00 UTC, and the period ends at 2021-12-01",
      ],
    });
  });

  test("is refused if an asset has no bars in it", () => {
    const error = refusal(all, "2021-11-01", "2021-12-01");
    expect(error.code).toBe("NOT_FOUND");
    expect(error.message).toBe(
      'Cannot run 2021-11-01 to 2021-12-01: found no bars of "BBB" in it, expected some; ' +
        "there are AAA 2021-01-01 to 2022-01-01, BBB 2021-03-01 to 2021-10-01",
    );
    expect(refusal(all, "2021-10-01", "2021-10-02").message).toContain('found no bars of "BBB"');
  });

  test("is refused if an asset's bars surround it but none lies in it", () => {
    const holed = series("AAA", "2021-01-01", "2022-01-01", (day) => day >= "2021-05-01" && day < "2021-06-01");
    expect(refusal([holed], "2021-05-01", "2021-06-01").code).toBe("NOT_FOUND");
    expect(choose([holed], "2021-05-01", "2021-06-02").notes).toEqual([
      "AAA: the first bar of the period is of 2021-06-01 00:00 UTC, and the period starts at 2021-05-01",
    ]);
  });
});
