import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  deflatedSharpe,
  expectedMaxSharpe,
  minTrackRecord,
  momentsOf,
  probabilisticSharpe,
  type ReturnMoments,
} from "../../lib/stats/sharpe-significance.ts";

/** Five years of 250 days with an annual Sharpe ratio of 2.5: the numerical example of Bailey and Lopez de Prado (2014). */
const EXAMPLE: ReturnMoments = { count: 1250, sharpe: 2.5 / Math.sqrt(250), skewness: -3, kurtosis: 10 };
/** The trials' annual Sharpe ratios have a variance of 1/2 there. */
const VARIANCE = 0.5 / 250;

describe("the example of The Deflated Sharpe Ratio (2014)", () => {
  test("gives 0.1132 a day as the expected maximum of 100 trials", () => {
    expect(expectedMaxSharpe(100, VARIANCE)).toBeCloseTo(0.1132, 4);
  });

  test("gives 0.9004 after 100 trials, 0.9505 after 46", () => {
    expect(deflatedSharpe(EXAMPLE, { trials: 100, variance: VARIANCE })).toBeCloseTo(0.9004, 4);
    expect(deflatedSharpe(EXAMPLE, { trials: 46, variance: VARIANCE })).toBeCloseTo(0.9505, 4);
  });

  test("gives 0.9505 after 88 trials for normal returns", () => {
    const normal = { ...EXAMPLE, skewness: 0, kurtosis: 3 };
    expect(deflatedSharpe(normal, { trials: 88, variance: VARIANCE })).toBeCloseTo(0.9505, 4);
  });
});

describe("the example of The Sharpe Ratio Efficient Frontier (2012): 24 months with a ratio of 0.458", () => {
  const months = { count: 24, sharpe: 0.458 };

  test("is above 0 with 0.982 for normal returns, and with 0.913 for these", () => {
    expect(probabilisticSharpe({ ...months, skewness: 0, kurtosis: 3 }, 0)).toBeCloseTo(0.982, 3);
    expect(probabilisticSharpe({ ...months, skewness: -2.448, kurtosis: 10.164 }, 0)).toBeCloseTo(0.913, 3);
  });
});

describe("minTrackRecord()", () => {
  test("is the number of periods at which the probabilistic Sharpe ratio reaches the confidence", () => {
    const moments = fc.record({
      count: fc.constant(2),
      sharpe: fc.double({ min: 0.01, max: 0.5, noNaN: true }),
      skewness: fc.double({ min: -1, max: 1, noNaN: true }),
      kurtosis: fc.double({ min: 3, max: 12, noNaN: true }),
    });
    fc.assert(
      fc.property(moments, fc.constantFrom(0.9, 0.95, 0.99), (sample, confidence) => {
        const count = minTrackRecord(sample, confidence)!;
        expect(probabilisticSharpe({ ...sample, count }, 0)!).toBeCloseTo(confidence, 7);
      }),
    );
  });

  test("is 2.7 years for an annual ratio of 1 and normal returns", () => {
    // 1 + (1 + 0.5/252) x (1.644854 x sqrt(252))^2 = 684.15 days of 252 a year
    const days = minTrackRecord({ count: 100, sharpe: 1 / Math.sqrt(252), skewness: 0, kurtosis: 3 }, 0.95)!;
    expect(days).toBeCloseTo(684.15, 1);
  });

  test("is null for a ratio that is not above 0", () => {
    expect(minTrackRecord({ count: 100, sharpe: -0.1, skewness: 0, kurtosis: 3 }, 0.95)).toBeNull();
  });
});

describe("momentsOf()", () => {
  test("agrees with moments worked by hand: 1, 2, 3, 6", () => {
    // mean 3; deviations -2 -1 0 3: squares 14, cubes -8 -1 27 = 18, fourth powers 16 1 81 = 98
    expect(momentsOf([1, 2, 3, 6])).toEqual({
      count: 4,
      sharpe: 3 / Math.sqrt(14 / 3),
      skewness: 18 / 4 / ((14 / 4) * Math.sqrt(14 / 4)),
      kurtosis: 98 / 4 / (14 / 4) ** 2,
    });
  });

  test.each([[[]], [[1]], [[2, 2, 2]]])("is null for %p", (returns) => {
    expect(momentsOf(returns)).toBeNull();
  });
});
