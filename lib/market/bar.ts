import { fail, type CarryoverError, type FailureDetails } from "../errors.ts";
import type { Bar, BarColumns } from "../types.ts";
import { parseEpoch, parseTimestamp } from "../util/time.ts";
import type { WantedColumns } from "./find-columns.ts";

/** A place in a file of bars or votes. */
export interface FilePosition {
  readonly file: string;
  /** Such as `line 17`, where the header is line 1, or `row 3`. */
  readonly row?: string;
  readonly column?: string;
}

/** The error for malformed bars or votes. Values in `found` and `expected` are quoted already, see `quote()`. */
export function badData(position: FilePosition, details: FailureDetails): CarryoverError {
  const { file, row, column } = position;
  const place = [row, column === undefined ? undefined : `column ${quote(column)}`].filter(
    (part) => part !== undefined,
  );
  const found = place.length === 0 ? details.found : `${details.found} in ${place.join(", ")}`;
  return fail("BAD_DATA", `Cannot read ${quote(file)}`, { ...details, found });
}

/** A value for a message: quoted, control characters escaped, cut at 60 characters. */
export function quote(value: string): string {
  return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}...` : value);
}

export interface BarFile {
  readonly asset: string;
  /** Such as `15m`, `1h` or `1d`. */
  readonly timeframe: string;
  /** Its name in messages. */
  readonly file: string;
}

/**
 * Other names of the column `timestamp`, as pandas, polars and exchanges write it. The second list has the names of an index of pandas
 * that has none of its own: it is the time only where no other column is.
 */
export const TIMESTAMP_ALIASES = [
  ["date", "datetime", "time", "open_time"],
  ["", "__index_level_0__", "index", "unnamed: 0"],
] as const;

/** The columns of a file of bars; without volumes every volume is 0. */
export const BAR_TABLE: Required<Omit<WantedColumns, "advice" | "otherForm">> = {
  columns: ["timestamp", "open", "high", "low", "close"],
  optional: ["volume"],
  aliases: { timestamp: TIMESTAMP_ALIASES },
};

/** What a time in a file of bars looks like, for messages. */
export const BAR_TIME_FORM = "a time such as 2021-01-01T00:00:00Z, or an epoch time";

/** Parses the start of a bar: as `parseTimestamp()`, or an epoch time in s, ms, us or ns. */
export function parseBarTime(text: string): number | undefined {
  return parseTimestamp(text) ?? parseEpoch(text);
}

/** What a price or a volume in a file of bars looks like, for messages. */
export const NUMBER_FORM = "a number such as 1234.5";

/** Files of bars are refused from this unpacked size on: some eight million bars, too many to keep as objects. */
export const MAX_UNPACKED_BYTES: number = 512 * 1024 * 1024;

/** Bars as frozen columns. */
export function barColumns(bars: readonly Bar[]): BarColumns {
  const column = (name: keyof Bar): readonly number[] => Object.freeze(bars.map((bar) => bar[name]));
  return Object.freeze({
    timestamp: column("timestamp"),
    open: column("open"),
    high: column("high"),
    low: column("low"),
    close: column("close"),
    volume: column("volume"),
  });
}
