import { describe, expect, test } from "bun:test";
import { type DailyReturns, pathOf } from "../../lib/report/effect.ts";
import { bootstrap } from "../../lib/stats/bootstrap.ts";
import { createRandom } from "../../lib/util/random.ts";
import { isoDate, DAY_MS } from "../../lib/util/time.ts";
import { seeded } from "../samples.ts";

const OPTIONS = { longestTradeDays: 5 };

function daysOf(returns: readonly number[], from = "2021-01-01"): DailyReturns {
  return { dates: returns.map((_, i) => isoDate(Date.parse(from) + i * DAY_MS)), returns };
}

function noise(seed: number, mean = 0): number[] {
  const random = seeded(seed);
  return Array.from({ length: 120 }, () => mean + (random() - 0.5) / 50);
}

describe("the path of a difference", () => {
  test("ends at the difference of the two log growths, in percent", () => {
    const path = pathOf(daysOf([0.1, 0.2]), daysOf([0, -0.5]), OPTIONS)!;
    expect(path.map(({ date }) => date)).toEqual(["2021-01-01", "2021-01-02"]);
    expect(path[0]!.value).toBeCloseTo(100 * Math.log(1.1), 9);
    expect(path[1]!.value).toBeCloseTo(100 * Math.log((1.1 * 1.2) / 0.5), 9);
  });

  test("of a run with itself is 0 everywhere, without a band", () => {
    const path = pathOf(daysOf(noise(1)), daysOf(noise(1)), OPTIONS)!;
    expect(path.every(({ value, low, high }) => value === 0 && low === 0 && high === 0)).toBe(true);
  });

  test("of equal chances contains 0, and of a lasting difference does not", () => {
    const last = (days: DailyReturns): { low: number; high: number } =>
      pathOf(days, daysOf(noise(2)), OPTIONS)!.at(-1)!;
    const equal = last(daysOf(noise(3)));
    expect(equal.low).toBeLessThan(0);
    expect(equal.high).toBeGreaterThan(0);
    expect(last(daysOf(noise(3, 0.01))).low).toBeGreaterThan(0);
  });

  test("has a band that grows with time, as wide at the end as the interval of the whole", () => {
    const [a, b] = [noise(4), noise(5)];
    const path = pathOf(daysOf(a), daysOf(b), OPTIONS)!;
    const width = ({ low, high }: { low: number; high: number }): number => high - low;
    expect(width(path.at(-1)!)).toBeGreaterThan(2 * width(path[5]!));
    const [whole] = bootstrap(
      [{ length: a.length, meanBlock: 5 }],
      ([drawn]) => [drawn!.reduce((sum, i) => sum + Math.log1p(a[i]!) - Math.log1p(b[i]!), 0)],
      { draws: 2000, random: createRandom("test") },
    );
    expect(width(path.at(-1)!) / (100 * width(whole!))).toBeCloseTo(1, 0);
  });

  test("is of the days that both have, and nothing where there are fewer than two", () => {
    const a = daysOf([0.1, 0.1, 0.1]);
    expect(pathOf(a, daysOf([0, 0, 0], "2021-01-02"), OPTIONS)).toHaveLength(2);
    expect(pathOf(a, daysOf([0, 0, 0], "2021-01-03"), OPTIONS)).toBeUndefined();
  });
});
