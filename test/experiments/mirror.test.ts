import { describe, expect, test } from "bun:test";
import { MirroredMarket, mirroredContext, turnedBack } from "../../lib/experiments/mirror.ts";
import { SituationTracker } from "../../lib/market/situation.ts";
import { syntheticBars } from "../../lib/market/synthetic.ts";
import type { BarSeries, Situation } from "../../lib/types.ts";
import { makeContext, makeSimilar } from "../providers/situation-samples.ts";

const series = syntheticBars({ asset: "GOLD", timeframe: "1h", seed: 1, end: "2023-03-01" });

/** The situations of a series at these bars. */
function situationsOf({ asset, bars, timeframeMs }: BarSeries, at: readonly number[]): readonly Situation[] {
  const tracker = new SituationTracker({ asset, timeframeMs });
  const found: Situation[] = [];
  bars.forEach((bar, i) => {
    tracker.add(bar);
    if (at.includes(i)) found.push(tracker.situation()!);
  });
  return found;
}

describe("a mirrored situation", () => {
  const AT = [300, 340, 341, 900];
  const plain = situationsOf(series, AT);
  const market = new MirroredMarket(new Map([["GOLD", series]]), { regimesAdapt: true });
  const mirrored = plain.map((situation) => market.situation(situation));

  test("has the same close and time, and what rose falls", () => {
    mirrored.forEach((situation, i) => {
      const { close, timestamp, return_pct: change } = plain[i]!;
      expect(situation).toMatchObject({ asset: "GOLD", close, timestamp });
      // A price 1/p changes by 1/(1+r) - 1.
      expect(situation.return_pct).toBeCloseTo(100 * (1 / (1 + change / 100) - 1), 9);
    });
  });

  test("exchanges the channel's borders", () => {
    mirrored.forEach(({ channel_high, channel_low, close }, i) => {
      expect(channel_high).toBeCloseTo((close * close) / plain[i]!.channel_low, 6);
      expect(channel_low).toBeCloseTo((close * close) / plain[i]!.channel_high, 6);
    });
  });

  test("is that of the inverted bars, and mirrored twice it is the first", () => {
    const bars = series.bars.map((bar) => ({
      ...bar,
      open: 1 / bar.open,
      high: 1 / bar.low,
      low: 1 / bar.high,
      close: 1 / bar.close,
    }));
    const inverted = { ...series, bars };
    const back = new MirroredMarket(new Map([["GOLD", inverted]]), { regimesAdapt: true });
    situationsOf(inverted, AT).forEach((situation, i) => {
      expect(situation).toMatchObject({ regime: mirrored[i]!.regime });
      expect(situation.rsi).toBeCloseTo(mirrored[i]!.rsi, 6);
      const { regime, rsi, adx, zscore, volatility_rank } = back.situation(situation);
      expect(regime).toBe(plain[i]!.regime);
      for (const [twice, once] of [
        [rsi, plain[i]!.rsi],
        [adx, plain[i]!.adx],
        [zscore, plain[i]!.zscore],
        [volatility_rank, plain[i]!.volatility_rank],
      ]) {
        expect(twice).toBeCloseTo(once!, 6);
      }
    });
  });

  test("is refused where the asset or the time is none of the bars'", () => {
    expect(() => market.situation({ ...plain[3]!, asset: "OIL" })).toThrow('found no bars of "OIL"');
    expect(() => market.situation({ ...plain[3]!, timestamp: plain[3]!.timestamp + 1 })).toThrow(
      "not at the end of a bar",
    );
  });
});

test("a mirrored context has the same trades and results in the other direction, and mirrored twice it is the first", () => {
  const position = { asset: "AAA", action: "BUY", entry_timestamp: "2024-01-01", entry_price: 50, open_r: 1 } as const;
  const context = { ...makeContext(3, [makeSimilar(), makeSimilar({ action: "SELL" })]), positions: [position] };
  const mirrored = mirroredContext(context, 100);
  expect(mirrored.positions).toEqual([{ ...position, action: "SELL", entry_price: 200 }]);
  expect(mirrored.similar.map(({ action }) => action)).toEqual(["SELL", "BUY"]);
  expect(mirroredContext(mirrored, 100)).toEqual(context);
});

test("a vote is turned back, and a HOLD stays one", () => {
  expect(turnedBack({ action: "BUY", confidence: 70, reason: "r" })).toEqual({
    action: "SELL",
    confidence: 70,
    reason: "r",
  });
  expect(turnedBack({ action: "SELL", confidence: 70 }).action).toBe("BUY");
  expect(turnedBack({ action: "HOLD", confidence: 50 }).action).toBe("HOLD");
});
