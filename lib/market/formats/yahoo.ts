import { columnOf, priceColumns } from "./columns.ts";
import type { TextFormat } from "./foreign-bars.ts";

/** Yahoo's download and yfinance's `to_csv()`: one header, or several rows of it (price, ticker, the index's name). */
export const yahoo: TextFormat = {
  name: "yahoo",
  layoutOf: ({ names = [], rows }) => {
    const header = priceColumns(names);
    if (header === undefined) return undefined;
    const [second, third] = rows;
    const hasTickers = /^ticker$/i.test(String(second?.[0] ?? "x").trim()) || String(second?.[0] ?? "x").trim() === "";
    if (hasTickers && /^date(?:time)?$/i.test(String(third?.[0] ?? "").trim())) {
      const tickers = new Set(second!.slice(1).map((cell) => String(cell).trim()));
      // Several tickers side by side are several assets. Only one can be imported.
      return tickers.size === 1
        ? { format: "yfinance, several header rows", ...header, time: [0], skipRows: 2 }
        : undefined;
    }
    const date = columnOf(names, ["date", "datetime"]);
    const isYahoo = ["adjclose", "dividends", "stocksplits"].some((name) => columnOf(names, [name]) !== undefined);
    const isTiingo = columnOf(names, ["divcash"]) !== undefined;
    return date === undefined || !isYahoo || isTiingo
      ? undefined
      : { format: "Yahoo Finance", ...header, time: [date] };
  },
};
