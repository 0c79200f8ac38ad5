import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Situation, Vote } from "../../lib/types.ts";
import { EvidenceColumns } from "../../lib/memory/evidence.ts";
import { learn, type Lessons } from "../../lib/memory/lessons.ts";
import { tradeOf } from "../../lib/memory/trade.ts";
import { makeOutcome, makeVote } from "./outcome-samples.ts";

const DAY_MS = 86_400_000;

/** The daily factors of docs/RULES.md. */
const SLOW = 0.9942404238175473;
const FAST = 0.9330329915368074;
const AS_OF = Date.UTC(2021, 5, 1);

interface SampleTrade {
  readonly daysAgo?: number;
  readonly resultR?: number;
  readonly trend?: number;
  readonly regime?: string;
  readonly bin?: number;
  /** By provider; NaN for none. */
  readonly evidence: readonly number[];
  /** The bin of each provider's confidence. */
  readonly bins?: readonly number[];
}

function learnFrom(
  trades: readonly SampleTrade[],
  options: { providers?: number; learningRate?: number } = {},
): Lessons {
  const { providers = trades[0]?.evidence.length ?? 2, learningRate = 0.1 } = options;
  const columns = new EvidenceColumns(Array.from({ length: providers }, (_, p) => `p${p}`));
  for (const { daysAgo = 0, resultR = 1, trend = Number.NaN, regime = "RANGING", bin = 6, evidence, bins } of trades) {
    if (!columns.regimeNames.includes(regime)) columns.regimeNames.push(regime);
    columns.exits.insert(AS_OF - daysAgo * DAY_MS - 1);
    columns.trades.resultR.insert(resultR);
    columns.trades.bin.insert(bin);
    columns.trends.insert(trend);
    columns.regimes.insert(columns.regimeNames.indexOf(regime));
    columns.providers.forEach((column, p) => {
      column.resultR.insert(evidence[p] ?? Number.NaN);
      column.bin.insert(bins?.[p] ?? 6);
    });
  }
  return learn(columns, { asOf: AS_OF, from: 0, to: trades.length, learningRate });
}

const times = (count: number, trade: SampleTrade): SampleTrade[] => Array.from({ length: count }, () => trade);

/** A situation whose trend score is (ADX part - 1) / 2, as its averages are equal. */
function situationWith(adx: number): Situation {
  return { ...makeOutcome().situation, asset: "BTCUSD", timestamp: AS_OF, adx, ema_fast: 100, ema_slow: 100 };
}

const votesOf = (...confidences: readonly number[]): Vote[] =>
  confidences.map((confidence, i) => makeVote(`p${i}`, "BUY", { confidence }));

function expectClose(found: readonly number[], expected: readonly number[]): void {
  expect(found.length).toBe(expected.length);
  expected.forEach((value, i) => expect(found[i]).toBeCloseTo(value, 12));
}

