import { isRecord } from "../../util/json.ts";
import { type Table, typedTable } from "./foreign-bars.ts";
import { decodeText } from "./text-table.ts";

/** Cells in rows, and what they were recognised as. */
interface Rows {
  readonly format: string;
  readonly names: readonly string[];
  readonly rows: Table["rows"];
}

const ARRAY_NAMES = ["timestamp", "open", "high", "low", "close", "volume"];

/** As pandas names the column of an index, which has no name in JSON. */
const INDEX_NAME = "__index_level_0__";

/**
 * Reads JSON: rows of ccxt and freqtrade (`[[ms, open, high, low, close, volume], ...]`), Polygon's aggregates
 * (`{ results: [{ t, o, h, l, c, v }] }`), and data frames of pandas (records, split, columns).
 *
 * @returns `undefined` if it is none of these.
 */
export function readJsonTable(bytes: Uint8Array, file: string): { format: string; table: Table } | undefined {
  let value: unknown;
  try {
    value = JSON.parse(decodeText(bytes));
  } catch {
    return undefined;
  }
  const found = Array.isArray(value) ? rowsOfArray(value) : isRecord(value) ? rowsOfObject(value) : undefined;
  if (found === undefined) return undefined;
  const { format, names, rows } = found;
  return { format, table: typedTable(file, { names, rows, unit: "item" }) };
}

function rowsOfArray(items: readonly unknown[]): Rows | undefined {
  const [first] = items;
  if (!Array.isArray(first) || first.length < 5) return rowsOfRecords(items, "JSON records");
  const names = Array.from({ length: first.length }, (_, i) => ARRAY_NAMES[i] ?? `${i + 1}`);
  return { format: "ccxt or freqtrade JSON", names, rows: items as unknown[][] };
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

/** Columns by name, each a map by row: what `DataFrame.to_json()` writes. */
function rowsOfColumns(value: Record<string, unknown>): Rows | undefined {
  const columns = Object.values(value);
  if (columns.length < 4 || !columns.every(isRecord)) return undefined;
  const rows = Object.keys(columns[0]!).map((key) => [key, ...columns.map((column) => column[key])]);
  return { format: "pandas JSON", names: [INDEX_NAME, ...Object.keys(value)], rows };
}

function rowsOfRecords(records: readonly unknown[], format: string): Rows | undefined {
  if (records.length === 0 || !records.every(isRecord)) return undefined;
  const names = Object.keys(records[0]!);
  return { format, names, rows: records.map((record) => names.map((name) => record[name])) };
}
