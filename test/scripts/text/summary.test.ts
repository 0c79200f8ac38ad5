import { beforeAll, describe, expect, test } from "bun:test";
import type { Summary } from "../../../lib/results/summary-shape.ts";
import { inMemoryStorage } from "../../../lib/storage/in-memory.ts";
import { renderFullSummary } from "../../../scripts/text/run.ts";
import { renderSummary } from "../../../scripts/text/summary.ts";
import { resumeJob } from "../../backtest/resume-samples.ts";
import { runOn } from "../../backtest/world-samples.ts";

let summary: Summary;
beforeAll(async () => {
  ({ summary } = await runOn(inMemoryStorage(), resumeJob()));
});

const shown = (changes: Partial<Summary> = {}): string[] =>
  renderSummary({ summary: { ...summary, ...changes }, memoryDir: "data/memory", state: "" })
    .trimEnd()
    .split("\n");

/** A run of this many chunks, each of which gains 1 % in 10 trades, of which it wins 4. */
function chunksOf(count: number): Summary["quarterly_breakdown"] {
  const [first] = summary.quarterly_breakdown;
  return Array.from({ length: count }, (_, i) => ({
    ...first!,
    quarter: `2021W${String(i + 1).padStart(2, "0")}`,
    initial_balance: 10_000 * 1.01 ** i,
    final_value: 10_000 * 1.01 ** (i + 1),
    return_pct: 1,
    total_trades: 10,
    winning_trades: 4,
    win_rate: 40,
    remembered_at_start: 10 * i,
  }));
}

test.each([1, 4, 12, 13, 52, 1461])(
  "%p chunks fit a screen of 24 lines and 80 columns, with the prompt below",
  (count) => {
    const lines = shown({ quarterly_breakdown: chunksOf(count) });
    expect(lines.length).toBeLessThanOrEqual(23);
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
  },
);

test("more than twelve chunks are grouped: balance at the end, return of all together, trades added up", () => {
  const rows = shown({ quarterly_breakdown: chunksOf(52) }).filter((line) => line.startsWith("2021W"));
  expect(rows).toHaveLength(11);
  // 10,000 x 1.01^5 = 10,510.10; the last group has two chunks: 1.01^2.
  expect(rows[0]).toMatch(/^2021W01 to 2021W05 +10,510\.10 +\+5\.10% +50 +40\.0% +0$/);
  expect(rows[10]).toMatch(/^2021W51 to 2021W52 +16,776\.89 +\+2\.01% +20 +40\.0% +500$/);
});

test("the summary of an older version is shown without the figures that it lacks", () => {
  const { total_return_pct, quarterly_breakdown, providers, ...old } = summary;
  const newer = [
    "buy_and_hold",
    "equal_weight",
    "random_entry",
    "costs",
    "costs_r",
    "break_even_cost_multiple",
    "sides",
  ];
  newer.push("exits", "mean_holding_hours", "actions", "expectation", "expected_and_realized", "session_gaps", "notes");
  const kept = Object.fromEntries(Object.entries(old).filter(([key]) => !newer.includes(key)));
  const trends = Object.fromEntries(
    Object.entries(providers).map(([name, item]) => [
      name,
      { ...item, trend: { change_pct: 3, standard_error_pct: 1 } },
    ]),
  );
  const older = { ...kept, total_return_pct, quarterly_breakdown, providers: trends } as unknown as Summary;
  const run = { summary: older, memoryDir: "data/memory", state: "" };
  const labels = renderSummary(run).match(/^[A-Z]\w+/gm);
  expect(labels).toEqual(["Run", "Result", "Changed", "Files"]);
  expect(renderSummary(run)).not.toMatch(/NaN|undefined|a chunk/);
  expect(renderFullSummary(run)).not.toMatch(/NaN|undefined/);
});

