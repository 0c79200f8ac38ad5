/** Makes one series of other people's files of bars. */
import { CarryoverError } from "../errors.ts";
import type { Bar, BarSeries } from "../types.ts";
import { badData, quote } from "./bar.ts";
import { readForeignBars } from "./formats/detect.ts";
import type { ForeignBars, SourceFile } from "./formats/foreign-bars.ts";
import { openZone, type Zone, zoneThatRepeats } from "./formats/zones.ts";
import { timeframeName } from "./timeframe.ts";

/** How files are read. */
export interface ImportOptions {
  /** Chooses the rows of a file that has several symbols. */
  readonly asset: string;
  /** The zone of times that state none: an IANA name or an offset. @default UTC, which is then said to be assumed */
  readonly timezone?: string | undefined;
  /** Whether times are those of a bar's start or end. @default what the file shows */
  readonly stamp?: "start" | "end" | undefined;
  /** One of `FORMAT_NAMES`. @default by content */
  readonly format?: string | undefined;
  /** @default the most common distance of two bars */
  readonly timeframeMs?: number | undefined;
  /** Mends what can be mended without a doubt. @default false: it is refused */
  readonly repair?: boolean | undefined;
}

/** What was mended. */
export interface Repairs {
  /** Rows that stood at another place in time. */
  readonly sorted: number;
  /** Rows that were there twice, and equal. */
  readonly duplicates: number;
  /** Rows without prices. */
  readonly nulls: number;
  /** Bars whose high or low was off by rounding. */
  readonly widened: number;
}

/** What was found in the files. */
export interface ImportedBars {
  readonly series: BarSeries;
  /** What the files were recognised as, each once. */
  readonly format: string;
  /** Such as `UTC`, `-05:00` or `UTC (assumed)`. */
  readonly timezone: string;
  readonly stamp: "start" | "end";
  /** Such as `1h`. */
  readonly timeframe: string;
  readonly repaired: Repairs;
}

/** A bar and where it comes from. */
interface PlacedBar {
  readonly bar: Bar;
  readonly file: string;
  readonly place: string;
}

/** Relative difference up to which a high or low counts as rounded. */
const ROUNDING = 1e-6;

/**
 * Reads files of bars and makes one series of them.
 *
 * @throws {CarryoverError} `BAD_DATA` naming file, place, what was found and what is expected; `BAD_USAGE` where a zone must be told.
 */
export async function importBars(files: readonly SourceFile[], options: ImportOptions): Promise<ImportedBars> {
  const repaired = { sorted: 0, duplicates: 0, nulls: 0, widened: 0 };
  const tables: { readonly file: string; readonly bars: ForeignBars }[] = [];
  for (const file of files) {
    for (const bars of await readForeignBars(file, options)) tables.push({ file: file.name, bars });
  }
  const read = tables.map(({ file, bars }) => readBars(bars, { ...options, file, repaired }));
  const timeframeMs = options.timeframeMs ?? commonSpacing(read.map(({ bars }) => bars));
  const placed = joinParts(
    read.map(({ bars, isEnd }) => bars.map((each) => (isEnd ? shift(each, timeframeMs) : each))),
    { ...options, repaired },
  );
  return {
    series: seriesOf(placed, { asset: options.asset, timeframeMs }),
    format: unique(tables.map(({ bars }) => bars.format)),
    timezone: unique(read.map(({ timezone }) => timezone)),
    stamp: read.some(({ isEnd }) => isEnd) ? "end" : "start",
    timeframe: timeframeName(timeframeMs),
    repaired,
  };
}

/** Reads one table: zone, nulls, prices, and the order of its rows. */
function readBars(
  source: ForeignBars,
  options: ImportOptions & { file: string; repaired: { -readonly [Key in keyof Repairs]: number } },
): { bars: PlacedBar[]; isEnd: boolean; timezone: string } {
  const { file, repaired } = options;
  const indices = rowsOfAsset(source, options);
  const { zone, timezone } = zoneOf(source, options);
  const isDescending = isNewestFirst(source.times, indices);
  if (isDescending) indices.reverse();
  const bars: PlacedBar[] = [];
  let isEnd = (options.stamp ?? source.stamp) === "end";
  let previousMs = Number.NEGATIVE_INFINITY;
  for (const i of indices) {
    const place = source.placeOf(i);
    const prices = [source.open[i]!, source.high[i]!, source.low[i]!, source.close[i]!];
    if (prices.every(Number.isNaN) || Number.isNaN(source.times[i]!)) {
      if (options.repair !== true)
        throw refusal({ file, place }, "a row without a time or prices", "--repair, which leaves it out");
      repaired.nulls += 1;
      continue;
    }
    let timestamp = epochOf(source.times[i]!, { zone, previousMs, file, place, options });
    // A close time is the last moment of its bar, as Binance has it.
    if (timestamp % 1000 === 999 && options.stamp !== "start") {
      isEnd = true;
      timestamp += 1;
    }
    const [open, high, low, close] = prices as [number, number, number, number];
    const volume = source.volume[i]!;
    const bar = { timestamp, open, high, low, close, volume: Number.isNaN(volume) ? 0 : volume };
    bars.push({ bar: checkPrices(bar, { file, place, options }), file, place });
    previousMs = timestamp;
  }
  return { bars, isEnd, timezone };
}

