import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { blocksFor, overfitting } from "../../lib/stats/overfitting.ts";

/** Uniform returns around a drift that grows from strategy to strategy, by the generator of Numerical Recipes. */
function returnsOf(days: number, strategies: number, { seed, drift }: { seed: number; drift: number }): number[][] {
  let state = seed;
  const next = (): number => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32;
  return Array.from({ length: strategies }, (_, n) =>
    Array.from({ length: days }, () => (next() - 0.5) * 0.02 + drift * n),
  );
}

describe("overfitting()", () => {
  test("is 1 if what is best in one half is worst in the other", () => {
    const [up, down] = [
      [0.01, 0.02],
      [-0.01, -0.02],
    ];
    const result = overfitting(
      [
        [...up!, ...down!],
        [...down!, ...up!],
      ],
      2,
    );
    expect(result).toMatchObject({ probability: 1, blocks: 2, splits: 2 });
    // Mean 0.015 and sample deviation 0.01 / sqrt(2): 1.5 x sqrt(2).
    expect(result.mean_chosen_ratio).toBeCloseTo(1.5 * Math.SQRT2, 9);
    expect(result.mean_other_ratio).toBeCloseTo(-1.5 * Math.SQRT2, 9);
  });

  test("is 0 if one strategy is best in every half", () => {
    const noise = returnsOf(40, 3, { seed: 5, drift: 0 });
    const better = noise[0]!.map((value) => value + 0.05);
    expect(overfitting([better, noise[1]!, noise[2]!], 4).probability).toBe(0);
  });

  // By an independent computation in numpy: matrices of the returns of each half, ranks of their mean / std(ddof=1).
  test.each([
    {
      days: 100,
      strategies: 10,
      seed: 1,
      drift: 0,
      p: 0.5243978243978245,
      chosen: 0.30282357599281784,
      other: 0.043733385526987724,
    },
    {
      days: 253,
      strategies: 12,
      seed: 2,
      drift: 0,
      p: 0.36480186480186483,
      chosen: 0.14971689505683,
      other: 0.02082253830474012,
    },
    {
      days: 163,
      strategies: 9,
      seed: 3,
      drift: 0.0003,
      p: 0.07000777000777,
      chosen: 0.39181132967014826,
      other: 0.3088651456701017,
    },
    { days: 31, strategies: 8, seed: 4, drift: 0, p: 0.2, chosen: 0.5084908134690934, other: 0.16596757292613776 },
  ])("equals numpy's for $strategies strategies over $days days", ({ days, strategies, seed, drift, ...wanted }) => {
    const result = overfitting(returnsOf(days, strategies, { seed, drift }), blocksFor(days));
    expect(result.splits).toBe(days === 31 ? 20 : 12_870);
    expect(result.probability).toBeCloseTo(wanted.p, 9);
    expect(result.mean_chosen_ratio).toBeCloseTo(wanted.chosen, 8);
    expect(result.mean_other_ratio).toBeCloseTo(wanted.other, 8);
  });

  test("does not depend on the scale of the returns, and of equal strategies it is the same for every order", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1000 }), (seed) => {
        const returns = returnsOf(40, 5, { seed, drift: 0 });
        const { probability } = overfitting(returns, 6);
        expect(
          overfitting(
            returns.map((each) => each.map((value) => 4 * value)),
            6,
          ).probability,
        ).toBe(probability);
        expect(overfitting(returns.toReversed(), 6).probability).toBe(probability);
      }),
      { numRuns: 20 },
    );
  });

  test("takes a strategy that never trades for one with the ratio 0", () => {
    const flat = Array.from({ length: 20 }, () => 0);
    const result = overfitting([flat, flat], 4);
    // Both halves are ties: rank 1.5 of 2, and 1.5 / 3 is the median.
    expect(result).toMatchObject({ probability: 1, mean_chosen_ratio: 0, mean_other_ratio: 0 });
  });

  test("refuses one strategy, an odd number of blocks, and less than a value a block", () => {
    expect(() => overfitting([[1, 2]], 2)).toThrow(RangeError);
    expect(() =>
      overfitting(
        [
          [1, 2],
          [1, 2],
        ],
        3,
      ),
    ).toThrow(RangeError);
    expect(() =>
      overfitting(
        [
          [1, 2],
          [1, 2],
        ],
        4,
      ),
    ).toThrow("found 2 x 2 in 4 blocks");
    expect(() => overfitting([[1, 2], [1]], 2)).toThrow(RangeError);
  });
});

test("blocksFor() makes at most 16 blocks of at least 5 values, an even number", () => {
  expect([9, 10, 20, 31, 159, 160, 1000].map(blocksFor)).toEqual([0, 2, 4, 6, 16, 16, 16]);
  expect(blocksFor(90)).toBe(16);
});
