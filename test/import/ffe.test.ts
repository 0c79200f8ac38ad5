import { describe, expect, test } from "bun:test";
import { FFE_OUTCOME, importOf, source } from "./import-samples.ts";

const file = (changes: Record<string, unknown> = {}, name = "outcome_trade-001.json") =>
  source(name, { ...FFE_OUTCOME, ...changes });

describe("an outcome of the original system", () => {
  test("keeps its id, its figures and its provider's vote, and is marked", () => {
    expect(importOf([file()]).fields[0]).toMatchObject({
      decision_id: "trade-001",
      imported_from: "ffe",
      entry_timestamp: "2025-11-12T19:23:54.000Z",
      realized_pnl: 200,
      result_r: null,
      exit_reason: "target",
      votes: [{ provider: "local", action: "BUY", confidence: 75 }],
    });
  });

  test.each([
    ["2025-11-12T19:23:54", "2025-11-12T19:23:54.000Z"],
    ["2025-11-12T19:23:54.197462", "2025-11-12T19:23:54.198Z"],
    ["2025-11-12T20:23:54+01:00", "2025-11-12T19:23:54.000Z"],
    ["2025-11-12T19:23:54.197462+00:00", "2025-11-12T19:23:54.198Z"],
  ])("at %s is at %s: without a zone it is UTC", (stated, time) => {
    expect(importOf([file({ entry_timestamp: stated })]).fields[0]).toMatchObject({ entry_timestamp: time });
  });

  test("has a situation of what it says about the market, in our words", () => {
    const [bull, bear, calm, silent] = importOf([
      file(),
      file({ decision_id: "b", market_sentiment: "Bearish", price_trend: "bearish", volatility: 3 }),
      file({ decision_id: "c", market_sentiment: null, price_trend: "neutral", volatility: 0.5 }),
      file({ decision_id: "d", market_sentiment: null, price_trend: null, volatility: null }),
    ]).fields;
    expect(bull!["description"]).toBe(
      "BTCUSD is in a trending market: uptrend, sentiment bullish, volatility wild at 5%. Imported from ffe.",
    );
    expect(bear!["description"]).toBe(
      "BTCUSD is in a trending market: downtrend, sentiment bearish, volatility lively at 3%. Imported from ffe.",
    );
    expect(calm!["description"]).toBe(
      "BTCUSD is in a ranging market: sideways trend, volatility very calm at 0.5%. Imported from ffe.",
    );
    expect(silent!["description"]).toBeUndefined();
    expect([bull, bear, calm, silent].map((each) => each!["regime"])).toEqual([
      "TRENDING",
      "TRENDING",
      "RANGING",
      null,
    ]);
  });

  test("is found in an experience that wraps it, and in a file with the whole memory", () => {
    const { decision_id: _, ...bare } = FFE_OUTCOME;
    const wrapped = source("outcome_w.json", { decision: "w", outcome: bare, timestamp: FFE_OUTCOME.exit_timestamp });
    const decided = source("outcome_x.json", { decision: { id: "x" }, outcome: bare });
    const whole = source("portfolio_memory.json", {
      version: "1.0",
      trade_history: [
        { ...FFE_OUTCOME, decision_id: "y" },
        { decision: "z", outcome: bare },
      ],
      provider_performance: {},
    });
    const { fields, kept } = importOf([wrapped, decided, whole]);
    expect(fields.map((each) => each["decision_id"])).toEqual(["w", "x", "y", "z"]);
    expect(kept.map(({ name }) => name)).toEqual(["portfolio_memory.json"]);
  });

  test("of an ensemble has no vote, as nobody knows who voted how", () => {
    const { fields } = importOf([file({ ai_provider: "ensemble", ensemble_providers: ["local", "cli"] })]);
    expect(fields[0]).toMatchObject({ votes: [], ensemble_providers: ["local", "cli"] });
  });

  test("with an action of its policy is long or short, unless its own action says it", () => {
    const { fields } = importOf([
      file({ action: "HOLD", policy_action: "OPEN_SMALL_SHORT" }),
      file({ decision_id: "b", action: "SELL", policy_action: "CLOSE_LONG" }),
    ]);
    expect(fields.map(({ action }) => action)).toEqual(["SELL", "SELL"]);
  });

  test("without a result has that of its prices after its fees: (50 - 40) x 2 - 1 of 100", () => {
    const prices = { realized_pnl: null, pnl_percentage: null, entry_price: 50, exit_price: 40, position_size: 2 };
    const { fields } = importOf([file({ ...prices, fee_cost: 1, action: "SELL" })]);
    expect(fields[0]).toMatchObject({ realized_pnl: 19, pnl_percentage: 19, fee_cost: 1 });
  });

  test("without an id or a provider, where the original system writes unknown, has one made and the user's", () => {
    const unknown = { decision_id: "unknown", ai_provider: "unknown" };
    const { fields } = importOf([file(unknown), file({ ...unknown, asset_pair: "ETHUSD" })], { provider: "mine" });
    expect(fields.map((each) => each["ai_provider"])).toEqual(["mine", "mine"]);
    expect(fields[0]!["decision_id"]).toStartWith("ffe-20251112-BTCUSD-");
    expect(fields[1]!["decision_id"]).toStartWith("ffe-20251112-ETHUSD-");
  });

  test("says what it says, also where a word looks like a number of Python", () => {
    const [fields] = importOf([file({ market_sentiment: "mixed: NaN, or so" })]).fields;
    expect(fields).toMatchObject({ market_sentiment: "mixed: NaN, or so" });
  });

  test("is left out and counted if it cannot be taken over", () => {
    const { fields, skipped } = importOf([
      file(),
      file({ decision_id: "open", exit_timestamp: null, exit_price: null }),
      file({ decision_id: "hold", action: "HOLD" }),
      file({ decision_id: "hold2", action: "HOLD" }, "outcome_hold2.json"),
      file({ decision_id: "ours", crc32: "00000000" }),
      file({ decision_id: "time", exit_timestamp: "2025-11-01T00:00:00" }),
      file({ decision_id: "sure", decision_confidence: 250 }),
      file({ decision_id: "large", ensemble_providers: Array.from({ length: 150_000 }, () => "local") }),
      source("portfolio_memory.json", { trade_history: [{ asset_pair: null }] }),
      source("outcome_half.json", '{"decision_id": "half", "asset'),
      source("notes.txt", "a note"),
    ]);
    expect(fields).toHaveLength(1);
    expect(skipped.map(({ reason, count }) => [reason, count])).toEqual([
      ["files that are damaged", 1],
      ["files of no system that is known", 1],
      ["trades that are still open", 1],
      ["trades that are neither long nor short", 2],
      ["trades of Carryover's own: merge-memory merges its folders", 1],
      ["trades without asset, entry time or result", 1],
      ["trades that end before they begin", 1],
      ["trades with a confidence that is not from 0 to 100", 1],
      ["trades of more than 1048576 bytes", 1],
    ]);
  });
});

