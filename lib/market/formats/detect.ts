/** Tells what a file of bars is by its content: magic bytes first, then its shape. */
import { CarryoverError } from "../../errors.ts";
import { closest } from "../../util/closest.ts";
import { badData, quote } from "../bar.ts";
import { isArrow, readArrowTable } from "./arrow.ts";
import { binance } from "./binance.ts";
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

/**
 * Reads every table of bars in a file, which may be zipped.
 *
 * @param options `format`: one of `FORMAT_NAMES`. @default by content
 * @throws {CarryoverError} `BAD_DATA` for what is not recognised or malformed, `BAD_USAGE` for an unknown format.
 */
export async function readForeignBars(
  source: SourceFile,
  options: { format?: string | undefined } = {},
): Promise<ForeignBars[]> {
  const { format } = options;
  if (format !== undefined && !FORMAT_NAMES.includes(format)) {
    const near = closest(format, FORMAT_NAMES);
    const hint = near === undefined ? `known: ${FORMAT_NAMES.join(", ")}` : `did you mean "${near}"?`;
    throw new CarryoverError("BAD_USAGE", `Unknown format ${quote(format)}; ${hint}`);
  }
  const found: ForeignBars[] = [];
  for (const file of await unpack(source)) found.push(await readOne(file, format));
  return found;
}

async function readOne({ name, bytes }: SourceFile, format: string | undefined): Promise<ForeignBars> {
  if (isParquet(bytes)) return readPlain(await readParquetTable(bytes, name), "Parquet");
  if (isArrow(bytes)) return readPlain(await readArrowTable(bytes, name), "Arrow");
  const start = decodeText(bytes.subarray(0, 64)).replace("\uFEFF", "").trimStart();
  if (/^[[{]/.test(start)) {
    const json = readJsonTable(bytes, name);
    if (json !== undefined) return readPlain(json.table, json.format, json.zone);
  }
  const table = readTextTable(bytes, name);
  if (table === undefined)
    throw notRecognised(name, start === "" ? "an empty file" : `a file that begins with ${quote(start)}`);
  const formats = TEXT_FORMATS.filter((each) => format === undefined || each.name === format);
  for (const each of formats) {
    const layout = each.layoutOf(table);
    if (layout !== undefined) return readTable(table, layout);
  }
  const what =
    table.names === undefined
      ? `columns like ${quote(String(table.rows[0]))}`
      : `the columns ${quote(table.names.join(","))}`;
  throw notRecognised(name, what);
}

/** Reads a table by the names of its columns. */
function readPlain(table: Table, format: string, zone?: string): ForeignBars {
  const layout = plainTable.layoutOf(table);
  if (layout === undefined) throw notRecognised(table.file, `the columns ${quote((table.names ?? []).join(","))}`);
  return readTable(table, { ...layout, format, ...(zone === undefined ? {} : { zone }) });
}

function notRecognised(file: string, found: string): CarryoverError {
  return badData(
    { file },
    { found, expected: "bars: a time, open, high, low and close in each row (docs/FORMATS.md)" },
  );
}
