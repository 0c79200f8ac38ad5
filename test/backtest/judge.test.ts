import { describe, expect, test } from "bun:test";
import { decide } from "../../lib/backtest/judge.ts";
import type { Action, Vote } from "../../lib/types.ts";

function vote(action: Action, confidence: number, error?: string): Vote {
  return { provider: "p", action, confidence, ...(error === undefined ? {} : { error }) };
}

describe("decide()", () => {
  test("takes the action with the greatest sum of weight x confidence/100", () => {
    // BUY 0.5 x 0.8 = 0.4, SELL 0.5 x 0.6 = 0.3: the share of BUY is 4/7.
    const { action, confidence } = decide([vote("BUY", 80), vote("SELL", 60)], [0.5, 0.5]);
    expect(action).toBe("BUY");
    expect(confidence).toBeCloseTo(80 * (0.8 + 0.4 * (4 / 7)), 10);
  });

  test("takes the plain mean of the winners' confidences, whatever their weights", () => {
    // BUY 0.1 x 0.6 + 0.4 x 0.9 = 0.42, SELL 0.5 x 0.7 = 0.35: mean 75, share 42/77.
    const { action, confidence } = decide([vote("BUY", 60), vote("BUY", 90), vote("SELL", 70)], [0.1, 0.4, 0.5]);
    expect(action).toBe("BUY");
    expect(confidence).toBeCloseTo(75 * (0.8 + 0.4 * (42 / 77)), 10);
  });

  test("lets HOLD win like any action", () => {
    // HOLD 0.6 x 0.9 = 0.54 against BUY 0.4 x 0.8 = 0.32.
    const { action, confidence } = decide([vote("BUY", 80), vote("HOLD", 90)], [0.4, 0.6]);
    expect(action).toBe("HOLD");
    expect(confidence).toBeCloseTo(90 * (0.8 + 0.4 * (54 / 86)), 10);
  });

  test("caps the confidence at 100", () => {
    expect(decide([vote("SELL", 90)], [1])).toEqual({ action: "SELL", confidence: 100 });
    expect(decide([vote("SELL", 80)], [1]).confidence).toBeCloseTo(96, 10);
  });

  test("holds with confidence 0 on a tie, also between an action and HOLD", () => {
    const nothing = { action: "HOLD", confidence: 0 } as const;
    expect(decide([vote("BUY", 70), vote("SELL", 70)], [0.5, 0.5])).toEqual(nothing);
    expect(decide([vote("BUY", 70), vote("HOLD", 70)], [0.5, 0.5])).toEqual(nothing);
    // 0.15 + 0.2 and 0.35 differ in the last bits only.
    expect(decide([vote("BUY", 60), vote("BUY", 80), vote("SELL", 70)], [0.25, 0.25, 0.5])).toEqual(nothing);
  });

  test("takes sums within 1e-9 for a tie, but no others", () => {
    expect(decide([vote("BUY", 100)], [1e-9]).action).toBe("HOLD");
    expect(decide([vote("BUY", 50), vote("SELL", 50 + 1e-7)], [0.5, 0.5]).action).toBe("HOLD");
    expect(decide([vote("BUY", 50), vote("SELL", 50 + 3e-7)], [0.5, 0.5]).action).toBe("SELL");
  });

  test("leaves out providers that abstain, though they keep their weight", () => {
    const votes = [vote("BUY", 60), vote("SELL", 100, "timed out"), vote("SELL", 100, "")];
    const { action, confidence } = decide(votes, [0.2, 0.4, 0.4]);
    expect(action).toBe("BUY");
    expect(confidence).toBeCloseTo(60 * 1.2, 10);
  });

  test("holds with confidence 0 when no vote counts", () => {
    const nothing = { action: "HOLD", confidence: 0 } as const;
    expect(decide([], [])).toEqual(nothing);
    expect(decide([vote("BUY", 80, "down")], [1])).toEqual(nothing);
    expect(decide([vote("BUY", 0), vote("SELL", 0)], [0.5, 0.5])).toEqual(nothing);
  });
});
