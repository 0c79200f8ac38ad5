import { describe, expect, test } from "bun:test";
import { DecisionLeaks } from "../../lib/job/decision-leaks.ts";
import type { ProviderLeak } from "../../lib/job/notes.ts";
import { syntheticBars } from "../../lib/market/synthetic.ts";
import type { Action, Bar, BarSeries } from "../../lib/types.ts";
import { realSeries } from "../backtest/market-samples.ts";
import { at, HOUR } from "../backtest/world-samples.ts";
import { HAS_REAL_BARS, seeded } from "../samples.ts";

/** Up, down or neither, of the bar that has just closed, by its index. */
type Rule = (bars: readonly Bar[], i: number) => number;

const momentum: Rule = (bars, i) => bars[i]!.close - bars[i - 12]!.close;
const reversal: Rule = (bars, i) => bars[i - 1]!.close - bars[i]!.close;
const bands: Rule = (bars, i) => {
  const closes = bars.slice(i - 20, i).map(({ close }) => close);
  return bars[i]!.close > Math.max(...closes) ? -1 : bars[i]!.close < Math.min(...closes) ? 1 : 0;
};
/** The move of the next hours. */
const knows =
  (hours: number): Rule =>
  (bars, i) =>
    (bars[i + hours]?.close ?? 0) - bars[i]!.close;

/** The mean of the last closes up to a bar. */
function meanClose(bars: readonly Bar[], last: number, count: number): number {
  const closes = bars.slice(Math.max(0, last + 1 - count), last + 1).map(({ close }) => close);
  return closes.reduce((sum, close) => sum + close, 0) / closes.length;
}

/** Hourly bars whose moves are independent of each other. */
function randomWalk(seed: number, hours: number): BarSeries {
  const random = seeded(seed);
  let close = 100;
  const bars = Array.from({ length: hours }, (_, i) => {
    const open = close;
    close *= 1 + 0.01 * (random() + random() + random() - 1.5);
    const [low, high] = open < close ? [open, close] : [close, open];
    return { timestamp: at("2018-01-01") + i * HOUR, open, high, low, close, volume: 1 };
  });
  return { asset: "AAA", timeframeMs: HOUR, market: "bars", bars, gaps: 0 };
}

/** What is found in the decisions of a run in which "mine" votes by a rule, every some hours. */
function leaksOf(
  rule: Rule,
  run: { series: ReadonlyMap<string, BarSeries>; start: string; end: string; everyHours: number },
): readonly ProviderLeak[] {
  const { series, everyHours } = run;
  const period = { startMs: at(run.start), endMs: at(run.end) };
  const leaks = new DecisionLeaks(["mine"]);
  for (const [asset, { bars }] of series) {
    bars.forEach(({ timestamp }, i) => {
      const ms = timestamp + HOUR;
      if (ms < period.startMs || ms >= period.endMs || ms % (everyHours * HOUR) !== 0 || i < 24) return;
      const sign = Math.sign(rule(bars, i));
      const vote = { provider: "mine", action: sign > 0 ? "BUY" : sign < 0 ? "SELL" : "HOLD", confidence: 60 };
      const votes = [{ provider: "other", action: "BUY", confidence: 50 }, vote];
      leaks.add([JSON.stringify({ timestamp: new Date(ms).toISOString(), asset, votes })]);
    });
  }
  return leaks.find({ series, period });
}

const synthetic = new Map(
  ["AAA", "BBB", "CCC"].map((asset) => [asset, syntheticBars({ asset, timeframe: "1h", seed: 3, end: "2018-12-01" })]),
);
const RUNS = [1, 4, 24].map((everyHours) => ({
  series: synthetic,
  start: "2018-05-01",
  end: "2018-11-01",
  everyHours,
}));

describe("votes of decisions", () => {
  test.each(RUNS)("that know the past alone are no leak ($everyHours hours apart)", (run) => {
    for (const rule of [momentum, reversal, bands]) expect(leaksOf(rule, run)).toEqual([]);
  });

  test("that are always HOLD are named elsewhere", () => {
    const leaks = new DecisionLeaks(["mine"]);
    const votes = [{ provider: "mine", action: "HOLD", confidence: 60 }];
    const line = JSON.stringify({ timestamp: "2021-01-01T00:00:00.000Z", asset: "AAA", votes });
    leaks.add(Array.from({ length: 200 }, () => line));
    expect(leaks.oneSided()).toEqual([]);
  });

  test.each<Action>(["BUY", "SELL"])("that are always %s are named, as they may compare with nothing", (action) => {
    const leaks = new DecisionLeaks(["mine", "other"]);
    for (let i = 0; i < 100; i++) {
      expect(leaks.oneSided()).toEqual([]);
      const votes = ["mine", "other"].map((provider) => ({ provider, action, confidence: 60 }));
      if (i === 50) votes[1]!.action = "HOLD";
      leaks.add([JSON.stringify({ timestamp: new Date(i * HOUR).toISOString(), asset: "AAA", votes })]);
    }
    expect(leaks.oneSided()).toEqual([expect.stringContaining(`"mine" voted ${action} at all 100 decisions`)]);
  });

  test.each(RUNS.slice(0, 2))("that know the next hours are found ($everyHours hours apart)", (run) => {
    for (const hours of [1, 2, 4, 8, 24])
      expect(leaksOf(knows(hours), run)).toMatchObject([{ provider: "mine", asset: null }]);
  });

  test("of crossing averages three bars early are found where they change, although they agree with more bars in all", () => {
    const ahead: Rule = (bars, i) => meanClose(bars, i + 3, 10) - meanClose(bars, i + 3, 40);
    const series = new Map([["AAA", randomWalk(1, 4 * 365 * 24)]]);
    const run = { series, start: "2018-03-01", end: "2021-12-01", everyHours: 1 };
    expect(leaksOf(ahead, run)).toMatchObject([{ kind: "change" }]);
    expect(leaksOf((bars, i) => ahead(bars, i - 3), run)).toEqual([]);
  });

  test.if(HAS_REAL_BARS)("on real bars are found within two months, and honest ones of years are no leak", () => {
    const all = { series: realSeries(["BTCUSD", "ETHUSD", "EURUSD"], at("2023-01-01")), everyHours: 4 };
    for (const hours of [1, 2, 4, 8, 24])
      expect(leaksOf(knows(hours), { ...all, start: "2021-01-01", end: "2021-03-01" })).toHaveLength(1);
    for (const rule of [momentum, reversal, bands])
      expect(leaksOf(rule, { ...all, start: "2021-01-01", end: "2023-01-01" })).toEqual([]);
  });
});
