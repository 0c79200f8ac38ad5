/** What the pictures compute themselves, by hand. */
import { describe, expect, test } from "bun:test";
import type { ReportData } from "../../lib/report/data.ts";
import { recallPicture } from "../../lib/report/pictures/recall.ts";
import { costsPicture } from "../../lib/report/pictures/costs.ts";
import { movesPicture, providersPicture, weightsPicture } from "../../lib/report/pictures/providers.ts";
import { sizesPicture, tradesPicture } from "../../lib/report/pictures/trades.ts";
import type { LiveFrame } from "../../lib/report/live.ts";

const FRAME: LiveFrame = { buckets: { startMs: 0, widthMs: 1, count: 1 }, borders: [] };

describe("recall", () => {
  // Ten trades that recall one each, from similarity 0.1 to 1. The first two recalled trades paid the same side.
  const decisions = Array.from({ length: 10 }, (_, i) => ({
    id: `new ${i}`,
    nearest: [{ decision_id: `old ${i}`, similarity: (i + 1) / 10 }],
  }));
  const outcomes = decisions.map(({ id }, i) => ({
    decision_id: id,
    action: i % 2 === 0 ? "BUY" : "SELL",
    result_r: 1,
  }));
  // A SELL that gained means that being long cost.
  const longRById = new Map([
    ["old 0", 0.5],
    ["old 1", -0.5],
    ...Array.from({ length: 8 }, (_, i) => [`old ${i + 2}`, i % 2 === 0 ? -1 : 1] as const),
  ]);

  test("counts in how many pairs the same side paid, by similarity", () => {
    const { table } = recallPicture({ decisions, outcomes, longRById } as unknown as ReportData);
    const shares = table!.rows.map(([similarity, pairs, share]) => [similarity, pairs, share]);
    expect(shares[0]).toEqual(["0.10 to 0.20", "2", "100.0%"]);
    expect(shares.slice(1).map(([, , share]) => share)).toEqual(["0.0%", "0.0%", "0.0%", "0.0%"]);
  });

  test("leaves out a recalled trade that has no result in R, and says so where nothing is left", () => {
    const few = { decisions, outcomes, longRById: new Map([["old 0", 1]]) } as unknown as ReportData;
    expect(recallPicture(few)).toMatchObject({ note: "Nothing was recalled for a trade of this run." });
  });
});

test("groups of pairs that are equally similar stay apart", () => {
  const decisions = Array.from({ length: 10 }, (_, i) => ({
    id: `new ${i}`,
    nearest: [{ decision_id: "old", similarity: 1 }],
  }));
  const outcomes = decisions.map(({ id }) => ({ decision_id: id, action: "BUY", result_r: 1 }));
  const data = { decisions, outcomes, longRById: new Map([["old", 1]]) } as unknown as ReportData;
  expect(recallPicture(data).body!.match(/>1\.00 to 1\.00</g)).toHaveLength(5);
});

test("weights are means over the decisions of an asset in a chunk", () => {
  const decision = (asset: string, chunk: string, trend: number): object => ({
    atMs: 0,
    asset,
    chunk,
    weights: { trend, memory: 1 - trend },
  });
  const decisions = [decision("A", "Q1", 0.2), decision("A", "Q1", 0.4), decision("B", "Q1", 0.9)];
  const summary = {
    assets: ["A", "B"],
    providers: { trend: {}, memory: {} },
    quarterly_breakdown: [{ quarter: "Q1" }, { quarter: "Q2" }],
  };
  expect(weightsPicture({ run: { summary }, decisions } as unknown as ReportData, FRAME).table!.rows).toEqual([
    ["A", "Q1", "0.30", "0.70"],
    ["A", "Q2", "-", "-"],
    ["B", "Q1", "0.90", "0.10"],
    ["B", "Q2", "-", "-"],
  ]);
});

test("of many chunks a column of the providers has several: their trades, and the mean of all", () => {
  const cell = (quarter: string, total_trades: number, mean_result_r: number | null): object => ({
    quarter,
    total_trades,
    mean_result_r,
    mean_result_r_error: null,
    win_rate: null,
  });
  // The first column has -1 R once and +0.5 R twice, the second 3 R once, the others nothing.
  const firsts = [cell("W00", 1, -1), cell("W01", 2, 0.5), cell("W02", 1, 3)];
  const by_quarter = [...firsts, ...Array.from({ length: 15 }, (_, i) => cell(`W${10 + i}`, 0, null))];
  const summary = { providers: { trend: { by_quarter, mean_result_r: 1 } }, quarterly_breakdown: by_quarter };
  const { body, note, table } = providersPicture({ run: { summary } } as unknown as ReportData);
  expect(note).toContain("A column has 2 chunks and the name of the first");
  expect(body).toContain(">W02<");
  expect(body).not.toContain(">W01<");
  expect(body).toMatch(/>0\.00<\/tspan><tspan[^>]*>3</);
  expect(body).toMatch(/>\+3\.00<\/tspan><tspan[^>]*>1</);
  expect(table!.rows).toHaveLength(18);
});

