import { describe, expect, test } from "bun:test";
import type { Situation } from "../../lib/types.ts";
import { reversionProvider } from "../../lib/providers/rules.ts";
import { makeContext, makeSituation } from "./situation-samples.ts";

const provider = reversionProvider("reversion");
const vote = (situation: Partial<Situation>): unknown => provider.vote(makeSituation(situation), makeContext(0));

describe("reversion", () => {
  test("buys what is stretched far below its mean, surer the further: 35 + 15 a deviation", () => {
    expect(vote({ zscore: -2, rsi: 30 })).toEqual({
      action: "BUY",
      confidence: 65,
      reason: "stretched below its mean",
    });
    expect(vote({ zscore: -3, rsi: 20 })).toMatchObject({ action: "BUY", confidence: 80 });
    expect(vote({ zscore: -4.3, rsi: 10 })).toMatchObject({ action: "BUY", confidence: 90 });
  });

  test("sells what is stretched far above it", () => {
    expect(vote({ zscore: 2, rsi: 70 })).toMatchObject({ action: "SELL", confidence: 65 });
  });

  test("holds near the mean, from 1.8 deviations on it acts", () => {
    expect(vote({ zscore: -1.79, rsi: 30 })).toMatchObject({ action: "HOLD", confidence: 50 });
    expect(vote({ zscore: -1.8, rsi: 30 })).toMatchObject({ action: "BUY" });
    expect(vote({ zscore: 1.8, rsi: 70 })).toMatchObject({ action: "SELL" });
  });

  test("wants momentum to agree: an RSI below 40 to buy, above 60 to sell", () => {
    expect(vote({ zscore: -2, rsi: 40 })).toMatchObject({ action: "HOLD" });
    expect(vote({ zscore: 2, rsi: 60 })).toMatchObject({ action: "HOLD" });
  });

  test("does not lean against a trend with an ADX above 40", () => {
    expect(vote({ zscore: -3, rsi: 20, adx: 40 })).toMatchObject({ action: "BUY" });
    expect(vote({ zscore: -3, rsi: 20, adx: 40.1 })).toMatchObject({ action: "HOLD", confidence: 50 });
  });
});
