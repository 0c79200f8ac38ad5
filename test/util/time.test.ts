import { expect, test } from "bun:test";
import fc from "fast-check";
import {
  msOfUnits,
  parseDuration,
  parseEpoch,
  parseTimeframe,
  parseTimestamp,
  timeframeName,
} from "../../lib/util/time.ts";

test("parseDuration() reads minutes, hours and days", () => {
  expect(parseDuration("15m")).toBe(900_000);
  expect(parseDuration("1h")).toBe(3_600_000);
  expect(parseDuration("4h")).toBe(14_400_000);
  expect(parseDuration("5d")).toBe(432_000_000);
});

test.each(["", "h", "0h", "01h", "-1h", "1.5h", "1w", "1H", " 1h", "1h ", "1h30m", "9999999d"])(
  "parseDuration() refuses %j",
  (text) => {
    expect(parseDuration(text)).toBeUndefined();
  },
);

test.each([
  ["1h", "1h"],
  ["1H", "1h"],
  ["60min", "1h"],
  ["60m", "1h"],
  ["H1", "1h"],
  ["M15", "15m"],
  ["15T", "15m"],
  ["30m", "30m"],
  ["4 hours", "4h"],
  ["24h", "1d"],
  ["1D", "1d"],
  ["7d", "1w"],
  ["1w", "1w"],
  ["90min", "90m"],
])("parseTimeframe() reads %j, whose one name is %s", (text, name) => {
  expect(timeframeName(parseTimeframe(text)!)).toBe(name);
});

test.each(["", "1", "h", "0h", "-1h", "1.5h", "1M", "1mo", "1 year", "1s", "1h30m", "__proto__", "1constructor"])(
  "parseTimeframe() refuses %j",
  (text) => {
    expect(parseTimeframe(text)).toBeUndefined();
  },
);

const NEW_YEAR = 1_609_459_200_000;

test.each([
  ["2021-01-01T00:00:00Z", NEW_YEAR],
  ["2021-01-01T00:00:00", NEW_YEAR],
  ["2021-01-01", NEW_YEAR],
  ["2021-01-01 00:00", NEW_YEAR],
  ["2021-01-01 00:00:00 UTC", NEW_YEAR],
  ["2021-01-01 00:00:00+00:00", NEW_YEAR],
  ["2021-01-01T02:00:00+02:00", NEW_YEAR],
  ["2020-12-31T19:00:00-0500", NEW_YEAR],
  ["2021-01-01T05:30+05:30", NEW_YEAR],
  ["2021-01-01t00:00:00.250z", NEW_YEAR + 250],
  ["2021-01-01T00:00:00.5Z", NEW_YEAR + 500],
  ["2021-01-01 00:00:00.000000000", NEW_YEAR],
  ["2020-02-29T12:00:00Z", 1_582_977_600_000],
  ["1609459200000", NEW_YEAR],
  ["0", 0],
])("parseTimestamp() reads %j", (text, ms) => {
  expect(parseTimestamp(text)).toBe(ms);
});

test("parseTimestamp() rounds a fraction of a millisecond up, so that nothing is known early", () => {
  expect(parseTimestamp("2021-01-01T00:00:00.0000001Z")).toBe(NEW_YEAR + 1);
  expect(parseTimestamp("2021-01-01T00:00:00.999001Z")).toBe(NEW_YEAR + 1000);
});

test("the last moment of a second stays in its last millisecond, however fine it is", () => {
  const last = NEW_YEAR + 999;
  expect(["999", "999999", "999999999", "999999000"].map((us) => parseTimestamp(`2021-01-01T00:00:00.${us}Z`))).toEqual(
    Array(4).fill(last),
  );
  const epochs = ["1609459200999", "1609459200999999", "1609459200999999999", "1609459200.999999"];
  expect(epochs.map(parseEpoch)).toEqual(Array(4).fill(last));
  expect([msOfUnits(1609459200999999n, 1000n), msOfUnits(1609459200999999999n, 1_000_000n)]).toEqual([last, last]);
});

test("epoch times of any unit round up, and are exact where a double is not", () => {
  expect(["1609459200000001", "1609459200000000001", "1609459200.0001"].map(parseEpoch)).toEqual(
    Array(3).fill(NEW_YEAR + 1),
  );
  expect([msOfUnits(1n, 1000n), msOfUnits(-1n, 1000n), msOfUnits(-1000n, 1000n)]).toEqual([1, 0, -1]);
});

test.each([
  "",
  "today",
  "2021-02-30",
  "2021-02-30T00:00:00Z",
  "2021-02-29",
  "1900-02-29",
  "2021-00-01",
  "2021-13-01T00:00:00Z",
  "2021-04-31",
  "2021-01-00",
  "2021-01-01T24:00:00Z",
  "2021-01-01T00:60:00Z",
  "2021-01-01T00:00:60Z",
  "2021-01-01T0a:00:00Z",
  "2021-1-1",
  "01/02/2021",
  "2021-01-01Z",
  "2021-01-01T00:00:00+25:00",
  " 2021-01-01",
  "1609459200", // seconds
  "1609459200000000", // microseconds
  "20210101",
  "1.6e12",
  "-1",
])("parseTimestamp() refuses %j", (text) => {
  expect(parseTimestamp(text)).toBeUndefined();
});

test("parseTimestamp() agrees with Date on any time of years 0 to 9999", () => {
  const years = fc.date({
    min: new Date("0000-01-01T00:00:00Z"),
    max: new Date("9999-12-31T23:59:59.999Z"),
    noInvalidDate: true,
  });
  fc.assert(
    fc.property(years, (date) => {
      expect(parseTimestamp(date.toISOString())).toBe(date.getTime());
      expect(parseTimestamp(date.toISOString().replace(/\.\d+/, ""))).toBe(Math.floor(date.getTime() / 1000) * 1000);
    }),
  );
});
