import { messageOf } from "../../errors.ts";
import { badData } from "../bar.ts";
import type { Table } from "./foreign-bars.ts";
import { decodeLz4Frame } from "./lz4.ts";
import { shortestFloat32 } from "./numbers.ts";

/** `ARROW1`, with which Feather v2 and Arrow files begin; a stream begins with a continuation marker. */
export function isArrow(bytes: Uint8Array): boolean {
  const isFile = String.fromCharCode(...bytes.subarray(0, 6)) === "ARROW1";
  return isFile || (bytes[0] === 0xff && bytes[1] === 0xff && bytes[2] === 0xff && bytes[3] === 0xff);
}

/**
 * Reads Arrow IPC (file or stream) and Feather v2, plain or compressed by lz4 or zstd. The reader is loaded when it is called.
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
    const columns = fields.map(({ name, type }, i) => {
      const values = [...table.getChildAt(i)] as unknown[];
      const isNaive = (type.typeId === Type.Timestamp && !type.timezone) || type.typeId === Type.Date;
      if (isNaive)
        return values.map((value) => (value === null ? null : new Date(value as number).toISOString().slice(0, -1)));
      const isFloat32 = type.typeId === Type.Float && type.precision === 1;
      return { name, values, isFloat32 }.isFloat32
        ? values.map((value) => (value === null ? null : shortestFloat32(value as number)))
        : values;
    });
    return {
      file,
      names: fields.map(({ name }) => name),
      rows: Array.from({ length: table.numRows }, (_, row) => columns.map((column) => column[row])),
      decimalComma: false,
      preamble: [],
      placeOf: (index) => `row ${index + 1}`,
    };
  } catch (cause) {
    throw badData({ file }, { found: messageOf(cause), expected: "an Arrow or Feather file", cause });
  }
}