test("statistics and snapshots are kept as they are", () => {
  const performance = { local: { total_trades: 1, winning_trades: 1, total_pnl: 2, confidence_calibration: [] } };
  const snapshot = { timestamp: "2025-11-22T19:23:54", total_trades: 5, provider_stats: {} };
  const { kept } = importOf([
    file(),
    source("in/provider_performance.json", performance),
    source("in/snapshot_20251122_192354.json", snapshot),
  ]);
  expect(kept.map(({ name, bytes }) => [name, JSON.parse(new TextDecoder().decode(bytes))])).toEqual([
    ["provider_performance.json", performance],
    ["snapshot_20251122_192354.json", snapshot],
  ]);
});

test("the texts of vectors.json are part of the situation, up to where they tell the result", () => {
  const text = "Market: BULL. Funding is high | Action: BUY | Outcome: {won} | Insight: profitable";
  const vectors = source("vectors.json", {
    version: "2.0",
    vectors: [[1], [1]],
    metadata: { "trade-001": { text, metadata: {} }, other: { metadata: {} }, lesson: { text } },
    ids: ["trade-001", "other", "lesson"],
  });
  const { fields, skipped } = importOf([file({ market_sentiment: null, volatility: null }), vectors]);
  expect(fields[0]!["description"]).toBe(
    "BTCUSD is in a trending market: uptrend, Market: BULL, Funding is high, Action: BUY. Imported from ffe.",
  );
  expect(skipped).toEqual([
    { reason: "vectors without a text", count: 1, first: "vectors.json" },
    { reason: "vectors of no trade that is there", count: 1, first: 'vectors.json, "lesson"' },
  ]);
});
