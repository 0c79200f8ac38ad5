import { describe, expect, test } from "bun:test";
import { EvidenceColumns, evidenceOf, recordsIn, sumEvidence } from "../../lib/memory/evidence.ts";
import { type Trade, tradeOf } from "../../lib/memory/trade.ts";
import { makeOutcome, makeVote } from "./outcome-samples.ts";

const DAY_MS = 86_400_000;
const AS_OF = Date.UTC(2021, 5, 1);

/** A BUY that closed `ageMs` ago, with a vote of "p" for it, of a confidence of 73. */
function tradeOfAge(ageMs: number, resultR: number | null, changes: Partial<Trade> = {}): Trade {
  const votes = [makeVote("p", "BUY", { confidence: 73 })];
  const trade = tradeOf(makeOutcome({ action: "BUY", votes }), { bytes: 1, crc32: "00000000", contentHash: "" });
  return {
    ...trade,
    exitMs: AS_OF - ageMs,
    resultR,
    rawConfidence: 64,
    regime: "RANGING",
    trendScore: 0.5,
    ...changes,
  };
}

/** Columns of "p" with trades, inserted last first. */
function columnsOf(
  trades: readonly Trade[],
  marks: readonly { provider: string; beforeMs: number }[] = [],
): EvidenceColumns {
  const columns = new EvidenceColumns(["p"], { marks });
  for (const trade of trades.toReversed()) columns.insert(trade, 0);
  return columns;
}

/** The bins of these counts, by the index of each. */
const bins = (counts: Readonly<Record<number, number>>): Float64Array =>
  Float64Array.from({ length: 10 }, (_, i) => counts[i] ?? 0);

describe("sumEvidence()", () => {
  test("sums results, their squares, wins, bins, regimes and trends; a result of 0 is no win", () => {
    // Three trades of today, which count in full, before and after which there is one that is not in the window.
    const columns = columnsOf([
      tradeOfAge(10, 3),
      tradeOfAge(9, 1.5),
      tradeOfAge(8, -1, { rawConfidence: 30, regime: "VOLATILE", trendScore: -0.25 }),
      tradeOfAge(7, 0, { trendScore: null }),
      tradeOfAge(6, null),
      tradeOfAge(5, 2),
    ]);
    const { trades, providers } = sumEvidence(columns, { asOf: AS_OF, from: 1, to: 5 });
    expect(trades).toEqual({
      count: 3,
      sum: 0.5,
      squares: 1.5 ** 2 + 1,
      wins: 1,
      binCount: bins({ 3: 1, 6: 2 }),
      binWins: bins({ 6: 1 }),
      regimes: new Map([
        ["RANGING", { count: 2, sum: 1.5 }],
        ["VOLATILE", { count: 1, sum: -1 }],
      ]),
    });
    expect(providers).toEqual([
      {
        count: 3,
        sum: 0.5,
        recentCount: 3,
        recentSum: 0.5,
        wins: 1,
        trendCount: 2,
        trendSum: 0.5,
        x: 0.25,
        xx: 0.25 + 0.0625,
        xe: 0.75 + 0.25,
        binCount: bins({ 7: 3 }),
        binSum: bins({ 7: 0.5 }),
        binWins: bins({ 7: 1 }),
      },
    ]);
  });

  test("halves what is 120 days old, and 10 days old for the recent sums", () => {
    const columns = columnsOf([tradeOfAge(120 * DAY_MS, 2), tradeOfAge(10 * DAY_MS, 2), tradeOfAge(DAY_MS - 1, 2)]);
    const { providers } = sumEvidence(columns, { asOf: AS_OF, from: 0, to: 3 });
    const { count, sum, recentCount, recentSum } = providers[0]!;
    const slow = 0.5 + 0.5 ** (10 / 120) + 1;
    const quick = 0.5 ** 12 + 0.5 + 1;
    expect([count, sum, recentCount, recentSum]).toEqual(
      [slow, 2 * slow, quick, 2 * quick].map((value) => expect.closeTo(value, 9) as unknown as number),
    );
  });

  test("leaves out of a provider's sums what closed before its forget mark, and not what closed at it", () => {
    const trades = [tradeOfAge(10, 1), tradeOfAge(9, 1), tradeOfAge(8, 1)];
    const columns = columnsOf(trades, [{ provider: "p", beforeMs: AS_OF - 9 }]);
    const { trades: all, providers } = sumEvidence(columns, { asOf: AS_OF, from: 0, to: 3 });
    expect([all.count, providers[0]!.count]).toEqual([3, 2]);
  });

  test("takes the new values of a trade that is replaced", () => {
    const columns = columnsOf([tradeOfAge(10, 1), tradeOfAge(9, 1)]);
    columns.replace(tradeOfAge(9, -2), 1);
    const { trades, providers } = sumEvidence(columns, { asOf: AS_OF, from: 0, to: 2 });
    expect([trades.sum, providers[0]!.sum]).toEqual([-1, -1]);
  });
});

describe("recordsIn()", () => {
  const columns = columnsOf([
    tradeOfAge(10, 9),
    tradeOfAge(9, 1.5),
    tradeOfAge(8, -1),
    tradeOfAge(7, 2, { regime: "VOLATILE" }),
    tradeOfAge(6, 0),
    tradeOfAge(5, null),
    tradeOfAge(4, 9),
  ]);

  test("counts a provider's results in a regime, and how often it was right by confidence in all", () => {
    expect(recordsIn("RANGING", columns, { from: 1, to: 6 })).toEqual({
      p: {
        trades: 3,
        right: 1,
        mean_r: 0.5 / 3,
        calibration: [{ from: 70, to: 80, trades: 4, right: 2 }],
      },
    });
  });

  test("has no mean of nothing", () => {
    expect(recordsIn("TRENDING", columns, { from: 1, to: 3 })["p"]).toMatchObject({
      trades: 0,
      right: 0,
      mean_r: null,
    });
    expect(recordsIn("TRENDING", columns, { from: 1, to: 1 })["p"]!.calibration).toEqual([]);
  });
});

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