/** The rows of the asset, where a file has several. */
function rowsOfAsset({ symbols, times }: ForeignBars, { asset, file }: ImportOptions & { file: string }): number[] {
  const all = Array.from(times, (_, i) => i);
  if (symbols === undefined) return all;
  const known = [...new Set(symbols)];
  if (known.length < 2) return all;
  const plain = (symbol: string): string =>
    symbol
      .replace(/^[A-Z]:/, "")
      .replaceAll(/[^a-z0-9]/gi, "")
      .toUpperCase();
  const wanted = known.filter((symbol) => plain(symbol) === plain(asset));
  if (wanted.length === 1) return all.filter((i) => symbols[i] === wanted[0]);
  const found = `the symbols ${known.slice(0, 5).map(quote).join(", ")}${known.length > 5 ? ", ..." : ""}`;
  throw badData({ file }, { found, expected: `one symbol, or one that is "${asset}": --asset names it` });
}

/** The zone of a table's times, and what is said of it. */
function zoneOf(
  source: ForeignBars,
  { timezone, file }: ImportOptions & { file: string },
): { zone: Zone; timezone: string } {
  if (source.zone !== undefined) return { zone: openZone(source.zone), timezone: source.zone };
  if (timezone !== undefined) return { zone: openZone(timezone), timezone };
  if (source.needsZone) {
    throw new CarryoverError(
      "BAD_USAGE",
      `Cannot read "${file}": found ${source.format}, whose times are those of the broker's server, expected --timezone: ` +
        `"Europe/Athens" for most brokers, "UTC" for some, or an offset such as "+02:00"`,
    );
  }
  return { zone: openZone("UTC"), timezone: "UTC (assumed)" };
}

function epochOf(
  time: number,
  at: { zone: Zone; previousMs: number; file: string; place: string; options: ImportOptions },
): number {
  const { zone, previousMs, file, place, options } = at;
  const epoch = zone.toEpoch(time, previousMs);
  const wall = new Date(time).toISOString().slice(0, 19);
  if (epoch === undefined) {
    const expected = `a time that is on the clocks of ${zone.name}, which skip this one`;
    throw badData({ file, row: place }, { found: quote(wall), expected });
  }
  // An hour that comes twice is one that clocks were put back over.
  if (
    epoch <= previousMs &&
    epoch > previousMs - 2 * 3_600_000 &&
    options.timezone === undefined &&
    options.repair !== true
  ) {
    const explains = zoneThatRepeats(time);
    if (explains !== undefined) {
      const expected = `a later time; ${explains} repeats this hour, which --timezone ${explains} would explain`;
      throw badData({ file, row: place }, { found: `${quote(wall)} again`, expected });
    }
  }
  return epoch;
}

/** Whether rows go back in time throughout. */
function isNewestFirst(times: Float64Array, indices: readonly number[]): boolean {
  let back = 0;
  for (let i = 1; i < indices.length; i++) {
    const step = times[indices[i]!]! - times[indices[i - 1]!]!;
    if (step > 0) return false;
    if (step < 0) back += 1;
  }
  return back > 0;
}

function checkPrices(
  bar: Bar,
  at: {
    file: string;
    place: string;
    options: ImportOptions & { repaired: { -readonly [Key in keyof Repairs]: number } };
  },
): Bar {
  const { open, high, low, close } = bar;
  const { file, place, options } = at;
  for (const [name, price] of Object.entries({ open, high, low, close })) {
    if (price > 0 && price < Infinity) continue;
    throw badData({ file, row: place, column: name }, { found: quote(String(price)), expected: "a price above 0" });
  }
  const [top, bottom] = [Math.max(open, close, low), Math.min(open, close, high)];
  if (high >= top && low <= bottom) return bar;
  const isRounding = high >= top * (1 - ROUNDING) && low <= bottom * (1 + ROUNDING);
  if (isRounding && options.repair === true) {
    options.repaired.widened += 1;
    return { ...bar, high: Math.max(high, top), low: Math.min(low, bottom) };
  }
  const column = high < top ? "high" : "low";
  const found = quote(String(bar[column]));
  const bounds = `${column === "high" ? "at least" : "at most"} ${column === "high" ? top : bottom}`;
  const expected = isRounding ? `${bounds}: it is off by rounding, which --repair widens` : bounds;
  throw badData({ file, row: place, column }, { found, expected });
}

