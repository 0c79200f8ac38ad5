import type { Table } from "./foreign-bars.ts";
import { decodeText } from "./text-table.ts";

/** What JSON is recognised as, and its table. */
export interface JsonTable {
  readonly format: string;
  readonly table: Table;
}

const ARRAY_NAMES = ["timestamp", "open", "high", "low", "close", "volume"];

/**
 * Reads JSON: rows of ccxt and freqtrade (`[[ms, open, high, low, close, volume], ...]`), Polygon's aggregates
 * (`{ results: [{ t, o, h, l, c, v }] }`), and data frames of pandas (records, split, columns).
 *
 * @returns `undefined` where it is none of these.
 */
export function readJsonTable(bytes: Uint8Array, file: string): JsonTable | undefined {
  let value: unknown;
  try {
    value = JSON.parse(decodeText(bytes));
  } catch {
    return undefined;
  }
  if (Array.isArray(value)) return readRows(value, file);
  if (!isMap(value)) return undefined;
  const { results, bars, data, columns, index } = value;
  if (Array.isArray(results)) return ofRecords(results, { file, format: "Polygon aggregates" });
  if (Array.isArray(bars)) return ofRecords(bars, { file, format: "Alpaca JSON" });
  if (Array.isArray(data) && Array.isArray(columns)) {
    const rows = data.map((row: unknown, i) =>
      Array.isArray(index) ? [index[i], ...(row as unknown[])] : (row as unknown[]),
    );
    const names = [...(Array.isArray(index) ? ["__index_level_0__"] : []), ...columns.map(String)];
    return { format: "pandas JSON", table: tableOf(names, rows, file) };
  }
  return readFrame(value, file);
}

function readRows(rows: readonly unknown[], file: string): JsonTable | undefined {
  const [first] = rows;
  if (Array.isArray(first) && first.length >= 5) {
    const names = Array.from({ length: first.length }, (_, i) => ARRAY_NAMES[i] ?? `${i + 1}`);
    return { format: "ccxt or freqtrade JSON", table: tableOf(names, rows as unknown[][], file) };
  }
  return ofRecords(rows, { file, format: "JSON records" });
}

/** Columns by name, each a map by row: what `DataFrame.to_json()` writes. */
function readFrame(value: Record<string, unknown>, file: string): JsonTable | undefined {
  const names = Object.keys(value);
  const columns = names.map((name) => value[name]);
  if (names.length < 4 || !columns.every(isMap)) return undefined;
  const keys = Object.keys(columns[0]!);
  const rows = keys.map((key) => [key, ...columns.map((column) => column[key])]);
  return { format: "pandas JSON", table: tableOf(["__index_level_0__", ...names], rows, file) };
}

function ofRecords(
  records: readonly unknown[],
  { file, format }: { file: string; format: string },
): JsonTable | undefined {
  if (records.length === 0 || !records.every(isMap)) return undefined;
  const names = Object.keys(records[0]!);
  return {
    format,
    table: tableOf(
      names,
      records.map((record) => names.map((name) => record[name])),
      file,
    ),
  };
}

function tableOf(names: readonly string[], rows: readonly (readonly unknown[])[], file: string): Table {
  return { file, names, rows, decimalComma: false, preamble: [], placeOf: (index) => `item ${index + 1}` };
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
