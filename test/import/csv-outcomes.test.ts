import { describe, expect, test } from "bun:test";
import { parseColumnMap } from "../../lib/import/csv-outcomes.ts";
import { importOf, source } from "./import-samples.ts";

const MAP = {
  fields: {
    asset_pair: "Symbol",
    action: "Side",
    entry_timestamp: "Opened",
    exit_timestamp: "Closed",
    entry_price: "In",
    exit_price: "Out",
    stop_price: "SL",
    position_size: "Lots",
    ai_provider: "=sma",
  },
  situation: { funding: "Funding" },
};

const HEADER = "Symbol;Side;Opened;Closed;In;Out;SL;Lots;Funding\n";

describe("a CSV of trades", () => {
  test("is read by a map of its columns; results follow from the prices", () => {
    const text = `${HEADER}EURUSD;short;05.01.2021 10:00;25.01.2021 12:00;1,20;1,17;1,21;2;high\n`;
    expect(importOf([source("trades.csv", text)], { map: MAP }).fields[0]).toMatchObject({
      asset_pair: "EURUSD",
      action: "SELL",
      entry_timestamp: "2021-01-05T10:00:00.000Z",
      // (1.20 - 1.17) / (1.21 - 1.20), clipped.
      result_r: expect.closeTo(3, 10),
      realized_pnl: expect.closeTo(0.06, 12),
      pnl_percentage: expect.closeTo(2.5, 12),
      votes: [{ provider: "sma", action: "SELL", confidence: 0 }],
      description: "EURUSD is in a market: funding high. Imported from csv.",
    });
  });

  test("that backtesting.py exports: the sign of the size is the direction", () => {
    const header = "Size,EntryBar,ExitBar,EntryPrice,ExitPrice,SL,TP,PnL,ReturnPct,EntryTime,ExitTime,Tag\n";
    const rows = "-10,1,3,100,90,105,,100,0.1,2021-01-01 00:00:00,2021-01-03 00:00:00,\n";
    const fields = {
      asset_pair: "=GOOG",
      action: "Size",
      position_size: "Size",
      entry_timestamp: "EntryTime",
      exit_timestamp: "ExitTime",
      entry_price: "EntryPrice",
      exit_price: "ExitPrice",
      stop_price: "SL",
      realized_pnl: "PnL",
    };
    expect(importOf([source("trades.csv", header + rows)], { map: { fields, situation: {} } }).fields[0]).toMatchObject(
      {
        action: "SELL",
        position_size: 10,
        realized_pnl: 100,
        pnl_percentage: 10,
        result_r: 2,
        votes: [],
      },
    );
  });

  test("tells the day from the month by both of its times: 03/02 is in February where 13/02 is", () => {
    const rows = ["13/02/2021;03/03/2021", "14/02/2021;04/03/2021", "20/02/2021;03/04/2021"];
    const text = HEADER + rows.map((days) => `X;buy;${days};1;2;;1;\n`).join("");
    const { fields } = importOf([source("trades.csv", text)], { map: MAP });
    expect(fields.map((each) => String(each["exit_timestamp"]).slice(0, 10))).toEqual([
      "2021-03-03",
      "2021-03-04",
      "2021-04-03",
    ]);
  });

  test.each([
    // New York is 4 hours behind UTC in summer, and 5 in winter.
    ["2021-07-01 10:00", "2021-07-01T14:00:00.000Z"],
    ["2021-01-15 10:00", "2021-01-15T15:00:00.000Z"],
    // The clock shows 01:30 twice on this day. At the first it is 05:30 in UTC.
    ["2021-11-07 01:30", "2021-11-07T06:30:00.000Z"],
    // What states a zone is taken as it is.
    ["2021-07-01 10:00Z", "2021-07-01T10:00:00.000Z"],
  ])("closed at %s by the clocks of New York is known at %s", (closed, exit) => {
    const start = closed.endsWith("Z") ? "2021-01-04 10:00Z" : "2021-01-04 10:00";
    const text = `${HEADER}X;buy;${start};${closed};1;2;;1;\n`;
    const { fields, isUtcAssumed } = importOf([source("trades.csv", text)], { map: MAP, timezone: "America/New_York" });
    expect([fields[0]!["exit_timestamp"], isUtcAssumed]).toEqual([exit, false]);
  });

  test("without a zone is taken as UTC, which is told; a time that the clock skips is counted", () => {
    const row = (closed: string) => `X;buy;2021-01-04;${closed};1;2;;1;\n`;
    const text = `${HEADER}${row("2021-03-14 02:30")}${row("2021-03-15 02:30")}`;
    expect(importOf([source("trades.csv", text)], { map: MAP })).toMatchObject({ isUtcAssumed: true, skipped: [] });
    const { skipped } = importOf([source("trades.csv", text)], { map: MAP, timezone: "America/New_York" });
    const reason = "trades at a time that the clock of America/New_York skips";
    expect(skipped).toEqual([{ reason, count: 1, first: "trades.csv, line 2" }]);
  });

  test("has a zone in both of its times or in none", () => {
    const text = `${HEADER}X;buy;2021-02-13T10:00:00+05:00;2021-02-13 11:00;1;2;;1;\n`;
    expect(() => importOf([source("trades.csv", text)], { map: MAP })).toThrow(
      'found "2021-02-13 11:00" for exit_timestamp in line 2, expected a zone in every time, or in none',
    );
  });

  test("keeps a last row that begins with words", () => {
    const text = `${HEADER}X;buy;2021-01-01;2021-01-02;1;2;;1;\nX;buy;2021-01-03;2021-01-04;1;2;;1;\n`;
    const worded = text.replaceAll("\nX;", "\nmean reversion long;X;").replace("Symbol;", "Rule;Symbol;");
    const map = { fields: { ...MAP.fields, ai_provider: "Rule" }, situation: {} };
    expect(importOf([source("trades.csv", worded)], { map }).fields.map((each) => each["ai_provider"])).toEqual([
      "mean reversion long",
      "mean reversion long",
    ]);
  });

  test("leaves a text beside it alone, also one that looks like a table at first", () => {
    const notes = source("notes.md", "Today, I saw, that, in the end, the market fell.\nSo what?\n");
    const trades = source("trades.csv", `${HEADER}X;buy;2021-01-01;2021-01-02;1;2;;1;\n`);
    const { fields, skipped } = importOf([notes, trades], { map: MAP });
    expect(fields).toHaveLength(1);
    expect(skipped).toEqual([{ reason: "files of no system that is known", count: 1, first: "notes.md" }]);
  });

  test("without any column of the map is told so", () => {
    const other = source("trades.csv", "a,b,c,d,e\nu,v,w,x,y\n");
    expect(() => importOf([other], { map: MAP })).toThrow("or a CSV with columns of --map");
  });

  test("with fewer than five columns is refused", () => {
    const map = { fields: { ...MAP.fields, asset_pair: "=X" }, situation: {} };
    expect(() =>
      importOf([source("trades.csv", "Side;Opened;Closed;In\nbuy;2021-01-01;2021-01-02;1\n")], { map }),
    ).toThrow('Cannot read "trades.csv": found no header, or fewer than five columns');
  });

  const RESULTS =
    "asset_pair,action,entry_timestamp,exit_timestamp,entry_price,exit_price,position_size,realized_pnl,fee_cost\n";
  const resultOf = (cells: string) =>
    importOf([source("trades.csv", `${RESULTS}X,buy,2021-01-01,2021-01-02,${cells}\n`)]);

  test.each([
    // 500 of 50,000 x 0.1; the move is 10 %.
    ["of a position is in percent of it", "50000,55000,0.1,490,10", 490, 9.8],
    // A lot of EURUSD is 100,000 euros: 1,000 dollars of 1.10 x 1 would be 90,909 %.
    ["of lots is in percent of the price: 0.01 of 1.10", "1.10,1.11,1,1000,", 1000, 0.909],
    // (110 - 100) x 2 - 3, of 200.
    ["follows from prices, size and fees", "100,110,2,,3", 17, 8.5],
    ["without a size is that of one unit, before fees", "100,110,,,3", 10, 10],
  ])("a result %s", (_, cells, pnl, percent) => {
    expect(resultOf(cells).fields[0]).toMatchObject({ realized_pnl: pnl, pnl_percentage: expect.closeTo(percent, 3) });
  });

  test("a result in money alone says nothing of a position", () => {
    expect(() => resultOf("50000,,,500,")).toThrow(
      "trades without a result in percent: pnl_percentage, or entry_price and position_size: 1",
    );
  });

  test("an ensemble has no vote, as nobody knows who voted how", () => {
    const text = `${RESULTS.replace("\n", ",ai_provider\n")}X,buy,2021-01-01,2021-01-02,1,2,1,1,,ensemble\n`;
    expect(importOf([source("trades.csv", text)], { provider: "mine" }).fields[0]).toMatchObject({ votes: [] });
  });

  test("with the names of an outcome's fields needs no map", () => {
    const text =
      "asset_pair,action,entry_timestamp,exit_timestamp,realized_pnl,pnl_percentage,decision_id\n" +
      "BTCUSD,BUY,2021-01-01,2021-01-02,$5,1.5%,my-1\n";
    const { fields } = importOf([source("trades.csv", text)], { provider: "mine" });
    expect(fields[0]).toMatchObject({ decision_id: "my-1", realized_pnl: 5, pnl_percentage: 1.5, ai_provider: "mine" });
  });

  test("names a time or a number that it cannot read, and counts rows without one", () => {
    const read = (row: string) =>
      importOf([source("trades.csv", `${HEADER}EURUSD;buy;2021-01-01;2021-01-02;1;2;;1;\n${row}\n`)], { map: MAP });
    expect(() => read("EURUSD;buy;soon;2021-01-02;1;2;;1;")).toThrow('found "soon" for entry_timestamp in line 3');
    const { skipped } = read(
      "EURUSD;buy;2021-01-01;;1;2;;1;\nEURUSD;flat;2021-01-01;2021-01-02;1;2;;1;\nEURUSD;buy;2021-01-01;2021-01-02;x;2;;1;",
    );
    expect(skipped.map(({ reason, first }) => `${reason}: ${first}`)).toEqual([
      "trades that are still open: trades.csv, line 3",
      "trades that are neither long nor short: trades.csv, line 4",
      "trades without a number for entry_price: trades.csv, line 5",
    ]);
  });

  test("without a column that the map names is refused with those that it has", () => {
    const map = { fields: { ...MAP.fields, action: "Direction" }, situation: {} };
    expect(() => importOf([source("trades.csv", HEADER + "a;b;c;d;1;2;3;4;5\n")], { map })).toThrow(
      'found the columns "Symbol", "Side", "Opened", "Closed", "In", "Out", "SL", "Lots", "Funding", expected "Direction" for action',
    );
  });
});

describe("a map of columns", () => {
  test("is YAML or JSON: columns by field, and below situation by word", async () => {
    const yaml = "asset_pair: Symbol\nai_provider: =sma\nsituation:\n  funding: Funding\n";
    const map = { fields: { asset_pair: "Symbol", ai_provider: "=sma" }, situation: { funding: "Funding" } };
    expect(await parseColumnMap(yaml, "map.yaml")).toEqual(map);
    expect(await parseColumnMap(JSON.stringify({ ...map.fields, situation: map.situation }), "map.json")).toEqual(map);
  });

  test.each([
    ["asset_pairs: Symbol", 'found the field "asset_pairs", expected "asset_pair"'],
    ["asset_pair: 7", "found a value that is no text"],
    ["[a]", "found no map"],
    ["a: b: c", "found no YAML"],
  ])("%j is refused: %s", async (text, message) => {
    await expect(parseColumnMap(text, "map.yaml")).rejects.toThrow(message);
  });
});
