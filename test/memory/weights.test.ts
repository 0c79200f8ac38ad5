import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { rowOfOutcome, type OutcomeRow } from "../../lib/memory/outcome-row.ts";
import { evidenceR, weightsFromEvidence } from "../../lib/memory/weights.ts";
import { makeOutcome, makeVote } from "./_outcomes.ts";

const DAY_MS = 86_400_000;

/** The factor a day of docs/RULES.md. */
const DAILY = 0.9923279457743132;
const AS_OF = Date.UTC(2021, 5, 1);

function rowWith(changes: Parameters<typeof makeOutcome>[0]): OutcomeRow {
  return rowOfOutcome(makeOutcome(changes), { bytes: 1, crc32: "00000000" });
}

/** Weights of providers with this evidence from trades that closed so many days ago. */
function weigh(daysAgo: readonly number[], evidence: readonly (readonly number[])[], learningRate = 0.1): number[] {
  const exits = daysAgo.map((days) => AS_OF - days * DAY_MS);
  return [...weightsFromEvidence(exits, evidence, { asOf: AS_OF, from: 0, to: exits.length, learningRate })];
}

function expectClose(found: readonly number[], expected: readonly number[]): void {
  expect(found.length).toBe(expected.length);
  expected.forEach((value, i) => expect(found[i]).toBeCloseTo(value, 12));
}

describe("evidenceR()", () => {
  const votes = [
    makeVote("with", "BUY"),
    makeVote("against", "SELL"),
    makeVote("held", "HOLD"),
    makeVote("silent", "HOLD", { error: "timed out" }),
  ];

  test("is the trade's R for a vote its way, the opposite for one against, none for HOLD, abstention and absence", () => {
    const row = rowWith({ action: "BUY", result_r: 1.5, votes });
    const found = ["with", "against", "held", "silent", "unknown"].map((provider) => evidenceR(row, provider));
    expect(found).toEqual([1.5, -1.5, null, null, null]);
  });

  test("turns with the trade's direction", () => {
    const row = rowWith({ action: "SELL", result_r: -1, votes });
    expect([evidenceR(row, "with"), evidenceR(row, "against")]).toEqual([1, -1]);
  });

  test("is none where the trade does not say its R", () => {
    expect(evidenceR({ ...rowWith({ votes }), resultR: null }, "with")).toBeNull();
  });
});

describe("weightsFromEvidence()", () => {
  test("gives equal weights where nothing is known", () => {
    expectClose(weigh([], [[], [], [], []]), [0.25, 0.25, 0.25, 0.25]);
  });

  test("shrinks to +0.1 R with the strength of 60 trades at a learning rate of 0.1", () => {
    // One fresh trade of 1.5 R: (6 + 1.5)/61 for, 6/60 = 6.1/61 without evidence, (6 - 1.5)/61 against. Sum 18.1/61.
    expectClose(weigh([0], [[1.5], [NaN], [-1.5]]), [7.5 / 18.1, 6.1 / 18.1, 4.5 / 18.1]);
  });

  test("shrinks with the strength of 6 trades at a learning rate of 1", () => {
    // (0.6 + 1.5)/7 against 0.1 = 0.7/7.
    expectClose(weigh([0], [[1.5], [NaN]], 1), [2.1 / 2.8, 0.7 / 2.8]);
  });

  test("halves evidence in 90 days", () => {
    expect(DAILY ** 90).toBeCloseTo(0.5, 7);
    // (6 + 0.75)/60.5 against 0.1 = 6.05/60.5.
    expect(weigh([90], [[1.5], [NaN]])[0]).toBeCloseTo(6.75 / 12.8, 7);
  });

  test("ages by whole days: not at all before the first has passed, then by the literal of the rules", () => {
    const fresh = weigh([0], [[1.5], [NaN]]);
    expect(weigh([1 - 1 / DAY_MS], [[1.5], [NaN]])).toEqual(fresh);
    const [a, b] = [(6 + 1.5 * DAILY) / (60 + DAILY), 0.1];
    expectClose(weigh([1], [[1.5], [NaN]]), [a / (a + b), b / (a + b)]);
  });

  test("leaves a provider that only loses 0.01 R", () => {
    // (6 - 300)/160 is far below 0.01; the other stays at 0.1.
    const losses = Array.from({ length: 100 }, () => -3);
    const none = losses.map(() => NaN);
    expectClose(
      weigh(
        losses.map(() => 0),
        [losses, none],
      ),
      [0.01 / 0.11, 0.1 / 0.11],
    );
  });

  test("looks at the rows of its range alone", () => {
    const exits = [AS_OF, AS_OF, AS_OF];
    const options = { asOf: AS_OF, from: 1, to: 2, learningRate: 0.1 };
    expectClose(
      weightsFromEvidence(
        exits,
        [
          [3, 1.5, -3],
          [NaN, NaN, NaN],
        ],
        options,
      ),
      [7.5 / 13.6, 6.1 / 13.6],
    );
  });

  test("is the rule of docs/RULES.md for any trades, computed with powers", () => {
    const trade = fc.record({
      daysAgo: fc.integer({ min: 0, max: 900 }),
      evidence: fc.array(fc.oneof(fc.constant(NaN), fc.double({ min: -3, max: 3, noNaN: true })), {
        minLength: 3,
        maxLength: 3,
      }),
    });
    fc.assert(
      fc.property(fc.array(trade, { maxLength: 60 }), fc.constantFrom(0.01, 0.1, 0.5, 1), (trades, learningRate) => {
        const means = [0, 1, 2].map((p) => {
          const strength = 6 / learningRate;
          const known = trades.filter(({ evidence }) => !Number.isNaN(evidence[p]));
          const factors = known.map(({ daysAgo }) => DAILY ** daysAgo);
          const sum = known.reduce(
            (total, { evidence }, i) => total + (factors[i] as number) * (evidence[p] as number),
            0,
          );
          return Math.max(0.01, (0.1 * strength + sum) / (strength + factors.reduce((a, b) => a + b, 0)));
        });
        const total = means.reduce((a, b) => a + b, 0);
        const evidence = [0, 1, 2].map((p) => trades.map((one) => one.evidence[p] as number));
        const found = weigh(
          trades.map(({ daysAgo }) => daysAgo),
          evidence,
          learningRate,
        );
        means.forEach((mean, p) => expect(found[p]).toBeCloseTo(mean / total, 9));
        expect(found.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 12);
      }),
    );
  });
});
