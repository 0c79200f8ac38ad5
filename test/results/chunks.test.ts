import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { planChunks } from "../../lib/results/chunks.ts";
import { DAY } from "../backtest/world-samples.ts";

/** Chunks as `name start end`, days only. */
function plan(start: string, end: string, kind: string): string[] {
  const day = (ms: number): string => {
    expect(ms % DAY).toBe(0);
    return new Date(ms).toISOString().slice(0, 10);
  };
  return planChunks({ startMs: Date.parse(start), endMs: Date.parse(end) }, kind).map(
    ({ name, startMs, endMs }) => `${name} ${day(startMs)} ${day(endMs)}`,
  );
}

describe("planChunks()", () => {
  test("cuts a year into its quarters", () => {
    expect(plan("2021-01-01", "2022-01-01", "quarter")).toEqual([
      "2021Q1 2021-01-01 2021-04-01",
      "2021Q2 2021-04-01 2021-07-01",
      "2021Q3 2021-07-01 2021-10-01",
      "2021Q4 2021-10-01 2022-01-01",
    ]);
  });

  test("cuts years at the period's borders, a leap year included", () => {
    expect(plan("2019-07-01", "2021-02-01", "year")).toEqual([
      "2019 2019-07-01 2020-01-01",
      "2020 2020-01-01 2021-01-01",
      "2021 2021-01-01 2021-02-01",
    ]);
  });

  test("cuts quarters at the period's borders, across a turn of the year", () => {
    expect(plan("2020-11-15", "2021-05-02", "quarter")).toEqual([
      "2020Q4 2020-11-15 2021-01-01",
      "2021Q1 2021-01-01 2021-04-01",
      "2021Q2 2021-04-01 2021-05-02",
    ]);
  });

  test("cuts months by their length, February of a leap year included", () => {
    expect(plan("2024-01-15", "2024-03-10", "month")).toEqual([
      "2024-01 2024-01-15 2024-02-01",
      "2024-02 2024-02-01 2024-03-01",
      "2024-03 2024-03-01 2024-03-10",
    ]);
  });

  test("starts ISO weeks on Mondays: the first days of 2021 belong to week 53 of 2020", () => {
    expect(plan("2020-12-28", "2021-01-18", "week")).toEqual([
      "2020W53 2020-12-28 2021-01-04",
      "2021W01 2021-01-04 2021-01-11",
      "2021W02 2021-01-11 2021-01-18",
    ]);
    expect(plan("2021-01-01", "2021-01-06", "week")).toEqual([
      "2020W53 2021-01-01 2021-01-04",
      "2021W01 2021-01-04 2021-01-06",
    ]);
  });

  // From ISO 8601: a week belongs to the year of its Thursday.
  test.each([
    ["2018-12-31", "2019W01"],
    ["2019-12-29", "2019W52"],
    ["2019-12-30", "2020W01"],
    ["2023-01-01", "2022W52"],
    ["2024-12-30", "2025W01"],
    ["2026-12-31", "2026W53"],
    ["2027-01-03", "2026W53"],
  ])("puts %s into week %s", (day, name) => {
    const startMs = Date.parse(day);
    expect(planChunks({ startMs, endMs: startMs + DAY }, "week")[0]!.name).toBe(name);
  });

  test("counts days from the period's start and names a shorter last chunk like the others", () => {
    expect(plan("2021-01-01", "2022-01-01", "90d")).toEqual([
      "2021-01-01_90d 2021-01-01 2021-04-01",
      "2021-04-01_90d 2021-04-01 2021-06-30",
      "2021-06-30_90d 2021-06-30 2021-09-28",
      "2021-09-28_90d 2021-09-28 2021-12-27",
      "2021-12-27_90d 2021-12-27 2022-01-01",
    ]);
  });

  test("refuses another kind of chunk, and a period that is empty or not of whole days", () => {
    expect(() => plan("2021-01-01", "2022-01-01", "decade")).toThrow(
      'Cannot cut into chunks: found "decade", expected year, quarter, month, week or <n>d',
    );
    for (const kind of ["4h", "0d", "1.5d", "d", ""]) expect(() => plan("2021-01-01", "2021-02-01", kind)).toThrow();
    expect(() => plan("2021-02-01", "2021-02-01", "week")).toThrow("the end after the start");
    expect(() => plan("2021-02-01T06:00Z", "2021-03-01", "week")).toThrow("expected midnights");
  });

  test("leaves no gap and no overlap, and gives every chunk its own name", () => {
    const kinds = fc.oneof(
      fc.constantFrom("year", "quarter", "month", "week"),
      fc.integer({ min: 1, max: 400 }).map((days) => `${days}d`),
    );
    fc.assert(
      fc.property(kinds, fc.integer({ min: 0, max: 30_000 }), fc.integer({ min: 1, max: 900 }), (kind, first, days) => {
        const period = { startMs: first * DAY, endMs: (first + days) * DAY };
        const chunks = planChunks(period, kind);
        expect(chunks[0]!.startMs).toBe(period.startMs);
        expect(chunks.at(-1)!.endMs).toBe(period.endMs);
        chunks.forEach(({ startMs, endMs }, i) => {
          expect(endMs).toBeGreaterThan(startMs);
          if (i > 0) expect(startMs).toBe(chunks[i - 1]!.endMs);
        });
        expect(new Set(chunks.map(({ name }) => name)).size).toBe(chunks.length);
      }),
      { numRuns: 200 },
    );
  });
});
