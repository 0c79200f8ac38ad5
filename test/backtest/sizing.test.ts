import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { correlation, costInR, positionSize, skipReason } from "../../lib/backtest/sizing.ts";
import type { Bar } from "../../lib/types.ts";
import { HOUR, makeSettings } from "./world-samples.ts";

describe("positionSize()", () => {
  const settings = makeSettings();

  test("loses one percent of equity at the stop", () => {
    // 100 / (3 x 4)
    expect(positionSize(settings, { equity: 10_000, atr: 4, close: 100, scale: 1 })).toBeCloseTo(100 / 12, 12);
    const half = makeSettings({ risk: { ...settings.risk, perTradePct: 0.5 } });
    expect(positionSize(half, { equity: 10_000, atr: 4, close: 100, scale: 1 })).toBeCloseTo(50 / 12, 12);
  });

  test("is at most an equal share of the leverage", () => {
    // 100 / (3 x 0.5) = 66.7 units; 10,000 / 3 / 100 = 33.3.
    expect(positionSize(settings, { equity: 10_000, atr: 0.5, close: 100, scale: 1 })).toBeCloseTo(100 / 3, 12);
    const twice = makeSettings({ risk: { ...settings.risk, leverage: 2 } });
    expect(positionSize(twice, { equity: 10_000, atr: 0.5, close: 100, scale: 1 })).toBeCloseTo(200 / 3, 12);
  });

  test("is scaled after the limits", () => {
    expect(positionSize(settings, { equity: 10_000, atr: 0.5, close: 100, scale: 0.25 })).toBeCloseTo(25 / 3, 12);
  });

  test("is 0 without an ATR, and negative with negative equity", () => {
    expect(positionSize(settings, { equity: 10_000, atr: 0, close: 100, scale: 1 })).toBe(0);
    expect(positionSize(settings, { equity: -5, atr: 4, close: 100, scale: 1 })).toBeLessThan(0);
  });
});

test("costInR() is what a trade there and back costs, in units of its risk", () => {
  // 2 bps of fee twice, 4 of spread, 2 of slippage twice: 12 bps of 2,000 are 2.4; the risk is 3 x 8.
  const costs = { feeBps: 2, spreadBps: 4, slippageBps: 2 };
  expect(costInR(costs, { price: 2_000, riskPerUnit: 24 })).toBeCloseTo(0.1, 12);
  expect(costInR(costs, { price: 2_000, riskPerUnit: 1.5 })).toBeCloseTo(1.6, 12);
  expect(costInR(costs, { price: 2_000, riskPerUnit: 0 })).toBe(0);
});

test("skipReason() is the first check that fails: positions, correlation, size", () => {
  const free = { otherPositions: 2, maxPositions: 3, isCorrelated: () => false, size: 1 };
  expect(skipReason(free)).toBeNull();
  expect(skipReason({ ...free, size: 0 })).toBe("size");
  expect(skipReason({ ...free, size: Number.NaN })).toBe("size");
  expect(skipReason({ ...free, size: 0, isCorrelated: () => true })).toBe("correlation");
  expect(skipReason({ ...free, size: 0, isCorrelated: () => true, otherPositions: 3 })).toBe("max_positions");
});

/** Bars with these closes, one an hour from the epoch on; `null` is a missing bar. */
function closes(...values: (number | null)[]): { bars: Bar[]; count: number } {
  const bars = values.flatMap((close, i) =>
    close === null ? [] : [{ timestamp: i * HOUR, open: close, high: close, low: close, close, volume: 0 }],
  );
  return { bars, count: bars.length };
}

/** Closes from 100 on that change by these percents in turn. */
function moving(percents: readonly number[], bars: number): number[] {
  const path = [100];
  for (let i = 0; path.length < bars; i++) path.push(path[i]! * (1 + percents[i % percents.length]! / 100));
  return path;
}

const ALL = { from: 0 };

