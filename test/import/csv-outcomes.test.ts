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
