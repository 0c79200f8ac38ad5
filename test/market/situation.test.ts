import { expect, test } from "bun:test";
import fc from "fast-check";
import { ATR } from "trading-signals";
import type { Bar, Situation } from "../../lib/types.ts";
import { SituationTracker, WARM_UP_BARS } from "../../lib/market/situation.ts";
import { PAST_BARS } from "../../lib/market/regime.ts";
import { HOUR_MS } from "../../lib/util/time.ts";

/** Bars at `closes`, each with a range of `range` around its close. */
function bars(closes: readonly number[], range: (index: number) => number = () => 2): Bar[] {
  return closes.map((close, index) => ({
    timestamp: index * HOUR_MS,
    open: close,
    high: close + range(index) / 2,
    low: close - range(index) / 2,
    close,
    volume: 0,
  }));
}

function situationAfter(given: readonly Bar[]): Situation {
  const tracker = new SituationTracker({ asset: "BTCUSD", timeframeMs: HOUR_MS });
  for (const bar of given) tracker.add(bar);
  const situation = tracker.situation();
  if (situation === undefined) throw new Error("too few bars");
  return situation;
}

const flat = (length: number): number[] => Array.from({ length }, () => 100);

test("there is no situation before the 100th bar", () => {
  const tracker = new SituationTracker({ asset: "BTCUSD", timeframeMs: HOUR_MS });
  for (const bar of bars(flat(99))) tracker.add(bar);
  expect(tracker.situation()).toBeUndefined();
  tracker.add({ ...bars([100])[0]!, timestamp: 99 * HOUR_MS });
  expect(tracker.barCount).toBe(WARM_UP_BARS);
  // Known at the end of the 100th bar, which starts at hour 99.
  expect(tracker.situation()).toMatchObject({ asset: "BTCUSD", timestamp: 100 * HOUR_MS, close: 100 });
});

test("a market that does not move has a z-score of 0, no return and no rank", () => {
  // 0.1 added up 20 times is not 2: a mean taken from the sum would deviate from every close.
  const situation = situationAfter(
    bars(
      flat(120).map(() => 0.1),
      () => 0.02,
    ),
  );
  expect(situation).toMatchObject({ zscore: 0, return_pct: 0, volatility_rank: 0, regime: "RANGING", adx: 0 });
});

test("z-score, return and channel agree with a case worked by hand", () => {
  // 119 bars at 100, then one at 120: mean 101, squares 19 x 1 + 361 = 380, deviation sqrt(19), z = 19 / sqrt(19).
  const situation = situationAfter(bars([...flat(119), 120]));
  expect(situation.zscore).toBeCloseTo(Math.sqrt(19), 12);
  expect(situation.return_pct).toBeCloseTo(20, 12);
  expect([situation.channel_high, situation.channel_low]).toEqual([101, 99]);
});

test("the return looks back 24 bars, the z-score 20 and the channel 48, excluding the newest", () => {
  const closes = flat(200);
  closes[199 - 24] = 80;
  closes[199 - 20] = 500;
  closes[199 - 48] = 50;
  closes[199 - 49] = 10;
  const situation = situationAfter(bars(closes));
  expect(situation.return_pct).toBeCloseTo(25, 12);
  expect(situation.zscore).toBe(0);
  expect([situation.channel_high, situation.channel_low]).toEqual([501, 49]);
  closes[199 - 19] = 90;
  closes[199] = 1000;
  const next = situationAfter(bars(closes));
  expect(next.zscore).not.toBe(0);
  expect(next.channel_high).toBe(501);
});

test("volatility is ATR in percent of the close", () => {
  // All ranges are 2 at a price of 80.
  expect(situationAfter(bars(flat(150).map(() => 80)))).toMatchObject({ atr: 2, volatility_pct: 2.5 });
});

test("the volatility rank is the share of values so far, the newest included, strictly below the newest", () => {
  // 113 bars have 100 values of ATR; the last one is the only one above the others.
  const rising = situationAfter(bars(flat(113), (index) => (index === 112 ? 3 : 2)));
  expect(rising).toMatchObject({ volatility_rank: 0.99, regime: "VOLATILE" });
  expect(situationAfter(bars(flat(113), (index) => (index === 112 ? 1 : 2))).volatility_rank).toBe(0);
});

test("the volatility rank looks back 2,160 bars", () => {
  let state = 1;
  const random = (): number => (state = (state * 16_807) % 2_147_483_647) / 2_147_483_647;
  let close = 100;
  const closes = Array.from({ length: PAST_BARS + 400 }, () => (close *= 0.99 + random() * 0.02));
  // The early bars are calm: with them, the rank of the last would be higher.
  const given = bars(closes, (index) => (index < 390 ? 0.1 : 1 + random()));
  const atr = new ATR(14);
  const values = given.map((bar) => Number(atr.add(bar)) / bar.close);
  const last = values.at(-1)!;
  const within = values.slice(-PAST_BARS);
  const expected = within.filter((value) => value < last).length / PAST_BARS;
  expect(situationAfter(given).volatility_rank).toBe(expected);
  expect(values.slice(13).filter((value) => value < last).length / (values.length - 13)).toBeGreaterThan(expected);
});

test("a situation does not depend on later bars", () => {
  const walk = fc.array(fc.double({ min: -2, max: 2, noNaN: true }), { minLength: 101, maxLength: 160 });
  fc.assert(
    fc.property(walk, walk, (past, future) => {
      let close = 1000;
      const closes = [...past, ...future].map((step) => (close += step));
      const all = bars(closes, (index) => 1 + (index % 7));
      const tracker = new SituationTracker({ asset: "BTCUSD", timeframeMs: HOUR_MS });
      all.slice(0, past.length).forEach((bar) => tracker.add(bar));
      const then = structuredClone(tracker.situation());
      const same = tracker.situation();
      all.slice(past.length).forEach((bar) => tracker.add(bar));
      expect(same).toEqual(then);
      expect(then).toEqual(situationAfter(all.slice(0, past.length)));
    }),
    { numRuns: 50 },
  );
});

test("without adapting regimes, an ADX of 25 separates trends from ranges whatever the asset's past", () => {
  // Swings keep the usual ADX low; then prices drift in smaller ones, and ADX rises through what lies between it and 25.
  const swing = (index: number): number => (index % 8 < 4 ? index % 4 : 4 - (index % 4)) - 2;
  const closes = Array.from({ length: 900 }, (_, index) => {
    return 100 + (index < 800 ? swing(index) : swing(index) / 2 + (index - 800) / 8);
  });
  const adapting = new SituationTracker({ asset: "BTCUSD", timeframeMs: HOUR_MS });
  const fixed = new SituationTracker({ asset: "BTCUSD", timeframeMs: HOUR_MS, regimesAdapt: false });
  let differed = 0;
  for (const bar of bars(closes)) {
    adapting.add(bar);
    fixed.add(bar);
    const [learnt, plain] = [adapting.situation(), fixed.situation()];
    if (learnt === undefined || plain === undefined) continue;
    const calm = plain.adx >= 25 ? "TRENDING" : "RANGING";
    expect(plain.regime).toBe(plain.volatility_rank >= 0.85 ? "VOLATILE" : calm);
    if (learnt.regime !== plain.regime) {
      differed++;
      expect([learnt.regime, plain.regime]).toEqual(["TRENDING", "RANGING"]);
    }
  }
  expect(differed).toBeGreaterThan(0);
});
