import { describe, expect, test } from "bun:test";
import { providerEvidence, largestMoves, regretOf } from "../../lib/results/attribution.ts";
import { tradeOf, type Trade } from "../../lib/memory/trade.ts";
import { makeOutcome } from "../memory/outcome-samples.ts";
import { runInMemory } from "../../lib/experiments/in-memory-run.ts";
import { hashingEmbedder } from "../../lib/embed/hashing.ts";
import { defaultProviders, roughSeries } from "../backtest/market-samples.ts";
import { at, makeSettings, MEMORY_ON } from "../backtest/world-samples.ts";

type Action = "BUY" | "SELL" | "HOLD";

/** A long trade, and how two providers voted. */
function trade(hour: number, resultR: number, votes: { a: Action; b: Action }): Trade {
  const outcome = makeOutcome({
    decision_id: `t-${hour}-${resultR}`,
    action: "BUY",
    exit_timestamp: new Date(at("2021-01-01") + hour * 3_600_000).toISOString(),
    result_r: resultR,
    votes: [
      { provider: "a", action: votes.a, confidence: 60 },
      { provider: "b", action: votes.b, confidence: 60 },
    ],
  });
  return tradeOf(outcome, { bytes: 1, crc32: "00000000", contentHash: "" });
}

const TRADES = [
  trade(1, 1, { a: "BUY", b: "SELL" }),
  trade(2, -1, { a: "BUY", b: "SELL" }),
  trade(3, 1.5, { a: "HOLD", b: "BUY" }),
];

describe("providerEvidence()", () => {
  test("is the result for a vote its way, the opposite for one against, nothing for HOLD", () => {
    expect(providerEvidence(TRADES, "a")).toEqual({ trades: 2, sum_r: 0, mean_r: 0, standard_error_r: 1 });
    // -1, 1 and 1.5: mean 0.5, squares 2.25 + 0.25 + 1 = 3.5 over 2, over 3
    expect(providerEvidence(TRADES, "b")).toMatchObject({ trades: 3, sum_r: 1.5, mean_r: 0.5 });
    expect(providerEvidence(TRADES, "b").standard_error_r).toBeCloseTo(Math.sqrt(3.5 / 2 / 3), 12);
    expect(providerEvidence(TRADES, "c")).toEqual({ trades: 0, sum_r: 0, mean_r: null, standard_error_r: null });
  });
});

describe("regretOf()", () => {
  test("is what the best provider alone would have made of the trades, minus what they made", () => {
    expect(regretOf(TRADES, ["a", "b"])).toEqual({
      best_provider: "b",
      best_sum_r: 1.5,
      ensemble_sum_r: 1.5,
      regret_r: 0,
    });
    expect(regretOf(TRADES.slice(1, 2), ["a", "b"])).toMatchObject({ best_provider: "b", regret_r: 2 });
  });

  test("is null if no provider voted", () => {
    expect(regretOf([], ["a"])).toBeNull();
  });
});

describe("largestMoves()", () => {
  /** Every closed trade adds its R to `a`. */
  const multipliers = (asOf: number): Record<string, number> => {
    const known = TRADES.filter(({ exitMs }) => exitMs < asOf).reduce((sum, { resultR }) => sum + (resultR ?? 0), 0);
    return { a: 1 + known, b: 1 };
  };

  test("returns the trades, their voters, and the multipliers before and after, largest move first", () => {
    const moves = largestMoves(TRADES, multipliers);
    expect(moves.map(({ exit_timestamp: exit }) => exit.slice(11, 13))).toEqual(["03", "01", "02"]);
    expect(moves[0]).toEqual({
      exit_timestamp: "2021-01-01T03:00:00.000Z",
      trades: [
        {
          decision_id: "t-3-1.5",
          asset: TRADES[2]!.asset,
          action: "BUY",
          result_r: 1.5,
          voted_for: ["b"],
          voted_against: [],
        },
      ],
      multipliers_before: { a: 1, b: 1 },
      multipliers_after: { a: 2.5, b: 1 },
    });
  });

  test("joins trades that close at one time, keeps five moves, and drops those without a change", () => {
    const together = [trade(1, 1, { a: "BUY", b: "BUY" }), trade(1, -1, { a: "BUY", b: "BUY" })];
    expect(largestMoves(together, (asOf) => ({ a: asOf }))[0]!.trades).toHaveLength(2);
    const many = Array.from({ length: 9 }, (_, i) => trade(i, i, { a: "BUY", b: "BUY" }));
    expect(largestMoves(many, (asOf) => ({ a: asOf }))).toHaveLength(5);
    expect(largestMoves(many, () => ({ a: 1 }))).toEqual([]);
  });
});

test("the chunks of a run have its largest moves with memory, and none without", async () => {
  const job = (enabled: boolean): Parameters<typeof runInMemory>[0] => ({
    settings: makeSettings({ assets: ["AAA", "BBB", "CCC"] }),
    memorySettings: { ...MEMORY_ON, enabled },
    period: { startMs: at("2018-02-08"), endMs: at("2018-03-05") },
    chunkKind: "month",
    series: roughSeries({ startMs: at("2018-02-01"), endMs: at("2018-03-05"), seed: 1 }),
    market: "bars",
    providers: defaultProviders(),
    remembered: { embedder: hashingEmbedder(), trades: [], marks: [] },
    key: { version: "test", seed: 1, files: {} },
  });
  const { summary } = await runInMemory(job(true));
  const [february] = summary!.quarterly_breakdown;
  expect(february!.weight_moves).toHaveLength(5);
  for (const { exit_timestamp: exit, multipliers_before: before, multipliers_after: after } of february!.weight_moves) {
    expect(exit >= "2018-02-08" && exit <= "2018-03-01T00:00:00.000Z").toBe(true);
    expect(after).not.toEqual(before);
    expect(Object.values(after).reduce((sum, value) => sum + value, 0)).toBeCloseTo(4, 9);
  }
  const { summary: off } = await runInMemory(job(false));
  expect(off!.quarterly_breakdown.flatMap(({ weight_moves: moves }) => moves)).toEqual([]);
});
