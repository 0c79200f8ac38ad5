/**
 * Results of freqtrade's backtests since 2019, and the trades of its REST API. `BT_DATA_COLUMNS` in freqtrade/data/btanalysis names
 * the fields; older versions had others.
 */
import { groupBy } from "../util/group.ts";
import { isRecord } from "../util/json.ts";
import {
  type Findings,
  type FoundTrade,
  type OutcomeReader,
  type ReadOptions,
  type Source,
  timeIn,
} from "./findings.ts";
import { type ForeignTrade, numberIn, percentOf, textIn } from "./foreign-trade.ts";

type Fields = Readonly<Record<string, unknown>>;

export const freqtrade: OutcomeReader = {
  system: "freqtrade",
  owns: (source) => resultsIn(source) !== undefined || isBesideResults(source),
  read: (sources, findings, options) => {
    for (const source of sources) {
      const before = findings.trades.length;
      for (const { strategy, trades } of resultsIn(source) ?? []) {
        trades.forEach((fields, i) => {
          const place = `${source.name}, ${strategy ?? "trades"}[${i}]`;
          if (isRecord(fields)) take(fields, { strategy, place }, { findings, options });
          else findings.skip("trades that are no objects", place);
        });
      }
      findings.trades.push(...joinVoters(findings.trades.splice(before)));
    }
  },
};

/**
 * Makes one trade of those that several strategies of a file made alike. Memory counts trades with equal asset, direction, entry and
 * exit once, so that only the first would be known for its vote.
 */
function joinVoters(found: readonly FoundTrade[]): readonly FoundTrade[] {
  const alike = groupBy(found, ({ trade: { asset, action, entryMs, exitMs } }) =>
    [asset, action, entryMs, exitMs].join(" "),
  );
  return [...alike.values()].flatMap((trades) => {
    const first = trades[0]!;
    const others = trades.map(({ trade }) => trade.provider!).filter((provider) => provider !== first.trade.provider);
    if (others.length === 0) return trades;
    const joined = { ...first, trade: { ...first.trade, otherProviders: [...new Set(others)] } };
    return [joined, ...trades.slice(1).filter(({ trade }) => trade.provider === first.trade.provider)];
  });
}

interface StrategyTrades {
  readonly strategy: string | undefined;
  readonly trades: readonly unknown[];
}

/** The trades of each strategy; `undefined` for a file of another kind. */
function resultsIn({ json }: Source): readonly StrategyTrades[] | undefined {
  if (Array.isArray(json)) {
    // Until 2020 a result was a list of lists.
    const isOld =
      json.length > 0 && json.every((row) => Array.isArray(row) && row.length === 10 && typeof row[0] === "string");
    if (isOld) return [{ strategy: undefined, trades: json.map(fieldsOfRow) }];
    return json.some((row) => isRecord(row) && isTrade(row)) ? [{ strategy: undefined, trades: json }] : undefined;
  }
  if (!isRecord(json)) return undefined;
  if (isRecord(json["strategy"])) {
    const results = Object.entries(json["strategy"]).flatMap(([strategy, result]) =>
      isRecord(result) && Array.isArray(result["trades"]) ? [{ strategy, trades: result["trades"] }] : [],
    );
    return results.length > 0 ? results : undefined;
  }
  const { trades } = json;
  return Array.isArray(trades) && trades.some((row) => isRecord(row) && isTrade(row))
    ? [{ strategy: undefined, trades }]
    : undefined;
}

function isTrade(fields: Fields): boolean {
  return typeof fields["pair"] === "string" && ("open_rate" in fields || "open_date" in fields);
}

/** What else is in the zip of a result: the configuration, the strategy, the market's and the wallet's course. */
const IN_ZIP = /\.zip\/.*backtest-result.*_[^/]+\.(?:json|py|feather)$/;

/** Of `.meta.json`, `.last_result.json` and files in a zip, whose content is not about trades. */
function isBesideResults({ json, name }: Source): boolean {
  if (IN_ZIP.test(name)) return true;
  if (!isRecord(json)) return false;
  if ("latest_backtest" in json || "latest_hyperopt" in json || "stake_currency" in json) return true;
  const values = Object.values(json);
  return (
    values.length > 0 && values.every((value) => isRecord(value) && "run_id" in value && "backtest_start_time" in value)
  );
}

const OLD_COLUMNS = [
  "pair",
  "profit_percent",
  "open_date",
  "close_date",
  "index",
  "trade_duration",
  "open_rate",
  "close_rate",
  "open_at_end",
  "sell_reason",
] as const;

function fieldsOfRow(row: readonly unknown[]): Fields {
  return Object.fromEntries(OLD_COLUMNS.map((name, i) => [name, row[i]]));
}

