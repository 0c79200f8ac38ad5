import { expect, test } from "bun:test";
import type { ProviderSums } from "../../lib/memory/evidence.ts";
import { estimateEdges, expectedR } from "../../lib/memory/weights.ts";
import { makeVote } from "./outcome-samples.ts";

/** The bins of confidence with these values, by number. */
function bins(values: Readonly<Record<number, number>> = {}): Float64Array {
  return Float64Array.from({ length: 10 }, (_, bin) => values[bin] ?? 0);
}

/** The sums of a provider without evidence, but for these. */
function sumsOf(sums: Partial<ProviderSums>): ProviderSums {
  const none = { count: 0, sum: 0, wins: 0, recentCount: 0, recentSum: 0 };
  const noTrends = { trendCount: 0, trendSum: 0, x: 0, xx: 0, xe: 0 };
  return { ...none, ...noTrends, binCount: bins(), binSum: bins(), binWins: bins(), ...sums };
}

/** Two trades of +1 R at a trend of 0.5, and three of -0.5 R at 0: evidence rises by 3 R for each 1 of trend. */
const TRENDING = sumsOf({ trendCount: 5, trendSum: 0.5, x: 1, xx: 0.5, xe: 1 });

const PRIOR = { strength: 60, variance: 0.5 };

/** Worked after "Learning" of docs/RULES.md: a spread of 0.5 - 1/5 = 0.3, and a product of 1 - 0.5/5 = 0.9. */
const BETWEEN = (((0.9 * 0.9) / (0.3 * 0.5) - 1.5) * 0.5) / 0.3;
const SLOPE = (0.9 * BETWEEN) / (0.3 * BETWEEN + 0.5);

test("a provider without evidence is expected to earn 0.1 R whatever the trend and its confidence", () => {
  const [edge] = estimateEdges([sumsOf({})], PRIOR);
  expect(edge).toEqual({ floor: 0.5 * Math.sqrt(0.5 / 60), mean: 0.1, slope: 0, meanTrend: 0, byBin: bins() });
});

test("five trades are enough for a slope over trend, which is less steep than their own", () => {
  const [edge] = estimateEdges([TRENDING], PRIOR);
  expect(edge!.slope).toBeCloseTo(SLOPE, 12);
  expect(edge!.slope).toBeWithin(2, 3);
  expect(edge!.meanTrend).toBeCloseTo(0.2, 12);
});

test("the mean trend counts even if age leaves less than a trade's worth of evidence", () => {
  // A trade at a trend of 0.5, and half of it left.
  expect(estimateEdges([sumsOf({ trendCount: 0.5, x: 0.25 })], PRIOR)[0]!.meanTrend).toBe(0.5);
});

test("fewer trades, and trades of a single trend, have no slope and change none", () => {
  const few = sumsOf({ trendCount: 4.9, trendSum: 0.5, x: 1, xx: 0.5, xe: 1 });
  const oneTrend = sumsOf({ trendCount: 8, trendSum: 2, x: 2, xx: 0.5, xe: 0.5 });
  const slopes = (providers: readonly ProviderSums[]): number[] =>
    estimateEdges(providers, PRIOR).map(({ slope }) => slope);
  expect(slopes([TRENDING, few, oneTrend])).toEqual([...slopes([TRENDING]), 0, 0]);
  expect(slopes([few, oneTrend])).toEqual([0, 0]);
});

test("a slope that chance explains is 0", () => {
  // The product is 0.4 - 0.1 = 0.3: its square is 0.6 variances of 0.3 x 0.5, less than 1.5.
  const [edge] = estimateEdges([{ ...TRENDING, xe: 0.4 }], PRIOR);
  expect(edge!.slope).toBeCloseTo(0, 12);
});

test("bins of confidence add what they earned beyond the provider's mean, shrunk by chance", () => {
  // Four trades of 1 R in bin 6, two of -0.5 R in bin 8: a mean of 0.5; 0.5 and -1 beyond it.
  const sums = sumsOf({ count: 6, sum: 3, binCount: bins({ 6: 4, 8: 2 }), binSum: bins({ 6: 4, 8: -1 }) });
  const [edge] = estimateEdges([sums], { strength: 60, variance: 0.25 });
  // Of 4 and 8 variances all but two are beyond chance; the spread is 6 - (16 + 4)/6.
  const between = (10 * 0.25) / (6 - 20 / 6);
  const expected = bins({ 6: (2 * between) / (4 * between + 0.25), 8: (-2 * between) / (2 * between + 0.25) });
  edge!.byBin.forEach((offset, bin) => expect(offset).toBeCloseTo(expected[bin]!, 12));
});

test("bins count even if age leaves a single trade's worth of evidence", () => {
  // Two halves of a trade, of 3 R and of -3 R: 4.5 variances each, 7 beyond chance, over a spread of 1 - 1/2.
  const sums = sumsOf({ count: 1, binCount: bins({ 2: 0.5, 7: 0.5 }), binSum: bins({ 2: 1.5, 7: -1.5 }) });
  const [edge] = estimateEdges([sums], { strength: 60, variance: 1 });
  expect([...edge!.byBin]).toEqual([...bins({ 2: 21 / 8, 7: -21 / 8 })]);
});

test("bins that differ by chance add nothing, and neither does a single bin", () => {
  // 0.1 R beyond the mean each: far less than two variances.
  const alike = sumsOf({ count: 6, binCount: bins({ 6: 3, 8: 3 }), binSum: bins({ 6: 0.3, 8: -0.3 }) });
  const single = sumsOf({ count: 6, sum: 3, binCount: bins({ 6: 6 }), binSum: bins({ 6: 3 }) });
  for (const { byBin } of estimateEdges([alike, single], PRIOR)) {
    for (const offset of byBin) expect(offset).toBeCloseTo(0, 12);
  }
});

test("a vote earns the mean, the slope times the trend beyond the mean trend, and what its bin adds", () => {
  const edge = { floor: 0.01, mean: 0.1, slope: 2, meanTrend: 0.25, byBin: bins({ 6: 0.5 }) };
  expect(expectedR(edge, 0.75, makeVote("trend", "BUY", { confidence: 65 }))).toBeCloseTo(1.6, 12);
  expect(expectedR(edge, 0.75, makeVote("trend", "SELL", { confidence: 75 }))).toBeCloseTo(1.1, 12);
  expect(expectedR(edge, -0.25, makeVote("trend", "BUY", { confidence: 65 }))).toBeCloseTo(-0.4, 12);
});

test("the confidence of a HOLD, of an abstention and of no vote does not count", () => {
  const edge = { floor: 0.01, mean: 0.1, slope: 0, meanTrend: 0, byBin: bins({ 6: 0.5 }) };
  const votes = [
    undefined,
    makeVote("trend", "HOLD", { confidence: 65 }),
    makeVote("trend", "BUY", { confidence: 65, error: "no answer" }),
  ];
  expect(votes.map((vote) => expectedR(edge, 0, vote))).toEqual([0.1, 0.1, 0.1]);
});
