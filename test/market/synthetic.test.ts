import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Bar, Situation } from "../../lib/types.ts";
import { SeriesBuilder } from "../../lib/market/series-builder.ts";
import { SituationTracker } from "../../lib/market/situation.ts";
import { SYNTHETIC_START, syntheticBars } from "../../lib/market/synthetic.ts";
import { HOUR_MS } from "../../lib/util/time.ts";

const YEAR = 365 * 24 * HOUR_MS;

function world(asset: string, options: { years?: number; seed?: number; timeframe?: string } = {}): readonly Bar[] {
  const { years = 1, seed = 1, timeframe = "1h" } = options;
  return syntheticBars({ asset, timeframe, seed, end: SYNTHETIC_START + years * YEAR }).bars;
}

function returns(bars: readonly Bar[]): number[] {
  return bars.map((bar) => bar.close / bar.open - 1);
}

function correlation(xs: readonly number[], ys: readonly number[]): number {
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [mx, my] = [mean(xs), mean(ys)];
  const covariance = mean(xs.map((x, index) => (x - mx) * (ys[index]! - my)));
  return covariance / Math.sqrt(mean(xs.map((x) => (x - mx) ** 2)) * mean(ys.map((y) => (y - my) ** 2)));
}

test("synthetic bars begin in 2018 and continue without gaps up to, but not including, the end", () => {
  const series = syntheticBars({
    asset: "BTCUSD",
    timeframe: "1h",
    seed: 1,
    end: SYNTHETIC_START + 48 * HOUR_MS + 1,
  });
  expect(series).toMatchObject({ asset: "BTCUSD", timeframeMs: HOUR_MS, market: "synthetic", gaps: 0 });
  expect(new Date(series.bars[0]!.timestamp).toISOString()).toBe("2018-01-01T00:00:00.000Z");
  expect(series.bars.map(({ timestamp }) => timestamp)).toEqual(
    Array.from({ length: 49 }, (_, hour) => SYNTHETIC_START + hour * HOUR_MS),
  );
});

test("the end of synthetic bars is a date, an ISO timestamp or epoch ms", () => {
  const ends = ["2018-01-03", "2018-01-03T00:00:00Z", Date.UTC(2018, 0, 3)];
  const lengths = ends.map((end) => syntheticBars({ asset: "BTCUSD", timeframe: "1h", seed: 1, end }).bars.length);
  expect(lengths).toEqual([48, 48, 48]);
});

test("synthetic bars pass every check of real ones, open at the previous close and have about six digits", () => {
  for (const asset of ["BTCUSD", "ETHUSD", "EURUSD", "A", ""]) {
    const builder = new SeriesBuilder({ asset, timeframe: "1h", file: "synthetic", placeOf: (row) => `row ${row}` });
    const bars = world(asset, { years: 4 });
    bars.forEach((bar, index) => {
      builder.add(bar, index);
      if (index > 0) expect(bar.open).toBe(bars[index - 1]!.close);
    });
    expect(builder.finish().gaps).toBe(0);
    expect(bars.every(({ close }) => String(close).replace(".", "").length <= 8)).toBe(true);
  }
});

test("synthetic prices stay above 0 whatever the timeframe", () => {
  for (const days of [1, 7, 30, 400]) {
    const bars = world("BTCUSD", { years: 200, timeframe: `${days}d` });
    expect(Math.min(...bars.map(({ low }) => low))).toBeGreaterThan(0);
  }
});

test("a longer synthetic series begins with the shorter one", () => {
  const whole = world("BTCUSD");
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 8760 }), (bars) => {
      const end = SYNTHETIC_START + bars * HOUR_MS;
      const shorter = syntheticBars({ asset: "BTCUSD", timeframe: "1h", seed: 1, end });
      expect(shorter.bars).toEqual(whole.slice(0, bars));
    }),
    { numRuns: 20 },
  );
});

/*
 * These numbers come from this code itself, as there is no other source. A change of a single bit would change every run on
 * synthetic bars, and other engines must give the same numbers.
 */
test("the synthetic market is the same as in every version", () => {
  const last = world("BTCUSD", { years: 3, seed: 7 }).at(-1)!;
  expect(last).toEqual({
    timestamp: 1609369200000,
    open: 10.0024,
    high: 10.0623,
    low: 9.9849,
    close: 10.0623,
    volume: 619,
  });
});

describe("synthetic bars depend on", () => {
  test.each([
    ["the seed", world("BTCUSD", { seed: 2 })],
    ["the asset", world("ETHUSD")],
  ])("%s", (_, other) => {
    const first = returns(world("BTCUSD"));
    expect(first).not.toEqual(returns(other));
    // 8,760 independent pairs correlate by chance within 3 / sqrt(8760) = 0.03.
    expect(Math.abs(correlation(first, returns(other)))).toBeLessThan(0.05);
  });

  test("the timeframe, whose volatility grows with the square root of time", () => {
    const deviation = (values: readonly number[]): number =>
      Math.sqrt(values.reduce((sum, r) => sum + r * r, 0) / values.length);
    const hourly = deviation(returns(world("BTCUSD", { years: 4 })));
    const fourHourly = deviation(returns(world("BTCUSD", { years: 4, timeframe: "4h" })));
    expect(hourly).toBeGreaterThan(0.004);
    expect(hourly).toBeLessThan(0.007);
    expect(fourHourly / hourly).toBeGreaterThan(1.7);
    expect(fourHourly / hourly).toBeLessThan(2.3);
  });
});

test("trend following and mean reversion win in some regimes and lose in others", () => {
  const rules: Record<string, (situation: Situation) => number> = {
    trend: ({ ema_fast, ema_slow }) => Math.sign(ema_fast - ema_slow),
    reversion: ({ zscore }) => (Math.abs(zscore) > 1 ? -Math.sign(zscore) : 0),
  };
  // Mean gain over the next 24 bars in ATR, by rule and regime.
  const gains: Record<string, number[]> = {};
  for (const asset of ["BTCUSD", "ETHUSD", "EURUSD"]) {
    const bars = world(asset, { years: 4 });
    const tracker = new SituationTracker({ asset, timeframeMs: HOUR_MS });
    bars.forEach((bar, index) => {
      tracker.add(bar);
      const later = bars[index + 24];
      const situation = index % 4 === 0 ? tracker.situation() : undefined;
      if (situation === undefined || later === undefined) return;
      for (const [name, rule] of Object.entries(rules)) {
        const gain = (rule(situation) * (later.close - bar.close)) / situation.atr;
        (gains[`${name} ${situation.regime}`] ??= []).push(gain);
      }
    });
  }
  const edge = (key: string): number => gains[key]!.reduce((sum, gain) => sum + gain, 0) / gains[key]!.length;
  expect(edge("trend TRENDING")).toBeGreaterThan(0.2);
  expect(edge("reversion TRENDING")).toBeLessThan(-0.1);
  expect(edge("reversion RANGING")).toBeGreaterThan(0.1);
  expect(edge("trend RANGING")).toBeLessThan(edge("trend TRENDING") / 2);
});

test.each([
  { end: SYNTHETIC_START },
  { end: NaN },
  { end: Infinity },
  { end: "2018-01-01" },
  { end: "soon" },
  { timeframe: "0h" },
  { timeframe: "0.5h" },
  { seed: 1.5 },
])("synthetic bars cannot be made with %j", (wrong) => {
  const right = { asset: "BTCUSD", timeframe: "1h", seed: 1, end: SYNTHETIC_START + YEAR };
  expect(() => syntheticBars({ ...right, ...wrong })).toThrow(RangeError);
});
