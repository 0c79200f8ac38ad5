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
  expect(labels).toEqual(["Run", "Result", "Files"]);
  expect(renderSummary(run)).not.toMatch(/NaN|undefined|a chunk/);
  expect(renderFullSummary(run)).not.toMatch(/NaN|undefined/);
});

describe("a line says", () => {
  const lineOf = (label: string, changes: Partial<Summary> = {}): string | undefined =>
    shown(changes).find((line) => line.startsWith(label));

  test("what costs took, and how high they may be", () => {
    const costs = { fees: 220.4, spread: 51.6, slippage: 95 };
    expect(lineOf("Costs", { costs, break_even_cost_multiple: 1.4 })).toBe(
      "Costs      367: fees 220, spread 52, slippage 95; break-even at 1.40x",
    );
    expect(lineOf("Costs", { costs, break_even_cost_multiple: null })).toBe(
      "Costs      367: fees 220, spread 52, slippage 95; a loss without them, too",
    );
    expect(lineOf("Costs", { costs: { fees: 0, spread: 0, slippage: 0 } })).toBe("Costs      none");
  });

  // 18.8 R of costs in 400 trades are 0.047 R a trade.
  const costs_r = { fees: 10, spread: 3, slippage: 5.8 };

  test("what a trade earned in R before costs and after, with memory and without", () => {
    const total = { trades: 400, mean_expected_r: -0.002, mean_realized_r: -0.014, standard_error_r: 0.0562 };
    const edge = { mean_result_r: 0.033, costs_r, total_trades: 400 };
    expect(lineOf("Edge", { ...edge, expected_and_realized: total })).toBe(
      "Edge       +0.033 R a trade, -0.014±0.056 R after costs, whatever its size",
    );
    expect(lineOf("Edge", { ...edge, expected_and_realized: null })).toBe(
      "Edge       +0.033 R a trade, -0.014 R after costs, whatever its size",
    );
  });

  test("that results beyond 3 R are cut before costs alone", () => {
    const total = { trades: 400, mean_expected_r: 0, mean_realized_r: -0.358, standard_error_r: 0.673 };
    const lines = shown({ mean_result_r: 0.168, costs_r, total_trades: 400, expected_and_realized: total });
    const edge = lines.findIndex((line) => line.startsWith("Edge"));
    // -0.358 + 0.047.
    expect(lines[edge + 1]).toBe("           +0.168 counts trades beyond ±3 R as ±3 R; without that it is -0.311 R");
  });

  test("how much memory reduced the bets, and what shows whether that helped", () => {
    const bin = { mean_realized_r: 0, standard_error_r: null };
    const losing = { ...bin, from: null, to: 0, trades: 2, mean_expected_r: -0.1 };
    const half = { ...bin, from: 0, to: 0.05, trades: 1, mean_expected_r: 0.025 };
    const full = { ...bin, from: 0.05, to: 0.1, trades: 1, mean_expected_r: 0.08 };
    // (2 x 0.02 + 0.5 + 1) / 4 = 0.385; 1 and 1/2 alone have 0.75.
    const lines = shown({ expectation: [losing, half, full], total_trades: 4 });
    const sizes = lines.findIndex((line) => line.startsWith("Sizes"));
    expect(lines.slice(sizes, sizes + 2)).toEqual([
      "Sizes      mean 0.39 of full, 0.02 for the 2 of 4 expected to lose",
      "           compare-memory with the same flags shows whether that helped",
    ]);
    // Few days show nothing.
    const short = shown({ expectation: [full], total_trades: 1, period: "2021-01-04/2021-01-31" });
    expect(short.join("\n")).not.toContain("compare-memory");
    const run = { summary: { ...summary, expectation: [half] }, memoryDir: "data/memory", state: "", isSession: true };
    expect(renderSummary(run)).toContain("runs compare with a session without memory shows whether that helped");
    expect(renderSummary({ ...run, isSession: false, asksQuestions: true })).toContain(
      "           compare-memory shows whether that helped; see its cost by --estimate\n",
    );
    expect(lineOf("Sizes", { expectation: [half, full] })).toBe("Sizes      mean 0.75 of full");
    expect(lineOf("Sizes", { expectation: [] })).toBeUndefined();
  });

  test("how it traded", () => {
    const side = summary.sides.long;
    const sides = {
      long: { ...side, total_trades: 210, total_pnl: -620.4 },
      short: { ...side, total_trades: 191, total_pnl: 1252 },
    };
    const totals = { total_trades: 401, overall_win_rate: 43.5, exposure_pct: 50, sides };
    expect(lineOf("Trades", totals)).toBe(
      "Trades     401, 43.5% won; long 210 (-620), short 191 (+1,252); exposed 50.0%",
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

  test("how often the same trades would have done worse at random times", () => {
    const entry = { draws: 200, percentile: 52, random_mean_pnl_pct: -0.081, run_mean_pnl_pct: -0.07 };
    const random_entry = entry as Summary["random_entry"];
    expect(lineOf("At random", { random_entry })).toBe(
      "At random  the same trades at random times did worse in 52% of 200 draws",
    );
    expect(lineOf("At random", { random_entry: null })).toBeUndefined();
  });

  test("that there were no trades", () => {
    const none = shown({ total_trades: 0, costs: { fees: 0, spread: 0, slippage: 0 } });
    expect(none).toContain("Trades     none");
    expect(none.some((line) => /^(Edge|Exits)/.test(line))).toBeFalse();
  });
});

describe("--full begins with the screen, and adds", () => {
  const full = (changes: Partial<Summary> = {}): string =>
    renderFullSummary({ summary: { ...summary, ...changes }, memoryDir: "data/memory", state: "" });
  const detailOf = (label: string, changes: Partial<Summary> = {}): string | undefined =>
    full(changes)
      .split("\n")
      .find((line) => line.startsWith(label));

  test("how it traded, beside what the screen says", () => {
    expect(full()).toStartWith(`${shown().join("\n")}\n\nRatios `);
    expect(detailOf("Exits", { mean_holding_hours: 36.6, exits: { stop: 184, hold: 7, end_of_run: 3 } })).toBe(
      "Exits      held 37 h; stop 184, HOLD 7, end 3",
    );
    expect(detailOf("Decisions", { decisions: 10, actions: { buy: 2, sell: 1, hold: 7 } })).toBe(
      "Decisions  10: BUY 2, SELL 1, HOLD 7",
    );
    const entry = { draws: 200, percentile: 52, random_mean_pnl_pct: -0.081, run_mean_pnl_pct: -0.07 };
    expect(detailOf("Mean trade", { random_entry: entry as Summary["random_entry"] })).toBe(
      "Mean trade -0.07% of its position, at random times -0.08%",
    );
  });

  test("every chunk, where the screen groups them", () => {
    expect(full({ quarterly_breakdown: chunksOf(12) })).not.toContain("\nChunks\n");
    expect(full({ quarterly_breakdown: chunksOf(13) })).toContain("\nChunks\n");
  });

  test("what was carried over and learned, of more than one provider", () => {
    const [[name, some]] = Object.entries(summary.providers) as [[string, Summary["providers"][string]]];
    expect(full()).toMatch(/^Carried over$.*^What was learned/ms);
    expect(full({ providers: { [name]: some } })).not.toMatch(/Carried over|What was learned/);
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
    expect(detailOf("Changed", { quarterly_breakdown, providers })).toBe(
      "Changed    b 1.00x -> 1.10x; win rate of a -3.0±1.0 a chunk",
    );
    expect(detailOf("Changed", { quarterly_breakdown, providers, memory_enabled: false })).toBe(
      "Changed    win rate of a -3.0±1.0 a chunk",
    );
    expect(detailOf("Changed", { quarterly_breakdown, providers: {}, memory_enabled: false })).toBeUndefined();
  });

  test("what changed most, among the providers that have voted", () => {
    const [chunk] = chunksOf(1);
    const quarterly_breakdown = [
      { ...chunk!, provider_multipliers_at_start: { a: 1, b: 1 }, provider_multipliers: { a: 0.8, b: 1.36 } },
    ];
    const some = { ...Object.values(summary.providers)[0]!, trend: null };
    const providers = { a: some, b: { ...some, abstentions: summary.decisions } };
    expect(detailOf("Changed", { quarterly_breakdown, providers })).toBe("Changed    a 1.00x -> 0.80x");
  });
});
