import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { FOREIGN_FILES_DIR } from "../samples.ts";
import { importOf, source } from "./import-samples.ts";

/** A trade as freqtrade 2022.4 and newer export it. */
const LONG = {
  pair: "ETH/USDT:USDT",
  stake_amount: 50,
  amount: 1,
  open_date: "2024-01-10 07:15:00+00:00",
  close_date: "2024-01-10 09:15:00+00:00",
  open_timestamp: 1704870900000.0,
  close_timestamp: 1704878100000.0,
  open_rate: 100,
  close_rate: 104,
  fee_open: 0.001,
  fee_close: 0.001,
  profit_ratio: 0.0759,
  profit_abs: 3.796,
  exit_reason: "roi",
  initial_stop_loss_abs: 90,
  stop_loss_abs: 101,
  is_open: false,
  is_short: false,
  leverage: 2,
  enter_tag: "dip",
  orders: [],
};

const result = (strategies: Record<string, unknown[]>, name = "backtest-result-2024-01-11_00-00-00.json") =>
  source(name, {
    strategy: Object.fromEntries(Object.entries(strategies).map(([key, trades]) => [key, { trades, sortino: 1 }])),
    strategy_comparison: [],
  });

describe("a trade of freqtrade", () => {
  test("has R by the stop that it was opened with, and the vote of its entry tag", () => {
    const [fields] = importOf([result({ Sma: [LONG] })]).fields;
    // (104 - 100) / (100 - 90); the last stop had trailed above the entry.
    expect(fields).toMatchObject({ result_r: 0.4, stop_price: 90, action: "BUY", asset_pair: "ETH/USDT:USDT" });
    // 3.796 of 100, whatever the leverage; fees of 0.1 % of 100 and of 104.
    expect(fields).toMatchObject({ realized_pnl: 3.796, pnl_percentage: 3.796, leverage: 2, strategy: "Sma" });
    expect(fields!["fee_cost"]).toBeCloseTo(0.204, 12);
    expect(fields).toMatchObject({ votes: [{ provider: "dip", action: "BUY", confidence: 0 }], exit_reason: "roi" });
    expect(fields!["description"]).toBe("ETH/USDT:USDT is entered as dip. Imported from freqtrade.");
  });

  test("that is short has its stop above the entry", () => {
    const short = { ...LONG, is_short: true, close_rate: 95, initial_stop_loss_abs: 110, stop_loss_abs: 110 };
    expect(importOf([result({ Sma: [short] })]).fields[0]).toMatchObject({ action: "SELL", result_r: 0.5 });
  });

  test("that was left in parts has the size and the mean prices of all of them", () => {
    const fill = (is_entry: boolean, amount: number, safe_price: number, filled: number | null = 1704870900000) => ({
      ft_is_entry: is_entry,
      amount,
      safe_price,
      order_filled_timestamp: filled,
    });
    const canceled = fill(false, 2, 500, null);
    const orders = [fill(true, 2, 100), fill(false, 1, 115), canceled, fill(false, 1, 95)];
    // Its own amount and close_rate are those of the last exit.
    const parts = { ...LONG, leverage: 1, amount: 1, close_rate: 95, profit_abs: 10, orders };
    const [fields] = importOf([result({ Sma: [parts] })]).fields;
    // The mean exit is 105: half an R, and 10 of 200.
    expect(fields).toMatchObject({ position_size: 2, exit_price: 105, result_r: 0.5, pnl_percentage: 5 });
    expect(fields!["fee_cost"]).toBeCloseTo(0.001 * 200 + 0.001 * 210, 12);
  });

  test.each([
    ["without a stop", { initial_stop_loss_abs: null, stop_loss_abs: null }, null],
    ["whose stops are on the side of the gain", { initial_stop_loss_abs: 120, stop_loss_abs: 101 }, null],
    ["of 2020, with the last stop alone", { initial_stop_loss_abs: undefined, stop_loss_abs: 80 }, 0.2],
  ])("%s has R accordingly", (_, stops, r) => {
    expect(importOf([result({ Sma: [{ ...LONG, ...stops }] })]).fields[0]).toMatchObject({ result_r: r });
  });

  test("without a tag has the vote of its strategy", () => {
    const untagged = { ...LONG, enter_tag: null };
    const providerOf = (options: { provider?: string }) =>
      importOf([result({ Sma: [untagged] })], options).fields[0]!["ai_provider"];
    expect([providerOf({}), providerOf({ provider: "sma-v2" })]).toEqual(["Sma", "sma-v2"]);
  });

  test("of several strategies has the vote of each; one that ended otherwise is another trade", () => {
    const untagged = { ...LONG, enter_tag: null };
    const later = { ...untagged, close_timestamp: untagged.close_timestamp + 3_600_000 };
    const { fields } = importOf([result({ Sma: [untagged], Rsi: [untagged], Macd: [later] })]);
    const votersOf = ({ votes }: Record<string, unknown>) =>
      (votes as { provider: string }[]).map((vote) => vote.provider);
    expect(fields.map((each) => [each["ai_provider"], votersOf(each)])).toEqual([
      ["ensemble", ["Sma", "Rsi"]],
      ["Macd", ["Macd"]],
    ]);
  });

  test("is left out and counted while it is open, or without a rate", () => {
    const { skipped } = importOf([
      result({
        Sma: [
          LONG,
          { ...LONG, is_open: true, close_date: null, close_timestamp: null },
          { pair: "A/B", open_rate: 1 },
          7,
        ],
      }),
    ]);
    expect(skipped.map(({ reason, first }) => [reason, first.split(", ")[1]])).toEqual([
      ["trades that are still open", "Sma[1]"],
      ["trades without pair, times or rates", "Sma[2]"],
      ["trades that are no objects", "Sma[3]"],
    ]);
  });
});

