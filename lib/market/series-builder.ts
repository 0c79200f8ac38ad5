import type { FailureDetails } from "../errors.ts";
import type { Bar, BarSeries } from "../types.ts";
import { HOUR_MS, msOfTimeframe } from "../util/time.ts";
import { badData, type BarFile, quote } from "./bar.ts";
import { gapsIn, msToEnd, timeframesBetween } from "./spacing.ts";

/** This many equal spacings in a row that are not the timeframe are bars of another timeframe, not gaps. */
const MAX_EQUAL_SPACINGS = 24;

/** The last moment that a `Date` can have, epoch ms. */
const MAX_TIME = 8.64e15;

/** A high or low that misses the other prices by at most this share of them was rounded. */
const ROUNDING = 1e-6;

/**
 * Collects the bars of one file and refuses the first bad one. Bars must be in order of time, no two at the same time, their
 * spacings multiples of the timeframe except where clocks change, prices above 0 with low <= open, close <= high. A high or low that is off
 * by rounding is widened.
 */
export class SeriesBuilder {
  readonly #asset: string;
  readonly #timeframeMs: number;
  readonly #file: string;
  readonly #placeOf: (row: number) => string;
  readonly #bars: Bar[] = [];
  /** How often each spacing other than the timeframe occurs, and the row where it occurs first. */
  readonly #others = new Map<number, { count: number; row: number }>();
  #previousRow = 0;
  #previousSpacing = 0;
  #equalSpacings = 0;
  /** A spacing that the next bar has to make up for: that of a session whose first bar is cut short. */
  #offBy: { readonly spacing: number; readonly row: number } | undefined;

  /** @param options `file` and `placeOf` are for messages: a text has lines, a table has rows. */
  constructor(options: BarFile & { placeOf: (row: number) => string }) {
    this.#asset = options.asset;
    this.#timeframeMs = msOfTimeframe(options.timeframe);
    this.#file = options.file;
    this.#placeOf = options.placeOf;
  }

  /**
   * Adds the next bar of the file. It is kept without a copy, unless it is widened.
   *
   * @param row Its line or row in the file.
   * @throws {CarryoverError} `BAD_DATA` naming file, row and column.
   */
  add(bar: Bar, row: number): void {
    this.#checkSpacing(bar, row);
    this.#bars.push(this.#checkPrices(bar, row));
    this.#previousRow = row;
  }