describe("a line says", () => {
  const lineOf = (label: string, changes: Partial<Summary> = {}): string | undefined =>
    shown(changes).find((line) => line.startsWith(label));

  test("what costs took, in money and in R of a trade", () => {
    const costs = { fees: 220.4, spread: 51.6, slippage: 95 };
    const inR = { fees: 10, spread: 3, slippage: 5.8 };
    expect(lineOf("Costs", { costs, costs_r: inR, total_trades: 400 })).toBe(
      "Costs      367, 0.047 R a trade: fees 220, spread 52, slippage 95",
    );
    expect(lineOf("Costs", { costs: { fees: 0, spread: 0, slippage: 0 } })).toBe("Costs      none");
  });

  test("what was expected beside what came, and how high costs may be", () => {
    const total = { trades: 402, mean_expected_r: -0.0021, mean_realized_r: 0.0141, standard_error_r: 0.0562 };
    expect(lineOf("Edge", { expected_and_realized: total, break_even_cost_multiple: 1.4 })).toBe(
      "Edge       after costs +0.014±0.056 R a trade, expected -0.002; break-even 1.40x",
    );
    expect(lineOf("Edge", { expected_and_realized: null, break_even_cost_multiple: null })).toBe(
      "Edge       break-even -",
    );
  });

  test("how it traded", () => {
    const side = summary.sides.long;
    const sides = {
      long: { ...side, total_trades: 210, total_pnl: -620.4 },
      short: { ...side, total_trades: 191, total_pnl: 1252 },
    };
    const totals = { total_trades: 401, overall_win_rate: 43.5, mean_result_r: 0.033, sides };
    expect(lineOf("Trades", totals)).toBe("Trades     401, 43.5% won, +0.033 R; long 210 (-620), short 191 (+1,252)");
    expect(lineOf("Exits", { mean_holding_hours: 36.6, exits: { stop: 184, end_of_run: 3 } })).toBe(
      "Exits      held 37 h; stop 184, end 3",
    );
    expect(lineOf("Decisions", { decisions: 10, actions: { buy: 2, sell: 1, hold: 7 }, exposure_pct: 50 })).toBe(
      "Decisions  10: BUY 2, SELL 1, HOLD 7; exposed 50.0% of the time",
    );
  });

  test("what holding would have made: of each asset, of the best and worst of many", () => {
    const held = (return_pct: number): NonNullable<Summary["equal_weight"]> => ({
      return_pct,
      sharpe_ratio: 1,
      max_drawdown_pct: 1,
    });
    expect(lineOf("Held", { buy_and_hold: { A: held(1), B: null }, equal_weight: held(3) })).toBe(
      "Held       A +1.0%, B -; equal weights +3.0%",
    );
    const many = { A: held(1), B: held(5), C: held(-2), D: null };
    expect(lineOf("Held", { buy_and_hold: { ...many, E: held(0) }, equal_weight: held(1) })).toBe(
      "Held       5 assets, best B +5.0%, worst C -2.0%; equal weights +1.0%",
    );
    expect(lineOf("Held", { buy_and_hold: { A: held(1) } })).toBe("Held       A +1.0%");
  });

  test("how the same trades would have done at random, where a line is left for it", () => {
    const entry = { draws: 200, percentile: 52, random_mean_pnl_pct: -0.081, run_mean_pnl_pct: -0.07 };
    const random_entry = entry as Summary["random_entry"];
    const line = "At random  mean trade -0.07%, above 52% of 200 draws (mean -0.08%)";
    expect(lineOf("At random", { random_entry, quarterly_breakdown: chunksOf(4) })).toBe(line);
    expect(lineOf("At random", { random_entry: null, quarterly_breakdown: chunksOf(4) })).toBeUndefined();
    expect(lineOf("At random", { random_entry, quarterly_breakdown: chunksOf(12) })).toBeUndefined();
  });

  test("what changed most: a multiplier, and the win rate with the clearest slope", () => {
    const [chunk] = chunksOf(1);
    const quarterly_breakdown = [
      {
        ...chunk!,
        provider_multipliers_at_start: { a: 1, b: 1 },
        provider_multipliers: { a: 0.9, b: 1.1000001 },
      },
    ];
    const some = Object.values(summary.providers)[0]!;
    const providers = {
      a: { ...some, trend: { slope_pct: -3, standard_error_pct: 1 } },
      b: { ...some, trend: { slope_pct: 5, standard_error_pct: 4 } },
      c: { ...some, trend: null },
    };
    expect(lineOf("Changed", { quarterly_breakdown, providers })).toBe(
      "Changed    b 1.00x -> 1.10x; win rate of a -3.0±1.0 a chunk",
    );
    expect(lineOf("Changed", { quarterly_breakdown, providers, memory_enabled: false })).toBe(
      "Changed    win rate of a -3.0±1.0 a chunk",
    );
    expect(lineOf("Changed", { quarterly_breakdown, providers: {}, memory_enabled: false })).toBeUndefined();
  });

  test("what changed most, among the providers that have voted", () => {
    const [chunk] = chunksOf(1);
    const quarterly_breakdown = [
      { ...chunk!, provider_multipliers_at_start: { a: 1, b: 1 }, provider_multipliers: { a: 0.8, b: 1.36 } },
    ];
    const some = { ...Object.values(summary.providers)[0]!, trend: null };
    const providers = { a: some, b: { ...some, abstentions: summary.decisions } };
    expect(lineOf("Changed", { quarterly_breakdown, providers })).toBe("Changed    a 1.00x -> 0.80x");
  });

  test("that there were no trades", () => {
    const none = shown({ total_trades: 0, costs: { fees: 0, spread: 0, slippage: 0 } });
    expect(none).toContain("Trades     none");
    expect(none.some((line) => /^(Edge|Exits)/.test(line))).toBeFalse();
  });
});
