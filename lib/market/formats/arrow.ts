import { msOfUnits } from "../../util/time.ts";
import { badData } from "../bar.ts";
import { type Table, typedTable } from "./foreign-bars.ts";
import { decodeLz4Frame } from "./lz4.ts";
import { shortestFloat32 } from "./numbers.ts";

/** Units in a millisecond, by the format's number of the unit: seconds, milliseconds, microseconds, nanoseconds. */
const PER_MS = [undefined, 1n, 1000n, 1_000_000n];

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
    const table = tableFromIPC(new Uint8Array(bytes), { useBigInt: true, useBigIntTimestamp: true });
    const { fields } = table.schema;
    const columns = fields.map(({ type }, i) => {
      const values = [...table.getChildAt(i)] as unknown[];
      const read = (of: (value: unknown) => unknown): unknown[] =>
        values.map((value) => (value === null ? null : of(value)));
      if (type.typeId === Type.Date) return read((ms) => wallClock(new Date(ms as number)));
      if (type.typeId === Type.Timestamp) {
        return read((time) => {
          const date = dateOf(time as bigint, PER_MS[type.unit]);
          return type.timezone ? date : wallClock(date);
        });
      }
      const isFloat32 = type.typeId === Type.Float && type.precision === 1;
      return isFloat32 ? read((value) => shortestFloat32(value as number)) : values;
    });
    const names = fields.map(({ name }) => name);
    const rows = Array.from({ length: table.numRows }, (_, row) => columns.map((column) => column[row]));
    return typedTable(file, { names, rows, unit: "row" });
  } catch (cause) {
    const found = "a damaged or incomplete file, or a compression other than lz4 and zstd";
    throw badData({ file }, { found, expected: "an Arrow or Feather file", cause });
  }
}

/** @param perMs Units in a millisecond; `undefined` for seconds. */
function dateOf(time: bigint, perMs: bigint | undefined): Date {
  return new Date(perMs === undefined ? 1000 * Number(time) : msOfUnits(time, perMs));
}

/** A time without a zone, as text. */
function wallClock(date: Date): string {
  return date.toISOString().slice(0, -1);
}
