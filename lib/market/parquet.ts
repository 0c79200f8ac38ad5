import type { FileMetaData } from "hyparquet";
import { CarryoverError } from "../errors.ts";
import type { Bar, BarSeries } from "../types.ts";
import { parseTimestamp, TIMESTAMP_FORM } from "../util/time.ts";
import {
  badData,
  BAR_COLUMNS,
  type BarFile,
  MAX_UNPACKED_BYTES,
  NUMBER_FORM,
  quote,
  SeriesBuilder,
  VOLUME_COLUMN,
} from "./bar.ts";

/** Reads timestamps as dates; one with a fraction of a millisecond becomes an invalid date. */
const PARSERS = {
  timestampFromMilliseconds: (ms: bigint): Date => new Date(Number(ms)),
  timestampFromMicroseconds: (us: bigint): Date => new Date(wholeMs(us, 1000n)),
  timestampFromNanoseconds: (ns: bigint): Date => new Date(wholeMs(ns, 1_000_000n)),
};

/** The file's own name for each of our columns. */
type ColumnNames = ReadonlyMap<string, string>;

type Row = Readonly<Record<string, unknown>>;

/**
 * Reads all bars of a Parquet file with the columns of `parseBarsCsv` at the top level, in any order and case. The timestamp
 * is a TIMESTAMP of any unit, an INT64 of epoch ms, us or ns (told apart by magnitude), a DATE, or text as in CSV. The
 * Parquet reader is loaded with the first call.
 *
 * @param bytes The whole file, with any of Parquet's compressions.
 * @throws {CarryoverError} `BAD_DATA` naming file, row (the first is 1) and column.
 */
export async function parseBarsParquet(bytes: Uint8Array<ArrayBuffer>, options: BarFile): Promise<BarSeries> {
  const { file } = options;
  const series = new SeriesBuilder({ ...options, rowName: "row" });
  const { rows, names } = await readRows(bytes, file);
  rows.forEach((row, i) => series.add(toBar(row, { names, file, row: `row ${i + 1}` }), i + 1));
  return series.finish();
}

async function readRows(
  bytes: Uint8Array<ArrayBuffer>,
  file: string,
): Promise<{ rows: readonly Row[]; names: ColumnNames }> {
  const [{ parquetMetadata, parquetReadObjects, parquetSchema }, { compressors }] = await Promise.all([
    import("hyparquet"),
    import("hyparquet-compressors"),
  ]);
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  try {
    const metadata = parquetMetadata(buffer);
    const names = findColumns(
      parquetSchema(metadata).children.map(({ element }) => element.name),
      file,
    );
    const columns = [...names.values()];
    const size = unpackedSize(metadata, columns);
    if (size > MAX_UNPACKED_BYTES) {
      throw badData({ file }, { found: `${size} bytes when unpacked`, expected: `at most ${MAX_UNPACKED_BYTES}` });
    }
    const source = { byteLength: buffer.byteLength, slice: (from: number, to?: number) => buffer.slice(from, to) };
    const rows = await parquetReadObjects({ file: source, metadata, columns, compressors, parsers: PARSERS });
    return { rows, names };
  } catch (cause) {
    if (cause instanceof CarryoverError) throw cause;
    throw badData({ file }, { found: "no or damaged Parquet", expected: "a Parquet file", cause });
  }
}

function findColumns(columns: readonly string[], file: string): ColumnNames {
  const names = new Map<string, string>();
  for (const wanted of [...BAR_COLUMNS, VOLUME_COLUMN]) {
    const [found, second] = columns.filter((name) => name.toLowerCase() === wanted);
    if (second !== undefined) {
      throw badData({ file, column: wanted }, { found: "the column twice", expected: "it once" });
    }
    if (found !== undefined) names.set(wanted, found);
    else if (wanted !== VOLUME_COLUMN) {
      const list = quote(columns.join(","));
      throw badData({ file }, { found: `the columns ${list}`, expected: `a column ${quote(wanted)}` });
    }
  }
  return names;
}

/** The size of some columns when unpacked, as the file's metadata has it. */
function unpackedSize(metadata: FileMetaData, columns: readonly string[]): number {
  let size = 0;
  for (const { meta_data: meta } of metadata.row_groups.flatMap((group) => group.columns)) {
    if (meta !== undefined && columns.includes(meta.path_in_schema[0]!)) size += Number(meta.total_uncompressed_size);
  }
  return size;
}

function toBar(row: Row, position: { names: ColumnNames; file: string; row: string }): Bar {
  function value(column: string): unknown {
    return row[position.names.get(column) ?? ""];
  }

  function refuse(column: string, expected: string): never {
    const found = value(column) ?? undefined;
    throw badData({ ...position, column }, { found: found === undefined ? "nothing" : quote(String(found)), expected });
  }

  function number(column: string): number {
    const found = value(column);
    if (typeof found === "bigint") return Number(found);
    return typeof found === "number" && !Number.isNaN(found) ? found : refuse(column, NUMBER_FORM);
  }

  return {
    timestamp: toTimestamp(value("timestamp")) ?? refuse("timestamp", TIMESTAMP_FORM),
    open: number("open"),
    high: number("high"),
    low: number("low"),
    close: number("close"),
    volume: position.names.has(VOLUME_COLUMN) ? number(VOLUME_COLUMN) : 0,
  };
}

function toTimestamp(value: unknown): number | undefined {
  if (typeof value === "string") return parseTimestamp(value);
  if (typeof value === "number" && Number.isSafeInteger(value)) return toTimestamp(BigInt(value));
  let ms = NaN;
  if (value instanceof Date) ms = value.getTime();
  // The column does not say its unit. From 1973 to 5138 the ranges of ms, us and ns do not overlap.
  else if (typeof value === "bigint" && value >= 10n ** 11n && value < 10n ** 20n) {
    if (value < 10n ** 14n) ms = Number(value);
    else ms = wholeMs(value, value < 10n ** 17n ? 1000n : 1_000_000n);
  }
  return Number.isInteger(ms) ? ms : undefined;
}

/** Milliseconds from a finer unit; NaN if they are not whole. */
function wholeMs(time: bigint, perMs: bigint): number {
  return time % perMs === 0n ? Number(time / perMs) : NaN;
}
