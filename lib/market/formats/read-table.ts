import { badData, quote } from "../bar.ts";
import type { ForeignBars, Layout, Table } from "./foreign-bars.ts";
import { readNumber } from "./numbers.ts";
import { readTimes } from "./times.ts";

/**
 * Reads the columns of a table that a layout names.
 *
 * @throws {CarryoverError} `BAD_DATA` naming file, place, what was found and what is expected.
 */
export function readTable(table: Table, layout: Layout): ForeignBars {
  const { file, decimalComma, names } = table;
  const skipped = layout.skipRows ?? 0;
  const rows = skipped === 0 ? table.rows : table.rows.slice(skipped);
  const placeOf = (index: number): string => table.placeOf(index + skipped);
  const refuse = (index: number, column: number, expected: string): never => {
    const found = rows[index]?.[column];
    const name = names?.[column] ?? `${column + 1}`;
    throw badData({ file, row: placeOf(index), column: name }, { found: quote(String(found ?? "nothing")), expected });
  };
  const numbers = (column: number | undefined, scale = 1): Float64Array => {
    const values = new Float64Array(rows.length);
    if (column === undefined) return values;
    for (let i = 0; i < rows.length; i++) {
      const value = readNumber(rows[i]![column], { decimalComma });
      values[i] = value === undefined ? refuse(i, column, "a number") : value / scale;
    }
    return values;
  };
  const { times, zone } = timesOf(rows, layout, refuse);
  const { symbol, priceScale } = layout;
  return {
    format: layout.format,
    times,
    zone: zone ?? layout.zone,
    needsZone: layout.needsZone,
    stamp: layout.stamp ?? "start",
    isStartAssumed: layout.isStartAssumed ?? false,
    open: numbers(layout.open, priceScale),
    high: numbers(layout.high, priceScale),
    low: numbers(layout.low, priceScale),
    close: numbers(layout.close, priceScale),
    volume: numbers(layout.volume),
    symbols: symbol === undefined ? undefined : rows.map((row) => String(row[symbol] ?? "").trim()),
    placeOf,
  };
}

function timesOf(
  rows: Table["rows"],
  { time, dayMs, timeSuffix = "" }: Layout,
  refuse: (index: number, column: number, expected: string) => never,
): { times: Float64Array; zone: string | undefined } {
  const [date, clock] = time;
  if (dayMs !== undefined) {
    return { times: Float64Array.from(rows, (row) => dayMs + Number(row[date])), zone: undefined };
  }
  const cells =
    clock === undefined
      ? rows.map((row) => withoutSuffix(row[date], timeSuffix))
      : rows.map((row) => `${textOf(row[date])} ${clockOf(row[clock])}`);
  const found = readTimes(cells);
  if ("ms" in found) return { times: found.ms, zone: found.zone };
  return refuse(found.row, date, found.expected);
}

function withoutSuffix(cell: unknown, suffix: string): unknown {
  return suffix !== "" && typeof cell === "string" && cell.endsWith(suffix) ? cell.slice(0, -suffix.length) : cell;
}

function textOf(cell: unknown): string {
  return String(cell ?? "").trim();
}

/** `93000` is half past nine. */
function clockOf(cell: unknown): string {
  const text = textOf(cell);
  return /^\d{1,6}$/.test(text) ? text.padStart(6, "0").replace(/^(..)(..)(..)$/, "$1:$2:$3") : text;
}