describe("correlation()", () => {
  test("is 1 for returns that are multiples of one another, and -1 for opposite ones", () => {
    const a = closes(...moving([1, -1], 101));
    expect(correlation(a, closes(...moving([2, -2], 101)), ALL)).toBeCloseTo(1, 12);
    expect(correlation(a, closes(...moving([-3, 3], 101)), ALL)).toBeCloseTo(-1, 12);
  });

  test("is 0 for the patterns +-+- and ++--, over a hundred returns", () => {
    const a = closes(...moving([1, -1], 101));
    expect(correlation(a, closes(...moving([1, 1, -1, -1], 101)), ALL)).toBeCloseTo(0, 12);
  });

  test("is 1/sqrt(2) if every other return of one asset is 0 in the other", () => {
    // x: 1 1 -1 -1, y: 1 0 -1 0: covariance 2/4, deviations 1 and sqrt(1/2): 1/sqrt(2).
    const a = closes(...moving([1, 1, -1, -1], 121));
    const b = closes(...moving([1, 0, -1, 0], 121));
    expect(correlation(a, b, ALL)).toBeCloseTo(Math.SQRT1_2, 12);
  });

  test("takes the newest 100 common bars where fewer lie in the window, such as daily ones", () => {
    // Before the newest 100, b goes against a.
    const percents = Array.from({ length: 149 }, (_, i) => (i % 2 === 0 ? 1 : -1));
    const opposed = percents.map((percent, i) => (i < 50 ? -percent : percent));
    const [a, b] = [closes(...moving(percents, 150)), closes(...moving(opposed, 150))];
    expect(correlation(a, b, { from: 149 * HOUR })).toBeCloseTo(1, 12);
    expect(correlation(a, b, { from: 49 * HOUR })).toBeLessThan(1 - 1e-3);
  });

  test("is null where the window has no common bar, however many there are before it", () => {
    const [a, b] = [closes(...moving([1, -1], 300)), closes(...moving([1, -1], 300))];
    expect(correlation(a, b, { from: 299 * HOUR })).toBeCloseTo(1, 12);
    expect(correlation(a, b, { from: 300 * HOUR })).toBeNull();
  });

  test("needs 100 common bars", () => {
    const pair = (bars: number): number | null =>
      correlation(closes(...moving([1, -1], bars)), closes(...moving([1, -1], bars)), ALL);
    expect(pair(99)).toBeNull();
    expect(pair(100)).toBeCloseTo(1, 12);
  });

  test("is null if an asset does not vary", () => {
    const [varies, still] = [closes(...moving([1, -1], 120)), closes(...moving([0], 120))];
    expect(correlation(varies, still, ALL)).toBeNull();
    expect(correlation(still, varies, ALL)).toBeNull();
  });

  test("takes only known bars that start in the window", () => {
    // Before the window and after what is known, b goes against a.
    const percents = Array.from({ length: 199 }, (_, i) => (i % 2 === 0 ? 1 : -1));
    const opposed = percents.map((percent, i) => (i < 50 || i >= 150 ? -percent : percent));
    const a = { ...closes(...moving(percents, 200)), count: 151 };
    const b = { ...closes(...moving(opposed, 200)), count: 151 };
    expect(correlation(a, b, { from: 50 * HOUR })).toBeCloseTo(1, 12);
    expect(correlation(a, b, { from: 49 * HOUR })).toBeLessThan(1 - 1e-3);
    expect(correlation({ ...a, count: 152 }, { ...b, count: 152 }, { from: 50 * HOUR })).toBeLessThan(1 - 1e-3);
    // 100 bars in the window: 51 to 150.
    expect(correlation(a, b, { from: 51 * HOUR })).toBeCloseTo(1, 12);
    expect(correlation(a, b, { from: 52 * HOUR })).toBeCloseTo(1, 12);
  });

  test("takes returns between consecutive common bars, over the gaps of either asset, as numpy.corrcoef would", () => {
    const value = fc.integer({ min: 50, max: 150 });
    const gappy = fc.array(fc.option(value, { freq: 8 }), { minLength: 140, maxLength: 200 });
    fc.assert(
      fc.property(gappy, gappy, (x, y) => {
        const common = x.flatMap((close, i) =>
          close !== null && (y[i] ?? null) !== null ? [[close, y[i]!] as const] : [],
        );
        const returns = common.slice(1).map(([a, b], i) => [a / common[i]![0] - 1, b / common[i]![1] - 1] as const);
        const mean = (side: 0 | 1): number => returns.reduce((sum, pair) => sum + pair[side], 0) / returns.length;
        const [meanX, meanY] = [mean(0), mean(1)];
        const moment = (i: 0 | 1, j: 0 | 1): number =>
          returns.reduce((sum, pair) => sum + (pair[i] - [meanX, meanY][i]!) * (pair[j] - [meanX, meanY][j]!), 0);
        const found = correlation(closes(...x), closes(...y), ALL);
        if (common.length < 100) expect(found).toBeNull();
        else expect(found).toBeCloseTo(moment(0, 1) / Math.sqrt(moment(0, 0) * moment(1, 1)), 9);
      }),
      { numRuns: 50 },
    );
  });
});
