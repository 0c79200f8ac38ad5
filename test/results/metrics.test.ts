import { describe, expect, test } from "bun:test";
import {
  cagrPct,
  lastOfDays,
  markDrawdown,
  percentOf,
  profitFactor,
  sharpeRatio,
  simpleReturns,
  sortinoRatio,
} from "../../lib/results/metrics.ts";

const days = (...marks: [date: string, equity: number][]): { date: string; equity: number }[] =>
  marks.map(([date, equity]) => ({ date, equity }));

describe("daily returns", () => {
  test("are simple, the first against the initial balance", () => {
    const returns = simpleReturns(days(["2021-01-01", 110], ["2021-01-02", 99], ["2021-01-03", 108.9]), 100);
    expect(returns).toHaveLength(3);
    [0.1, -0.1, 0.1].forEach((expected, i) => expect(returns[i]).toBeCloseTo(expected, 12));
  });

  test("count Sunday's marks as Monday's with 252 days a year", () => {
    // 8 January 2021 was a Friday.
    const week = days(["2021-01-08", 100], ["2021-01-10", 101], ["2021-01-11", 102], ["2021-01-12", 103]);
    expect(lastOfDays(week, 252)).toEqual([week[0]!, week[2]!, week[3]!]);
    expect(lastOfDays(week, 365)).toEqual(week);
  });

  test("count a Sunday as a day if its Monday has no marks, as at Christmas", () => {
    const week = days(["2021-01-08", 100], ["2021-01-10", 101], ["2021-01-12", 103]);
    expect(lastOfDays(week, 252)).toEqual(week);
  });

  test("join a Sunday in December with a Monday in January", () => {
    // 31 December 2023 was a Sunday.
    const turn = days(["2023-12-29", 100], ["2023-12-31", 101], ["2024-01-01", 102]);
    expect(lastOfDays(turn, 252)).toEqual([turn[0]!, turn[2]!]);
  });
});

describe("ratios of +10 %, -10 %, +10 %", () => {
  const returns = [0.1, -0.1, 0.1];

  test("Sharpe: mean 1/30 over the sample deviation 0.2/sqrt(3), a year of 365 or 252 days", () => {
    expect(sharpeRatio(returns, 365)).toBeCloseTo(Math.sqrt(365) / (2 * Math.sqrt(3)), 10);
    expect(sharpeRatio(returns, 252)).toBeCloseTo(Math.sqrt(252) / (2 * Math.sqrt(3)), 10);
  });

  test("Sortino: over the root mean square of the losses of all three days, 0.1/sqrt(3)", () => {
    expect(sortinoRatio(returns, 365)).toBeCloseTo(Math.sqrt(365) / Math.sqrt(3), 10);
  });
});

test("a ratio is null without days, with one day, with equal days, and without a loss", () => {
  expect(sharpeRatio([], 365)).toBeNull();
  expect(sharpeRatio([0.1], 365)).toBeNull();
  expect(sharpeRatio([0, 0, 0], 365)).toBeNull();
  expect(sortinoRatio([], 365)).toBeNull();
  expect(sortinoRatio([0.1, 0, 0.2], 365)).toBeNull();
});

test("100 becomes 121 in two years of 365 days: 10 % a year", () => {
  expect(cagrPct(100, 121, { spanMs: 730 * 86_400_000 })).toBe(10);
  expect(cagrPct(100, 90, { spanMs: 365 * 86_400_000 })).toBe(-10);
  expect(cagrPct(100, -5, { spanMs: 365 * 86_400_000 })).toBeNull();
});

test("the max drawdown is the deepest fall from the peak before it: 120 to 90 is 25 %", () => {
  const state = { peak: 0, maxPct: 0 };
  const after = [100, 120, 90, 130, 117].map((equity) => {
    markDrawdown(state, equity);
    return state.maxPct;
  });
  expect(after).toEqual([0, 0, 25, 25, 25]);
});

test("the profit factor is gross profit over gross loss, null without losses", () => {
  expect(profitFactor([10, -4, -1])).toBe(2);
  expect(profitFactor([-4])).toBe(0);
  expect(profitFactor([10, 0])).toBeNull();
  expect(profitFactor([])).toBeNull();
});

test("a percentage of 0 is null", () => {
  expect(percentOf(0, 0)).toBeNull();
  expect(percentOf(1, 8)).toBe(12.5);
});