describe("weights", () => {
  test("are equal without evidence", () => {
    expectClose(learnFrom([], { providers: 4 }).weights, [0.25, 0.25, 0.25, 0.25]);
  });

  test("shrink toward +0.1 R with the strength of 60 trades at a learning rate of 0.1, of 6 trades at 1", () => {
    // One fresh trade of 1.5 R: (6 + 1.5)/61 for, 6/60 = 6.1/61 without evidence, (6 - 1.5)/61 against. Sum 18.1/61.
    expectClose(learnFrom([{ evidence: [1.5, NaN, -1.5] }]).weights, [7.5 / 18.1, 6.1 / 18.1, 4.5 / 18.1]);
    // (0.6 + 1.5)/7 against 0.1, which is less than chance makes of no evidence.
    const floor = 0.5 * Math.sqrt((1 + 45) / 61 / 6);
    expectClose(learnFrom([{ evidence: [1.5, NaN] }], { learningRate: 1 }).weights, [
      0.3 / (0.3 + floor),
      floor / (0.3 + floor),
    ]);
  });

  test("count a trade half after 120 days, by whole days", () => {
    expect([SLOW ** 120, FAST ** 10]).toEqual([expect.closeTo(0.5, 12), expect.closeTo(0.5, 12)]);
    const fresh = learnFrom([{ evidence: [1.5, NaN] }]).weights;
    expect(learnFrom([{ daysAgo: 1 - 2 / DAY_MS, evidence: [1.5, NaN] }]).weights).toEqual(fresh);
    // (6 + 0.75)/60.5 against 6.05/60.5; a trade without later ones shows no change.
    expect(learnFrom([{ daysAgo: 120, evidence: [1.5, NaN] }]).weights[0]).toBeCloseTo(6.75 / 12.8, 12);
  });

  test("count a provider that only loses with what chance alone would make of as much evidence", () => {
    const { weights } = learnFrom(times(100, { resultR: -3, evidence: [-3, NaN] }));
    const variance = (100 * 9 + 60 * 0.75) / 160;
    const [lost, unknown] = [0.5 * Math.sqrt(variance / 160), 0.5 * Math.sqrt(variance / 60)];
    expect(unknown).toBeGreaterThan(0.1);
    expectClose(weights, [lost / (lost + unknown), unknown / (lost + unknown)]);
  });

  test("follow a change of skill as far as it exceeds chance, and not at all within chance", () => {
    // 100 trades of +1 R 100 days ago, then some of +0.5 R now; the second provider has no record.
    const after = (recent: number): { weights: readonly number[]; long: number; change: number; chance: number } => {
      const trades = [
        ...times(100, { daysAgo: 100, evidence: [1, NaN] }),
        ...times(recent, { resultR: 0.5, evidence: [0.5, NaN] }),
      ];
      const [slow, fast] = [100 * SLOW ** 100, 100 * FAST ** 100];
      const half = 0.5 * recent;
      const variance = (slow + half / 2 + 45) / (slow + recent + 60);
      return {
        weights: learnFrom(trades).weights,
        long: (6 + slow + half) / (60 + slow + recent),
        change: (fast + half) / (fast + recent) - (slow + half) / (slow + recent),
        chance: 2 * variance * (1 / (1 + fast + recent) - 1 / (1 + slow + recent)),
      };
    };
    const ten = after(10);
    const mean = ten.long + ten.change * (1 - (ten.chance / ten.change ** 2) ** 2);
    expect(mean).toBeLessThan(0.65 * ten.long);
    expectClose(ten.weights, [mean / (mean + 0.1), 0.1 / (mean + 0.1)]);
    const five = after(5);
    expect(five.change ** 2).toBeLessThan(five.chance);
    expectClose(five.weights, [five.long / (five.long + 0.1), 0.1 / (five.long + 0.1)]);
  });

  test("depend on the trend where providers earn by it, around the mean trend of their trades", () => {
    // Evidence +1 at a trend of 0.5 and -1 at -0.5, thirty each; the second provider the reverse.
    const trades = [
      ...times(30, { trend: 0.5, evidence: [1, -1] }),
      ...times(30, { trend: -0.5, resultR: -1, evidence: [-1, 1] }),
    ];
    // Spread 60/4, product 30, slope 2; variance (60 + 45)/120; of two slopes of 4 x 15, three variances are chance's.
    const variance = 105 / 120;
    const between = (2 * 60 - 3 * variance) / 30;
    const slope = (30 * between) / (15 * between + variance);
    // ADX 40: trend (1 - 1)/2 = 0; ADX 25: -0.5. Mean evidence is 0: 6/120 each.
    const lessons = learnFrom(trades);
    expectClose(lessons.weigh(situationWith(40), votesOf(60, 60)).weights, [0.5, 0.5]);
    const [first, second] = [0.5 * Math.sqrt(variance / 120), 0.05 + 0.5 * slope];
    expect(0.05 - 0.5 * slope).toBeLessThan(first);
    expectClose(lessons.weigh(situationWith(25), votesOf(60, 60)).weights, [
      first / (first + second),
      second / (first + second),
    ]);
    expectClose(lessons.weights, [0.5, 0.5]);
  });

  test("do not depend on a trend that explains no more than chance", () => {
    const trades = [0.5, -0.5].flatMap((trend) =>
      [1, -1, 1, -1, 1].map((r, i) => ({ trend, resultR: r, evidence: [trend > 0 || i > 0 ? r : -r, NaN] })),
    );
    const { weigh, weights } = learnFrom(trades);
    expect(weigh(situationWith(50), votesOf(60, 60)).weights).toEqual([...weights]);
  });

  test("depend on a vote's confidence where the provider earns by it, as one that is surest when wrong", () => {
    // Thirty of +1 R at 60, thirty of -1 R at 80.
    const trades = [
      ...times(30, { evidence: [1, NaN], bins: [6, 6] }),
      ...times(30, { resultR: -1, evidence: [-1, NaN], bins: [8, 6] }),
    ];
    const variance = 105 / 120;
    // Spread 60 - 1,800/60 = 30; beyond the mean of 0: 60 in squares, of which two variances are chance's.
    const between = (60 - 2 * variance) / 30;
    const offset = (30 * between) / (30 * between + variance);
    const { weigh, weights } = learnFrom(trades);
    const sure = weigh(situationWith(25), votesOf(80, 60)).weights;
    const modest = weigh(situationWith(25), votesOf(60, 60)).weights;
    const floor = 0.5 * Math.sqrt(variance / 120);
    expectClose(sure, [floor / (floor + 0.1), 0.1 / (floor + 0.1)]);
    expectClose(modest, [(0.05 + offset) / (0.15 + offset), 0.1 / (0.15 + offset)]);
    // A bin without a record, and a HOLD, count with the provider's mean.
    expectClose(weigh(situationWith(25), votesOf(40, 60)).weights, [...weights]);
    const held = [makeVote("p0", "HOLD", { confidence: 80 }), makeVote("p1", "BUY")];
    expectClose(weigh(situationWith(25), held).weights, [...weights]);
  });
});

