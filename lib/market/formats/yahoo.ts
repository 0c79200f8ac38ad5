import { badData, quote } from "../bar.ts";
import { columnOf, plainName, priceColumns } from "./columns.ts";
import type { Layout, Table, TextFormat } from "./foreign-bars.ts";
import { plainSymbol } from "./symbols.ts";

/** Yahoo's download and yfinance's `to_csv()`: one header, or several rows of it (price, ticker, the index's name). */
export const yahoo: TextFormat = {
  name: "yahoo",
  layoutOf: (table, asset) => {
    const { names = [], rows } = table;
    if (/^date(?:time)?$/i.test(textOf(rows[1]?.[0]))) return severalRows(table, asset);
    const header = priceColumns(names);
    const date = columnOf(names, ["date", "datetime"]);
    const isYahoo = ["adjclose", "dividends", "stocksplits"].some((name) => columnOf(names, [name]) !== undefined);
    const isTiingo = columnOf(names, ["divcash"]) !== undefined;
    return header === undefined || date === undefined || !isYahoo || isTiingo
      ? undefined
      : { format: "Yahoo Finance", ...header, time: [date] };
  },
};

/** Rows of prices and of tickers, whichever comes first, above that of the index. Of several tickers the asset's columns are taken. */
function severalRows({ file, names = [], rows }: Table, asset: string): Layout | undefined {
  const second = rows[0]!.map(textOf);
  const [prices, tickers] = priceColumns(names) === undefined ? [second, names] : [names, second];
  if (!["ticker", ""].includes(plainName(tickers[0] ?? "x"))) return undefined;
  const known = [...new Set(tickers.slice(1))];
  const isWanted = (ticker: string): boolean => known.length === 1 || plainSymbol(ticker) === plainSymbol(asset);
  const header = priceColumns(prices.map((name, i) => (isWanted(tickers[i] ?? "") ? name : "")));
  if (header !== undefined) return { format: "yfinance, several header rows", ...header, time: [0], skipRows: 2 };
  if (priceColumns(prices) === undefined) return undefined;
  const found = `the tickers ${known.map(quote).join(", ")}`;
  throw badData({ file }, { found, expected: `one that is "${asset}": --asset names it` });
}

function textOf(cell: unknown): string {
  return String(cell ?? "").trim();
}
