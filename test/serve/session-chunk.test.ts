import { describe, expect, test } from "bun:test";
import type { SessionDecision, SessionOutcome } from "../../lib/memory/session-outcome.ts";
import type { ChunkRecord } from "../../lib/results/chunks.ts";
import { accountAfter, SessionChunk } from "../../lib/serve/session-chunk.ts";
import { makeOutcome, makeVote } from "../memory/outcome-samples.ts";

const at = (time: string): string => `2024-01-${time}:00.000Z`;
const ms = (time: string): number => Date.parse(at(time));

/** A trade, and a decision, of the first days of 2024. */
const trade = (asset: string, entry: string, exit: string, changes: Partial<SessionOutcome>): SessionOutcome => ({
  ...makeOutcome(),
  r_basis: "stop",
  asset_pair: asset,
  entry_timestamp: at(entry),
  exit_timestamp: at(exit),
  ...changes,
});
const decision = (time: string, changes: Partial<SessionDecision>): SessionDecision =>
  ({ timestamp: at(time), action: "HOLD", skipped: null, votes: [], ...changes }) as unknown as SessionDecision;

/** Wins 100, closes on the first day. */
const FIRST = trade("BTC", "01T06:00", "01T18:00", {
  realized_pnl: 100,
  entry_price: 100,
  exit_price: 110,
  position_size: 10,
  risk_per_unit: 5,
  expected_r: 0.1,
  fee_cost: 2,
  spread_cost: 0,
  slippage_cost: 1,
});
/** Loses 50, closes at the midnight after. What it risked is not known. */
const SECOND = trade("ETH", "01T12:00", "02T00:00", {
  realized_pnl: -50,
  entry_price: 10,
  exit_price: 9,
  position_size: 50,
  risk_per_unit: null,
  expected_r: 0.3,
  fee_cost: 4,
  spread_cost: 0,
  slippage_cost: 0,
});
/** Loses 30, is open over a day on which nothing else happens. */
const THIRD = trade("BTC", "02T06:00", "04T12:00", {
  realized_pnl: -30,
  entry_price: 110,
  exit_price: 107,
  position_size: 10,
  risk_per_unit: 2,
  expected_r: -0.1,
  fee_cost: 0,
  spread_cost: 0,
  slippage_cost: 3,
});

const CHUNK = { name: "2024Q1", startMs: ms("01T00:00"), endMs: Date.UTC(2024, 3, 1) };

/** A chunk of five decisions and the three trades, which are recorded in another order than they close. */
function filled(): SessionChunk {
  const chunk = new SessionChunk(CHUNK, ["up", "down"]);
  const votes = [makeVote("up", "BUY"), makeVote("down", "HOLD", { error: "no vote" })];
  chunk.addDecision(decision("01T06:00", { action: "BUY", votes }));
  chunk.addDecision(decision("01T12:00", { action: "BUY", votes }));
  chunk.addDecision(decision("02T06:00", { action: "SELL" }));
  chunk.addDecision(decision("02T06:00", {}));
  chunk.addDecision(decision("02T12:00", { skipped: "size" }));
  for (const outcome of [THIRD, FIRST, SECOND]) chunk.addOutcome(outcome);
  return chunk;
}

test("marks have the equity of what has closed, and how many trades are open, at each decision and exit", () => {
  expect(filled().marks(1000)).toEqual([
    { timestamp: ms("01T06:00"), equity: 1000, openPositions: 1 },
    { timestamp: ms("01T12:00"), equity: 1000, openPositions: 2 },
    { timestamp: ms("01T18:00"), equity: 1100, openPositions: 1 },
    { timestamp: ms("02T00:00"), equity: 1050, openPositions: 0 },
    { timestamp: ms("02T06:00"), equity: 1050, openPositions: 1 },
    { timestamp: ms("02T12:00"), equity: 1050, openPositions: 1 },
    { timestamp: ms("04T12:00"), equity: 1020, openPositions: 0 },
  ]);
});

test("a trade that closes when it was entered is not open at its mark", () => {
  const chunk = new SessionChunk(CHUNK, []);
  chunk.addOutcome({ ...FIRST, exit_timestamp: FIRST.entry_timestamp });
  expect(chunk.marks(1000)).toEqual([{ timestamp: ms("01T06:00"), equity: 1100, openPositions: 0 }]);
});