describe("confidence", () => {
  test("of a vote is near one half without a record, and keeps a quarter of its claim", () => {
    const { confidences } = learnFrom([], { providers: 3 }).weigh(situationWith(25), votesOf(50, 90, 20));
    expectClose(confidences, [50, 60, 42.5]);
  });

  test("of a vote becomes the share of its bin that was right; a HOLD stays near the base rate", () => {
    // 40 of 60 won in the bin of 80, none of 30 in that of 60: base (30 + 40)/(60 + 90).
    const trades = [
      ...times(40, { evidence: [1], bins: [8] }),
      ...times(20, { resultR: -1, evidence: [-1], bins: [8] }),
      ...times(30, { resultR: -1, evidence: [-1], bins: [6] }),
    ];
    const { weigh } = learnFrom(trades);
    const of = (confidence: number): number => weigh(situationWith(25), votesOf(confidence)).confidences[0] as number;
    const base = 70 / 150;
    expect(of(80)).toBeCloseTo((100 * (60 * (base + 0.075) + 40)) / 120, 12);
    expect(of(60)).toBeCloseTo((100 * (60 * (base + 0.025))) / 90, 12);
    const held = weigh(situationWith(25), [makeVote("p0", "HOLD", { confidence: 80 })]);
    expect(held.confidences[0]).toBeCloseTo(100 * (base + 0.075), 12);
    expect(weigh(situationWith(25), [makeVote("p0", "HOLD", { error: "silent" })]).confidences).toEqual([0]);
  });

  test("of a decision becomes the share of its bin that was right, shrunk toward that of all trades", () => {
    const trades = [
      ...times(30, { bin: 5, evidence: [NaN] }),
      ...times(60, { bin: 7, resultR: -1, evidence: [NaN] }),
      ...times(30, { bin: 7, evidence: [NaN] }),
    ];
    // Base (30 + 60)/180.
    const { calibrate } = learnFrom(trades);
    expect(calibrate(55)).toBeCloseTo((100 * (30 + 30)) / 90, 12);
    expect(calibrate(79)).toBeCloseTo((100 * (30 + 30)) / 150, 12);
    expect(calibrate(99)).toBeCloseTo(50, 12);
  });
});