describe("freqtrade's older and other forms", () => {
  test("2021: sell_reason, buy_tag, and no leverage", () => {
    const { enter_tag: _t, exit_reason: _e, is_short: _s, leverage: _l, open_timestamp: _o, ...old } = LONG;
    const [fields] = importOf([result({ Sma: [{ ...old, sell_reason: "stop_loss", buy_tag: "dip" }] })]).fields;
    expect(fields).toMatchObject({ ai_provider: "dip", exit_reason: "stop_loss", hit_stop_loss: true, leverage: 1 });
    expect(fields).toMatchObject({ entry_timestamp: "2024-01-10T07:15:00.000Z" });
  });

  test("2020: profit_percent is a ratio, and open_at_end is the end of the run", () => {
    const old = {
      pair: "ETH/BTC",
      profit_percent: 0.05,
      profit_abs: 0.5,
      open_date: "2020-02-01 00:00:00",
      close_date: "2020-02-01 01:00:00",
      open_rate: 10,
      close_rate: 10.6,
      amount: 1,
      open_at_end: true,
      sell_reason: "force_sell",
    };
    expect(importOf([result({ Old: [old] })]).fields[0]).toMatchObject({
      realized_pnl: 0.5,
      pnl_percentage: 5,
      exit_reason: "force_exit",
      result_r: null,
    });
  });

  test("2019: a list of rows in seconds, whose results are of one unit", () => {
    const rows = [["ETH/BTC", 0.05, 1515568500, 1515568800, 3, 5, 10, 10.6, false, "roi"]];
    expect(importOf([source("backtest-result.json", rows)]).fields[0]).toMatchObject({
      asset_pair: "ETH/BTC",
      entry_timestamp: "2018-01-10T07:15:00.000Z",
      exit_timestamp: "2018-01-10T07:20:00.000Z",
      realized_pnl: 0.5,
      pnl_percentage: 5,
      ai_provider: "freqtrade",
    });
  });

  test("the trades of its REST API, told apart by their ids", () => {
    const { profit_abs: _p, ...live } = LONG;
    const trades = [1, 2].map((trade_id) => ({
      ...live,
      trade_id,
      close_profit_abs: 2,
      strategy: "Live",
      enter_tag: "",
    }));
    const { fields, outcomes } = importOf([source("trades.json", { trades, trades_count: 2 })]);
    expect(fields[0]).toMatchObject({ realized_pnl: 2, ai_provider: "Live" });
    expect(outcomes[0]!.trade.id).not.toBe(outcomes[1]!.trade.id);
  });

  test("numbers that JSON does not have, as Python writes them", () => {
    const text = `{"strategy": {"Sma": {"profit_factor": Infinity, "sharpe": NaN, "trades": [${JSON.stringify(LONG)}]}}}`;
    expect(importOf([source("backtest-result.json", text)]).fields).toHaveLength(1);
  });

  test("what is beside results says nothing about trades, and is no stranger", () => {
    const { skipped } = importOf([
      result({ Sma: [LONG] }),
      source("backtest-result.meta.json", { Sma: { run_id: "4", backtest_start_time: 1 } }),
      source(".last_result.json", { latest_backtest: "backtest-result.json" }),
      source("config.json", { stake_currency: "USDT", max_open_trades: 3 }),
    ]);
    expect(skipped).toEqual([]);
  });
});

const FIXTURE = join(FOREIGN_FILES_DIR, "freqtrade", "backtest-result.json");

test.skipIf(!existsSync(FIXTURE))(
  "freqtrade's own test data: all 179 trades, and their profit to the last digit",
  () => {
    const text = readFileSync(FIXTURE, "utf8");
    const { strategy } = JSON.parse(text);
    const { outcomes } = importOf([source("backtest-result.json", text)]);
    expect(outcomes).toHaveLength(strategy.StrategyTestV3.total_trades);
    const sum = outcomes.reduce((total, { trade }) => total + trade.pnl, 0);
    expect(sum).toBeCloseTo(strategy.StrategyTestV3.profit_total_abs, 15);
  },
);