/** One list in order of time: parts that meet, or overlap with equal bars. */
function joinParts(
  parts: readonly (readonly PlacedBar[])[],
  options: ImportOptions & { repaired: { -readonly [Key in keyof Repairs]: number } },
): PlacedBar[] {
  const ordered = parts.map((part) => sortPart(part, options)).filter((part) => part.length > 0);
  ordered.sort((a, b) => a[0]!.bar.timestamp - b[0]!.bar.timestamp);
  const joined: PlacedBar[] = [];
  for (const part of ordered) {
    const lastMs = joined.at(-1)?.bar.timestamp ?? Number.NEGATIVE_INFINITY;
    if (part[0]!.bar.timestamp > lastMs) for (const each of part) joined.push(each);
    else mergeOverlap(joined, part);
  }
  return joined;
}

function mergeOverlap(joined: PlacedBar[], part: readonly PlacedBar[]): void {
  const byTime = new Map(joined.map((each) => [each.bar.timestamp, each]));
  for (const each of part) {
    const there = byTime.get(each.bar.timestamp);
    if (there === undefined) joined.push(each);
    else if (!isEqual(there.bar, each.bar)) throw conflict(there, each);
  }
  joined.sort((a, b) => a.bar.timestamp - b.bar.timestamp);
}

/** The rows of one file in order of time, each time once. */
function sortPart(
  part: readonly PlacedBar[],
  { repair, repaired }: ImportOptions & { repaired: { -readonly [Key in keyof Repairs]: number } },
): PlacedBar[] {
  const kept: PlacedBar[] = [];
  let isSorted = true;
  for (const each of part) {
    const before = kept.at(-1);
    if (before !== undefined && each.bar.timestamp <= before.bar.timestamp) {
      const isTwin = each.bar.timestamp === before.bar.timestamp;
      if (isTwin && !isEqual(each.bar, before.bar)) throw conflict(before, each);
      const time = quote(new Date(each.bar.timestamp).toISOString());
      const found = isTwin ? `the time ${time} twice` : `the time ${time} after a later one`;
      if (repair !== true) throw refusal(each, found, `--repair, which ${isTwin ? "drops equal rows" : "sorts them"}`);
      if (isTwin) {
        repaired.duplicates += 1;
        continue;
      }
      isSorted = false;
      repaired.sorted += 1;
    }
    kept.push(each);
  }
  if (isSorted) return kept;
  kept.sort((a, b) => a.bar.timestamp - b.bar.timestamp);
  return kept.filter((each, i) => {
    const before = kept[i - 1];
    if (before?.bar.timestamp !== each.bar.timestamp) return true;
    if (!isEqual(each.bar, before.bar)) throw conflict(before, each);
    repaired.duplicates += 1;
    return false;
  });
}

function conflict(a: PlacedBar, b: PlacedBar): CarryoverError {
  const column = (["open", "high", "low", "close", "volume"] as const).find((name) => a.bar[name] !== b.bar[name])!;
  const found = `${b.bar[column]} at ${quote(new Date(b.bar.timestamp).toISOString())}`;
  const expected = `${a.bar[column]} as in ${quote(a.file)}, ${a.place}: the same bar has two values`;
  return badData({ file: b.file, row: b.place, column }, { found, expected });
}

function isEqual(a: Bar, b: Bar): boolean {
  return a.open === b.open && a.high === b.high && a.low === b.low && a.close === b.close && a.volume === b.volume;
}

function refusal(at: { file: string; place: string }, found: string, expected: string): CarryoverError {
  return badData({ file: at.file, row: at.place }, { found, expected });
}

function shift(each: PlacedBar, byMs: number): PlacedBar {
  return { ...each, bar: { ...each.bar, timestamp: each.bar.timestamp - byMs } };
}

/** The most common distance of two bars; days of 23 and 25 hours count as days. */
function commonSpacing(parts: readonly (readonly PlacedBar[])[]): number {
  const counts = new Map<number, number>();
  for (const part of parts) {
    const times = part.map(({ bar }) => bar.timestamp).toSorted((a, b) => a - b);
    for (let i = 1; i < times.length; i++) {
      const spacing = times[i]! - times[i - 1]!;
      if (spacing > 0) counts.set(spacing, (counts.get(spacing) ?? 0) + 1);
    }
  }
  const [first] = [...counts].toSorted(([aMs, a], [bMs, b]) => b - a || aMs - bMs);
  if (first === undefined) {
    throw new CarryoverError("BAD_USAGE", "Cannot tell the timeframe of a single bar, expected --timeframe");
  }
  return first[0];
}

function seriesOf(
  placed: readonly PlacedBar[],
  { asset, timeframeMs }: { asset: string; timeframeMs: number },
): BarSeries {
  let gaps = 0;
  for (let i = 1; i < placed.length; i++) {
    if (placed[i]!.bar.timestamp - placed[i - 1]!.bar.timestamp > 1.5 * timeframeMs) gaps += 1;
  }
  return { asset, timeframeMs, market: "bars", bars: placed.map(({ bar }) => bar), gaps };
}

function unique(words: readonly string[]): string {
  return [...new Set(words)].join(", ");
}
