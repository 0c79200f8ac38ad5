import { CarryoverError } from "../errors.ts";
import type { Bar, BarSeries } from "../types.ts";

/** Where in a file a fault is. */
export interface FaultPlace {
  readonly file: string;
  /** Such as `line 17`, the header being line 1, or `row 3`. */
  readonly row?: string;
  readonly column?: string;
}

/**
 * The error for bars or votes that are malformed.
 *
 * @param place File, row and column.
 * @param what `found` and `expected`, values in it already quoted; `cause`: an error underneath.
 * @returns A `BAD_DATA` error, for the caller to throw.
 */
export function badData(place: FaultPlace, what: { found: string; expected: string; cause?: unknown }): CarryoverError {
  const at = [place.row, place.column === undefined ? undefined : `column ${quote(place.column)}`];
  const where = at.filter((part) => part !== undefined).join(", ");
  return new CarryoverError(
    "BAD_DATA",
    `Cannot read ${quote(place.file)}: found ${what.found}${where === "" ? "" : ` in ${where}`}, expected ${what.expected}`,
    what.cause === undefined ? {} : { cause: what.cause },
  );
}

/** A value for a message: quoted, control characters escaped, cut at 60 characters. */
export function quote(value: string): string {
  return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}...` : value);
}

/** The columns that a file of bars must have, in this order in `Bar`. */
export const BAR_COLUMNS = ["timestamp", "open", "high", "low", "close"] as const;

/** The column that a file of bars may have; without it every volume is 0. */
export const VOLUME_COLUMN = "volume";

/** So many equal spacings in a row that are not the timeframe are another frequency, not gaps. */
const FOREIGN_SPACINGS = 24;

/** Takes bars one by one and refuses the first that is wrong. */
export interface SeriesBuilder {
  /**
   * @param bar The next bar of the file. Kept as it is.
   * @param row Its line or row in the file.
   * @throws {CarryoverError} `BAD_DATA` naming file, row, column, what was found and what is expected.
   */
  add(bar: Bar, row: number): void;

  /**
   * The whole series.
   *
   * @throws {CarryoverError} `BAD_DATA` if there are no bars, or most are spaced otherwise than the timeframe says.
   */
  finish(): BarSeries;
}

/**
 * Checks that bars are what the rules need: in order of time, no time twice, all spacings multiples of the timeframe
 * (gaps are counted), prices above 0 with low <= open, close <= high.
 *
 * @param options `file` and `rowName` for messages: rows are called `line` in a text, `row` in a table.
 */
export function createSeriesBuilder(options: {
  asset: string;
  timeframeMs: number;
  file: string;
  rowName: "line" | "row";
}): SeriesBuilder {
  const { asset, timeframeMs, file, rowName } = options;
  const bars: Bar[] = [];
  /** How often each spacing other than the timeframe occurs, and the row where it does first. */
  const foreign = new Map<number, { count: number; row: number }>();
  let previous: Bar | undefined;
  let previousRow = 0;
  let lastSpacing = 0;
  let equalSpacings = 0;

  function refuse(row: number, what: { column: string; found: string; expected: string }): never {
    throw badData({ file, row: `${rowName} ${row}`, column: what.column }, what);
  }

  function checkSpacing(bar: Bar, row: number): void {
    if (previous === undefined) return;
    const spacing = bar.timestamp - previous.timestamp;
    if (spacing <= 0) {
      const found = `the ${spacing === 0 ? "same" : "earlier"} time ${quote(iso(bar.timestamp))}`;
      refuse(row, { column: "timestamp", found, expected: `a later time than in ${rowName} ${previousRow}` });
    }
    if (spacing === timeframeMs) {
      lastSpacing = spacing;
      return;
    }
    if (spacing % timeframeMs !== 0) {
      const found = `${quote(iso(bar.timestamp))}, ${minutes(spacing)} after the bar before`;
      refuse(row, { column: "timestamp", found, expected: `a multiple of ${minutes(timeframeMs)}` });
    }
    equalSpacings = spacing === lastSpacing ? equalSpacings + 1 : 1;
    lastSpacing = spacing;
    const seen = foreign.get(spacing);
    if (seen === undefined) foreign.set(spacing, { count: 1, row });
    else seen.count++;
    if (equalSpacings >= FOREIGN_SPACINGS) {
      const found = `${equalSpacings} spacings of ${minutes(spacing)} in a row`;
      refuse(row, { column: "timestamp", found, expected: `bars of ${minutes(timeframeMs)}` });
    }
  }

  function checkPrices(bar: Bar, row: number): void {
    const { open, high, low, close, volume } = bar;
    // `low > 0` and the order of the four imply that all are numbers above 0; what is wrong is found out only then.
    if (low > 0 && low <= open && open <= high && low <= close && close <= high && high < Infinity) {
      if (volume >= 0 && volume < Infinity) return;
      refuse(row, { column: VOLUME_COLUMN, found: quote(String(volume)), expected: "a number of at least 0" });
    }
    for (const [column, price] of [
      ["open", open],
      ["high", high],
      ["low", low],
      ["close", close],
    ] as const) {
      if (!(price > 0 && price < Infinity)) {
        refuse(row, { column, found: quote(String(price)), expected: "a price above 0" });
      }
    }
    if (high < low) {
      const found = `a high of ${quote(String(high))}`;
      refuse(row, { column: "high", found, expected: `at least the low, ${quote(String(low))}` });
    }
    const column = open < low || open > high ? "open" : "close";
    const expected = `a price from low to high, ${quote(String(low))} to ${quote(String(high))}`;
    refuse(row, { column, found: quote(String(bar[column])), expected });
  }

  return {
    add(bar, row) {
      checkSpacing(bar, row);
      checkPrices(bar, row);
      bars.push(bar);
      previous = bar;
      previousRow = row;
    },
    finish() {
      if (bars.length === 0) throw badData({ file }, { found: "no bars", expected: "at least one" });
      let gaps = 0;
      for (const { count } of foreign.values()) gaps += count;
      const regular = bars.length - 1 - gaps;
      for (const [spacing, { count, row }] of foreign) {
        if (count <= regular) continue;
        const found = `${count} spacings of ${minutes(spacing)} and ${regular} of the timeframe, the first`;
        refuse(row, { column: "timestamp", found, expected: `bars of ${minutes(timeframeMs)}` });
      }
      return { asset, timeframeMs, market: "bars", bars, gaps };
    },
  };
}

function iso(timestamp: number): string {
  return new Date(timestamp).toISOString();
}

function minutes(ms: number): string {
  return `${ms / 60_000} minutes`;
}
