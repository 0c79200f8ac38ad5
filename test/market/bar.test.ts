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
});