test("a trade that was entered first and closes last is open all the time", () => {
  const chunk = new SessionChunk(CHUNK, []);
  for (const time of ["01T12:00", "03T12:00"]) chunk.addDecision(decision(time, {}));
  chunk.addOutcome({ ...FIRST, entry_timestamp: at("02T00:00"), exit_timestamp: at("03T00:00") });
  chunk.addOutcome({ ...SECOND, entry_timestamp: at("01T00:00"), exit_timestamp: at("04T00:00") });
  expect(chunk.marks(1000).map(({ openPositions }) => openPositions)).toEqual([1, 1, 1, 0]);
});

test("a chunk is empty until something is decided or recorded in it", () => {
  const [decided, recorded] = [new SessionChunk(CHUNK, []), new SessionChunk(CHUNK, [])];
  expect(decided.isEmpty).toBeTrue();
  decided.addDecision(decision("01T06:00", {}));
  recorded.addOutcome(FIRST);
  expect([decided.isEmpty, recorded.isEmpty]).toEqual([false, false]);
  expect(decided.marks(5)).toEqual([{ timestamp: ms("01T06:00"), equity: 5, openPositions: 0 }]);
});

test("the lines of decisions are those that were added, and none is stored at first", () => {
  const chunk = new SessionChunk(CHUNK, []);
  const added = [decision("01T06:00", {}), decision("01T12:00", { action: "BUY" })];
  for (const each of added) chunk.addDecision(each);
  expect(new TextDecoder().decode(chunk.decisions)).toBe(added.map((each) => `${JSON.stringify(each)}\n`).join(""));
  expect(chunk.stored).toBe(0);
  chunk.stored = 7;
  expect(chunk.stored).toBe(7);
});