test("trades that moved the weights on one day have a row each, also if they read alike", () => {
  const move = (time: string): object => ({
    exit_timestamp: `2021-01-01T${time}:00.000Z`,
    trades: [{ asset: "A", action: "BUY", result_r: 1.5 }],
    multipliers_before: { trend: 1, memory: 1 },
    multipliers_after: { trend: 1.5, memory: 0.5 },
  });
  const summary = {
    providers: { trend: {}, memory: {} },
    quarterly_breakdown: [{ weight_moves: [move("08:00"), move("16:00")] }],
  };
  const { body } = movesPicture({ run: { summary } } as unknown as ReportData);
  expect(body!.match(/>2021-01-01 {2}A BUY \+1\.50 R</g)).toHaveLength(2);
});

test("the same trades at a multiple of their costs lose that much more", () => {
  const summary = {
    costs: { fees: 60, spread: 30, slippage: 10 },
    costs_r: { fees: 3, spread: 1, slippage: 1 },
    break_even_cost_multiple: 2.5,
    total_pnl: 150,
    total_trades: 50,
    initial_balance: 1000,
  };
  const { note, table } = costsPicture({ run: { summary } } as unknown as ReportData);
  // 250 before costs of 100, of an account of 1,000.
  expect(table!.rows).toEqual([
    ["x0", "+25.00%"],
    ["x1", "+15.00%"],
    ["x2", "+5.00%"],
    ["x4", "-15.00%"],
  ]);
  expect(note).toContain("took 10.0% of the account at the start, 0.100 R a trade");
  expect(note).toContain("would have made 0 at 2.5 times their costs");
});

test("a long trade points up and a short one down; one that lost is hollow", () => {
  const trade = (action: string, won: boolean): object => ({
    asset_pair: "A",
    action,
    entry_timestamp: "2021-01-01T00:00:00.000Z",
    exit_timestamp: "2021-01-02T00:00:00.000Z",
    entry_price: 100,
    exit_price: 110,
    result_r: won ? 1 : -1,
    realized_pnl: won ? 1 : -1,
    was_profitable: won,
    exit_reason: "target",
  });
  const decisions = [90, 120].map((close, i) => ({
    atMs: Date.UTC(2021, 0, i + 1),
    asset: "A",
    regime: "TRENDING",
    close,
  }));
  const drawn = (action: string, won: boolean): string => {
    const data = {
      run: { summary: { assets: ["A"], assets_breakdown: {} } },
      decisions,
      outcomes: [trade(action, won)],
    } as unknown as ReportData;
    return /<path[^>]*><title>.*?<\/title><\/path>/.exec(tradesPicture(data, FRAME).body!)![0];
  };
  expect(drawn("BUY", true)).not.toContain("rotate(180)");
  expect(drawn("SELL", true)).toContain("rotate(180)");
  expect(drawn("BUY", true)).toContain('fill="var(--gain)"');
  expect(drawn("BUY", false)).toContain('fill="var(--page)"');
});

test("many assets share the room for trades, and one without decisions is drawn without a price", () => {
  const assets = [..."ABCDEFGHIJ"];
  const summary = { assets, assets_breakdown: { A: { total_trades: 151 } } };
  const { note, body } = tradesPicture(
    { run: { summary }, decisions: [], outcomes: [] } as unknown as ReportData,
    FRAME,
  );
  expect(note).toContain("An asset with more than 150 trades shows every second, or fewer");
  expect(body!.match(/<svg/g)).toHaveLength(10);
  expect(body).not.toContain("NaN");
});

test("sizes are averaged by month, over the positions that were opened", () => {
  const decision = (date: string, isEntry: boolean, expectedR: number, sizeScale: number): object => ({
    atMs: Date.parse(date),
    asset: "A",
    isEntry,
    expectedR,
    sizeScale,
  });
  const decisions = [
    decision("2021-01-05", true, 0.1, 1),
    decision("2021-01-06", false, 0.4, 1),
    decision("2021-01-07", true, -0.1, 0.02),
    decision("2021-02-01", true, 0.02, 0.4),
  ];
  const data = { run: { summary: { period: "2021-01-01/2021-03-01" } }, decisions } as unknown as ReportData;
  expect(sizesPicture(data, FRAME).table!.rows).toEqual([
    ["2021-01", "2", "0.000", "0.51"],
    ["2021-02", "1", "+0.020", "0.40"],
  ]);
});
