import { describe, expect, test } from "bun:test";
import { compareRuns, type Comparison, type WorldRuns } from "../../lib/experiments/compare.ts";
import type { CostRuns } from "../../lib/experiments/cost-sweep.ts";
import { planChunks } from "../../lib/results/chunks.ts";
import type { RunTrace } from "../../lib/experiments/in-memory-run.ts";
import { tradeOf } from "../../lib/memory/trade.ts";
import { createRandom } from "../../lib/util/random.ts";
import { makeOutcome } from "../memory/outcome-samples.ts";
import { at, DAY } from "../backtest/world-samples.ts";

const PERIOD = { startMs: at("2021-01-01"), endMs: at("2021-07-01") };
const DAYS = (PERIOD.endMs - PERIOD.startMs) / DAY;

interface Trade {
  readonly day: number;
  readonly won: boolean;
  readonly confidence?: number;
}

/** A run of which only daily equity and trades are known. */
function runOf(returns: readonly number[], trades: readonly Trade[] = [], firstDay = 0): RunTrace {
  let equity = 1000;
  const daily = returns.map((r, i) => {
    equity *= 1 + r;
    return { date: new Date(PERIOD.startMs + (firstDay + i) * DAY).toISOString().slice(0, 10), equity, pnl: {} };
  });
  const closed = trades.map(({ day, won, confidence = 60 }, i) => {
    const outcome = makeOutcome({
      decision_id: `t-${i}`,
      exit_timestamp: new Date(PERIOD.startMs + day * DAY + 1).toISOString(),
      was_profitable: won,
      result_r: won ? 1.5 : -1,
      decision_confidence: confidence,
    });
    return tradeOf(outcome, { bytes: 1, crc32: "00000000", contentHash: "" });
  });
  const key = { bars: { AAA: "sum" } };
  const run = { runId: "run", trades: closed, key };
  return { ...run, records: [{ daily }], decisions: [] } as unknown as RunTrace;
}

const noise = (seed: string, scale = 0.01): number[] => {
  const random = createRandom(seed);
  return Array.from({ length: DAYS }, () => scale * (random.uniform() - 0.5));
};

const OPTIONS = {
  chunks: planChunks(PERIOD, "quarter"),
  initialBalance: 1000,
  longestTradeDays: 2,
  trials: { count: 2, sharpes: [1, -1] },
  draws: 400,
};

function compare(worlds: readonly Omit<WorldRuns, "name" | "daysPerYear">[], kind = "quarter"): Comparison {
  return compareRuns(
    worlds.map((world, i) => ({ ...world, name: `seed ${i}`, daysPerYear: 365 })),
    { ...OPTIONS, chunks: planChunks(PERIOD, kind) },
  );
}

