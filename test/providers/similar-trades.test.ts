import { describe, expect, test } from "bun:test";
import type { Answer, SimilarTrade } from "../../lib/types.ts";
import { similarTrades } from "../../lib/providers/similar-trades.ts";
import { makeContext, makeSimilar, makeSituation } from "./situation-samples.ts";

const provider = similarTrades();
const vote = (remembered: number, similar: readonly SimilarTrade[]): Answer =>
  provider.vote(makeSituation(), makeContext(remembered, similar)) as Answer;

/** Equal trades. */
const equal = (count: number, trade: Partial<SimilarTrade>): SimilarTrade[] =>
  Array.from({ length: count }, () => makeSimilar(trade));

describe("memory", () => {
  test("abstains with fewer than 30 trades remembered, as with memory disabled", () => {
    expect(vote(0, [])).toEqual({ action: "HOLD", confidence: 0, error: "only 0 trades remembered" });
    expect(vote(29, equal(10, {}))).toEqual({ action: "HOLD", confidence: 0, error: "only 29 trades remembered" });
    expect(vote(30, equal(10, {})).error).toBeUndefined();
  });

  test("abstains with fewer than five similar trades that have a result", () => {
    expect(vote(100, equal(4, {})).error).toBe("only 4 similar trades");
    expect(vote(100, [...equal(4, {}), ...equal(6, { result_r: null })]).error).toBe("only 4 similar trades");
    expect(vote(100, [...equal(4, {}), ...equal(6, { similarity: 0 })]).error).toBe("only 4 similar trades");
    expect(vote(100, equal(5, {})).error).toBeUndefined();
  });

  test("votes for the direction that won: five long trades of 1 R, shrunk by a prior of three, are 0.625 R long", () => {
    // 5 / (5 + 3); confidence 50 + 40 x 0.625.
    expect(vote(100, equal(5, { result_r: 1 }))).toEqual({
      action: "BUY",
      confidence: 75,
      reason: "5 similar trades say 0.63 R long",
    });
  });

  test("takes a losing short as a reason to buy, and a losing long as one to sell", () => {
    expect(vote(100, equal(5, { action: "SELL", result_r: -1 }))).toMatchObject({ action: "BUY", confidence: 75 });
    expect(vote(100, equal(5, { action: "BUY", result_r: -1 }))).toMatchObject({ action: "SELL", confidence: 75 });
    expect(vote(100, equal(5, { action: "SELL", result_r: 1 }))).toMatchObject({ action: "SELL", confidence: 75 });
  });

  test("weighs each by its similarity", () => {
    // (0.9 x 2 + 5 x 0.2 x -0.5) / (0.9 + 1 + 3) = 1.3 / 4.9
    const found = vote(100, [
      makeSimilar({ similarity: 0.9, result_r: 2 }),
      ...equal(5, { similarity: 0.2, result_r: -0.5 }),
    ]);
    expect(found.action).toBe("BUY");
    expect(found.confidence).toBeCloseTo(50 + (40 * 1.3) / 4.9, 10);
  });

  test("holds below 0.1 R, where results cancel out", () => {
    expect(vote(100, [...equal(5, { result_r: 1 }), ...equal(5, { result_r: -1 })])).toMatchObject({
      action: "HOLD",
      confidence: 50,
    });
    // 5 x 0.15 / 8 = 0.094 and 5 x 0.17 / 8 = 0.106.
    expect(vote(100, equal(5, { result_r: 0.15 })).action).toBe("HOLD");
    expect(vote(100, equal(5, { result_r: 0.17 })).action).toBe("BUY");
  });

  test("has a confidence of 90 at most", () => {
    // 10 x 3 / 13 = 2.3 R
    expect(vote(100, equal(10, { result_r: 3 })).confidence).toBe(90);
  });
});
