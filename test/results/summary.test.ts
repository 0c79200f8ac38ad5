import { describe, expect, test } from "bun:test";
import { type ChunkRecord, planChunks } from "../../lib/results/chunks.ts";
import { snapshotOf, summarize, type SummaryInput } from "../../lib/results/summary.ts";
import { at, HOUR } from "../backtest/world-samples.ts";
import { trade, vote } from "./trade-samples.ts";

function record(
  chunk: string,
  parts: { initial: number; days: [date: string, equity: number, pnlOfA: number][] },
): ChunkRecord {
  const final = parts.days.at(-1)![1];
  return {
    run_id: "r",
    chunk,
    start: `${chunk}-01T00:00:00.000Z`,
    end: "2021-03-01T00:00:00.000Z",
    outcomes_digest: "",
    outcomes_so_far: 0,
    remembered_at_start: 5,
    multipliers_at_start: { trend: 1, other: 1 },
    multipliers_at_end: { trend: 1.2, other: 0.8 },
    weight_moves: [],
    initial_balance: parts.initial,
    final_value: final,
    max_drawdown_pct: 3,
    counters: {
      ticks: 40,
      ticks_exposed: 10,
      decisions: 10,
      holds: 3,
      buys: 5,
      skipped: { max_positions: 1, correlation: 2, size: 3 },
      not_filled: 1,
      abstentions: { trend: 0, other: 4 },
    },
    costs: { fees: 10, spread: 4, slippage: 6 },
    costs_r: { fees: 0.1, spread: 0.04, slippage: 0.06 },
    expectation: [
      { trades: 2, expected_r: -0.1, realized_r: 1, realized_r_squares: 1 },
      ...Array.from({ length: 4 }, () => ({ trades: 0, expected_r: 0, realized_r: 0, realized_r_squares: 0 })),
    ],
    daily: parts.days.map(([date, equity, pnl]) => ({ date, equity, pnl: { AAA: pnl, BBB: equity - 1000 - pnl } })),
    state: {
      broker: { balance: final, positions: [], orders: [], realized_pnl: {}, turnover_notional: 25_000 },
      peak_equity: 1200,
      max_drawdown_pct: 12.5,
    },
  };
}

const PERIOD = { startMs: at("2021-01-01"), endMs: at("2021-03-01") };

/** 1,000 becomes 1,100, 990 and 1,089: +10 %, -10 %, +10 %; asset A earns 50, nothing, and 99 of it. */
const INPUT: SummaryInput = {
  runId: "r",
  period: PERIOD,
  chunkKind: "month",
  chunks: planChunks(PERIOD, "month"),
  market: "bars",
  memoryEnabled: true,
  assets: ["AAA", "BBB"],
  notes: [],
  barGaps: { AAA: { missing: 2, closed: 30 }, BBB: { missing: 0, closed: 0 } },
  barCounts: { AAA: 2000, BBB: 99 },
  decisionIntervalMs: 4 * HOUR,
  initialBalance: 1000,
  daysPerYear: 365,
  providers: ["trend", "other"],
  records: [
    record("2021-01", {
      initial: 1000,
      days: [
        ["2021-01-01", 1100, 50],
        ["2021-01-02", 990, 50],
      ],
    }),
    record("2021-02", { initial: 990, days: [["2021-02-01", 1089, 149]] }),
  ],
  trades: [
    trade("2021-01", 60),
    trade("2021-01", -70, { asset: "BBB", regime: "RANGING" }),
    trade("2021-02", 110, {
      action: "SELL",
      exitMs: 60 * HOUR,
      exitReason: "target",
      votes: [vote("trend", 1), vote("other", -1)],
    }),
    trade("2021-02", -11, { resultR: null, votes: [vote("trend", 0), vote("other", 1)] }),
  ],
};
const PERSISTENCE = { outcomes_carried_in: 0, outcomes_stored: 4, snapshots_stored: 2, vectors_stored: 4 };
const BESIDE = {
  baselines: { buy_and_hold: { AAA: null, BBB: null }, equal_weight: null, random_entry: null },
  persistence: PERSISTENCE,
};

