import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { normalCdf, normalQuantile } from "../../lib/stats/normal.ts";

describe("normalCdf()", () => {
  test.each([
    // scipy.stats.norm.cdf of scipy 1.17.1
    [-38, 0],
    [-5, 2.866515718791933e-7],
    [-2.5, 0.006209665325776132],
    [-1.96, 0.024997895148220435],
    [-0.5, 0.3085375387259869],
    [0, 0.5],
    [0.3, 0.6179114221889526],
    [1, 0.8413447460685429],
    [3, 0.9986501019683699],
    [7, 0.9999999999987201],
    [8.5, 1],
  ])("of %p is that of scipy", (x, expected) => {
    expect(Math.abs(normalCdf(x) - expected)).toBeLessThan(1e-15);
  });
});

describe("normalQuantile()", () => {
  test.each([
    // scipy.stats.norm.ppf of scipy 1.17.1
    [1e-6, -4.753424308822899],
    [0.001, -3.090232306167813],
    [0.1, -1.2815515655446004],
    [0.5, 0],
    [0.7, 0.5244005127080407],
    [0.95, 1.6448536269514722],
    [0.975, 1.959963984540054],
    [0.999999, 4.753424308817087],
  ])("of %p is that of scipy", (p, expected) => {
    expect(normalQuantile(p)).toBeCloseTo(expected, 9);
  });

  test("inverts normalCdf()", () => {
    fc.assert(
      fc.property(fc.double({ min: -5, max: 5, noNaN: true }), (x) => {
        expect(normalQuantile(normalCdf(x))).toBeCloseTo(x, 8);
      }),
    );
  });

  test.each([0, 1, -0.1, Number.NaN])("refuses %p", (p) => {
    expect(() => normalQuantile(p)).toThrow(RangeError);
  });
});
