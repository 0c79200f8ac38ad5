import { describe, expect, test } from "bun:test";
import type { Situation } from "../../lib/types.ts";
import { breakoutProvider } from "../../lib/providers/rules.ts";
import { makeContext, makeSituation } from "./situation-samples.ts";

const provider = breakoutProvider("breakout");
const vote = (situation: Partial<Situation>): unknown => provider.vote(makeSituation(situation), makeContext(0));

describe("breakout, in a range of 95 to 105 with an ATR of 2", () => {
  test("buys a close above the range, surer the further out: 60 + 20 an ATR", () => {
    expect(vote({ close: 106 })).toEqual({ action: "BUY", confidence: 70, reason: "above the range of 48 bars" });
    expect(vote({ close: 107 })).toMatchObject({ action: "BUY", confidence: 80 });
    expect(vote({ close: 120 })).toMatchObject({ action: "BUY", confidence: 90 });
  });

  test("sells a close below it", () => {
    expect(vote({ close: 94 })).toEqual({ action: "SELL", confidence: 70, reason: "below the range of 48 bars" });
  });

  test("holds inside, the borders included", () => {
    for (const close of [95, 100, 105]) expect(vote({ close })).toMatchObject({ action: "HOLD", confidence: 50 });
  });

  test("is as sure as at the border where there is no ATR to measure by", () => {
    expect(vote({ close: 106, atr: 0 })).toMatchObject({ action: "BUY", confidence: 60 });
  });
});
