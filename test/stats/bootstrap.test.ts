import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { createRandom, type Random } from "../../lib/util/random.ts";
import { blockLength, bootstrap, stationaryIndices } from "../../lib/stats/bootstrap.ts";

/** Numbers in [-0.5, 0.5) that anyone can make: x -> (1103515245 x + 12345) mod 2^31. */
function congruential(count: number, seed: number): number[] {
  let state = BigInt(seed);
  return Array.from({ length: count }, () => {
    state = (1_103_515_245n * state + 12_345n) % 2_147_483_648n;
    return Number(state) / 2_147_483_648 - 0.5;
  });
}

function autoregressive(noise: readonly number[], factor: number): number[] {
  let last = 0;
  return noise.map((shock) => (last = factor * last + shock));
}

const mean = (values: readonly number[], indices: Int32Array): number =>
  indices.reduce((sum, index) => sum + values[index]!, 0) / indices.length;

describe("stationaryIndices()", () => {
  test("draws blocks of geometric length that wrap around", () => {
    const indices = stationaryIndices({ length: 50_000, meanBlock: 10 }, createRandom("blocks"));
    let blocks = 1;
    for (let i = 1; i < indices.length; i++) if (indices[i] !== (indices[i - 1]! + 1) % indices.length) blocks++;
    // 5,000 expected, with a deviation of sqrt(50,000 x 0.1 x 0.9) = 67.
    expect(Math.abs(blocks - 5000)).toBeLessThan(300);
    expect(Math.min(...indices)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...indices)).toBeLessThan(50_000);
  });

  test("draws every index independently with blocks of 1, and the same ones with the same seed", () => {
    const draw = (seed: string): number[] => [...stationaryIndices({ length: 20, meanBlock: 1 }, createRandom(seed))];
    expect(draw("a")).toEqual(draw("a"));
    expect(draw("a")).not.toEqual(draw("b"));
  });
});

test("stationaryIndices() goes on where it is, and jumps where the draw says so", () => {
  const uniform = [0.75, 0.9, 0.5, 0.3, 0.9, 0.25].values();
  const random = { uniform: () => uniform.next().value! } as Random;
  // It starts at 0.75 x 4. 0.9 x 2 goes on, and wraps around; 0.5 x 2 is no jump, 0.3 x 2 is one, to 0.9 x 4; 0.25 is left.
  expect([...stationaryIndices({ length: 4, meanBlock: 2 }, random)]).toEqual([3, 0, 1, 3]);
  expect(uniform.next().value).toBe(0.25);
});

describe("bootstrap()", () => {
  const options = (seed = "seed"): { draws: number; random: ReturnType<typeof createRandom> } => ({
    draws: 999,
    random: createRandom(seed),
  });

  test("gives the mean of independent values the interval of a normal approximation", () => {
    const values = congruential(400, 3);
    const [interval] = bootstrap([{ length: 400, meanBlock: 1 }], ([indices]) => [mean(values, indices!)], options());
    // Uniform numbers of width 1: 1.96 x sqrt(1/12/400) = 0.0283.
    expect(interval!.high - interval!.estimate).toBeGreaterThan(0.025);
    expect(interval!.high - interval!.estimate).toBeLessThan(0.032);
    expect(interval!.estimate - interval!.low).toBeCloseTo(interval!.high - interval!.estimate, 9);
  });

  test("has the 95 % quantile of the distances as half its width", () => {
    const quantile = (draws: number): number => {
      // The sample has 0; the resamples 1 to `draws`, the later ones below 0.
      let figure = -1;
      const figures = (): number[] => [(figure += 1) * (figure % 2 === 0 ? 1 : -1)];
      const [interval] = bootstrap([{ length: 2, meanBlock: 1 }], figures, { draws, random: createRandom("any") });
      expect(interval).toMatchObject({ estimate: 0, p_value: 1 });
      expect(interval!.low).toBe(-interval!.high);
      return interval!.high;
    };
    // The ceil(0.95 x (n + 1))-th of n.
    expect(quantile(99)).toBe(95);
    expect(quantile(199)).toBe(190);
    expect(quantile(25)).toBe(25);
  });

  test("counts in its p-value the resamples that lie as far from the estimate as 0, and the sample itself", () => {
    const figures = [3, 3 + 1, 3 - 2, 3 + 3, 3 - 4, 3].values();
    const next = (): number[] => [figures.next().value!];
    const [interval] = bootstrap([{ length: 2, meanBlock: 1 }], next, { draws: 5, random: createRandom("any") });
    // Distances 1, 2, 3, 4 and 0: two are 3 or more.
    expect(interval!.p_value).toBeCloseTo(3 / 6, 12);
  });

  test("is undefined for a figure that more than one in twenty resamples do not have", () => {
    const intervalWith = (missing: number): unknown => {
      let draw = -1;
      const figures = (): (number | null)[] => [(draw += 1) > 0 && draw <= missing ? null : 1];
      return bootstrap([{ length: 2, meanBlock: 1 }], figures, { draws: 40, random: createRandom("any") })[0];
    };
    expect(intervalWith(2)).toMatchObject({ estimate: 1 });
    expect(intervalWith(3)).toBeNull();
  });

  test("gives wider intervals to dependent values with longer blocks", () => {
    const values = autoregressive(congruential(1000, 5), 0.8);
    const width = (meanBlock: number): number => {
      const [interval] = bootstrap([{ length: 1000, meanBlock }], ([p]) => [mean(values, p!)], options());
      return interval!.high - interval!.low;
    };
    // Variance of the mean is (1 + 0.8)/(1 - 0.8) = 9 times that of independent values: three times the width.
    expect(width(40) / width(1)).toBeGreaterThan(2);
  });

  test("has p below 0.05 exactly if the interval excludes 0", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e6 }), fc.double({ min: -0.1, max: 0.1, noNaN: true }), (seed, shift) => {
        const values = congruential(60, seed).map((value) => value + shift);
        const [interval] = bootstrap([{ length: 60, meanBlock: 2 }], ([p]) => [mean(values, p!)], {
          draws: 199,
          random: createRandom(String(seed)),
        });
        const leavesOut = interval!.low > 0 || interval!.high < 0;
        expect(interval!.p_value <= 0.05).toBe(leavesOut);
      }),
      { numRuns: 50 },
    );
  });

  test("finds a difference in about one of twenty samples without one", () => {
    let found = 0;
    for (let seed = 1; seed <= 200; seed++) {
      const values = autoregressive(congruential(120, 7919 * seed), 0.3);
      const [interval] = bootstrap([{ length: 120, meanBlock: blockLength(values) }], ([p]) => [mean(values, p!)], {
        draws: 199,
        random: createRandom(`null ${seed}`),
      });
      if (interval!.p_value <= 0.05) found++;
    }
    // 10 expected of an exact test; block bootstraps of 120 values are known to find some more.
    expect(found).toBeGreaterThan(2);
    expect(found).toBeLessThan(30);
  });

  test("resamples series independently, and figures of one series together", () => {
    const first = congruential(50, 1);
    const second = congruential(30, 2);
    const [difference, same] = bootstrap(
      [
        { length: 50, meanBlock: 3 },
        { length: 30, meanBlock: 3 },
      ],
      ([a, b]) => [mean(first, a!) - mean(second, b!), mean(first, a!) - mean(first, a!)],
      options(),
    );
    expect(difference!.high).toBeGreaterThan(difference!.low);
    expect(same).toEqual({ estimate: 0, low: 0, high: 0, p_value: 1 });
  });

  test("is undefined where no series has two values, whose resamples would all be equal", () => {
    const random = createRandom("one");
    const figures = ([days]: readonly Int32Array[]): number[] => [days!.length];
    expect(bootstrap([{ length: 1, meanBlock: 1 }], figures, { draws: 100, random })).toEqual([null]);
    expect(bootstrap([{ length: 2, meanBlock: 1 }], figures, { draws: 100, random })).not.toEqual([null]);
  });

  test("returns null for an undefined figure", () => {
    expect(bootstrap([{ length: 5, meanBlock: 1 }], () => [null], options())).toEqual([null]);
  });
});

