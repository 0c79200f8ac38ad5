import { describe, expect, test } from "bun:test";
import { wilsonInterval } from "../../lib/stats/wilson.ts";

describe("wilsonInterval()", () => {
  // Newcombe (1998), "Two-sided confidence intervals for the single proportion", table I, method 3.
  test.each([
    [81, 263, 0.2553, 0.3662],
    [15, 148, 0.0624, 0.1605],
    [0, 20, 0, 0.1611],
    [1, 29, 0.0061, 0.1718],
  ])("of %i in %i is that of Newcombe's table", (successes, trials, low, high) => {
    const interval = wilsonInterval(successes, trials);
    expect(interval.low).toBeCloseTo(low, 4);
    expect(interval.high).toBeCloseTo(high, 4);
  });

  test("says nothing without trials", () => expect(wilsonInterval(0, 0)).toEqual({ low: 0, high: 1 }));
});
