import { describe, expect, test } from "bun:test";
import { type DailyReturns, effectOf } from "../../lib/report/effect.ts";
import { isoDate, DAY_MS } from "../../lib/util/time.ts";
import { seeded } from "../samples.ts";

const OPTIONS = { daysPerYear: 365, longestTradeDays: 5 };

function daysOf(returns: readonly number[], from = "2021-01-01"): DailyReturns {
  return { dates: returns.map((_, i) => isoDate(Date.parse(from) + i * DAY_MS)), returns };
}

function noise(seed: number, mean = 0): number[] {
  const random = seeded(seed);
  return Array.from({ length: 120 }, () => mean + (random() - 0.5) / 50);
}

describe("effectOf()", () => {
  test("ends at the difference of the two log growths, in percent", () => {
    const effect = effectOf(
      [
        { name: "a", days: daysOf([0.1, 0.2]) },
        { name: "b", days: daysOf([0, -0.5]) },
      ],
      OPTIONS,
    )!;
    expect(effect.path.map(({ date }) => date)).toEqual(["2021-01-01", "2021-01-02"]);
    expect(effect.path[0]!.value).toBeCloseTo(100 * Math.log(1.1), 9);
    expect(effect.path[1]!.value).toBeCloseTo(100 * Math.log((1.1 * 1.2) / 0.5), 9);
    expect(effect.logGrowth!.estimate).toBeCloseTo(Math.log((1.1 * 1.2) / 0.5), 9);
  });

  test("of a run with itself is 0 everywhere, without a band", () => {
    const days = daysOf(noise(1));
    const { path } = effectOf(
      [
        { name: "a", days },
        { name: "a again", days },
      ],
      OPTIONS,
    )!;
    expect(path.every(({ value, low, high }) => value === 0 && low === 0 && high === 0)).toBe(true);
  });

  test("of equal chances contains 0, and of a lasting difference does not", () => {
    const b = { name: "b", days: daysOf(noise(2)) };
    const last = (days: DailyReturns): { low: number; high: number } =>
      effectOf([{ name: "a", days }, b], OPTIONS)!.path.at(-1)!;
    const equal = last(daysOf(noise(3)));
    expect(equal.low).toBeLessThan(0);
    expect(equal.high).toBeGreaterThan(0);
    expect(last(daysOf(noise(3, 0.01))).low).toBeGreaterThan(0);
  });

  test("has a band that grows with time, as wide at the end as the interval of the whole", () => {
    const a = { name: "a", days: daysOf(noise(4)) };
    const b = { name: "b", days: daysOf(noise(5)) };
    const { path, logGrowth } = effectOf([a, b], OPTIONS)!;
    const width = ({ low, high }: { low: number; high: number }): number => high - low;
    expect(width(path.at(-1)!)).toBeGreaterThan(2 * width(path[5]!));
    expect(width(path.at(-1)!) / (100 * width(logGrowth!))).toBeCloseTo(1, 0);
  });

  test("compares the days that both have, and nothing where there are fewer than two", () => {
    const a = { name: "a", days: daysOf([0.1, 0.1, 0.1]) };
    expect(effectOf([a, { name: "b", days: daysOf([0, 0, 0], "2021-01-02") }], OPTIONS)?.days).toBe(2);
    expect(effectOf([a, { name: "b", days: daysOf([0, 0, 0], "2021-01-03") }], OPTIONS)).toBeUndefined();
  });
});