  /** @throws {CarryoverError} `BAD_DATA` if there are no bars, or most spacings are not the timeframe. */
  finish(): BarSeries {
    const bars = this.#bars;
    if (bars.length === 0) throw badData({ file: this.#file }, { found: "no bars", expected: "at least one" });
    if (this.#offBy !== undefined) this.#refuseSpacing(this.#offBy.row, this.#offBy.spacing, bars.at(-1)!);
    let others = 0;
    for (const { count } of this.#others.values()) others += count;
    const regular = bars.length - 1 - others;
    for (const [spacing, { count, row }] of this.#others) {
      if (count <= regular) continue;
      const found = `${count} spacings of ${minutes(spacing)} and ${regular} of the timeframe, the first`;
      this.#refuse(row, "timestamp", { found, expected: `bars of ${minutes(this.#timeframeMs)}` });
    }
    const gaps = gapsIn(bars, this.#timeframeMs).missing;
    return { asset: this.#asset, timeframeMs: this.#timeframeMs, market: "bars", bars, gaps };
  }

  #checkSpacing(bar: Bar, row: number): void {
    const { timestamp } = bar;
    const previous = this.#bars.at(-1);
    if (previous === undefined) {
      if (msToEnd(timestamp) === 0) return;
      const expected = "the time at which the bar starts";
      this.#refuse(row, "timestamp", { found: `${quote(iso(timestamp))}, the last moment of a bar`, expected });
    }
    const timeframeMs = this.#timeframeMs;
    const spacing = timestamp - previous.timestamp;
    if (spacing === timeframeMs && this.#offBy === undefined) {
      this.#previousSpacing = spacing;
      return;
    }
    if (spacing <= 0) {
      const found = `the ${spacing === 0 ? "same" : "earlier"} time ${quote(iso(timestamp))}`;
      const expected = `a later time than in ${this.#placeOf(this.#previousRow)}`;
      this.#refuse(row, "timestamp", { found, expected });
    }
    this.#checkPlace(bar, { row, spacing });
    if (spacing !== timeframeMs) this.#countOther(spacing, row);
    this.#previousSpacing = spacing;
  }

  /** Some brokers cut the first bar of a session short, so that the others start at whole hours: 9:30, 10:00, 11:00. */
  #checkPlace(bar: Bar, { row, spacing }: { row: number; spacing: number }): void {
    const timeframeMs = this.#timeframeMs;
    const opening = this.#offBy;
    this.#offBy = undefined;
    if (opening !== undefined) {
      if (spacing < timeframeMs && timeframesBetween(opening.spacing + spacing, timeframeMs) !== undefined) return;
      this.#refuseSpacing(opening.row, opening.spacing, this.#bars.at(-1)!);
    }
    if (timeframesBetween(spacing, timeframeMs) !== undefined) return;
    // The file may begin with such a session.
    if (2 * spacing === timeframeMs && this.#bars.length === 1) return;
    if (spacing % (HOUR_MS / 4) === 0 && spacing > timeframeMs) this.#offBy = { spacing, row };
    else this.#refuseSpacing(row, spacing, bar);
  }

  #refuseSpacing(row: number, spacing: number, { timestamp }: Bar): never {
    const found = `${quote(iso(timestamp))}, ${minutes(spacing)} after the bar before`;
    return this.#refuse(row, "timestamp", { found, expected: `a multiple of ${minutes(this.#timeframeMs)}` });
  }

  #countOther(spacing: number, row: number): void {
    const known = this.#others.get(spacing);
    if (known === undefined) this.#others.set(spacing, { count: 1, row });
    else known.count++;
    this.#equalSpacings = spacing === this.#previousSpacing ? this.#equalSpacings + 1 : 1;
    if (this.#equalSpacings < MAX_EQUAL_SPACINGS) return;
    const found = `${this.#equalSpacings} spacings of ${minutes(spacing)} in a row`;
    this.#refuse(row, "timestamp", { found, expected: `bars of ${minutes(this.#timeframeMs)}` });
  }

  #checkPrices(bar: Bar, row: number): Bar {
    const { open, high, low, close, volume } = bar;
    // `low > 0` and the order of the four imply that all are numbers above 0. The details matter only for the message.
    if (low > 0 && low <= open && open <= high && low <= close && close <= high && high < Infinity) {
      if (volume >= 0 && volume < Infinity) return bar;
      this.#refuse(row, "volume", { found: quote(String(volume)), expected: "a number of at least 0" });
    }
    for (const column of ["open", "high", "low", "close"] as const) {
      const price = bar[column];
      if (price > 0 && price < Infinity) continue;
      this.#refuse(row, column, { found: quote(String(price)), expected: "a price above 0" });
    }
    const widened = widenRounded(bar);
    if (widened !== undefined) return this.#checkPrices(widened, row);
    if (high < low) {
      const found = `a high of ${quote(String(high))}`;
      this.#refuse(row, "high", { found, expected: `at least the low, ${quote(String(low))}` });
    }
    const column = open < low || open > high ? "open" : "close";
    const expected = `a price from low to high, ${quote(String(low))} to ${quote(String(high))}`;
    return this.#refuse(row, column, { found: quote(String(bar[column])), expected });
  }

  #refuse(row: number, column: string, details: FailureDetails): never {
    throw badData({ file: this.#file, row: this.#placeOf(row), column }, details);
  }
}

/** The bar with its high and low widened to its other prices; `undefined` if they miss them by more than rounding. */
export function widenRounded(bar: Bar): Bar | undefined {
  const { open, high, low, close } = bar;
  const [top, bottom] = [Math.max(open, close, low), Math.min(open, close, high)];
  if (!(high >= top * (1 - ROUNDING) && low <= bottom * (1 + ROUNDING))) return undefined;
  return { ...bar, high: Math.max(high, top), low: Math.min(low, bottom) };
}

/**
 * Makes a series of bars that are in memory, in the order of time.
 *
 * @throws {CarryoverError} `BAD_DATA` naming the row (the first is 1) and the field that is wrong.
 *
 * @example
 * ```ts
 * const bars = klines.map((kline) => ({ timestamp: kline.openTime, open: Number(kline.open), ... }));
 * const gold = barSeries(bars, { asset: "GOLD", timeframe: "1h" });
 * ```
 */
export function barSeries(bars: Iterable<Bar>, options: { asset: string; timeframe: string }): BarSeries {
  const file = options.asset;
  const series = new SeriesBuilder({ ...options, file, placeOf: (row) => `row ${row}` });
  let row = 0;
  for (const bar of bars) {
    assertNumbers(bar, { file, row: `row ${++row}` });
    series.add(bar, row);
  }
  return series.finish();
}

/** Prices of an exchange's JSON may be strings, which TypeScript does not see. */
function assertNumbers(bar: Bar, place: { file: string; row: string }): void {
  for (const column of ["timestamp", "open", "high", "low", "close", "volume"] as const) {
    const value: unknown = bar[column];
    const isTime = column === "timestamp";
    if (isTime ? Number.isSafeInteger(value) && Math.abs(value as number) <= MAX_TIME : typeof value === "number")
      continue;
    const found =
      typeof value === "string"
        ? `the string ${quote(value)}`
        : value instanceof Date
          ? "a Date"
          : quote(String(value));
    const expected = isTime ? "a number: milliseconds since 1970" : "a number, as Number() makes of a string";
    throw badData({ ...place, column }, { found, expected });
  }
}

function iso(timestamp: number): string {
  return new Date(timestamp).toISOString();
}

function minutes(ms: number): string {
  return `${ms / 60_000} minutes`;
}