function take(
  fields: Fields,
  { strategy, place }: { strategy: string | undefined; place: string },
  { findings, options }: { findings: Findings; options: ReadOptions },
): void {
  const entryMs = timeIn(fields, "open_timestamp", "open_date", "open_time");
  const exitMs = timeIn(fields, "close_timestamp", "close_date", "close_time");
  const fills = fillsOf(fields["orders"]);
  const entryPrice = fills?.entryPrice ?? numberIn(fields, "open_rate");
  const exitPrice = fills?.exitPrice ?? numberIn(fields, "close_rate");
  const asset = textIn(fields, "pair");
  if (fields["is_open"] === true) return findings.skip("trades that are still open", place);
  if (asset === undefined || entryMs === undefined || exitMs === undefined || !entryPrice || exitPrice === undefined) {
    return findings.skip("trades without pair, times or rates", place);
  }
  const isShort = fields["is_short"] === true;
  const name = textIn(fields, "strategy") ?? strategy;
  const tag = textIn(fields, "enter_tag", "buy_tag");
  const exit = textIn(fields, "exit_reason", "sell_reason");
  const trade: Omit<ForeignTrade, "pnl" | "pnlPct"> = {
    identity: [name ?? "", isShort ? "short" : "long", entryMs, numberIn(fields, "trade_id") ?? ""],
    asset,
    action: isShort ? "SELL" : "BUY",
    entryMs,
    exitMs,
    entryPrice,
    exitPrice,
    stopPrice: stopOf(fields, { entryPrice, isShort }),
    exitReason: fields["open_at_end"] === true ? "force_exit" : exit,
    provider: tag ?? options.provider ?? name ?? "freqtrade",
    sentence: tag === undefined ? undefined : `${asset} is entered as ${tag.replaceAll(". ", ", ")}.`,
    fields: {
      ...(name === undefined ? {} : { strategy: name }),
      leverage: numberIn(fields, "leverage") ?? 1,
      hit_stop_loss: exit?.includes("stop") ?? false,
      hit_take_profit: exit === "roi",
    },
  };
  const amount = fills?.size ?? numberIn(fields, "amount");
  const profit = profitOf(fields, { amount, entryPrice, exitPrice });
  if (profit === undefined) return findings.skip("trades without a profit", place);
  findings.trades.push({ trade: { ...trade, ...profit }, system: "freqtrade", place });
}

/**
 * Size and mean prices of a trade that was entered or left by several orders. Its own fields have what was left at the last exit, and
 * the price of that exit.
 */
function fillsOf(orders: unknown): { size: number; entryPrice: number; exitPrice: number } | undefined {
  if (!Array.isArray(orders)) return undefined;
  const filled = orders.filter(isRecord).filter((order) => numberIn(order, "order_filled_timestamp") !== undefined);
  const sides = [true, false].map((isEntry) => filled.filter((order) => order["ft_is_entry"] === isEntry));
  const [entries, exits] = sides.map(totalOf);
  const isWhole = Math.abs(entries!.amount - exits!.amount) <= 0.01 * entries!.amount;
  if (filled.length <= 2 || !(entries!.amount > 0) || !isWhole) return undefined;
  return { size: entries!.amount, entryPrice: entries!.price, exitPrice: exits!.price };
}

function totalOf(orders: readonly Fields[]): { amount: number; price: number } {
  const amounts = orders.map((order) => numberIn(order, "filled", "amount") ?? 0);
  const amount = amounts.reduce((sum, each) => sum + each, 0);
  const value = orders.reduce((sum, order, i) => sum + amounts[i]! * (numberIn(order, "safe_price") ?? 0), 0);
  return { amount, price: value / amount };
}

/** The stop that the position was opened with, or else the last one, if it is on the side of the loss. */
function stopOf(fields: Fields, { entryPrice, isShort }: { entryPrice: number; isShort: boolean }): number | undefined {
  return ["initial_stop_loss_abs", "stop_loss_abs"]
    .map((key) => numberIn(fields, key))
    .find((stop) => stop !== undefined && stop > 0 && (isShort ? stop > entryPrice : stop < entryPrice));
}

/** What is known of size and profit. A result without amounts is that of one unit. */
function profitOf(
  fields: Fields,
  { amount, entryPrice, exitPrice }: { amount: number | undefined; entryPrice: number; exitPrice: number },
): Pick<ForeignTrade, "pnl" | "pnlPct" | "size" | "fees"> | undefined {
  const abs = numberIn(fields, "profit_abs", "close_profit_abs");
  const ratio = numberIn(fields, "profit_ratio", "close_profit", "profit_percent");
  const size = amount === undefined || amount <= 0 ? 1 : amount;
  const leverage = numberIn(fields, "leverage") ?? 1;
  // A ratio is of the stake, which leverage makes smaller than the position.
  const pnl =
    amount === undefined || abs === undefined
      ? ratio === undefined
        ? undefined
        : (ratio * entryPrice * size) / leverage
      : abs;
  if (pnl === undefined) return undefined;
  const [open, close] = [numberIn(fields, "fee_open"), numberIn(fields, "fee_close")];
  const fees = open === undefined || close === undefined ? undefined : size * (entryPrice * open + exitPrice * close);
  return { pnl, pnlPct: percentOf(pnl, entryPrice * size), size, fees };
}
