import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { scoreForecasts, type Forecast } from "../../lib/stats/forecast-scores.ts";

/** 30 forecasts: of 20 that said 60 % twelve came true, of 10 that said 90 % five. */
const FORECASTS: Forecast[] = [
  ...Array.from({ length: 20 }, (_, i) => ({ confidence: 60, won: i < 12 })),
  ...Array.from({ length: 10 }, (_, i) => ({ confidence: 90, won: i < 5 })),
];

describe("scoreForecasts()", () => {
  test("agrees with scores worked by hand", () => {
    const scores = scoreForecasts(FORECASTS)!;
    expect(scores.trades).toBe(30);
    expect(scores.win_rate).toBeCloseTo((100 * 17) / 30, 10);
    // 12 x 0.16 + 8 x 0.36 + 5 x 0.01 + 5 x 0.81 = 8.9
    expect(scores.brier).toBeCloseTo(8.9 / 30, 12);
    expect(scores.brier_of_win_rate).toBeCloseTo((17 / 30) * (13 / 30), 12);
    expect(scores.log_loss).toBeCloseTo(
      -(12 * Math.log(0.6) + 8 * Math.log(0.4) + 5 * Math.log(0.9) + 5 * Math.log(0.1)) / 30,
      9,
    );
    // 60 % was right, 90 % was 0.4 too high.
    expect(scores.ece).toBeCloseTo((10 * 0.4) / 30, 12);
    expect(scores.reliability).toBeCloseTo((10 * 0.16) / 30, 12);
    expect(scores.resolution).toBeCloseTo((20 * (0.6 - 17 / 30) ** 2 + 10 * (0.5 - 17 / 30) ** 2) / 30, 12);
    expect(scores.bins.map(({ from, to, trades, wins }) => [from, to, trades, wins])).toEqual([
      [60, 70, 20, 12],
      [90, 100, 10, 5],
    ]);
  });

  test("agrees with Murphy: Brier = reliability - resolution + uncertainty if all forecasts of a bin are equal", () => {
    const forecast = fc.record({ confidence: fc.constantFrom(5, 15, 35, 55, 75, 100), won: fc.boolean() });
    fc.assert(
      fc.property(fc.array(forecast, { minLength: 30, maxLength: 200 }), (forecasts) => {
        const { brier, reliability, resolution, brier_of_win_rate: uncertainty } = scoreForecasts(forecasts)!;
        expect(reliability - resolution + uncertainty).toBeCloseTo(brier, 10);
      }),
    );
  });

  test("puts 100 into the last bin, and keeps the log loss of a certain forecast that fails finite", () => {
    const scores = scoreForecasts(Array.from({ length: 30 }, (_, i) => ({ confidence: 100, won: i > 0 })))!;
    expect(scores.bins).toHaveLength(1);
    expect(scores.bins[0]).toMatchObject({ from: 90, to: 100 });
    // -ln(1e-15) / 30 = 34.538776 / 30
    expect(scores.log_loss).toBeCloseTo(34.538776 / 30, 3);
  });

  test("returns null for 29 forecasts", () => {
    expect(scoreForecasts(FORECASTS.slice(1))).toBeNull();
  });
});
