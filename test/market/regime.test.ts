import { describe, expect, test } from "bun:test";
import { classifyRegime, trendScore, UsualAdx, VolatilityRank, PAST_BARS } from "../../lib/market/regime.ts";

test("the regime is VOLATILE at a rank of 0.85 or more, else TRENDING at the asset's usual ADX or more, else RANGING", () => {
  expect(classifyRegime({ volatilityRank: 17 / 20, adx: 10, usualAdx: 25 })).toBe("VOLATILE");
  expect(classifyRegime({ volatilityRank: 17 / 20, adx: 90, usualAdx: 25 })).toBe("VOLATILE");
  expect(classifyRegime({ volatilityRank: 0.8499, adx: 25, usualAdx: 25 })).toBe("TRENDING");
  expect(classifyRegime({ volatilityRank: 0.8499, adx: 24.99, usualAdx: 25 })).toBe("RANGING");
  expect(classifyRegime({ volatilityRank: 0.5, adx: 24.99, usualAdx: 20 })).toBe("TRENDING");
});

test("an asset's usual ADX starts at 25 and moves to the mean of its last 2,160 values", () => {
  const usual = new UsualAdx();
  expect(usual.value).toBe(25);
  for (let count = 0; count < 720; count++) usual.add(35);
  expect(usual.value).toBe(30);
  // (25 x 720 + 35 x 720 + 15 x 1,440) / (720 + 2,160), then without the 35s.
  for (let count = 0; count < 1440; count++) usual.add(15);
  expect(usual.value).toBeCloseTo(22.5, 12);
  for (let count = 0; count < 720; count++) usual.add(15);
  expect(usual.value).toBeCloseTo(17.5, 12);
});

test("the volatility rank is the share of values strictly below the newest", () => {
  const volatility = new VolatilityRank();
  const ranks = [3, 1, 2, 2, 4].map((value) => {
    volatility.add(value);
    return volatility.rank();
  });
  expect(ranks).toEqual([0, 0, 1 / 3, 1 / 4, 4 / 5]);
});

test("the volatility rank counts only the last 2,160 values", () => {
  const volatility = new VolatilityRank();
  volatility.add(1);
  for (let count = 1; count < PAST_BARS; count++) volatility.add(2);
  expect(volatility.rank()).toBe(1 / 2160);
  volatility.add(2);
  expect(volatility.rank()).toBe(0);
});

describe("trendScore()", () => {
  const score = (changes: Partial<Parameters<typeof trendScore>[0]>): number =>
    trendScore({ adx: 25, atr: 500, ema_fast: 100, ema_slow: 100, ...changes });

  test("is half of the ADX and half of the distance of the averages in ATR, in [-1, 1]", () => {
    expect(score({})).toBe(-0.5);
    expect(score({ adx: 40, ema_fast: 2100 })).toBe(1);
    expect(score({ adx: 5 })).toBe(-1);
    // (20 - 25)/15 and 2 x 1,500/2,000 - 1.
    expect(score({ adx: 20, ema_slow: 1600 })).toBeCloseTo((-1 / 3 + 0.5) / 2, 12);
  });

  test("counts the averages as equal with an ATR of 0", () => {
    expect(score({ atr: 0, ema_fast: 900 })).toBe(-0.5);
  });
});
