/** Rows as CSV, lines of JSON or Parquet, written as they come. */
import type * as Writer from "hyparquet-writer";
import { loadOptional } from "../util/optional-packages.ts";
import type { ColumnHead, ColumnType, Value } from "./export-columns.ts";

export const FORMATS = ["csv", "parquet", "ndjson"] as const;
export type Format = (typeof FORMATS)[number];

type RowSource = AsyncIterable<readonly (readonly Value[])[]>;
/** Takes bytes, which may be used again when it returns. */
type Write = (bytes: Uint8Array) => Promise<void>;

/**
 * Writes a table.
 *
 * @returns The number of rows.
 * @throws {CarryoverError} `NOT_FOUND` if the package that writes Parquet is not installed.
 */
export function writeTable(
  format: Format,
  table: { columns: readonly ColumnHead[]; rows: RowSource },
  write: Write,
): Promise<number> {
  if (format === "parquet") return writeParquet(table, write);
  return writeText(table, format === "csv" ? csvOf(table.columns) : jsonLinesOf(table.columns), write);
}

interface TextFormat {
  readonly header: string;
  readonly line: (row: readonly Value[]) => string;
}

async function writeText({ rows }: { rows: RowSource }, { header, line }: TextFormat, write: Write): Promise<number> {
  const encoder = new TextEncoder();
  let count = 0;
  if (header !== "") await write(encoder.encode(header));
  for await (const batch of rows) {
    count += batch.length;
    let text = "";
    for (const row of batch) text += line(row);
    if (text !== "") await write(encoder.encode(text));
  }
  return count;
}

/** CSV as RFC 4180 has it, with line feeds. What is not there is empty. */
function csvOf(columns: readonly ColumnHead[]): TextFormat {
  const isText = columns.map(({ type }) => type === "text");
  return {
    header: `${columns.map(({ name }) => name).join(",")}\n`,
    line: (row) => {
      let line = "";
      for (let i = 0; i < row.length; i++) {
        const value = row[i];
        if (i > 0) line += ",";
        if (value === null || value === undefined) continue;
        line += isText[i] ? textCell(String(value)) : String(value);
      }
      return `${line}\n`;
    },
  };
}

/**
 * A text as a cell. An apostrophe keeps a spreadsheet from running it as a formula, as OWASP advises
 * (https://owasp.org/www-community/attacks/CSV_Injection).
 */
function textCell(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

function jsonLinesOf(columns: readonly ColumnHead[]): TextFormat {
  const names = columns.map(({ name }) => JSON.stringify(name));
  return {
    header: "",
    line: (row) => `{${row.map((value, i) => `${names[i]}:${JSON.stringify(value ?? null)}`).join(",")}}\n`,
  };
}

const PARQUET_TYPES = {
  text: "STRING",
  number: "DOUBLE",
  integer: "INT32",
  boolean: "BOOLEAN",
  time: "TIMESTAMP",
} as const satisfies Record<ColumnType, string>;

/** Rows that Parquet keeps together, and that are in memory at a time. */
const ROW_GROUP = 10_000;

async function writeParquet(
  { columns, rows }: { columns: readonly ColumnHead[]; rows: RowSource },
  write: Write,
): Promise<number> {
  const { ByteWriter, ParquetWriter, schemaFromColumnData } = await loadWriter();
  const emptyGroup = (): Writer.ColumnSource[] =>
    columns.map(({ name, type }) => ({ name, type: PARQUET_TYPES[type], nullable: true, data: [] }));
  const writer = new ByteWriter();
  const flush = async (): Promise<void> => {
    await write(new Uint8Array(writer.buffer, 0, writer.index));
    writer.index = 0;
  };
  Object.assign(writer, { flush, finish: flush });
  const parquet = new ParquetWriter({ writer, schema: schemaFromColumnData({ columnData: emptyGroup() }) });
  let count = 0;
  let group = emptyGroup();
  const writeGroup = async (): Promise<void> => {
    await parquet.write({ columnData: group, rowGroupSize: ROW_GROUP });
    group = emptyGroup();
  };
  for await (const batch of rows) {
    for (const row of batch) {
      columns.forEach((head, i) => (group[i]!.data as unknown[]).push(parquetValue(head, row[i])));
      count += 1;
      if (count % ROW_GROUP === 0) await writeGroup();
    }
  }
  if (count === 0 || count % ROW_GROUP > 0) await writeGroup();
  await parquet.finish();
  return count;
}

function parquetValue({ type }: ColumnHead, value: Value): unknown {
  if (value === null || value === undefined) return undefined;
  return type === "time" ? new Date(String(value)) : value;
}

function loadWriter(): Promise<typeof Writer> {
  return loadOptional(() => import("hyparquet-writer"), {
    tried: "Cannot write Parquet",
    packages: ["hyparquet-writer"],
  });
}
