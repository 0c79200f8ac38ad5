import type { BarSeries } from "../types.ts";
import { parseTimestamp, TIMESTAMP_FORM } from "../util/time.ts";
import { BAR_COLUMNS, type BarFile, NUMBER_FORM, SeriesBuilder, VOLUME_COLUMN } from "./bar.ts";
import { CsvReader } from "./csv-reader.ts";
import { plainBars } from "./plain-csv.ts";

/**
 * Reads all bars of a CSV file with the columns `timestamp,open,high,low,close[,volume]`. See `CsvReader` for the format of
 * the text and `SeriesBuilder` for the checks.
 *
 * @param bytes The whole file.
 * @throws {CarryoverError} `BAD_DATA` naming file, line and column.
 */
export function parseBarsCsv(bytes: Uint8Array, options: BarFile): BarSeries {
  return plainBars(bytes, options) ?? barsOfText(bytes, options);
}

/** Reads any file of bars, as a text. */
export function barsOfText(bytes: Uint8Array, options: BarFile): BarSeries {
  const csv = new CsvReader(bytes, { file: options.file, columns: BAR_COLUMNS, optional: [VOLUME_COLUMN] });
  const series = new SeriesBuilder({ ...options, rowName: "line" });
  const hasVolume = csv.has(5);

  function number(column: number): number {
    const value = csv.number(column);
    return Number.isNaN(value) ? csv.refuse(column, NUMBER_FORM) : value;
  }

  while (csv.next()) {
    series.add(
      {
        timestamp: parseTimestamp(csv.text(0)) ?? csv.refuse(0, TIMESTAMP_FORM),
        open: number(1),
        high: number(2),
        low: number(3),
        close: number(4),
        volume: hasVolume ? number(5) : 0,
      },
      csv.line,
    );
  }
  return series.finish();
}
