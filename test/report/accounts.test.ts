import { describe, expect, test } from "bun:test";
import type { AccountLine, ReportData } from "../../lib/report/data.ts";
import type { LiveFrame } from "../../lib/report/live.ts";
import { liveHtml } from "../../lib/report/live.ts";
import { drawdownPicture, equityPicture, heldPicture, monthsPicture } from "../../lib/report/pictures/accounts.ts";
import { DAY_MS } from "../../lib/util/time.ts";

/** Two days of January 2021. */
const FRAME: LiveFrame = {
  buckets: { startMs: Date.parse("2021-01-01"), widthMs: DAY_MS, count: 2 },
  borders: [],
};

function account(name: string, initial: number, equities: readonly number[]): AccountLine {
  const marks = equities.map((equity, i) => ({ atMs: FRAME.buckets.startMs + i * DAY_MS, equity }));
  const figures = { return_pct: null, sharpe: null, daily_drawdown_pct: 0, trades: 0, mean_result_r: null };
  return { name, color: "on", initial, marks, figures };
}

describe("an account is measured by its own initial balance", () => {
  // The first loses a tenth of 10,000 and gains it back, the second gains a half of 1,000.
  const accounts = [account("large", 10_000, [9000, 10_000]), account("small", 1000, [1200, 1500])];
  const run = { summary: { initial_balance: 10_000 } };
  const data = { run, accounts, held: [{ name: "A held", days: [] }] } as unknown as ReportData;

  test("in the returns of its months", () => {
    expect(monthsPicture(data).table!.rows).toEqual([["2021-01", "0.00%", "+50.00%"]]);
    expect(monthsPicture(data).body).toContain("+50.0");
  });

  test("in its drawdown", () => {
    const { picture, chart } = drawdownPicture(data, FRAME);
    expect(picture.table!.rows).toEqual([["2021-01", "-10.00%", "0.00%"]]);
    expect(chart.lines.map(({ values }) => values.map((value) => Math.round(value!)))).toEqual([
      [-10, 0],
      [0, 0],
    ]);
  });

  test("beside what holding would have made", () => {
    const small = { ...data, accounts: [accounts[1]!], held: [] };
    expect(heldPicture(small, FRAME).chart.lines[0]!.values).toEqual([120, 150]);
  });
});

test("equity of accounts that began with different balances is in percent of these", () => {
  const data = {
    run: { summary: { initial_balance: 10_000 } },
    accounts: [account("large", 10_000, [9000, 11_000]), account("small", 1000, [1200, 1500])],
  } as unknown as ReportData;
  const { picture, chart } = equityPicture(data, FRAME);
  expect(chart.unit).toBe("percent");
  expect(chart.lines.map(({ values }) => values.map((value) => Math.round(value!)))).toEqual([
    [90, 110],
    [120, 150],
  ]);
  expect(picture.note).toContain("in percent of its initial balance");
  expect(picture.table!.rows).toEqual([["2021-01", "11,000.00", "1,500.00"]]);
});

test("a compared run is drawn in the period of the run, and not what it did before and after", () => {
  const long = account("long", 50, [100, 100]);
  const marks = [{ atMs: 0, equity: 1 }, ...long.marks, { atMs: Date.parse("2022-01-01"), equity: 9 }];
  const data = {
    run: { summary: { initial_balance: 50 } },
    accounts: [long, { ...long, marks }],
  } as unknown as ReportData;
  expect(equityPicture(data, FRAME).chart.lines[1]!.values).toEqual([100, 100]);
});

test("lines of one name are drawn one by one", () => {
  const line = (values: readonly number[]): object => ({ name: "base", color: "on", values });
  const chart = { id: "equity", unit: "money", height: 100, lines: [line([1, 2]), line([2, 1])] } as never;
  const paths = liveHtml(chart, { ...FRAME, alt: "" }).match(/stroke="var\(--on\)".*? d="M[^"]*"/gs);
  expect(new Set(paths).size).toBe(2);
});
