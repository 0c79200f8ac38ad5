import type { Bar, BarSeries } from "../types.ts";
import { CarryoverError } from "../errors.ts";
import { badData, BAR_COLUMNS, createSeriesBuilder, quote, VOLUME_COLUMN } from "./bar.ts";
import { parseTimestamp, TIMESTAMP_FORM } from "../util/time.ts";

/** Unpacked columns larger than this are refused before they are unpacked. */
const MAX_BYTES = 512 * 1024 * 1024;

/** Hands out times as dates; one that is finer than a millisecond is an invalid date. */
const PARSERS = {
  timestampFromMilliseconds: (ms: bigint): Date => new Date(Number(ms)),
  timestampFromMicroseconds: (us: bigint): Date => new Date(wholeMs(us, 1000n)),
  timestampFromNanoseconds: (ns: bigint): Date => new Date(wholeMs(ns, 1_000_000n)),
};

/**
 * Reads bars from Parquet, with the columns of `parseBarsCsv` at the top level, in any order and case. The timestamp is
 * a TIMESTAMP of any unit, an INT64 of epoch ms, us or ns (told apart by their size), a DATE, or text as in CSV. Loads
 * the Parquet reader when it is called.
 *
 * @param bytes The whole file, with any of Parquet's compressions.
 * @param options `file` is its name in messages.
 * @returns All bars of the file.
 * @throws {CarryoverError} `BAD_DATA` naming file, row (the first is 1) and column; nothing is loaded then.
 */
export async function parseBarsParquet(
  bytes: Uint8Array<ArrayBuffer>,
  options: { asset: string; timeframeMs: number; file: string },
): Promise<BarSeries> {
  const { file } = options;
  const series = createSeriesBuilder({ ...options, rowName: "row" });
  const { rows, names } = await readRows(bytes, file);
  rows.forEach((row, index) => series.add(toBar(row, { names, file, row: `row ${index + 1}` }), index + 1));
  return series.finish();
}

/** What the file calls each of our columns. */
type Names = ReadonlyMap<string, string>;

/** The rows of the file, as it names their columns. */
async function readRows(
  bytes: Uint8Array<ArrayBuffer>,
  file: string,
): Promise<{ rows: Record<string, unknown>[]; names: Names }> {
  const [{ parquetMetadata, parquetReadObjects, parquetSchema }, { compressors }] = await Promise.all([
    import("hyparquet"),
    import("hyparquet-compressors"),
  ]);
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  try {
    const metadata = parquetMetadata(buffer);
    const columns = parquetSchema(metadata).children.map(({ element }) => element.name);
    const names = new Map<string, string>();
    for (const wanted of [...BAR_COLUMNS, VOLUME_COLUMN]) {
      const found = columns.filter((name) => name.toLowerCase() === wanted);
      if (found.length > 1) {
        throw badData({ file, column: wanted }, { found: "the column twice", expected: "it once" });
      }
      if (found[0] !== undefined) names.set(wanted, found[0]);
      else if (wanted !== VOLUME_COLUMN) {
        const what = { found: `the columns ${quote(columns.join(","))}`, expected: `a column ${quote(wanted)}` };
        throw badData({ file }, what);
      }
    }
    const read = [...names.values()];
    let size = 0;
    for (const group of metadata.row_groups) {
      for (const { meta_data: meta } of group.columns) {
        if (read.includes(meta?.path_in_schema[0] ?? "")) size += Number(meta?.total_uncompressed_size ?? 0);
      }
    }
    if (size > MAX_BYTES) {
      throw badData({ file }, { found: `${size} bytes when unpacked`, expected: `at most ${MAX_BYTES}` });
    }
    const source = { byteLength: buffer.byteLength, slice: (from: number, to?: number) => buffer.slice(from, to) };
    const rows = await parquetReadObjects({ file: source, metadata, columns: read, compressors, parsers: PARSERS });
    return { rows, names };
  } catch (cause) {
    if (cause instanceof CarryoverError) throw cause;
    throw badData({ file }, { found: "no or damaged Parquet", expected: "a Parquet file", cause });
  }
}

function toBar(row: Readonly<Record<string, unknown>>, place: { names: Names; file: string; row: string }): Bar {
  function value(column: string): unknown {
    return row[place.names.get(column) ?? ""];
  }

  function refuse(column: string, expected: string): never {
    const found = value(column) ?? "nothing";
    throw badData({ ...place, column }, { found: found === "nothing" ? found : quote(String(found)), expected });
  }

  function number(column: string): number {
    const found = value(column);
    if (typeof found === "bigint") return Number(found);
    return typeof found === "number" && !Number.isNaN(found) ? found : refuse(column, "a number such as 1234.5");
  }

  return {
    timestamp: toTimestamp(value("timestamp")) ?? refuse("timestamp", TIMESTAMP_FORM),
    open: number("open"),
    high: number("high"),
    low: number("low"),
    close: number("close"),
    volume: place.names.has(VOLUME_COLUMN) ? number(VOLUME_COLUMN) : 0,
  };
}

function toTimestamp(value: unknown): number | undefined {
  if (typeof value === "string") return parseTimestamp(value);
  if (typeof value === "number" && Number.isSafeInteger(value)) return toTimestamp(BigInt(value));
  let ms = NaN;
  if (value instanceof Date) ms = value.getTime();
  // A column that does not say its unit: from 1973 to 5138, ms, us and ns have sizes of their own.
  else if (typeof value === "bigint" && value >= 10n ** 11n && value < 10n ** 20n) {
    if (value < 10n ** 14n) ms = Number(value);
    else ms = wholeMs(value, value < 10n ** 17n ? 1000n : 1_000_000n);
  }
  return Number.isInteger(ms) ? ms : undefined;
}

/** Milliseconds from a finer unit; NaN where they are not whole. */
function wholeMs(time: bigint, perMs: bigint): number {
  return time % perMs === 0n ? Number(time / perMs) : NaN;
}
