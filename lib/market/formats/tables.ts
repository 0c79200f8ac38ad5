import { plainName, priceColumns, timeColumns } from "./columns.ts";
import type { Layout, Table, TextFormat } from "./foreign-bars.ts";

/** TradingView's chart export: `time` (epoch seconds or ISO), prices, then whatever the chart shows. */
export const tradingView: TextFormat = {
  name: "tradingview",
  layoutOf: ({ names = [] }) => {
    const prices = priceColumns(names);
    const isExport =
      names
        .slice(0, 5)
        .map((name) => name.trim())
        .join() === "time,open,high,low,close";
    // Anybody's table may begin so.
    return prices === undefined || !isExport
      ? undefined
      : { format: "table", ...prices, time: [0], isStartAssumed: true };
  },
};

/** Alpaca's data frame: `symbol,timestamp,open,...,trade_count,vwap`. */
export const alpaca: TextFormat = {
  name: "alpaca",
  layoutOf: (table) => named(table, "Alpaca", ["tradecount", "vwap"]),
};

/** Polygon's (Massive's) flat files: `ticker,volume,open,close,high,low,window_start,transactions`, times in ns. */
export const polygon: TextFormat = {
  name: "polygon",
  layoutOf: (table) =>
    named(table, "Polygon flat file", ["windowstart", "transactions"]) ??
    named(table, "Polygon", ["vwap", "transactions"]),
};

/** Names of columns that say which end of its bar a time is. */
const START_TIMES: readonly string[] = ["opentime", "timeopen", "starttime", "startat", "start", "windowstart"];

/** Any table with a header that names time, open, high, low and close: pandas, polars, DuckDB, Excel, backtesting.py. */
export const plainTable: TextFormat = {
  name: "table",
  layoutOf: (source) => {
    const { names = [] } = source;
    const prices = priceColumns(names);
    const time = timeColumns(source);
    if (prices === undefined) return undefined;
    if (time !== undefined) {
      const isStartAssumed = !START_TIMES.includes(plainName(names[time[0]]!));
      return { format: "table", ...prices, time, isStartAssumed };
    }
    const closeTime = names.map(plainName).findIndex((name) => name === "closetime" || name === "endtime");
    return closeTime === -1 ? undefined : { format: "table", ...prices, time: [closeTime], stamp: "end" };
  },
};

/** Columns without a header: a time, or a date and a time of day, then open, high, low, close and volume. */
export const bareColumns: TextFormat = {
  name: "columns",
  layoutOf: ({ names, rows }) => {
    const [first] = rows;
    if (names !== undefined || first === undefined) return undefined;
    const hasClock = /^\d{1,2}:\d{2}(?::\d{2})?$/.test(String(first[1]).trim());
    const time = hasClock ? ([0, 1] as const) : ([0] as const);
    const open = time.length;
    if (first.length < open + 4) return undefined;
    const volume = first.length > open + 4 ? open + 4 : undefined;
    const prices = { open, high: open + 1, low: open + 2, close: open + 3 };
    return { format: "columns without a header", time, ...prices, volume, isStartAssumed: true };
  },
};

function named(source: Table, format: string, marks: readonly string[]): Layout | undefined {
  const { names = [] } = source;
  const plain = names.map(plainName);
  const prices = priceColumns(names);
  const time = timeColumns(source);
  if (prices === undefined || time === undefined || !marks.every((mark) => plain.includes(mark))) return undefined;
  return { format, ...prices, time };
}