describe("the record of a chunk", () => {
  const BASE = {
    run_id: "a".repeat(64),
    outcomes_digest: "b".repeat(64),
    outcomes_so_far: 3,
    remembered_at_start: 9,
    multipliers_at_start: { up: 1 },
    multipliers_at_end: { up: 2 },
    weight_moves: [],
  };
  /** 1,000 in the account, 1,250 at its highest, once 5 % below that. */
  const BEFORE = {
    broker: { balance: 1000, positions: [], orders: [], realized_pnl: { GOLD: 7, BTC: 5 }, turnover_notional: 80 },
    drawdown: { peak: 1250, maxPct: 5 },
  };

  function recordOf(chunk: SessionChunk, endMs: number): ChunkRecord {
    const before = structuredClone(BEFORE);
    const record = chunk.toRecord({ base: BASE, before, marks: chunk.marks(1000), endMs });
    expect(before).toEqual(BEFORE);
    return record;
  }

  test("has the account after its trades, and the deepest drawdown of the chunk and of the session", () => {
    const record = recordOf(filled(), ms("05T00:00"));
    expect(record).toMatchObject({
      ...BASE,
      chunk: "2024Q1",
      start: at("01T00:00"),
      end: at("05T00:00"),
      initial_balance: 1000,
      final_value: 1020,
      state: {
        broker: {
          balance: 1020,
          positions: [],
          orders: [],
          realized_pnl: { GOLD: 7, BTC: 75, ETH: -50 },
          // (100 + 110) x 10, (10 + 9) x 50, (110 + 107) x 10.
          turnover_notional: 80 + 2100 + 950 + 2170,
        },
        peak_equity: 1250,
      },
    });
    // 80 below 1,100, and 250 below 1,250.
    expect(record.max_drawdown_pct).toBeCloseTo((100 * 80) / 1100, 12);
    expect(record.state.max_drawdown_pct).toBe(20);
  });

  test("of one trade has its drawdown below the balance that the chunk began with, and its equity from its first day on", () => {
    const chunk = new SessionChunk(CHUNK, []);
    chunk.addOutcome(SECOND);
    const { max_drawdown_pct, daily } = recordOf(chunk, ms("03T00:00"));
    expect(max_drawdown_pct).toBe(5);
    expect(daily.map(({ equity }) => equity)).toEqual([950, 950]);
  });

  test("has no drawdown if equity only rises", () => {
    const chunk = new SessionChunk(CHUNK, []);
    chunk.addOutcome(FIRST);
    expect(recordOf(chunk, ms("02T00:00")).max_drawdown_pct).toBe(0);
  });

  test("is the same to the last digit in whatever order its trades were recorded", () => {
    // 0.1 + 0.2 + 0.3 is not 0.3 + 0.2 + 0.1. All three close at once.
    const trades = [0.1, 0.2, 0.3].map((realized_pnl, i) => ({
      ...FIRST,
      decision_id: `id-${i}`,
      asset_pair: `A${i}`,
      realized_pnl,
      fee_cost: realized_pnl,
    }));
    const [a, b, c] = trades as [SessionOutcome, SessionOutcome, SessionOutcome];
    const records = [
      [a, b, c],
      [c, b, a],
      [b, c, a],
    ].map((order) => {
      const chunk = new SessionChunk(CHUNK, []);
      for (const outcome of order) chunk.addOutcome(outcome);
      return JSON.stringify(recordOf(chunk, ms("02T00:00")));
    });
    expect(new Set(records).size).toBe(1);
    expect(records[0]).toContain('"pnl":{"GOLD":7,"BTC":5,"A0":0.1,"A1":0.2,"A2":0.3}');
  });

  test("counts decisions by what came of them, and marks with an open trade", () => {
    expect(recordOf(filled(), ms("05T00:00")).counters).toEqual({
      ticks: 7,
      ticks_exposed: 5,
      decisions: 5,
      holds: 2,
      buys: 2,
      skipped: { max_positions: 0, correlation: 0, size: 1 },
      not_filled: 0,
      abstentions: { up: 0, down: 2 },
    });
  });

  test("has the costs of all trades, and in R those of the trades whose risk is known", () => {
    const { costs, costs_r, expectation } = recordOf(filled(), ms("05T00:00"));
    expect(costs).toEqual({ fees: 6, spread: 0, slippage: 4 });
    // 2 and 1 of 10 x 5, 3 of 10 x 2.
    expect(costs_r).toEqual({ fees: 0.04, spread: 0, slippage: 0.02 + 0.15 });
    // Below 0: -30 of 20. From 0.1: 100 of 50.
    expect(expectation.map(({ trades, realized_r }) => [trades, realized_r])).toEqual([
      [1, -1.5],
      [0, 0],
      [0, 0],
      [1, 2],
      [0, 0],
    ]);
  });

  test("measures no trade in R that risked nothing, or less", () => {
    const chunk = new SessionChunk(CHUNK, []);
    for (const risk_per_unit of [0, -5, 0.5])
      chunk.addOutcome({ ...FIRST, decision_id: `${risk_per_unit}`, risk_per_unit });
    const { costs, costs_r, expectation } = recordOf(chunk, ms("02T00:00"));
    // 2 of 10 x 0.5.
    expect([costs.fees, costs_r.fees]).toEqual([6, 0.4]);
    expect(expectation.map(({ trades }) => trades)).toEqual([0, 0, 0, 1, 0]);
  });

  test("has the equity at the end of each day, and the P&L of each asset, where midnight ends the day before", () => {
    expect(recordOf(filled(), ms("05T00:00")).daily).toEqual([
      { date: "2024-01-01", equity: 1050, pnl: { GOLD: 7, BTC: 105, ETH: -50 } },
      { date: "2024-01-02", equity: 1050, pnl: { GOLD: 7, BTC: 105, ETH: -50 } },
      { date: "2024-01-03", equity: 1050, pnl: { GOLD: 7, BTC: 105, ETH: -50 } },
      { date: "2024-01-04", equity: 1020, pnl: { GOLD: 7, BTC: 75, ETH: -50 } },
    ]);
  });

  test("takes what came after the end of its last day to that day", () => {
    const { daily } = recordOf(filled(), ms("02T00:00"));
    expect(daily).toEqual([{ date: "2024-01-01", equity: 1020, pnl: { GOLD: 7, BTC: 75, ETH: -50 } }]);
  });
});

describe("the account after a chunk", () => {
  test("is that of its record", () => {
    const broker = { balance: 9, positions: [], orders: [], realized_pnl: { BTC: 1 }, turnover_notional: 2 };
    const last = { state: { broker, peak_equity: 12, max_drawdown_pct: 25 } } as unknown as ChunkRecord;
    expect(accountAfter(last, 1000)).toEqual({ broker, drawdown: { peak: 12, maxPct: 25 } });
  });

  test("is the initial balance before the first", () => {
    expect(accountAfter(undefined, 1000)).toEqual({
      broker: { balance: 1000, positions: [], orders: [], realized_pnl: {}, turnover_notional: 0 },
      drawdown: { peak: 1000, maxPct: 0 },
    });
  });
});
