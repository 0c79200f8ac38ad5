import { expect, test } from "bun:test";
import { tradeOf, type Trade } from "../../lib/memory/trade.ts";
import { providerPerformance, regimePerformance } from "../../lib/memory/statistics.ts";
import { makeOutcome, makeVote } from "./outcome-samples.ts";

function trade(changes: Parameters<typeof makeOutcome>[0]): Trade {
  return tradeOf(makeOutcome(changes), { bytes: 1, crc32: "00000000", contentHash: "" });
}

/** A long trade that won 100, a short one that lost 40, a long one that lost 10. */
const TRADES: readonly Trade[] = [
  trade({
    exit_timestamp: "2021-01-05T00:00:00.000Z",
    realized_pnl: 100,
    result_r: 1.5,
    regime: "TRENDING",
    votes: [makeVote("trend", "BUY"), makeVote("reversion", "SELL"), makeVote("breakout", "HOLD")],
  }),
  trade({
    exit_timestamp: "2021-01-06T00:00:00.000Z",
    action: "SELL",
    realized_pnl: -40,
    result_r: -1,
    was_profitable: false,
    regime: "RANGING",
    votes: [makeVote("trend", "SELL"), makeVote("reversion", "SELL", { error: "failed" })],
  }),
  trade({
    exit_timestamp: "2021-01-07T00:00:00.000Z",
    realized_pnl: -10,
    result_r: -0.25,
    was_profitable: false,
    regime: "TRENDING",
    votes: [makeVote("trend", "BUY"), makeVote("breakout", "BUY")],
  }),
];

test("a trade counts with its whole P&L for each provider that voted its way, and for no other", () => {
  expect(providerPerformance(TRADES, [])).toEqual({
    breakout: { total_trades: 1, winning_trades: 0, total_pnl: -10, mean_result_r: -0.25 },
    trend: { total_trades: 3, winning_trades: 1, total_pnl: 50, mean_result_r: 0.25 / 3 },
  });
});

test("a regime counts the trades that were decided in it", () => {
  expect(regimePerformance(TRADES)).toEqual({
    RANGING: { total_trades: 1, winning_trades: 0, total_pnl: -40, mean_result_r: -1 },
    TRENDING: { total_trades: 2, winning_trades: 1, total_pnl: 90, mean_result_r: 0.625 },
  });
});

test("a trade that closed before a mark does not count; one that closed at it does", () => {
  const marks = [{ provider: "trend", beforeMs: Date.parse("2021-01-06T00:00:00Z") }];
  expect(providerPerformance(TRADES, marks)["trend"]).toMatchObject({ total_trades: 2, total_pnl: -50 });
  expect(providerPerformance(TRADES, marks)["breakout"]).toMatchObject({ total_trades: 1 });
});

test("providers and regimes named __proto__, constructor and toString are counted like any other", () => {
  const names = ["__proto__", "constructor", "toString"];
  const votes = names.map((name) => makeVote(name, "BUY"));
  const trades = names.map((name) => ({ ...trade({ votes }), regime: name }));
  const one = { total_trades: 1, winning_trades: 1, total_pnl: 110.010016875, mean_result_r: 1.5 };
  const three = { total_trades: 3, winning_trades: 3 };
  for (const [name, record] of Object.entries(regimePerformance(trades))) expect([name, record]).toEqual([name, one]);
  const byProvider = JSON.parse(JSON.stringify(providerPerformance(trades, []))) as Record<string, unknown>;
  expect(Object.keys(byProvider)).toEqual(names);
  for (const name of names) expect(Object.getOwnPropertyDescriptor(byProvider, name)?.value).toMatchObject(three);
});

test("the mean R is null if no trade has a result in R", () => {
  expect(regimePerformance([{ ...trade({}), resultR: null }])["TRENDING"]?.mean_result_r).toBeNull();
  expect(providerPerformance([], [])).toEqual({});
});
