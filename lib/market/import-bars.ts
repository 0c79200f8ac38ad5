/** Makes one series of files of bars from other systems. */
import type { OnSteps } from "../util/async.ts";
import { CarryoverError } from "../errors.ts";
import type { Bar, BarSeries } from "../types.ts";
import { HOUR_MS, timeframeName } from "../util/time.ts";
import { openZone, type Zone, zoneThatRepeats } from "../util/zones.ts";
import { badData, quote } from "./bar.ts";
import type { BarsOf } from "./bars-file-name.ts";
import { readForeignBars } from "./formats/detect.ts";
import type { ForeignBars, SourceFile } from "./formats/foreign-bars.ts";
import { plainSymbol } from "./formats/symbols.ts";
import { joinBars, placeOf, type PlacedBar, type Repairs, withoutFlat } from "./join-bars.ts";
import { SeriesBuilder, widenRounded } from "./series-builder.ts";
import { commonSpacing, msToEnd } from "./spacing.ts";
import { findWeekOpens, type WeekOpens } from "./week-opens.ts";

export interface ImportOptions {
  /** Chooses the rows of a file that has several symbols. */
  readonly asset: string;
  /** The zone of times that state none: an IANA name or an offset. @default UTC, reported as assumed */
  readonly timezone?: string | undefined;
  /** Whether times are those of a bar's start or end. @default what the file shows */
  readonly stamp?: "start" | "end" | undefined;
  /** One of `FORMAT_NAMES`. @default by content */
  readonly format?: string | undefined;
  /** @default the most common distance of two bars */
  readonly timeframeMs?: number | undefined;
  /** Repairs what is beyond doubt. @default false: it is refused */
  readonly repair?: boolean | undefined;
  /** Leaves out bars without volume whose four prices are equal, as some vendors fill weekends. @default false */
  readonly dropFlat?: boolean | undefined;
  /** The wall clock, epoch ms. A bar that has not ended then is left out. @default all have ended */
  readonly nowMs?: number | undefined;
  /** Files that were read. */
  readonly onSteps?: OnSteps | undefined;
}

export interface ImportedBars {
  readonly series: BarSeries;
  /** What the files were recognised as, each once. */
  readonly format: string;
  /** Such as `UTC`, `-05:00` or `UTC (assumed)`. */
  readonly timezone: string;
  readonly stamp: "start" | "end";
  /** Whether neither the files nor `options.stamp` say so. */
  readonly isStartAssumed: boolean;
  /** Such as `1h`. */
  readonly timeframe: string;
  readonly repaired: Repairs;
  /** Bars that were read. */
  readonly read: number;
  /** Those of them without volume whose four prices are equal, where others have a volume. */
  readonly flat: number;
  /** Start of the bar that was left out because it had not ended, epoch ms. Its prices are not its last ones. */
  readonly unendedMs: number | undefined;
  /** When weeks open, where the files state no zone. */
  readonly weekOpens: WeekOpens | undefined;
}

const MINUTE_MS = 60_000;

/** What a file is read with. */
interface Reading extends ImportOptions {
  readonly file: string;
  /** Of all files. */
  readonly symbols: readonly string[];
  readonly repaired: Repairs;
}

/**
 * Reads files of bars and makes one series of them.
 *
 * @throws {CarryoverError} `BAD_DATA` naming file, place, what was found and what is expected; `BAD_USAGE` if a zone has to be named.
 */
export async function importBars(files: readonly SourceFile[], options: ImportOptions): Promise<ImportedBars> {
  // A typing error must not wait for a file that needs the zone.
  if (options.timezone !== undefined) openZone(options.timezone);
  const repaired = { sorted: 0, duplicates: 0, nulls: 0, widened: 0, replaced: 0 };
  const tables: { readonly file: string; readonly bars: ForeignBars }[] = [];
  for (const [i, file] of files.entries()) {
    options.onSteps?.("Read files:", i, files.length);
    for (const bars of await readForeignBars(file, options)) tables.push({ file: file.name, bars });
  }
  const symbols = [...new Set(tables.flatMap(({ bars }) => [...new Set(bars.symbols)]))];
  const read = tables.map(({ file, bars }) => readBars(bars, { ...options, file, symbols, repaired }));
  const timeframeMs = options.timeframeMs ?? timeframeOf(read.map(({ bars }) => bars));
  if (timeframeMs % MINUTE_MS !== 0) {
    const found = `bars of ${timeframeMs / 1000} seconds`;
    throw badData({ file: unique(files.map(({ name }) => name)) }, { found, expected: "bars of whole minutes" });
  }
  const parts = read.map(({ bars, isEnd }) => (isEnd ? fromEndToStart(bars, timeframeMs) : bars));
  const joined = [...joinBars(parts, { repair: options.repair ?? false, repaired })];
  const unendedMs = takeUnended(joined, { timeframeMs, nowMs: options.nowMs });
  const moving = withoutFlat(joined, ({ bar }) => bar);
  const kept = options.dropFlat === true ? moving : joined;
  const series = checkedSeries(kept, { asset: options.asset, timeframeMs });
  return {
    series,
    format: unique(tables.map((table) => table.bars.format)),
    timezone: unique(read.map(({ timezone }) => timezone)),
    stamp: read.some(({ isEnd }) => isEnd) ? "end" : "start",
    isStartAssumed: options.stamp === undefined && tables.some(({ bars }, i) => bars.isStartAssumed && !read[i]!.isEnd),
    timeframe: timeframeName(timeframeMs),
    repaired,
    read: joined.length,
    flat: joined.length - moving.length,
    unendedMs,
    weekOpens: tables.some(({ bars }) => bars.zone === undefined) ? findWeekOpens(series) : undefined,
  };
}

