import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ADX, ATR, RSI } from "trading-signals";
import type { Bar } from "../../lib/types.ts";
import { CsvReader } from "../../lib/market/csv-reader.ts";
import { Indicators } from "../../lib/market/indicators.ts";
import { HAS_REAL_BARS, PROJECT_DIR, REAL_BARS_DIR } from "../samples.ts";
import { parseBarsCsv } from "../../lib/market/csv.ts";
import { HOUR_MS } from "../../lib/util/time.ts";

/** Bars of [high, low, close] that open at the close before. */
function bars(prices: readonly (readonly [number, number, number])[]): Bar[] {
  return prices.map(([high, low, close], index) => {
    const open = prices[index - 1]?.[2] ?? close;
    return { timestamp: index * HOUR_MS, open, high, low, close, volume: 0 };
  });
}

/*
 * TA-Lib 0.8.2 for Python on the first 600 hourly bars of BTCUSD in 2021:
 *
 *   talib.ATR(high, low, close, 14), talib.RSI(close, 14), talib.ADX(high, low, close, 14)
 *
 * It seeds otherwise (its first true range is that of the second bar). What a seed leaves after n bars is (13/14)^n, for
 * the twice smoothed ADX about n times as much: below 1e-12 from the 500th bar on, and only those bars are compared.
 */
test("ATR, RSI and ADX agree with TA-Lib, far from the seed", () => {
  const file = join(PROJECT_DIR, "test/fixtures/market/BTCUSD_1h_talib.csv");
  const rows = new CsvReader(readFileSync(file), { file, columns: ["high", "low", "close", "atr", "rsi", "adx"] });
  const indicators = new Indicators();
  let compared = 0;
  for (let count = 1; rows.next(); count++) {
    const [high, low, close] = [rows.number(0), rows.number(1), rows.number(2)];
    indicators.add({ timestamp: count * HOUR_MS, open: close, high, low, close, volume: 0 });
    if (count <= 500) continue;
    expect(indicators.atr / rows.number(3)).toBeCloseTo(1, 11);
    expect(indicators.rsi / rows.number(4)).toBeCloseTo(1, 11);
    expect(indicators.adx / rows.number(5)).toBeCloseTo(1, 11);
    compared++;
  }
  expect(compared).toBe(100);
});

test.skipIf(!HAS_REAL_BARS)("ATR, RSI and ADX agree with trading-signals from their first value on", () => {
  const options = { asset: "BTCUSD", timeframe: "1h", file: "BTCUSD_1h.csv" };
  const series = parseBarsCsv(readFileSync(join(REAL_BARS_DIR, options.file)), options);
  const indicators = new Indicators();
  const peer = { atr: new ATR(14), rsi: new RSI(14), adx: new ADX(14) };
  const first: Record<string, number> = {};
  // No two movements are equal in these bars: there the two would differ.
  series.bars.slice(0, 2000).forEach((bar, index) => {
    indicators.add(bar);
    const expected = { atr: peer.atr.add(bar), rsi: peer.rsi.add(bar.close), adx: peer.adx.add(bar) };
    for (const name of ["atr", "rsi", "adx"] as const) {
      if (Number.isNaN(indicators[name])) expect(expected[name]).toBeNull();
      else {
        first[name] ??= index + 1;
        expect(indicators[name] / Number(expected[name])).toBeCloseTo(1, 11);
      }
    }
  });
  expect(first).toEqual({ atr: 14, rsi: 15, adx: 27 });
});

test("ATR is the mean of 14 true ranges (the first is high - low), then moves by a 14th of each difference", () => {
  // A range of 2 around 100; the 15th bar jumps to 110..111, so that its true range is 11.
  const prices = Array.from({ length: 14 }, () => [101, 99, 100] as const);
  const indicators = new Indicators();
  for (const bar of bars([...prices, [111, 110, 110]])) indicators.add(bar);
  expect(indicators.atr).toBeCloseTo(2 + (11 - 2) / 14, 12);
});

test("RSI compares the mean gain with the mean loss", () => {
  // 14 changes: +2 seven times and -1 seven times, so gains are 1, losses 0.5 on average.
  const closes = Array.from({ length: 15 }, (_, index) => 100 + Math.ceil(index / 2) * 2 - Math.floor(index / 2));
  const indicators = new Indicators();
  for (const bar of bars(closes.map((close) => [close, close, close] as const))) indicators.add(bar);
  expect(indicators.rsi).toBeCloseTo(100 - 100 / (1 + 2), 12);
});

test("RSI is 100 if no close was below the one before", () => {
  const indicators = new Indicators();
  for (const bar of bars(Array.from({ length: 20 }, () => [101, 99, 100] as const))) indicators.add(bar);
  expect(indicators.rsi).toBe(100);
});

test("ADX is 100 if all movement has one direction", () => {
  const indicators = new Indicators();
  for (const bar of bars(Array.from({ length: 27 }, (_, index) => [101 - index, 99 - index, 100 - index] as const))) {
    expect(indicators.adx).toBeNaN();
    indicators.add(bar);
  }
  expect(indicators.adx).toBe(100);
});

test("ADX counts neither of two equal movements outwards, nor movement inwards", () => {
  // Odd bars widen by 1 on both sides, even bars narrow again; 3 bars rise by 2.
  const prices = Array.from({ length: 27 }, (_, index) => {
    const rise = Math.min(index, 3) * 2;
    return [101 + (index % 2) + rise, 99 - (index % 2) + rise, 100 + rise] as const;
  });
  const indicators = new Indicators();
  for (const bar of bars(prices)) indicators.add(bar);
  // Bar 1: up 3, down -1. Bar 2: up 1, down -3. Bar 3: up 3. Then +-1 alike: 7 in all up, nothing down.
  expect(indicators.adx).toBe(100);
});

test("bars without any range give numbers, not NaN", () => {
  const flat = Array.from({ length: 40 }, () => [100, 100, 100] as const);
  const indicators = new Indicators();
  for (const bar of bars(flat)) indicators.add(bar);
  expect([indicators.atr, indicators.adx]).toEqual([0, 0]);
  for (const bar of bars([[102, 100, 101]])) indicators.add(bar);
  expect(indicators.adx).toBeCloseTo(100 / 14, 12);
});

test("the EMAs start at the first close", () => {
  const indicators = new Indicators();
  for (const bar of bars([
    [10, 10, 10],
    [31, 31, 31],
  ]))
    indicators.add(bar);
  expect(indicators.emaFast).toBeCloseTo(10 + (21 * 2) / 21, 12);
  expect(indicators.emaSlow).toBeCloseTo(10 + (21 * 2) / 81, 12);
});