describe("sizes", () => {
  const scaleOf = (lessons: Lessons, position: { regime?: string; votesR?: number; costR?: number } = {}): number =>
    lessons.scale({ regime: "TRENDING", votesR: 1, costR: 0, ...position }).scale;

  test("are full from 0.05 R after costs on, and a fiftieth where costs take all; without a record 0.05 R is expected", () => {
    const lessons = learnFrom([]);
    const free = lessons.scale({ regime: "TRENDING", votesR: 1, costR: 0 });
    expect(free).toEqual({ expectedR: expect.closeTo(0.05, 12), scale: expect.closeTo(1, 12) });
    expect(scaleOf(lessons, { costR: 0.04 })).toBeCloseTo(0.2, 12);
    expect(scaleOf(lessons, { costR: 0.05 })).toBe(0.02);
    expect(scaleOf(lessons, { costR: 3 })).toBe(0.02);
    expect(scaleOf(learnFrom(times(60, { resultR: 0.3, evidence: [NaN] })))).toBe(1);
  });

  test("go by the regime's record, shrunk toward that of all trades with the strength of 120 trades", () => {
    const trades = [
      ...times(60, { regime: "TRENDING", resultR: 0.55, evidence: [NaN] }),
      ...times(60, { regime: "VOLATILE", resultR: -0.6, evidence: [NaN] }),
      ...times(60, { regime: "__proto__", resultR: -3, evidence: [NaN] }),
    ];
    const lessons = learnFrom(trades.slice(0, 120));
    // All: (3 + 33 - 36)/180 = 0 R. TRENDING: 33/180 R; VOLATILE: -36/180 R.
    expect(scaleOf(lessons)).toBe(1);
    expect(scaleOf(lessons, { costR: 33 / 180 - 0.02 })).toBeCloseTo(0.4, 9);
    expect(lessons.scale({ regime: "VOLATILE", votesR: 1, costR: 0.05 }).expectedR).toBeCloseTo(-0.25, 12);
    expect(scaleOf(lessons, { regime: "RANGING" })).toBe(0.02);
    expect(scaleOf(learnFrom(trades), { regime: "__proto__" })).toBe(0.02);
  });

  test("go by what the votes are expected to earn, where that is less", () => {
    expect(scaleOf(learnFrom([]), { votesR: 0.02 })).toBeCloseTo(0.4, 12);
    expect(scaleOf(learnFrom([]), { votesR: 0.02, costR: 0.01 })).toBeCloseTo(0.2, 12);
    expect(scaleOf(learnFrom([]), { votesR: -0.2 })).toBe(0.02);
  });
});

test("for any trades weights sum to 1, confidences stay in 0..100 and sizes in 0.02..1", () => {
  const r = fc.double({ min: -3, max: 3, noNaN: true });
  const trade = fc.record({
    daysAgo: fc.integer({ min: 0, max: 900 }),
    resultR: fc.oneof(fc.constant(NaN), r),
    trend: fc.oneof(fc.constant(NaN), fc.double({ min: -1, max: 1, noNaN: true })),
    regime: fc.constantFrom("TRENDING", "RANGING", "constructor"),
    bin: fc.integer({ min: 0, max: 9 }),
    evidence: fc.array(fc.oneof(fc.constant(NaN), r), { minLength: 3, maxLength: 3 }),
    bins: fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 3, maxLength: 3 }),
  });
  const confidence = fc.double({ min: 0, max: 100, noNaN: true });
  fc.assert(
    fc.property(
      fc.array(trade, { maxLength: 80 }),
      fc.constantFrom(0.01, 0.1, 1),
      fc.tuple(confidence, confidence, confidence),
      fc.double({ min: 0, max: 100, noNaN: true }),
      (trades, learningRate, said, adx) => {
        const lessons = learnFrom(trades, { providers: 3, learningRate });
        const { weights, confidences } = lessons.weigh(situationWith(adx), votesOf(...said));
        for (const shares of [weights, lessons.weights]) {
          expect(shares.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 12);
          expect(Math.min(...shares)).toBeGreaterThan(0);
        }
        for (const value of [...confidences, lessons.calibrate(said[0])]) {
          expect(value).toBeGreaterThanOrEqual(0);
          expect(value).toBeLessThanOrEqual(100);
        }
        for (const regime of ["TRENDING", "constructor", "toString"]) {
          const { scale } = lessons.scale({ regime, votesR: adx / 50 - 1, costR: said[0] / 100 });
          expect(scale).toBeGreaterThanOrEqual(0.02);
          expect(scale).toBeLessThanOrEqual(1);
        }
      },
    ),
  );
});

test("the ensemble's mean result is shrunk toward a twentieth of an R, as if 6 trades over the learning rate had it", () => {
  const columns = new EvidenceColumns([]);
  const asOf = Date.UTC(2021, 5, 1);
  for (const index of [0, 1]) {
    const trade = tradeOf(makeOutcome({ regime: "RANGING" }), { bytes: 1, crc32: "00000000", contentHash: "" });
    columns.insert({ ...trade, exitMs: asOf - 1, resultR: 1.5 }, index);
  }
  const { scale } = learn(columns, { from: 0, to: 2, asOf, learningRate: 0.1 });
  const position = { votesR: 9, costR: 0.02 };
  // (0.05 x 60 + 3) / (60 + 2), less costs; in a regime of its own two results count beside 120 such means.
  const mean = 6 / 62;
  expect(scale({ ...position, regime: "TRENDING" }).expectedR).toBeCloseTo(mean - 0.02, 12);
  expect(scale({ ...position, regime: "RANGING" }).expectedR).toBeCloseTo((120 * mean + 3) / 122 - 0.02, 12);
});
