/** Tells what a file of bars is by its content: magic bytes first, then its shape. */
import { CarryoverError } from "../../errors.ts";
import { closest } from "../../util/closest.ts";
import { badData, quote } from "../bar.ts";
import { isArrow, readArrowTable } from "./arrow.ts";
import { binance } from "./binance.ts";
import { priceColumns } from "./columns.ts";
import { cryptoDataDownload } from "./cryptodatadownload.ts";
import { databento } from "./databento.ts";
import { dukascopy } from "./dukascopy.ts";
import type { ForeignBars, SourceFile, Table, TextFormat } from "./foreign-bars.ts";
import { histData } from "./histdata.ts";
import { interactiveBrokers } from "./interactive-brokers.ts";
import { readJsonTable } from "./json.ts";
import { kraken } from "./kraken.ts";
import { lean } from "./lean.ts";
import { metatrader } from "./metatrader.ts";
import { ninjaTrader } from "./ninjatrader.ts";
import { isParquet, readParquetTable } from "./parquet.ts";
import { readTable } from "./read-table.ts";
import { sierraChart } from "./sierra-chart.ts";
import { stooq } from "./stooq.ts";
import { alpaca, bareColumns, polygon, plainTable, tradingView } from "./tables.ts";
import { tradeStation } from "./tradestation.ts";
import { decodeText, readTextTable } from "./text-table.ts";
import { unpack } from "./unpack.ts";
import { yahoo } from "./yahoo.ts";

/** In the order in which they are tried, the strictest first. */
const TEXT_FORMATS: readonly TextFormat[] = [
  binance,
  cryptoDataDownload,
  ninjaTrader,
  histData,
  metatrader,
  dukascopy,
  databento,
  interactiveBrokers,
  tradeStation,
  sierraChart,
  stooq,
  yahoo,
  polygon,
  alpaca,
  tradingView,
  plainTable,
  lean,
  kraken,
  bareColumns,
];

const FORMAT_NAMES: readonly string[] = [...TEXT_FORMATS.map(({ name }) => name), "json", "parquet", "arrow"];

interface ReadOptions {
  readonly asset: string;
  readonly format?: string | undefined;
}

/**
 * Reads every table of bars in a file, which may be zipped.
 *
 * @param options `asset`: whose columns are read of a table with several side by side; `format`: one of `FORMAT_NAMES`, @default by content
 * @throws {CarryoverError} `BAD_DATA` for what is not recognised or malformed, `BAD_USAGE` for an unknown format.
 */
export async function readForeignBars(source: SourceFile, options: ReadOptions): Promise<ForeignBars[]> {
  const { format } = options;
  if (format !== undefined && !FORMAT_NAMES.includes(format)) {
    const near = closest(format, FORMAT_NAMES);
    const hint = near === undefined ? `known: ${FORMAT_NAMES.join(", ")}` : `did you mean "${near}"?`;
    throw new CarryoverError("BAD_USAGE", `Unknown format ${quote(format)}; ${hint}`);
  }
  const found: ForeignBars[] = [];
  for (const file of await unpack(source)) found.push(await readOne(file, options));
  return found;
}

async function readOne(file: SourceFile, { format, asset }: ReadOptions): Promise<ForeignBars> {
  const { name, bytes } = file;
  const binary = isParquet(bytes) ? "parquet" : isArrow(bytes) ? "arrow" : undefined;
  if (binary !== undefined) {
    if (format !== undefined && format !== binary) throw notRecognised(name, `the format "${binary}"`, format);
    const read = binary === "parquet" ? readParquetTable : readArrowTable;
    return readPlain(await read(bytes, name), { format: binary === "parquet" ? "Parquet" : "Arrow", asset });
  }
  const other = knownBinary(bytes);
  if (other !== undefined) throw notRecognised(name, other);
  const start = decodeText(bytes.subarray(0, 64)).replace("\uFEFF", "").trimStart();
  if (/^[[{]/.test(start) && (format ?? "json") === "json") {
    const json = readJsonTable(bytes, name);
    if (json === undefined) throw notRecognised(name, "JSON that is cut off, or without bars", format);
    return readPlain(json.table, { ...json, asset });
  }
  const table = readTextTable(bytes, name);
  if (table === undefined) {
    const [line = ""] = start.split(/\r?\n|\r/, 1);
    throw notRecognised(
      name,
      start === "" ? "an empty file" : `no line of five columns: the first is ${quote(line)}`,
      format,
    );
  }
  for (const each of TEXT_FORMATS.filter(({ name: known }) => (format ?? known) === known)) {
    const layout = each.layoutOf(table, asset);
    if (layout !== undefined) return readTable(table, layout);
  }
  throw format === undefined ? unknownTable(table) : notRecognised(name, columnsOf(table), format);
}

/** What the first bytes of other binary files say. */
function knownBinary(bytes: Uint8Array): string | undefined {
  const start = String.fromCharCode(...bytes.subarray(0, 8));
  if (start.startsWith("FEA1")) return "Feather of version 1: write version 2";
  if (start.startsWith("\x89HDF")) return "HDF5: write Parquet or CSV";
  if (bytes[0] === 0x80 && bytes[1]! <= 5) return "a pickle of Python: write Parquet or CSV";
  return start.startsWith("\xD0\xCF\x11\xE0") ? "an old workbook of Excel: save its sheet as CSV" : undefined;
}

/** Reads a table by the names of its columns. */
function readPlain(table: Table, options: { format: string; asset: string; zone?: string }): ForeignBars {
  const { asset, ...about } = options;
  const layout = plainTable.layoutOf(table, asset);
  if (layout === undefined) throw unknownTable(table);
  return readTable(table, { ...layout, ...about });
}

function columnsOf({ names, rows }: Table): string {
  return names === undefined ? `columns like ${quote(String(rows[0]))}` : `the columns ${quote(names.join(","))}`;
}

function unknownTable(table: Table): CarryoverError {
  if (priceColumns(table.names ?? []) === undefined) return notRecognised(table.file, columnsOf(table));
  const expected =
    'a column of times beside the prices, called "timestamp", "datetime", "date", "time", "dt" or "unix"';
  return badData({ file: table.file }, { found: columnsOf(table), expected: `${expected} (docs/FORMATS.md)` });
}

function notRecognised(file: string, found: string, format?: string): CarryoverError {
  const bars = "bars: a time, open, high, low and close in each row (docs/FORMATS.md)";
  return badData({ file }, { found, expected: format === undefined ? bars : `the format "${format}"` });
}
