import type { FileMetaData } from "hyparquet";
import { CarryoverError } from "../errors.ts";
import type { Bar, BarSeries } from "../types.ts";
import { msOfUnits, parseEpoch } from "../util/time.ts";
import {
  badData,
  BAR_TABLE,
  BAR_TIME_FORM,
  type BarFile,
  MAX_UNPACKED_BYTES,
  NUMBER_FORM,
  parseBarTime,
  quote,
} from "./bar.ts";
import { findColumns } from "./find-columns.ts";
import { assertPages } from "./parquet-pages.ts";
import { SeriesBuilder } from "./series-builder.ts";

/** Reads timestamps as dates, rounded as those of a text. */
export const TIMESTAMP_PARSERS = {
  timestampFromMicroseconds: (us: bigint): Date => new Date(msOfUnits(us, 1000n)),
  timestampFromNanoseconds: (ns: bigint): Date => new Date(msOfUnits(ns, 1_000_000n)),
};

/** The file's own name for each of our columns. */
type ColumnNames = ReadonlyMap<string, string>;

type Row = Readonly<Record<string, unknown>>;

/**
 * Reads all bars of a Parquet file of any compression with the columns of `parseBarsCsv` at the top level, in any order and
 * case. The timestamp is a TIMESTAMP of any unit, an INT64 of epoch s, ms, us or ns (told apart by magnitude), a DATE, or text as
 * in CSV. The first call loads the Parquet reader.
 *
 * @throws {CarryoverError} `BAD_DATA` naming file, row (the first is 1) and column.
 */
export async function parseBarsParquet(bytes: Uint8Array<ArrayBuffer>, options: BarFile): Promise<BarSeries> {
  const { file } = options;
  const series = new SeriesBuilder({ ...options, placeOf: (row) => `row ${row}` });
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
    const names = columnNames(
      parquetSchema(metadata).children.map(({ element }) => element.name),
      file,
    );
    const columns = [...names.values()];
    assertSize(metadata, { columns, file });
    await assertPages(metadata, { buffer, columns });
    const source = { byteLength: buffer.byteLength, slice: (from: number, to?: number) => buffer.slice(from, to) };
    const rows = await parquetReadObjects({ file: source, metadata, columns, compressors, parsers: TIMESTAMP_PARSERS });
    return { rows, names };
  } catch (cause) {
    if (cause instanceof CarryoverError) throw cause;
    throw badData({ file }, { found: "no or damaged Parquet", expected: "a Parquet file", cause });
  }
}

function columnNames(names: readonly string[], file: string): ColumnNames {
  const positions = findColumns(names, BAR_TABLE, { file });
  const wanted = [...BAR_TABLE.columns, ...BAR_TABLE.optional];
  return new Map(
    wanted.flatMap((column, i) => (positions[i] === -1 ? [] : [[column, names[positions[i]!]!] as const])),
  );
}

/**
 * Refuses columns that are too large when unpacked, as the file's metadata has it.
 *
 * @throws {CarryoverError} `BAD_DATA`
 */
export function assertSize(
  metadata: FileMetaData,
  { columns, file }: { columns: readonly string[]; file: string },
): void {
  let size = 0;
  for (const { meta_data: meta } of metadata.row_groups.flatMap((group) => group.columns)) {
    if (meta !== undefined && columns.includes(meta.path_in_schema[0]!)) size += Number(meta.total_uncompressed_size);
  }
  if (size <= MAX_UNPACKED_BYTES) return;
  throw badData({ file }, { found: `${size} bytes when unpacked`, expected: `at most ${MAX_UNPACKED_BYTES}` });
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
    timestamp: toTimestamp(value("timestamp")) ?? refuse("timestamp", BAR_TIME_FORM),
    open: number("open"),
    high: number("high"),
    low: number("low"),
    close: number("close"),
    volume: isEmpty(value("volume")) ? 0 : number("volume"),
  };
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || Number.isNaN(value);
}

function toTimestamp(value: unknown): number | undefined {
  if (typeof value === "string") return parseBarTime(value);
  if (typeof value === "bigint" || Number.isSafeInteger(value)) return parseEpoch(String(value));
  return value instanceof Date ? value.getTime() : undefined;
}
