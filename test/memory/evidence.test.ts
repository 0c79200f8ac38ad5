import { describe, expect, test } from "bun:test";
import { evidenceOf } from "../../lib/memory/evidence.ts";
import { type Trade, tradeOf } from "../../lib/memory/trade.ts";
import { makeOutcome, makeVote } from "./outcome-samples.ts";

describe("evidenceOf()", () => {
  const votes = [
    makeVote("with", "BUY", { confidence: 73 }),
    makeVote("against", "SELL", { confidence: 100 }),
    makeVote("held", "HOLD"),
    makeVote("silent", "HOLD", { error: "timed out" }),
    makeVote("__proto__", "BUY"),
  ];
  const tradeWith = (changes: Parameters<typeof makeOutcome>[0]): Trade =>
    tradeOf(makeOutcome(changes), { bytes: 1, crc32: "00000000", contentHash: "" });

  test("is the trade's R for a vote its way, the opposite for one against, and none for HOLD, an abstention or no vote", () => {
    const trade = tradeWith({ action: "BUY", result_r: 1.5, votes });
    const found = ["with", "against", "held", "silent", "unknown", "__proto__"].map((name) => evidenceOf(trade, name));
    expect(found.map(({ resultR }) => resultR)).toEqual([1.5, -1.5, NaN, NaN, NaN, 1.5]);
    expect(found.slice(0, 2).map(({ bin }) => bin)).toEqual([7, 9]);
  });

  test("follows the direction of the trade", () => {
    const trade = tradeWith({ action: "SELL", result_r: -1, votes });
    expect([evidenceOf(trade, "with").resultR, evidenceOf(trade, "against").resultR]).toEqual([1, -1]);
  });

  test("is none for a trade without a result in R", () => {
    expect(evidenceOf({ ...tradeWith({ votes }), resultR: null }, "with").resultR).toBeNaN();
  });
});