describe("blockLength()", () => {
  test.each([
    // optimal_block_length() of the Python package arch 8.0.0, column "stationary", rounded up
    ["independent values", congruential(400, 1), 2],
    ["values that follow their neighbours", autoregressive(congruential(400, 1), 0.6), 9],
    ["values that oppose their neighbours", autoregressive(congruential(250, 7), -0.5), 21],
  ])("of %s is that of arch", (_name, values, expected) => {
    expect(blockLength(values)).toBe(expected);
  });

  test.each([
    // n, factor, seed, and what arch 8.0.0 has for them, rounded up
    [10, 0, 1, 4],
    [40, 0, 1, 2],
    [40, 0, 2, 4],
    [40, 0.3, 1, 4],
    [40, 0.6, 1, 5],
    [40, 0.9, 1, 8],
    [40, 0.9, 2, 6],
    [40, 0.99, 2, 5],
    [40, -0.5, 1, 2],
    [40, -0.9, 1, 14],
    [100, 0, 1, 1],
    [100, 0, 2, 2],
    [100, 0.3, 1, 5],
    [100, 0.6, 1, 8],
    [100, 0.6, 2, 6],
    [100, 0.9, 1, 13],
    [100, 0.9, 2, 8],
    [100, 0.99, 1, 14],
    [100, 0.99, 2, 12],
    [100, -0.5, 1, 4],
    [100, -0.5, 2, 2],
    [100, -0.9, 1, 9],
    [100, -0.9, 2, 16],
    [400, 0.3, 1, 6],
    [400, 0.9, 1, 24],
    [400, 0.99, 1, 33],
    [400, -0.5, 1, 8],
    [400, -0.9, 1, 42],
    [1000, 0, 1, 2],
    [1000, 0.3, 1, 9],
    [1000, 0.6, 1, 13],
    [1000, 0.9, 1, 45],
    [1000, 0.99, 1, 58],
    [1000, -0.5, 1, 11],
    [1000, -0.9, 1, 43],
  ] as const)(
    "of %i values with a factor of %d, seed %i, is %i, as that of arch; a constant added changes nothing",
    (n, factor, seed, expected) => {
      const values = autoregressive(congruential(n, seed), factor);
      expect(blockLength(values)).toBe(expected);
      expect(blockLength(values.map((value) => value + 5))).toBe(expected);
    },
  );

  test.each([[[]], [[1, 2, 3]], [Array.from({ length: 50 }, () => 1)]])("of %p is 1", (values) => {
    expect(blockLength(values)).toBe(1);
  });
});
