import { badData } from "../bar.ts";
import { CarryoverError } from "../../errors.ts";
import { assertPages } from "../parquet-pages.ts";
import { assertSize, TIMESTAMP_PARSERS } from "../parquet.ts";
import { type Table, typedTable } from "./foreign-bars.ts";
import { shortestFloat32 } from "./numbers.ts";

/** A Parquet file begins with `PAR1`. */
export function isParquet(bytes: Uint8Array): boolean {
  return bytes[0] === 0x50 && bytes[1] === 0x41 && bytes[2] === 0x52 && bytes[3] === 0x31;
}

/**
 * Reads a Parquet file of any encoding and compression. The first call loads the reader.
 *
 * @throws {CarryoverError} `BAD_DATA` for a damaged file.
 */
export async function readParquetTable(bytes: Uint8Array, file: string): Promise<Table> {
  const [{ parquetMetadata, parquetReadObjects, parquetSchema }, { compressors }] = await Promise.all([
    import("hyparquet"),
    import("hyparquet-compressors"),
  ]);
  // A copy of its own: small files share their memory on Node, whose `slice()` does not copy.
  const { buffer } = new Uint8Array(bytes);
  try {
    const metadata = parquetMetadata(buffer);
    const elements = parquetSchema(metadata).children.map(({ element }) => element);
    const names = elements.map(({ name }) => name);
    if (!names.every((name) => typeof name === "string")) throw new RangeError("a column has no name");
    assertSize(metadata, { columns: names, file });
    await assertPages(metadata, { buffer, columns: names });
    const records = await parquetReadObjects({ file: buffer, metadata, compressors, parsers: TIMESTAMP_PARSERS });
    const rows = records.map((record) => elements.map((element) => cellOf(record[element.name], element)));
    return typedTable(file, { names, rows, unit: "row" });
  } catch (cause) {
    if (cause instanceof CarryoverError) throw cause;
    throw badData({ file }, { found: "damaged or incomplete Parquet", expected: "a Parquet file", cause });
  }
}

/** A date, or a timestamp that is not adjusted to UTC, is a wall clock: text without a zone. */
function cellOf(
  value: unknown,
  element: {
    readonly type?: string | undefined;
    readonly logical_type?: { readonly type: string; readonly scale?: number } | undefined;
  },
): unknown {
  if (typeof value === "number") {
    if (element.type === "FLOAT") return shortestFloat32(value);
    const scale = element.logical_type?.type === "DECIMAL" ? element.logical_type.scale : undefined;
    // The reader multiplies by a power of ten, which is off in the last bit.
    return scale === undefined ? value : Number(value.toFixed(scale));
  }
  if (!(value instanceof Date)) return value;
  const { logical_type: logical } = element;
  const isUtc = logical === undefined || !("isAdjustedToUTC" in logical) || logical.isAdjustedToUTC === true;
  return isUtc && logical?.type !== "DATE" ? value : value.toISOString().slice(0, -1);
}
