import type { BarSeries } from "../types.ts";
import { badData, BAR_COLUMNS, createSeriesBuilder, quote, VOLUME_COLUMN } from "./bar.ts";
import { openCsv } from "./csv-reader.ts";
import { parseTimestamp, TIMESTAMP_FORM } from "../util/time.ts";

/**
 * Reads bars from CSV: `timestamp,open,high,low,close[,volume]`, found by the header's names. See `openCsv` for what
 * the text may look like and `createSeriesBuilder` for what bars must be.
 *
 * @param bytes The whole file.
 * @param options `file` is its name in messages.
 * @returns All bars of the file.
 * @throws {CarryoverError} `BAD_DATA` naming file, line and column; nothing is loaded then.
 */
export function parseBarsCsv(
  bytes: Uint8Array,
  options: { asset: string; timeframeMs: number; file: string },
): BarSeries {
  const { file } = options;
  const rows = openCsv(bytes, { file, columns: BAR_COLUMNS, optional: [VOLUME_COLUMN] });
  const series = createSeriesBuilder({ ...options, rowName: "line" });
  const hasVolume = rows.has(5);

  function refuse(column: number, expected: string): never {
    const place = { file, row: `line ${rows.line()}`, column: [...BAR_COLUMNS, VOLUME_COLUMN][column] ?? "" };
    const found = rows.text(column);
    throw badData(place, { found: found === "" ? "nothing" : quote(found), expected });
  }

  function number(column: number): number {
    const value = rows.number(column);
    return Number.isNaN(value) ? refuse(column, "a number such as 1234.5") : value;
  }

  while (rows.next()) {
    series.add(
      {
        timestamp: parseTimestamp(rows.text(0)) ?? refuse(0, TIMESTAMP_FORM),
        open: number(1),
        high: number(2),
        low: number(3),
        close: number(4),
        volume: hasVolume ? number(5) : 0,
      },
      rows.line(),
    );
  }
  return series.finish();
}
