import { badData, MAX_UNPACKED_BYTES } from "../bar.ts";
import { messageOf } from "../../errors.ts";
import { gunzip } from "../../util/gunzip.ts";
import type { SourceFile } from "./foreign-bars.ts";

/** Files that lie beside bars: hidden ones, what Spark and Dask write about a folder, checksums, notes. */
const BESIDE_BARS = /^(?:[._]|readme)|\.(?:checksum|md5|sha256)$/i;

/**
 * Whether a file in a folder or a zip is about the others.
 *
 * @param others The names of all. HistData has a report in `X.txt` about the bars in `X.csv`.
 */
export function isBesideBars(name: string, others: ReadonlySet<string>): boolean {
  const isReport = /\.txt$/i.test(name) && others.has(name.replace(/txt$/i, "csv"));
  return isReport || name.split("/").some((part) => BESIDE_BARS.test(part));
}

/**
 * The files in a zip or a gzip, recognised by content; any other file as it is. Zips in zips are not opened.
 *
 * @throws {CarryoverError} `BAD_DATA` for a damaged archive, one without a file, or one that unpacks to more than 512 MiB.
 * @param options `maxBytes`: of a gzip, of all files in a zip together, and of all gzips in it, unpacked. @default 512 MiB
 */
export async function unpack(
  { name, bytes }: SourceFile,
  { maxBytes = MAX_UNPACKED_BYTES }: { maxBytes?: number } = {},
): Promise<readonly SourceFile[]> {
  const isZip = bytes[0] === 0x50 && bytes[1] === 0x4b && bytes[2] === 0x03 && bytes[3] === 0x04;
  if (!isZip) return [await gunzipped({ name, bytes }, maxBytes)];
  const files: SourceFile[] = [];
  let room = maxBytes;
  for (const packed of await unzip({ name, bytes }, maxBytes)) {
    const file = await gunzipped(packed, Math.max(0, room));
    room -= file.bytes.length;
    files.push(file);
  }
  return files;
}

async function gunzipped({ name, bytes }: SourceFile, maxBytes: number): Promise<SourceFile> {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return { name, bytes };
  const unpacked = await gunzip(bytes.slice(), {
    maxBytes,
    refuse: (details) => badData({ file: name }, details),
  });
  return { name: name.replace(/\.gz$/i, ""), bytes: unpacked };
}

async function unzip({ name, bytes }: SourceFile, maxBytes: number): Promise<readonly SourceFile[]> {
  const { unzipSync } = await import("fflate/browser");
  let size = 0;
  try {
    const files = unzipSync(bytes, {
      filter: (file) => {
        // A stored file is as large as it is, whatever the archive says. Names that share it are copies.
        size += file.compression === 0 ? Math.max(file.originalSize, file.size) : file.originalSize;
        if (size > maxBytes) throw new RangeError(`more than ${maxBytes} bytes when unpacked`);
        return !file.name.endsWith("/");
      },
    });
    if ("[Content_Types].xml" in files) throw new RangeError("a workbook of Excel: save its sheet as CSV");
    const names = new Set(Object.keys(files));
    const sources = Object.entries(files)
      .filter(([inside]) => !isBesideBars(inside, names))
      .map(([inside, content]) => ({ name: `${name}/${inside}`, bytes: content }));
    if (sources.length === 0) throw new RangeError("no file");
    return sources;
  } catch (cause) {
    throw badData({ file: name }, { found: messageOf(cause), expected: "a zip that opens", cause });
  }
}