/** Takes the bar in which the clock stands out of bars, and returns its start. Bars after the clock show that the clock is wrong. */
function takeUnended(
  joined: PlacedBar[],
  { timeframeMs, nowMs = Infinity }: { timeframeMs: number; nowMs: number | undefined },
): number | undefined {
  const startMs = joined.at(-1)?.bar.timestamp ?? Infinity;
  if (nowMs < startMs || nowMs >= startMs + timeframeMs) return undefined;
  const { file, source, index } = joined.pop()!;
  if (joined.length > 0) return startMs;
  const found = "only a bar that has not ended";
  throw badData({ file, row: source.placeOf(index) }, { found, expected: "at least one that has" });
}

/** The series, after the checks that a run makes when it loads a file. */
function checkedSeries(joined: readonly PlacedBar[], { asset, timeframeMs }: BarsOf): BarSeries {
  const files = [...new Set(joined.map(({ file }) => file))];
  const series = new SeriesBuilder({
    asset,
    timeframe: timeframeName(timeframeMs),
    file: files.join(", "),
    placeOf: (i) => (files.length > 1 ? `${quote(joined[i]!.file)}, ${placeOf(joined[i]!)}` : placeOf(joined[i]!)),
  });
  joined.forEach(({ bar }, i) => series.add(bar, i));
  return series.finish();
}

/** Reads one table: zone, nulls, prices, and the order of its rows. */
function readBars(source: ForeignBars, reading: Reading): { bars: PlacedBar[]; isEnd: boolean; timezone: string } {
  const { file, repaired, repair = false, stamp } = reading;
  const indices = rowsOfAsset(source, reading);
  const { zone, timezone } = zoneOf(source, reading);
  if (isNewestFirst(source.times, indices)) indices.reverse();
  const bars: PlacedBar[] = [];
  /** Of the first bar; the others must agree. */
  let toEnd: number | undefined;
  let previousMs = Number.NEGATIVE_INFINITY;
  for (const index of indices) {
    if (isEmptyRow(source, index)) {
      if (!repair) {
        const expected = "--repair, which leaves it out";
        throw badData({ file, row: source.placeOf(index) }, { found: "a row without a time or prices", expected });
      }
      repaired.nulls += 1;
      continue;
    }
    const shownMs = epochOf({ source, index, zone, previousMs }, reading);
    // A close time is the last moment of its bar, as Binance has it.
    const restMs = stamp === "start" ? 0 : msToEnd(shownMs);
    toEnd ??= restMs;
    if (restMs !== toEnd) {
      const found = `${quote(new Date(shownMs).toISOString())}, which ${restMs === 0 ? "starts" : "ends"} a bar`;
      const expected = `a time that ${restMs === 0 ? "ends" : "starts"} one, as in the rows before`;
      throw badData({ file, row: source.placeOf(index) }, { found, expected });
    }
    bars.push({ bar: barOf(shownMs + restMs, { source, index }, reading), file, source, index });
    previousMs = shownMs;
  }
  const isEnd = (stamp ?? source.stamp) === "end" || (toEnd ?? 0) > 0;
  return { bars, isEnd, timezone };
}

function isEmptyRow({ times, open, high, low, close }: ForeignBars, i: number): boolean {
  if (Number.isNaN(times[i]!)) return true;
  return Number.isNaN(open[i]!) && Number.isNaN(high[i]!) && Number.isNaN(low[i]!) && Number.isNaN(close[i]!);
}

/** The rows of the asset, where the files have several. */
function rowsOfAsset({ symbols, times }: ForeignBars, { asset, file, symbols: known }: Reading): number[] {
  const all = Array.from(times, (_, i) => i);
  if (symbols === undefined || new Set(known.map(plainSymbol)).size < 2) return all;
  const wanted = new Set(known.filter((symbol) => plainSymbol(symbol) === plainSymbol(asset)));
  if (wanted.size > 0) return all.filter((i) => wanted.has(symbols[i]!));
  const found = `the symbols ${known.slice(0, 5).map(quote).join(", ")}${known.length > 5 ? ", ..." : ""}`;
  throw badData({ file }, { found, expected: `one symbol, or one that is "${asset}": --asset names it` });
}

