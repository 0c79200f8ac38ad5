import { describe, expect, test } from "bun:test";
import type { Situation } from "../../lib/types.ts";
import { trendProvider } from "../../lib/providers/rules.ts";
import { makeContext, makeSituation } from "./situation-samples.ts";

const provider = trendProvider("trend");
const vote = (situation: Partial<Situation>): unknown => provider.vote(makeSituation(situation), makeContext(0));

describe("trend", () => {
  test("buys an uptrend with strength, surer the stronger: 40 + ADX", () => {
    const up = { ema_fast: 101, ema_slow: 99, close: 102, adx: 30 };
    expect(vote(up)).toEqual({ action: "BUY", confidence: 70, reason: "uptrend with strength" });
    expect(vote({ ...up, adx: 45 })).toMatchObject({ action: "BUY", confidence: 85 });
    expect(vote({ ...up, adx: 80 })).toMatchObject({ action: "BUY", confidence: 90 });
  });

  test("sells a downtrend with strength", () => {
    expect(vote({ ema_fast: 99, ema_slow: 101, close: 98, adx: 30 })).toMatchObject({ action: "SELL", confidence: 70 });
  });

  test("holds without strength, below an ADX of 22", () => {
    const up = { ema_fast: 101, ema_slow: 99, close: 102 };
    expect(vote({ ...up, adx: 21.9 })).toMatchObject({ action: "HOLD", confidence: 50 });
    expect(vote({ ...up, adx: 22 })).toMatchObject({ action: "BUY", confidence: 62 });
  });

  test("holds where price and averages disagree: in a pullback, and at the cross", () => {
    expect(vote({ ema_fast: 101, ema_slow: 99, close: 100, adx: 30 })).toMatchObject({ action: "HOLD" });
    expect(vote({ ema_fast: 99, ema_slow: 101, close: 100, adx: 30 })).toMatchObject({ action: "HOLD" });
    expect(vote({ ema_fast: 100, ema_slow: 100, close: 102, adx: 30 })).toMatchObject({ action: "HOLD" });
  });
});
