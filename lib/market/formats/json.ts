import { isRecord } from "../../util/json.ts";
import { priceColumns } from "./columns.ts";
import { type Table, typedTable } from "./foreign-bars.ts";
import { decodeText } from "./text-table.ts";

/** Cells in rows, and what they were recognised as. */
interface Rows {
  readonly format: string;
  readonly names: readonly string[];
  readonly rows: Table["rows"];
}

/** As pandas names the column of an index, which has no name in JSON. */
const INDEX_NAME = "__index_level_0__";

/** Orders of the columns in rows without names; the first that fits all rows is taken. Bars that never move fit all. */
const ARRAY_ORDERS = [
  { format: "Binance, ccxt or freqtrade JSON", names: ["timestamp", "open", "high", "low", "close", "volume"] },
  { format: "Coinbase candles", names: ["timestamp", "low", "high", "open", "close", "volume"] },
  { format: "Bitfinex candles", names: ["timestamp", "open", "close", "high", "low", "volume"] },
] as const;

/** Rows of eight whose sixth cell, a mean price, lies between low and high. Those of Bitget have a volume there. */
const KRAKEN = {
  format: "Kraken JSON",
  names: ["timestamp", "open", "high", "low", "close", "vwap", "volume", "count"],
} as const;

/** Maps in which bars are looked for, inside one another. */
const MAX_DEPTH = 3;

/**
 * Reads JSON: rows of ccxt, freqtrade and exchanges (`[[ms, open, high, low, close, volume], ...]`), records with the names of bars
 * (`[{ t, o, h, l, c, v }]`), columns by name, and data frames of pandas (records, split, columns), wherever they are in the document.
 *
 * @returns `undefined` if it is none of these; `zone` where the document states one.
 */
export function readJsonTable(
  bytes: Uint8Array,
  file: string,
): { format: string; table: Table; zone?: string } | undefined {
  const value = parseDocument(decodeText(bytes));
  const found = rowsIn(value, MAX_DEPTH);
  if (found === undefined) return undefined;
  const { format, names, rows } = found;
  return { format, table: typedTable(file, { names, rows, unit: "item" }), ...statedZone(value) };
}

/** JSON, or a value on each line; `undefined` for any other text. */
function parseDocument(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    const lines = text.split("\n").filter((line) => line.trim() !== "");
    try {
      return lines.map((line): unknown => JSON.parse(line));
    } catch {
      return undefined;
    }
  }
}

/** Alpha Vantage has the zone of its times beside them. */
function statedZone(value: unknown): { zone?: string } {
  const about = isRecord(value) ? value["Meta Data"] : undefined;
  const zone = isRecord(about) ? Object.entries(about).find(([name]) => /time zone$/i.test(name))?.[1] : undefined;
  return typeof zone === "string" ? { zone } : {};
}

function rowsIn(value: unknown, depth: number): Rows | undefined {
  if (Array.isArray(value)) return rowsOfArray(value);
  if (!isRecord(value)) return undefined;
  const found = rowsOfObject(value);
  if (found !== undefined || depth === 0) return found;
  const inside = Object.entries(value).flatMap(([symbol, each]) => {
    const rows = rowsIn(each, depth - 1);
    return rows === undefined ? [] : [{ symbol, ...rows }];
  });
  const [first] = inside;
  if (first === undefined || inside.length === 1) return first;
  // A list of bars for each symbol, as Alpaca has it.
  const rows = inside.flatMap(({ symbol, names, rows: own }) => {
    const columns = first.names.map((name) => names.indexOf(name));
    return own.map((row) => [symbol, ...columns.map((column) => row[column])]);
  });
  return { format: first.format, names: ["symbol", ...first.names], rows };
}

function rowsOfArray(items: readonly unknown[]): Rows | undefined {
  const [first] = items;
  if (!Array.isArray(first)) return rowsOfRecords(items, "JSON records");
  if (first.length < 5) return undefined;
  const rows = items as unknown[][];
  const fitting = ARRAY_ORDERS.find(({ names }) => fits(rows, names)) ?? ARRAY_ORDERS[0];
  const isKraken = first.length === KRAKEN.names.length && fits(rows, KRAKEN.names) && rows.every(hasMean);
  const { format, names } = isKraken ? KRAKEN : fitting;
  return { format, names: Array.from(first, (_, i) => names[i] ?? `${i + 1}`), rows };
}

/** Whether no price of any row is outside its low and high. */
function fits(rows: readonly (readonly unknown[])[], names: readonly string[]): boolean {
  const [open, high, low, close] = ["open", "high", "low", "close"].map((name) => names.indexOf(name));
  return rows.every((row) => {
    const [lowest, highest] = [Number(row[low!]), Number(row[high!])];
    return [Number(row[open!]), Number(row[close!])].every((price) => lowest <= price && price <= highest);
  });
}

/** A bar without trades has a mean of 0. */
function hasMean(row: readonly unknown[]): boolean {
  const mean = Number(row[5]);
  return mean === 0 || (Number(row[3]) <= mean && mean <= Number(row[2]));
}

function rowsOfObject(value: Record<string, unknown>): Rows | undefined {
  const { results, bars, data, columns, index } = value;
  if (Array.isArray(results)) return rowsOfRecords(results, "Polygon aggregates");
  if (Array.isArray(bars)) return rowsOfRecords(bars, "Alpaca JSON");
  if (!Array.isArray(data) || !Array.isArray(columns)) return rowsOfColumns(value);
  const rows = data as unknown[][];
  const names = columns.map(String);
  if (!Array.isArray(index)) return { format: "pandas JSON", names, rows };
  return { format: "pandas JSON", names: [INDEX_NAME, ...names], rows: rows.map((row, i) => [index[i], ...row]) };
}

/** Columns by name, each a list or a map by row; or rows by time, each a map by name. */
function rowsOfColumns(value: Record<string, unknown>): Rows | undefined {
  const lists = Object.entries(value).filter((entry): entry is [string, unknown[]] => Array.isArray(entry[1]));
  const names = lists.map(([name]) => name);
  if (priceColumns(names) !== undefined) {
    const rows = lists[0]![1].map((_, i) => lists.map(([, list]) => list[i]));
    return { format: "JSON columns", names, rows };
  }
  const keys = Object.keys(value);
  const maps = Object.values(value);
  if (maps.length === 0 || !maps.every(isRecord)) return undefined;
  const inner = Object.keys(maps[0]!);
  if (priceColumns(keys) !== undefined) {
    const rows = inner.map((key) => [key, ...maps.map((column) => column[key])]);
    return { format: "pandas JSON", names: [INDEX_NAME, ...keys], rows };
  }
  const areCells = Object.values(maps[0]!).every((cell) => typeof cell !== "object");
  if (priceColumns(inner) === undefined || !areCells) return undefined;
  const rows = keys.map((key, i) => [key, ...inner.map((name) => maps[i]![name])]);
  return { format: "JSON rows by time", names: [INDEX_NAME, ...inner], rows };
}

function rowsOfRecords(items: readonly unknown[], format: string): Rows | undefined {
  if (items.length === 0 || !items.every(isRecord)) return undefined;
  const records = items.map(withPrices);
  const names = Object.keys(records[0]!);
  if (priceColumns(names) === undefined) return undefined;
  return { format, names, rows: records.map((record) => names.map((name) => record[name])) };
}

/** OANDA has the prices of a bar in a map of their own. */
function withPrices(record: Record<string, unknown>): Record<string, unknown> {
  const prices = record["mid"] ?? record["bid"] ?? record["ask"];
  return isRecord(prices) ? { ...record, ...prices } : record;
}
