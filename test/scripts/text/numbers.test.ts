import { expect, test } from "bun:test";
import {
  count,
  countOf,
  dollars,
  duration,
  fixed,
  minute,
  money,
  multiplier,
  pct,
  signed,
  signedPct,
} from "../../../scripts/text/numbers.ts";

test("numbers are grouped, rounded and signed", () => {
  expect([money(10250.5), money(-1234567.891), money(999.999), fixed(1000, 0), count(1234)]).toEqual([
    "10,250.50",
    "-1,234,567.89",
    "1,000.00",
    "1,000",
    "1,234",
  ]);
  expect([signed(0.126), signed(-2), signed(0), signedPct(2.449)]).toEqual(["+0.13", "-2.00", "0.00", "+2.4%"]);
  expect([pct(53.14), multiplier(1.2096), multiplier(0.83)]).toEqual(["53.1%", "1.21x", "0.83x"]);
  expect([dollars(0.01234), dollars(12.345)]).toEqual(["$0.0123", "$12.35"]);
});

test("a number that rounds to 0 has no sign", () => {
  expect([fixed(-0.001), signed(0.001), signed(-0.001)]).toEqual(["0.00", "0.00", "0.00"]);
});

test("a missing number is a dash", () => {
  expect([money(null), pct(null), signedPct(null), multiplier(undefined), signed(NaN)]).toEqual(Array(5).fill("-"));
});

test("durations have two units at most", () => {
  expect([duration(0), duration(59_400), duration(245_000), duration(7_380_000), duration(-5)]).toEqual([
    "0s",
    "59s",
    "4m 05s",
    "2h 03m",
    "0s",
  ]);
});

test("counts use the plural except for one", () => {
  expect([0, 1, 1200].map((number) => countOf(number, "snapshot"))).toEqual([
    "0 snapshots",
    "1 snapshot",
    "1,200 snapshots",
  ]);
});

test("timestamps are shown to the minute", () => {
  expect(minute("2021-05-19T13:00:00.000Z")).toBe("2021-05-19 13:00");
});