describe("summarize()", () => {
  const summary = summarize(INPUT, BESIDE);

  test("adds up costs, and says how many of them the same trades could have borne", () => {
    expect(summary.costs).toEqual({ fees: 20, spread: 8, slippage: 12 });
    expect(summary.costs_r).toEqual({ fees: 0.2, spread: 0.08, slippage: 0.12 });
    // 60 - 70 + 110 - 11 = 89, after 40 of costs.
    expect(summary.break_even_cost_multiple).toBeCloseTo(129 / 40, 12);
  });

  test("compares what trades were expected to earn with what they earned", () => {
    // Two chunks of two trades each: mean -0.05 and 0.5; squares 2 - 4 x 0.25 = 1 over 3, over 4.
    expect(summary.expectation).toEqual([
      {
        from: null,
        to: 0,
        trades: 4,
        mean_expected_r: -0.05,
        mean_realized_r: 0.5,
        standard_error_r: expect.closeTo(Math.sqrt(1 / 3 / 4), 12),
      },
    ]);
    expect(summary.expected_and_realized).toEqual({
      trades: 4,
      mean_expected_r: -0.05,
      mean_realized_r: 0.5,
      standard_error_r: expect.closeTo(Math.sqrt(1 / 3 / 4), 12),
    });
  });

  test("says how it traded: actions, sides, exits and holding time", () => {
    expect(summary.actions).toEqual({ buy: 10, sell: 4, hold: 6 });
    expect(summary.sides.long).toMatchObject({ total_trades: 3, winning_trades: 1, total_pnl: -21 });
    expect(summary.sides.short).toMatchObject({ total_trades: 1, winning_trades: 1, total_pnl: 110, win_rate: 100 });
    expect(summary.exits).toEqual({ stop: 3, target: 1 });
    expect(summary.mean_holding_hours).toBe(15);
  });

  test("counts the closes of markets apart from missing bars, and notes an asset that has too few", () => {
    expect(summary).toMatchObject({ bar_gaps: { AAA: 2, BBB: 0 }, session_gaps: { AAA: 30, BBB: 0 } });
    expect(summary.notes).toEqual([
      "BBB never decided: it has 99 bars up to 2021-03-01, and an asset decides from its 100th bar on",
    ]);
  });

  test("adds up the counters of the chunks", () => {
    expect(summary).toMatchObject({
      period: "2021-01-01/2021-03-01",
      decisions: 20,
      skipped: { max_positions: 2, correlation: 4, size: 6 },
      not_filled: 2,
      exposure_pct: 25,
      turnover: 25,
      max_drawdown_pct: 12.5,
      memory_persistence: PERSISTENCE,
    });
    expect(summary.providers["other"]!.abstentions).toBe(8);
  });

  test("works out return, ratios and trades of the whole run", () => {
    expect(summary.final_balance).toBe(1089);
    expect(summary.total_return_pct).toBeCloseTo(8.9, 10);
    expect(summary.annualized_sharpe).toBeCloseTo(Math.sqrt(365) / (2 * Math.sqrt(3)), 9);
    expect(summary.annualized_sortino).toBeCloseTo(Math.sqrt(365 / 3), 9);
    expect(summary).toMatchObject({ total_trades: 4, total_winning_trades: 2, overall_win_rate: 50, total_pnl: 89 });
    expect(summary.profit_factor).toBeCloseTo(170 / 81, 12);
    // 0.6, -0.7 and 1.1; the fourth has no result in R.
    expect(summary.mean_result_r).toBeCloseTo(1 / 3, 12);
  });

  test("gives each chunk its own returns, against the equity at its border", () => {
    const [january, february] = summary.quarterly_breakdown;
    expect(january).toMatchObject({
      quarter: "2021-01",
      start_date: "2021-01-01",
      initial_balance: 1000,
      final_value: 990,
      max_drawdown_pct: 3,
      total_trades: 2,
      winning_trades: 1,
      win_rate: 50,
      total_pnl: -10,
      remembered_at_start: 5,
      provider_multipliers: { trend: 1.2, other: 0.8 },
    });
    expect(january!.return_pct).toBeCloseTo(-1, 10);
    // +10 % and -10 %: mean 0.
    expect(january!.sharpe_ratio).toBeCloseTo(0, 9);
    expect(february!.return_pct).toBeCloseTo(10, 10);
    expect(february!.sharpe_ratio).toBeNull();
  });

  test("counts a trade for the providers that voted its way, with its whole P&L", () => {
    expect(summary.providers["trend"]).toMatchObject({ total_trades: 2, winning_trades: 1, total_pnl: -10 });
    expect(summary.providers["other"]).toMatchObject({ total_trades: 2, winning_trades: 1, total_pnl: 99 });
    expect(
      summary.providers["other"]!.by_quarter.map(({ total_trades, win_rate }) => [total_trades, win_rate]),
    ).toEqual([
      [0, null],
      [2, 50],
    ]);
  });

  test("breaks down by regime and by asset, with the asset's share of the account's daily returns", () => {
    expect(Object.keys(summary.regimes)).toEqual(["RANGING", "TRENDING"]);
    expect(summary.regimes["RANGING"]).toMatchObject({ total_trades: 1, total_pnl: -70, win_rate: 0, trend: null });
    const cells = summary.assets_breakdown["AAA"]!.by_quarter;
    expect(cells.map(({ quarter, total_trades }) => [quarter, total_trades])).toEqual([
      ["2021-01", 1],
      ["2021-02", 2],
    ]);
    // 50/1000 and 0/1100: mean 0.025 over a deviation of 0.05/sqrt(2).
    expect(cells[0]!.sharpe_ratio).toBeCloseTo(Math.sqrt(365) / Math.SQRT2, 9);
    expect(cells[1]!.sharpe_ratio).toBeNull();
  });

  test("is null where there are no trades", () => {
    const empty = summarize({ ...INPUT, trades: [] }, BESIDE);
    expect(empty).toMatchObject({ total_trades: 0, overall_win_rate: null, profit_factor: null, mean_result_r: null });
    expect(empty.providers["trend"]).toMatchObject({ win_rate: null, trend: null, total_pnl: 0 });
  });
});

test("snapshotOf() sums up the run to the end of a chunk, with losses as positive numbers", () => {
  const snapshot = snapshotOf({ ...INPUT, records: INPUT.records.slice(0, 1), trades: INPUT.trades.slice(0, 2) });
  expect(snapshot).toMatchObject({
    timestamp: "2021-03-01T00:00:00.000Z",
    chunk: "2021-01",
    equity: 990,
    total_trades: 2,
    winning_trades: 1,
    losing_trades: 1,
    win_rate: 50,
    total_pnl: -10,
    avg_win: 60,
    avg_loss: 70,
    max_drawdown_pct: 12.5,
  });
  expect(snapshot.sharpe_ratio).toBeCloseTo(0, 9);
  expect(snapshot.provider_stats["trend"]).toMatchObject({ total_trades: 2, win_rate: 50, multiplier: 1.2 });
  expect(Object.keys(snapshot.regime_performance)).toEqual(["RANGING", "TRENDING"]);
});
