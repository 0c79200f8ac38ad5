import { expect, test } from "bun:test";
import { classifyRegime, createVolatilityRank, VOLATILITY_WINDOW } from "../../lib/market/regime.ts";

test("the regime is VOLATILE from a rank of 0.85 on, else TRENDING from an ADX of 25 on, else RANGING", () => {
  expect(classifyRegime({ volatilityRank: 17 / 20, adx: 10 })).toBe("VOLATILE");
  expect(classifyRegime({ volatilityRank: 17 / 20, adx: 90 })).toBe("VOLATILE");
  expect(classifyRegime({ volatilityRank: 0.8499, adx: 25 })).toBe("TRENDING");
  expect(classifyRegime({ volatilityRank: 0.8499, adx: 24.99 })).toBe("RANGING");
  expect(classifyRegime({ volatilityRank: 0.5, adx: 24 }, { volatileRank: 0.5, trendingAdx: 20 })).toBe("VOLATILE");
});

test("the rank counts the values strictly below the newest, of those there are", () => {
  const volatility = createVolatilityRank();
  const ranks = [3, 1, 2, 2, 4].map((value) => {
    volatility.add(value);
    return volatility.rank();
  });
  expect(ranks).toEqual([0, 0, 1 / 3, 1 / 4, 4 / 5]);
});

test("the rank forgets all but the last 2,160 values", () => {
  const volatility = createVolatilityRank();
  volatility.add(1);
  for (let count = 1; count < VOLATILITY_WINDOW; count++) volatility.add(2);
  expect(volatility.rank()).toBe(1 / 2160);
  volatility.add(2);
  expect(volatility.rank()).toBe(0);
});