describe("compareRuns()", () => {
  test("finds no difference between a run and itself", () => {
    const run = runOf(noise("a"), [{ day: 3, won: true }]);
    const { verdict, on_minus_off: difference } = compare([{ on: run, off: run, shuffled: [run] }]);
    expect(verdict).toBe("no difference that this much data can show");
    expect(difference.sharpe).toEqual({ estimate: 0, low: 0, high: 0, p_value: 1 });
    expect(difference.return_pct).toEqual({ estimate: 0, low: 0, high: 0, p_value: 1 });
  });

  test("finds no help in bets of half the size, which change growth and drawdown but not the Sharpe ratio", () => {
    const off = noise("half").map((r) => r - 0.003);
    const half = off.map((r) => r / 2);
    const found = compare([{ on: runOf(half), off: runOf(off), matched: runOf(half), shuffled: [] }]);
    expect(found.on_minus_off.sharpe!.estimate).toBeCloseTo(0, 9);
    expect(found.verdict).toBe("no difference that this much data can show");
    expect(found.on_minus_off.log_growth!.low).toBeGreaterThan(0);
    expect(found.betting.bet_less!.estimate).toBeCloseTo(found.on_minus_off.log_growth!.estimate, 12);
    expect(found.betting.bet_better).toEqual({ estimate: 0, low: 0, high: 0, p_value: 1 });
  });

  test("splits the difference in log growth into betting less and betting better", () => {
    const [off, matched, on] = [noise("off"), noise("matched", 0.005), noise("on").map((r) => r + 0.001)];
    const { betting, on_minus_off: whole } = compare([
      { on: runOf(on), off: runOf(off), matched: runOf(matched), shuffled: [] },
    ]);
    const { bet_less: less, bet_better: better } = betting;
    expect(less!.estimate + better!.estimate).toBeCloseTo(whole.log_growth!.estimate, 9);
    // The sum of the logarithms of what each day leaves.
    const growth = (returns: readonly number[]): number => returns.reduce((sum, r) => sum + Math.log(1 + r), 0);
    expect(better!.estimate).toBeCloseTo(growth(on) - growth(matched), 9);
  });

  test("leaves out the arms that were not run", () => {
    const run = runOf(noise("alone"), [{ day: 3, won: true }]);
    const found = compare([{ on: run, off: run, shuffled: [] }]);
    expect(found).toMatchObject({
      matched: null,
      shuffled: null,
      on_minus_matched: null,
      on_minus_shuffled: null,
      betting: { bet_less: null, bet_better: null },
      ablations: [],
      costs: null,
    });
  });

  test("judges each part of memory by what is lost without it, adjusted for the number of parts", () => {
    const off = noise("parts");
    const on = off.map((r) => r + 0.004);
    const without = { weights: runOf(off), recall: runOf(on) };
    const { ablations } = compare([{ on: runOf(on), off: runOf(off), shuffled: [], without }]);
    const [weights, recall] = ablations;
    expect(ablations.map(({ part }) => part)).toEqual(["weights", "recall"]);
    expect(weights!.holm_p_value).toBeCloseTo(2 * weights!.on_minus_without.sharpe!.p_value, 12);
    expect(weights!.holm_p_value).toBeLessThan(0.05);
    expect(recall!.on_minus_without.sharpe!.estimate).toBe(0);
    expect(recall!.holm_p_value).toBe(1);
  });

  test("takes start days of one path as one path: no more is known than from a single one", () => {
    const off = noise("path");
    const on = off.map((r) => r + 0.0004);
    const run = { on: runOf(on), off: runOf(off), shuffled: [] };
    const twice = compareRuns(
      [1, 2].map(() => ({ ...run, name: "bars", daysPerYear: 365 as const })),
      OPTIONS,
    );
    const once = compareRuns([{ ...run, name: "bars", daysPerYear: 365 }], OPTIONS);
    expect(twice.on_minus_off).toEqual(once.on_minus_off);
  });

  test("takes the same days of a path from two start days, those before the later one from none of its runs", () => {
    const off = noise("later");
    const on = off.map((r, i) => r + (i < 50 ? 0.5 : 0));
    const later = (returns: readonly number[]): RunTrace => runOf(returns.slice(50), [], 50);
    const found = compareRuns(
      [
        { name: "bars", daysPerYear: 365, on: runOf(off), off: runOf(off), shuffled: [] },
        { name: "bars", daysPerYear: 365, on: later(on), off: later(off), shuffled: [] },
      ],
      OPTIONS,
    );
    expect(found.on_minus_off.sharpe).toEqual({ estimate: 0, low: 0, high: 0, p_value: 1 });
  });

  test("finds the multiple of the costs at which growth ends", () => {
    const runsAt = (multiple: number, daily: number): CostRuns => {
      const run = runOf(Array.from({ length: DAYS }, (_, i) => daily + (i % 2 === 0 ? 0.001 : -0.001)));
      const summary = { memory_enabled: true, expectation: [{ trades: 2, mean_expected_r: 0.01 * (4 - multiple) }] };
      return { multiple, worlds: [{ daysPerYear: 365, on: { ...run, summary } as unknown as RunTrace, off: run }] };
    };
    const run = runOf(noise("costs"));
    const { costs } = compareRuns([{ name: "bars", daysPerYear: 365, on: run, off: run, shuffled: [] }], {
      ...OPTIONS,
      costs: [runsAt(0, 0.002), runsAt(1, 0.001), runsAt(4, -0.002)],
    });
    expect(costs!.multiples.map(({ multiple }) => multiple)).toEqual([0, 1, 4]);
    // 0.04, 0.03 and 0 R were expected; the full size is for 0.05 R, the least is 0.02.
    expect(costs!.multiples.map(({ mean_size_scale: size }) => size)).toEqual([
      expect.closeTo(0.8, 12) as unknown as number,
      expect.closeTo(0.6, 12) as unknown as number,
      0.02,
    ]);
    // From +0.001 to -0.002 a day over 3 multiples: a third of the way, as far as logarithms are linear.
    expect(costs!.break_even.on).toBeCloseTo(2, 1);
    const always = compareRuns([{ name: "bars", daysPerYear: 365, on: run, off: run, shuffled: [] }], {
      ...OPTIONS,
      costs: [runsAt(0, 0.002), runsAt(1, 0.001)],
    });
    expect(always.costs!.break_even).toEqual({ on: null, off: null });
  });

  test.each([
    ["helped", 0.002],
    ["hurt", -0.002],
  ] as const)("finds that memory %s by a steady difference that is larger than the noise", (verdict, shift) => {
    const off = noise("b");
    const found = compare([
      { on: runOf(off.map((r) => r + shift)), off: runOf(off), shuffled: [runOf(off), runOf(noise("c"))] },
    ]);
    expect(found.verdict).toBe(verdict);
    expect(found.on_minus_off.sharpe!.p_value).toBeLessThan(0.01);
    expect(found.quarters.map(({ quarter }) => quarter)).toEqual(["2021Q1", "2021Q2"]);
    expect(Math.sign(found.quarters[1]!.on_minus_off.return_pct!.estimate)).toBe(Math.sign(shift));
  });

  test("computes the figures that are worked by hand", () => {
    const flat = Array.from({ length: DAYS }, () => 0);
    const gains = flat.with(0, 0.1).with(100, -0.05);
    const trades = [
      { day: 0, won: true, confidence: 80 },
      { day: 1, won: false, confidence: 50 },
      { day: 100, won: false, confidence: 50 },
      { day: 120, won: true, confidence: 80 },
    ];
    const {
      on,
      off,
      quarters,
      first_to_last: ends,
    } = compare([{ on: runOf(gains, trades), off: runOf(flat), shuffled: [runOf(flat)] }]);
    // 1.1 x 0.95
    expect(on.return_pct).toBeCloseTo(4.5, 9);
    expect(on.win_rate).toBe(50);
    expect(on.mean_result_r).toBeCloseTo(0.25, 12);
    // Fewer than 30 trades are too few for a score.
    expect(on.brier).toBeNull();
    expect(on.trades).toBe(4);
    expect(off).toMatchObject({ return_pct: 0, sharpe: null, win_rate: null, brier: null, trades: 0 });
    expect(quarters.map((quarter) => quarter.on.return_pct)).toEqual([
      expect.closeTo(10, 9) as unknown as number,
      expect.closeTo(-5, 9) as unknown as number,
    ]);
    expect(ends!.on.first.win_rate).toBe(50);
    expect(ends!.on.last.win_rate).toBe(50);
  });

  test("reports a score of 30 trades, but none of 29, nor of a chunk that has fewer", () => {
    // (20 x 0.16 + 10 x 0.36) / 30 and, the other way, (10 x 0.16 + 20 x 0.36) / 30
    const trades = (count: number, wins: number): Trade[] =>
      Array.from({ length: count }, (_, i) => ({ day: 6 * i, won: i % 3 < wins }));
    const [on, off] = [runOf(noise("p"), trades(30, 2)), runOf(noise("q"), trades(30, 1))];
    const enough = compare([{ on, off, shuffled: [off] }]);
    expect(enough.on.brier).toBeCloseTo(6.8 / 30, 12);
    expect(enough.off.brier).toBeCloseTo(8.8 / 30, 12);
    expect(enough.on_minus_off.brier!.estimate).toBeCloseTo(-2 / 30, 9);
    expect(enough.quarters.map((quarter) => [quarter.on.brier, quarter.on_minus_off.brier])).toEqual([
      [null, null],
      [null, null],
    ]);
    expect(enough.first_to_last!.on.change.brier).toBeNull();

    const few = compare([{ on, off: runOf(noise("q"), trades(29, 1)), shuffled: [off] }]);
    expect([few.off.brier, few.on_minus_off.brier]).toEqual([null, null]);
    expect(few.on_minus_shuffled!.brier).not.toBeNull();
    expect(few.on_minus_off.win_rate).not.toBeNull();
  });

  test("takes the mean over worlds", () => {
    const worlds = ["d", "e", "f"].map((seed, i) => {
      const off = noise(seed);
      return { on: runOf(off.map((r) => r + i * 0.001)), off: runOf(off), shuffled: [runOf(off)] };
    });
    const all = compare(worlds);
    const single = worlds.map((world) => compare([world]).on_minus_off.return_pct!.estimate);
    expect(all.on_minus_off.return_pct!.estimate).toBeCloseTo(single.reduce((a, b) => a + b, 0) / 3, 8);
    expect(all.worlds).toHaveLength(3);
  });

  test("has no first and last chunk in a run of one", () => {
    const run = runOf(noise("g"));
    const half = compare([{ on: run, off: run, shuffled: [run] }], "181d");
    expect(half.first_to_last).toBeNull();
  });

  test("has no interval of win rates if hardly any day has a trade", () => {
    const run = runOf(noise("h"), [{ day: 5, won: true }]);
    const other = runOf(noise("i"), [{ day: 6, won: false }]);
    expect(compare([{ on: run, off: other, shuffled: [other] }]).on_minus_off.win_rate).toBeNull();
  });

  test("is the same every time, and keeps all that its figures are computed from", () => {
    const world = { on: runOf(noise("j")), off: runOf(noise("k")), shuffled: [runOf(noise("l"))] };
    const found = compare([world]);
    expect(compare([world])).toEqual(found);
    const [{ on, dates }] = found.worlds as [Comparison["worlds"][number]];
    expect(dates).toHaveLength(DAYS);
    expect(100 * (on.returns.reduce((product, r) => product * (1 + r), 1) - 1)).toBe(found.on.return_pct!);
  });
});

