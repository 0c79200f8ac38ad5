import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { bucketEnd, bucketOf, bucketsOf, endOfDay, perBucket, thinned } from "../../lib/report/buckets.ts";
import { DAY_MS, HOUR_MS } from "../../lib/util/time.ts";

const YEAR = { startMs: Date.parse("2021-01-01"), endMs: Date.parse("2022-01-01") };

describe("bucketsOf()", () => {
  test("cuts a year into parts of four hours if there is room for 2,200", () => {
    expect(bucketsOf(YEAR, 2200)).toEqual({ startMs: YEAR.startMs, widthMs: 4 * HOUR_MS, count: 2190 });
  });

  test("has no more parts than there is room for, and covers the period", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20_000 }), fc.integer({ min: 100, max: 3000 }), (days, room) => {
        const endMs = days * DAY_MS;
        const { widthMs, count } = bucketsOf({ startMs: 0, endMs }, room);
        expect(count * widthMs).toBeGreaterThanOrEqual(endMs);
        if (endMs / room <= 91 * DAY_MS) expect(count).toBeLessThanOrEqual(room);
      }),
    );
  });
});

describe("a part of a period", () => {
  const buckets = bucketsOf({ startMs: 0, endMs: 8 * HOUR_MS }, 2);

  test("begins where the one before ends", () => {
    expect(buckets.widthMs).toBe(4 * HOUR_MS);
    expect([0, 4 * HOUR_MS - 1, 4 * HOUR_MS].map((ms) => bucketOf(buckets, ms))).toEqual([0, 0, 1]);
    expect(bucketEnd(buckets, 0)).toBe(4 * HOUR_MS);
  });

  test("keeps what merge says of its points, and is null without any", () => {
    const points = [
      { atMs: 0, value: 3 },
      { atMs: HOUR_MS, value: -2 },
      { atMs: 2 * HOUR_MS, value: 1 },
    ];
    const value = (point: { value: number }): number => point.value;
    expect(perBucket(points, { buckets, value, merge: (_, next) => next })).toEqual([1, null]);
    expect(perBucket(points, { buckets, value, merge: Math.min })).toEqual([-2, null]);
  });

  test("has no points of times outside the period", () => {
    const points = [-1, HOUR_MS, 8 * HOUR_MS].map((atMs, value) => ({ atMs, value }));
    expect(perBucket(points, { buckets, value: ({ value }) => value, merge: (_, next) => next })).toEqual([1, null]);
  });

  test("has the end of its last day in it", () => {
    const day = bucketsOf({ startMs: Date.parse("2021-01-01"), endMs: Date.parse("2021-01-03") }, 2);
    expect([endOfDay("2021-01-01"), endOfDay("2021-01-02")].map((ms) => bucketOf(day, ms))).toEqual([0, 1]);
  });
});

test("thinned() keeps every nth, and the last", () => {
  expect(thinned([1, 2, 3, 4, 5, 6], 3)).toEqual([1, 3, 5, 6]);
  expect(thinned([1, 2, 3], 3)).toEqual([1, 2, 3]);
  expect(thinned([], 3)).toEqual([]);
});
