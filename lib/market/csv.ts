import type { BarSeries } from "../types.ts";
import { BAR_TABLE, BAR_TIME_FORM, type BarFile, NUMBER_FORM, parseBarTime } from "./bar.ts";
import { CsvReader } from "./csv-reader.ts";
import { plainBars } from "./plain-csv.ts";
import { SeriesBuilder } from "./series-builder.ts";

/**
 * Reads all bars of a CSV file with the columns `timestamp,open,high,low,close[,volume]`; `timestamp` may have one of the names in
 * `TIMESTAMP_ALIASES`, and an empty volume is 0. See `CsvReader` for the format of the text and `SeriesBuilder` for the checks.
 *
 * @throws {CarryoverError} `BAD_DATA` naming file, line and column.
 */
export function parseBarsCsv(bytes: Uint8Array, options: BarFile): BarSeries {
  return plainBars(bytes, options) ?? barsOfText(bytes, options);
}

/** Reads a CSV file of bars in any form. */
export function barsOfText(bytes: Uint8Array, options: BarFile): BarSeries {
  const csv = new CsvReader(bytes, { file: options.file, ...BAR_TABLE });
  const series = new SeriesBuilder({ ...options, placeOf: (row) => `line ${row}` });
  const hasVolume = csv.has(5);

  function number(column: number): number {
    const value = csv.number(column);
    return Number.isNaN(value) ? csv.refuse(column, NUMBER_FORM) : value;
  }

  while (csv.next()) {
    series.add(
      {
        timestamp: parseBarTime(csv.text(0)) ?? csv.refuse(0, BAR_TIME_FORM),
        open: number(1),
        high: number(2),
        low: number(3),
        close: number(4),
        volume: hasVolume && !csv.isBlank(5) ? number(5) : 0,
      },
      csv.line,
    );
  }
  return series.finish();
}
