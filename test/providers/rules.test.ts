import { describe, expect, test } from "bun:test";
import type { Answer, Situation } from "../../lib/types.ts";
import type { Provider } from "../../lib/providers/provider.ts";
import { breakout, reversion, trend } from "../../lib/providers/rules.ts";
import { makeContext, makeSituation } from "./situation-samples.ts";

/** How a rule votes in a market with only these signals. */
function voteOf(rule: Provider, signals: Partial<Situation>): Answer {
  return rule.vote(makeSituation(signals), makeContext(0)) as Answer;
}

test("rules have their own name by default", () => {
  expect([trend(), reversion(), breakout("channel")].map(({ name }) => name)).toEqual([
    "trend",
    "reversion",
    "channel",
  ]);
});

describe("trend", () => {
  const vote = (signals: Partial<Situation>): Answer => voteOf(trend(), signals);

  test("buys a strong uptrend with a confidence of 40 + ADX", () => {
    const up = { ema_fast: 101, ema_slow: 99, close: 102, adx: 30 };
    expect(vote(up)).toEqual({ action: "BUY", confidence: 70, reason: "uptrend with strength" });
    expect(vote({ ...up, adx: 45 })).toMatchObject({ action: "BUY", confidence: 85 });
    expect(vote({ ...up, adx: 80 })).toMatchObject({ action: "BUY", confidence: 90 });
  });

  test("sells a strong downtrend", () => {
    expect(vote({ ema_fast: 99, ema_slow: 101, close: 98, adx: 30 })).toMatchObject({ action: "SELL", confidence: 70 });
  });

  test("holds below an ADX of 22", () => {
    const up = { ema_fast: 101, ema_slow: 99, close: 102 };
    expect(vote({ ...up, adx: 21.9 })).toMatchObject({ action: "HOLD", confidence: 50 });
    expect(vote({ ...up, adx: 22 })).toMatchObject({ action: "BUY", confidence: 62 });
  });

  test("holds if price and averages disagree: in a pullback, and at a cross", () => {
    expect(vote({ ema_fast: 101, ema_slow: 99, close: 100, adx: 30 })).toMatchObject({ action: "HOLD" });
    expect(vote({ ema_fast: 99, ema_slow: 101, close: 100, adx: 30 })).toMatchObject({ action: "HOLD" });
    expect(vote({ ema_fast: 100, ema_slow: 100, close: 102, adx: 30 })).toMatchObject({ action: "HOLD" });
  });
});

describe("reversion", () => {
  const vote = (signals: Partial<Situation>): Answer => voteOf(reversion(), signals);

  test("buys far below the mean with a confidence of 35 + 15 a standard deviation", () => {
    expect(vote({ zscore: -2, rsi: 30 })).toEqual({
      action: "BUY",
      confidence: 65,
      reason: "stretched below its mean",
    });
    expect(vote({ zscore: -3, rsi: 20 })).toMatchObject({ action: "BUY", confidence: 80 });
    expect(vote({ zscore: -4.3, rsi: 10 })).toMatchObject({ action: "BUY", confidence: 90 });
  });

  test("sells far above the mean", () => {
    expect(vote({ zscore: 2, rsi: 70 })).toMatchObject({ action: "SELL", confidence: 65 });
  });

  test("holds within 1.8 standard deviations of the mean", () => {
    expect(vote({ zscore: -1.79, rsi: 30 })).toMatchObject({ action: "HOLD", confidence: 50 });
    expect(vote({ zscore: -1.8, rsi: 30 })).toMatchObject({ action: "BUY" });
    expect(vote({ zscore: 1.8, rsi: 70 })).toMatchObject({ action: "SELL" });
  });

  test("needs an RSI below 40 to buy and above 60 to sell", () => {
    expect(vote({ zscore: -2, rsi: 40 })).toMatchObject({ action: "HOLD" });
    expect(vote({ zscore: 2, rsi: 60 })).toMatchObject({ action: "HOLD" });
  });

  test("does not bet against a trend with an ADX above 40", () => {
    expect(vote({ zscore: -3, rsi: 20, adx: 40 })).toMatchObject({ action: "BUY" });
    expect(vote({ zscore: -3, rsi: 20, adx: 40.1 })).toMatchObject({ action: "HOLD", confidence: 50 });
  });
});

describe("breakout, in a range of 95 to 105 with an ATR of 2", () => {
  const vote = (signals: Partial<Situation>): Answer => voteOf(breakout(), signals);

  test("buys a close above the range with a confidence of 60 + 20 an ATR", () => {
    expect(vote({ close: 106 })).toEqual({ action: "BUY", confidence: 70, reason: "above the range of 48 bars" });
    expect(vote({ close: 107 })).toMatchObject({ action: "BUY", confidence: 80 });
    expect(vote({ close: 120 })).toMatchObject({ action: "BUY", confidence: 90 });
  });

  test("sells a close below the range", () => {
    expect(vote({ close: 94 })).toEqual({ action: "SELL", confidence: 70, reason: "below the range of 48 bars" });
  });

  test("holds inside the range, borders included", () => {
    for (const close of [95, 100, 105]) expect(vote({ close })).toMatchObject({ action: "HOLD", confidence: 50 });
  });

  test("has the confidence of the border if the ATR is 0", () => {
    expect(vote({ close: 106, atr: 0 })).toMatchObject({ action: "BUY", confidence: 60 });
  });
});
