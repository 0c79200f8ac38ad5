import { messageOf } from "../../errors.ts";
import { badData } from "../bar.ts";
import { type Table, typedTable } from "./foreign-bars.ts";
import { decodeLz4Frame } from "./lz4.ts";
import { shortestFloat32 } from "./numbers.ts";

/** Feather v2 and Arrow files begin with `ARROW1`, streams with a continuation marker. */
export function isArrow(bytes: Uint8Array): boolean {
  const isFile = String.fromCharCode(...bytes.subarray(0, 6)) === "ARROW1";
  return isFile || (bytes[0] === 0xff && bytes[1] === 0xff && bytes[2] === 0xff && bytes[3] === 0xff);
}

/**
 * Reads Arrow IPC (file or stream) and Feather v2, plain or compressed by lz4 or zstd. The first call loads the reader.
 *
 * @throws {CarryoverError} `BAD_DATA` for a damaged file.
 */
export async function readArrowTable(bytes: Uint8Array, file: string): Promise<Table> {
  const [{ CompressionType, setCompressionCodec, tableFromIPC, Type }, zstd] = await Promise.all([
    import("@uwdata/flechette"),
    import("fzstd"),
  ]);
  const readOnly = (): never => {
    throw new TypeError("only reads");
  };
  // A copy of what was unpacked: columns must begin at a multiple of their width.
  setCompressionCodec(CompressionType.ZSTD, { decode: (packed) => zstd.decompress(packed).slice(), encode: readOnly });
  setCompressionCodec(CompressionType.LZ4_FRAME, { decode: decodeLz4Frame, encode: readOnly });
  try {
    const table = tableFromIPC(bytes.slice());
    const { fields } = table.schema;
    const columns = fields.map(({ type }, i) => {
      const values = [...table.getChildAt(i)] as unknown[];
      const isNaive = (type.typeId === Type.Timestamp && !type.timezone) || type.typeId === Type.Date;
      if (isNaive)
        return values.map((value) => (value === null ? null : new Date(value as number).toISOString().slice(0, -1)));
      if (type.typeId !== Type.Float || type.precision !== 1) return values;
      return values.map((value) => (value === null ? null : shortestFloat32(value as number)));
    });
    const names = fields.map(({ name }) => name);
    const rows = Array.from({ length: table.numRows }, (_, row) => columns.map((column) => column[row]));
    return typedTable(file, { names, rows, unit: "row" });
  } catch (cause) {
    throw badData({ file }, { found: messageOf(cause), expected: "an Arrow or Feather file", cause });
  }
}
