import { describe, expect, test } from "bun:test";
import { barSeries } from "../../lib/market/series-builder.ts";
import type { Bar } from "../../lib/types.ts";

function bar(time: string, close = 100): Bar {
  return { timestamp: Date.parse(time), open: 100, high: 101, low: 99, close, volume: 1 };
}

describe("barSeries()", () => {
  test("makes a series of bars in memory, and counts its gaps", () => {
    const bars = [bar("2021-01-01T00:00Z"), bar("2021-01-01T04:00Z"), bar("2021-01-01T12:00Z")];
    expect(barSeries(bars, { asset: "GOLD", timeframe: "4h" })).toEqual({
      asset: "GOLD",
      timeframeMs: 14_400_000,
      market: "bars",
      bars,
      gaps: 1,
    });
  });

  test("refuses what a file would be refused for, and names the row", () => {
    const bars = [bar("2021-01-01T00:00Z"), bar("2021-01-01T01:00Z", 102)];
    expect(() => barSeries(bars, { asset: "GOLD", timeframe: "1h" })).toThrow(
      'Cannot read "GOLD": found "102" in row 2, column "close", expected a price from low to high, "99" to "101"',
    );
    expect(() => barSeries(bars, { asset: "GOLD", timeframe: "1 month" })).toThrow(
      'Cannot read a timeframe: found "1 month", expected one such as "1h"',
    );
  });

  test.each<[string, object, string]>([
    [
      "strings of an exchange",
      { open: "41000.5" },
      'the string "41000.5" in row 2, column "open", expected a number, as Number()',
    ],
    ["no volume", { volume: undefined }, '"undefined" in row 2, column "volume", expected a number'],
    [
      "a Date",
      { timestamp: new Date(0) },
      'a Date in row 2, column "timestamp", expected a number: milliseconds since 1970',
    ],
    [
      "a time in words",
      { timestamp: "2021-01-01" },
      'the string "2021-01-01" in row 2, column "timestamp", expected a number',
    ],
    [
      "no time",
      { timestamp: Number.NaN },
      '"NaN" in row 2, column "timestamp", expected a number: milliseconds since 1970',
    ],
    [
      "a time beyond all dates",
      { timestamp: 1e16 },
      '"10000000000000000" in row 2, column "timestamp", expected a number',
    ],
  ])("refuses %s, which no type checker has seen", (_, wrong, message) => {
    const bars = [bar("2021-01-01T00:00Z"), { ...bar("2021-01-01T01:00Z"), ...wrong } as Bar];
    expect(() => barSeries(bars, { asset: "GOLD", timeframe: "1h" })).toThrow(`Cannot read "GOLD": found ${message}`);
  });
});
