import { fail, type CarryoverError, type FailureDetails } from "../errors.ts";
import type { Bar, BarSeries } from "../types.ts";
import { durationMs } from "../util/time.ts";

/** A place in a file of bars or votes. */
export interface FilePosition {
  readonly file: string;
  /** Such as `line 17`, where the header is line 1, or `row 3`. */
  readonly row?: string;
  readonly column?: string;
}

/**
 * The error for malformed bars or votes.
 *
 * @param details Values in `found` and `expected` are quoted already, see `quote()`.
 * @returns A `BAD_DATA` error for the caller to throw.
 */
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

/** What a file of bars is about. */
export interface BarFile {
  readonly asset: string;
  /** Such as `15m`, `1h` or `1d`. */
  readonly timeframe: string;
  /** Its name in messages. */
  readonly file: string;
}

/** The required columns of a file of bars. */
export const BAR_COLUMNS = ["timestamp", "open", "high", "low", "close"] as const;

/** The optional column of a file of bars; without it every volume is 0. */
export const VOLUME_COLUMN = "volume";

/** What a price or a volume in a file of bars looks like, for messages. */
export const NUMBER_FORM = "a number such as 1234.5";

/** Files of bars are refused from this unpacked size on: some eight million bars, too many to keep as objects. */
export const MAX_UNPACKED_BYTES: number = 512 * 1024 * 1024;

/** This many equal spacings in a row that are not the timeframe are bars of another timeframe, not gaps. */
const MAX_EQUAL_GAPS = 24;

/**
 * Collects the bars of one file and refuses the first bad one. Bars must be in order of time, no two at the same time, their
 * spacings multiples of the timeframe, prices above 0 with low <= open, close <= high. A spacing of more than one timeframe
 * is counted as a gap.
 */
export class SeriesBuilder {
  readonly #asset: string;
  readonly #timeframeMs: number;
  readonly #file: string;
  readonly #rowName: "line" | "row";
  readonly #bars: Bar[] = [];
  /** How often each spacing other than the timeframe occurs, and the row where it occurs first. */
  readonly #gaps = new Map<number, { count: number; row: number }>();
  #previousRow = 0;
  #previousSpacing = 0;
  #equalGaps = 0;

  /** @param options `file` and `rowName` are for messages: a text has lines, a table has rows. */
  constructor(options: BarFile & { rowName: "line" | "row" }) {
    this.#asset = options.asset;
    this.#timeframeMs = durationMs(options.timeframe);
    this.#file = options.file;
    this.#rowName = options.rowName;
  }

  /**
   * Adds the next bar of the file. It is kept without a copy.
   *
   * @param row Its line or row in the file.
   * @throws {CarryoverError} `BAD_DATA` naming file, row and column.
   */
  add(bar: Bar, row: number): void {
    this.#checkSpacing(bar, row);
    this.#checkPrices(bar, row);
    this.#bars.push(bar);
    this.#previousRow = row;
  }

  /**
   * Returns the whole series.
   *
   * @throws {CarryoverError} `BAD_DATA` if there are no bars, or most spacings are not the timeframe.
   */
  finish(): BarSeries {
    const bars = this.#bars;
    if (bars.length === 0) throw badData({ file: this.#file }, { found: "no bars", expected: "at least one" });
    let gaps = 0;
    for (const { count } of this.#gaps.values()) gaps += count;
    const regular = bars.length - 1 - gaps;
    for (const [spacing, { count, row }] of this.#gaps) {
      if (count <= regular) continue;
      const found = `${count} spacings of ${minutes(spacing)} and ${regular} of the timeframe, the first`;
      this.#refuse(row, "timestamp", { found, expected: `bars of ${minutes(this.#timeframeMs)}` });
    }
    return { asset: this.#asset, timeframeMs: this.#timeframeMs, market: "bars", bars, gaps };
  }

  #checkSpacing({ timestamp }: Bar, row: number): void {
    const previous = this.#bars.at(-1);
    if (previous === undefined) return;
    const timeframeMs = this.#timeframeMs;
    const spacing = timestamp - previous.timestamp;
    if (spacing <= 0) {
      const found = `the ${spacing === 0 ? "same" : "earlier"} time ${quote(iso(timestamp))}`;
      const expected = `a later time than in ${this.#rowName} ${this.#previousRow}`;
      this.#refuse(row, "timestamp", { found, expected });
    }
    if (spacing % timeframeMs !== 0) {
      const found = `${quote(iso(timestamp))}, ${minutes(spacing)} after the bar before`;
      this.#refuse(row, "timestamp", { found, expected: `a multiple of ${minutes(timeframeMs)}` });
    }
    if (spacing !== timeframeMs) this.#countGap(spacing, row);
    this.#previousSpacing = spacing;
  }

  #countGap(spacing: number, row: number): void {
    const known = this.#gaps.get(spacing);
    if (known === undefined) this.#gaps.set(spacing, { count: 1, row });
    else known.count++;
    this.#equalGaps = spacing === this.#previousSpacing ? this.#equalGaps + 1 : 1;
    if (this.#equalGaps < MAX_EQUAL_GAPS) return;
    const found = `${this.#equalGaps} spacings of ${minutes(spacing)} in a row`;
    this.#refuse(row, "timestamp", { found, expected: `bars of ${minutes(this.#timeframeMs)}` });
  }

  #checkPrices(bar: Bar, row: number): void {
    const { open, high, low, close, volume } = bar;
    // `low > 0` and the order of the four imply that all are numbers above 0. The details matter only for the message.
    if (low > 0 && low <= open && open <= high && low <= close && close <= high && high < Infinity) {
      if (volume >= 0 && volume < Infinity) return;
      this.#refuse(row, VOLUME_COLUMN, { found: quote(String(volume)), expected: "a number of at least 0" });
    }
    for (const column of ["open", "high", "low", "close"] as const) {
      const price = bar[column];
      if (price > 0 && price < Infinity) continue;
      this.#refuse(row, column, { found: quote(String(price)), expected: "a price above 0" });
    }
    if (high < low) {
      const found = `a high of ${quote(String(high))}`;
      this.#refuse(row, "high", { found, expected: `at least the low, ${quote(String(low))}` });
    }
    const column = open < low || open > high ? "open" : "close";
    const expected = `a price from low to high, ${quote(String(low))} to ${quote(String(high))}`;
    this.#refuse(row, column, { found: quote(String(bar[column])), expected });
  }

  #refuse(row: number, column: string, details: FailureDetails): never {
    throw badData({ file: this.#file, row: `${this.#rowName} ${row}`, column }, details);
  }
}

/**
 * Makes a series of bars that are in memory, in the order of time.
 *
 * @throws {CarryoverError} `BAD_DATA` naming the row (the first is 1) and the field that is wrong.
 *
 * @example
 * ```ts
 * const bars = candles.map(([timestamp, open, high, low, close, volume]) => ({ timestamp, open, high, low, close, volume }));
 * const gold = barSeries(bars, { asset: "GOLD", timeframe: "1h" });
 * ```
 */
export function barSeries(bars: Iterable<Bar>, options: { asset: string; timeframe: string }): BarSeries {
  const series = new SeriesBuilder({ ...options, file: options.asset, rowName: "row" });
  let row = 0;
  for (const bar of bars) series.add(bar, ++row);
  return series.finish();
}

function iso(timestamp: number): string {
  return new Date(timestamp).toISOString();
}

function minutes(ms: number): string {
  return `${ms / 60_000} minutes`;
}