describe("the track record", () => {
  test("is that of the first world, deflated by the trials", () => {
    const off = noise("m");
    const on = off.map((r) => r + 0.0005);
    const { track_record: record } = compare([{ on: runOf(on), off: runOf(off), shuffled: [runOf(off)] }]);
    // Daily ratios of 1/sqrt(365) and -1/sqrt(365) have a sample variance of 2/365.
    expect(record.sharpe_variance).toBeCloseTo(2 / 365, 12);
    expect(record).toMatchObject({ world: "seed 0", trials: 2, trials_with_sharpe: 2 });
    expect(record.on!.deflated_sharpe!).toBeLessThan(record.on!.probabilistic_sharpe!);
    expect(record.on!.days).toBe(DAYS);
    expect(record.on!.min_track_record_days!).toBeGreaterThan(0);
  });

  test("has the days until a difference would show, whichever sign it has", () => {
    const off = noise("n");
    const shifts = noise("o", 0.002);
    const by = (sign: number): number => {
      const on = off.map((r, i) => r + sign * (0.0002 + shifts[i]!));
      const { track_record: record } = compare([{ on: runOf(on), off: runOf(off), shuffled: [runOf(off)] }]);
      return record.on_minus_off!.min_track_record_days!;
    };
    expect(by(-1)).toBeCloseTo(by(1), 3);
  });
});