/** The zone of a table's times, and what is said of it. */
function zoneOf(source: ForeignBars, { timezone, file }: Reading): { zone: Zone; timezone: string } {
  if (source.zone !== undefined) return { zone: openZone(source.zone), timezone: source.zone };
  if (timezone !== undefined) return { zone: openZone(timezone), timezone };
  if (source.needsZone !== undefined) {
    const { clock, timezone: usual } = source.needsZone;
    throw new CarryoverError(
      "BAD_USAGE",
      `Cannot read "${file}": found ${source.format}, whose times are in the time zone of ${clock}, expected --timezone: ${usual}`,
    );
  }
  return { zone: openZone("UTC"), timezone: "UTC (assumed)" };
}

function epochOf(at: { source: ForeignBars; index: number; zone: Zone; previousMs: number }, reading: Reading): number {
  const { source, index, zone, previousMs } = at;
  const time = source.times[index]!;
  const epoch = zone.toEpoch(time, previousMs);
  const refuse = (found: string, expected: string): never => {
    throw badData({ file: reading.file, row: source.placeOf(index) }, { found, expected });
  };
  const wall = (): string => quote(new Date(time).toISOString().slice(0, 19));
  if (epoch === undefined) {
    const others = "--timezone UTC, an offset or another zone has it";
    return refuse(wall(), `a time that the clocks of ${zone.name} show: they skip this one. ${others}`);
  }
  // An hour that comes twice is one that clocks were put back over.
  const isAgain = epoch <= previousMs && epoch > previousMs - 2 * HOUR_MS;
  if (isAgain && source.zone === undefined && reading.timezone === undefined && reading.repair !== true) {
    const explains = zoneThatRepeats(time);
    if (explains !== undefined) {
      refuse(
        `${wall()} again`,
        `a later time; ${explains} repeats this hour, which --timezone ${explains} would explain`,
      );
    }
  }
  return epoch;
}

/** Whether rows go back in time throughout, but for an hour that their clocks repeat. */
function isNewestFirst(times: Float64Array, indices: readonly number[]): boolean {
  let [back, forward] = [0, 0];
  for (let i = 1; i < indices.length; i++) {
    const step = times[indices[i]!]! - times[indices[i - 1]!]!;
    if (step > HOUR_MS) return false;
    if (step > 0) forward += 1;
    if (step < 0) back += 1;
  }
  return back > forward;
}

function barOf(timestamp: number, { source, index }: Pick<PlacedBar, "source" | "index">, reading: Reading): Bar {
  const [open, high, low, close] = [source.open[index]!, source.high[index]!, source.low[index]!, source.close[index]!];
  const volume = source.volume[index]!;
  const bar = { timestamp, open, high, low, close, volume: Number.isNaN(volume) ? 0 : volume };
  // The order of the four with a low above 0 implies that all are numbers; what is wrong is found out only then.
  if (low > 0 && low <= open && open <= high && low <= close && close <= high && high < Infinity) return bar;
  return checkedBar(bar, { source, index }, reading);
}

function checkedBar(bar: Bar, { source, index }: Pick<PlacedBar, "source" | "index">, reading: Reading): Bar {
  const refuse = (column: string, found: number, expected: string): never => {
    const position = { file: reading.file, row: source.placeOf(index), column };
    throw badData(position, { found: Number.isNaN(found) ? "nothing" : quote(String(found)), expected });
  };
  for (const column of ["open", "high", "low", "close"] as const) {
    if (!(bar[column] > 0 && bar[column] < Infinity)) refuse(column, bar[column], "a price above 0");
  }
  const widened = widenRounded(bar);
  if (widened !== undefined && reading.repair === true) {
    reading.repaired.widened += 1;
    return widened;
  }
  const { open, high, low, close } = bar;
  const column = high < Math.max(open, close, low) ? "high" : "low";
  const bound = column === "high" ? `at least ${Math.max(open, close, low)}` : `at most ${Math.min(open, close, high)}`;
  const isRounding = widened !== undefined;
  return refuse(column, bar[column], isRounding ? `${bound}: it is off by rounding, which --repair widens` : bound);
}

/** Moves bars from their ends to their starts: a timeframe, or to the end before where clocks change between the two. */
function fromEndToStart(bars: readonly PlacedBar[], timeframeMs: number): PlacedBar[] {
  return bars.map((each, i) => {
    const endMs = each.bar.timestamp;
    const beforeMs = bars[i - 1]?.bar.timestamp ?? endMs - timeframeMs;
    const hasChange = timeframeMs > HOUR_MS && Math.abs(endMs - beforeMs - timeframeMs) === HOUR_MS;
    return { ...each, bar: { ...each.bar, timestamp: hasChange ? beforeMs : endMs - timeframeMs } };
  });
}

/** The most common distance of two bars. */
function timeframeOf(parts: readonly (readonly PlacedBar[])[]): number {
  const common = commonSpacing(parts.map((part) => Float64Array.from(part, ({ bar }) => bar.timestamp).sort()));
  if (common !== undefined) return common.spacing;
  throw new CarryoverError("BAD_USAGE", "Cannot tell the timeframe of a single bar, expected --timeframe");
}

function unique(words: readonly string[]): string {
  return [...new Set(words)].join(", ");
}
