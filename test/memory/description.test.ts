import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Situation } from "../../lib/types.ts";
import { describeDecision, describeSituation, situationSentence } from "../../lib/memory/description.ts";
import { makeVote } from "./outcome-samples.ts";

/** ATR is 1 % of the close; the fast average lies 1.2 ATR above the slow one; the day rose by 3 ATR. */
const SITUATION: Situation = {
  asset: "BTCUSD",
  timestamp: 0,
  regime: "TRENDING",
  close: 30_000,
  atr: 300,
  volatility_pct: 1,
  volatility_rank: 0.6,
  rsi: 64.4,
  adx: 31.5,
  ema_fast: 29_860,
  ema_slow: 29_500,
  zscore: 1.14,
  channel_high: 30_100,
  channel_low: 28_000,
  return_pct: 3,
};

test("a situation is one sentence, with a word beside each number", () => {
  expect(describeSituation(SITUATION)).toBe(
    "BTCUSD is rising (+3.0% in 24 bars) in a trending market: uptrend, directed at ADX 32, momentum firm at RSI 64, " +
      "volatility lively at 1.00% a bar, over its mean (+1.1 deviations), at the top of its range of 48 bars.",
  );
});

test("a sentence names features that it is asked for, by the rank of a number among its own past", () => {
  const features = { funding: -0.00012346, mood: "risk off. Sell", news: null };
  const situation = { ...SITUATION, features, feature_ranks: { funding: 0.08 } };
  expect(describeSituation(situation)).toBe(describeSituation(SITUATION));
  const sentence = describeSituation(situation, ["funding", "mood", "news", "other"]);
  expect(sentence).toEndWith(" its range of 48 bars, funding very low (-0.0001235), mood risk-off-Sell.");
  expect(situationSentence(`${sentence} Decided BUY.`)).toBe(sentence);
  const words = [0, 0.1, 0.5, 0.65, 0.9].map((rank) => {
    const text = describeSituation({ ...situation, feature_ranks: { funding: rank } }, ["funding"]);
    return /funding (.*) \(/.exec(text)![1];
  });
  expect(words).toEqual(["very low", "low", "usual", "high", "very high"]);
});

test("a move and a trend are judged against how much the asset moves anyway", () => {
  // A tenth of everything: a currency that moves little and is calm.
  const calm = { ...SITUATION, volatility_pct: 0.1, return_pct: 0.3, ema_fast: 29_536, ema_slow: 29_500 };
  expect(describeSituation(calm)).toStartWith("BTCUSD is rising (+0.3% in 24 bars) in a trending market: uptrend, ");
  expect(describeSituation({ ...calm, return_pct: 3 })).toStartWith("BTCUSD is rising fast (+3.0%");
});

test.each([
  [{ return_pct: -4.1 }, "is falling fast (-4.1%"],
  [{ return_pct: -4 }, "is falling (-4.0%"],
  [{ return_pct: 1.49 }, "is going nowhere (+1.5%"],
  [{ return_pct: -0.04 }, "is going nowhere (0.0%"],
  [{ ema_fast: 28_800 }, "steep downtrend"],
  [{ ema_fast: 29_500 }, "sideways trend"],
  [{ adx: 14.9 }, "aimless at ADX 15"],
  [{ adx: 40 }, "relentless at ADX 40"],
  [{ rsi: 29.9 }, "momentum oversold at RSI 30"],
  [{ rsi: 70 }, "momentum overbought at RSI 70"],
  [{ volatility_rank: 0.1 }, "volatility very calm"],
  [{ volatility_rank: 0.85 }, "volatility wild"],
  [{ zscore: -2 }, "stretched below its mean (-2.0 deviations)"],
  [{ close: 30_101 }, "broken up out of its range"],
  [{ close: 27_999 }, "broken down out of its range"],
  [{ close: 28_000 }, "at the bottom of its range"],
  [{ channel_high: 30_000, channel_low: 30_000 }, "inside its range"],
])("%j is %s", (change, words) => {
  expect(describeSituation({ ...SITUATION, ...change })).toContain(words);
});

test("a decision names the providers that voted for it and against it, without abstentions", () => {
  const votes = [
    makeVote("trend", "BUY", { confidence: 62.4 }),
    makeVote("reversion", "SELL", { confidence: 78 }),
    makeVote("memory", "SELL", { confidence: 69 }),
    makeVote("breakout", "HOLD"),
    makeVote("late", "HOLD", { confidence: 0, error: "timed out" }),
  ];
  expect(describeDecision({ action: "SELL", confidence: 79.3 }, votes)).toBe(
    "Decided SELL at confidence 79 with reversion (78), memory (69), over BUY from trend (62) and HOLD from breakout (50).",
  );
  expect(describeDecision({ action: "BUY", confidence: 62 }, votes.slice(0, 1))).toBe(
    "Decided BUY at confidence 62 with trend (62), unopposed.",
  );
});

describe("situationSentence()", () => {
  const number = fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e9, max: 1e9 });
  const keys = Object.keys(SITUATION).filter((key) => typeof SITUATION[key as keyof Situation] === "number");

  test("returns the situation of any description, so the query is the sentence that was embedded", () => {
    const situations = fc.record(Object.fromEntries(keys.map((key) => [key, number])));
    fc.assert(
      fc.property(situations, fc.constantFrom("BTCUSD", "BRK.B", "US500.cash"), (numbers, asset) => {
        const sentence = describeSituation({ ...SITUATION, ...numbers, asset });
        const decision = describeDecision({ action: "BUY", confidence: 62 }, [makeVote("trend", "BUY")]);
        expect(situationSentence(`${sentence} ${decision}`)).toBe(sentence);
      }),
    );
  });

  test("returns the whole text if there is no second sentence", () => {
    expect(situationSentence("Asset: BTCUSD")).toBe("Asset: BTCUSD");
    expect(situationSentence("")).toBe("");
  });
});
