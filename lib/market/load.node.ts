import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fail, messageOf } from "../errors.ts";
import { readRegular, systemCodeOf } from "../storage/fs.node.ts";
import type { BarSeries } from "../types.ts";
import { gunzip } from "../util/gunzip.ts";
import { badData, type BarFile, MAX_UNPACKED_BYTES } from "./bar.ts";
import { parseBarsCsv } from "./csv.ts";

const EXTENSIONS = [".csv", ".csv.gz", ".parquet"] as const;

/** Where bars are looked for. */
export interface BarFolder {
  readonly assets: readonly string[];
  readonly dataDir: string;
  /** As in the files' names, such as `1h`. */
  readonly timeframe: string;
  /** Whether a missing folder is an error. @default true */
  readonly mustExist?: boolean;
}

/**
 * Loads each asset's bars from `<ASSET>_<timeframe>.csv`, `.csv.gz` or `.parquet` in a folder.
 *
 * @returns A series of each asset, in the order of `assets`; none if the folder has no bars of any asset.
 * @throws {CarryoverError} `NOT_FOUND` if the folder is missing, if it has bars of some assets only, or if it has files
 * of an asset under other names, such as another timeframe; `BAD_USAGE` if an asset has two files; `BAD_DATA` for malformed
 * bars; `IO`.
 */
export async function loadBars(options: BarFolder): Promise<readonly BarSeries[]> {
  const { assets, dataDir, timeframe, mustExist = true } = options;
  const names = listFolder(dataDir, mustExist);
  const bars = names.filter((name) => EXTENSIONS.some((extension) => name.endsWith(`_${timeframe}${extension}`)));
  if (bars.length === 0) {
    refuseOtherNames(names, options);
    return [];
  }
  const files = new Map<string, string>();
  for (const asset of assets) {
    const found = EXTENSIONS.map((extension) => `${asset}_${timeframe}${extension}`).filter((name) =>
      bars.includes(name),
    );
    if (found.length > 1) {
      const list = `"${found.join('" and "')}" in "${dataDir}"`;
      throw fail("BAD_USAGE", `Cannot load bars of "${asset}"`, { found: list, expected: "one of them" });
    }
    if (found[0] !== undefined) files.set(asset, join(dataDir, found[0]));
  }
  const missing = assets.filter((asset) => !files.has(asset)).map((asset) => `no "${asset}_${timeframe}.csv"`);
  if (missing.length > 0) {
    const others = bars.slice(0, 5).toSorted().join(", ");
    throw fail("NOT_FOUND", "Cannot load bars", {
      found: `${missing.join(", ")} (or .csv.gz, .parquet) in "${dataDir}" beside ${others}`,
      expected: "one for each asset: synthetic and real bars never mix",
    });
  }
  const series: BarSeries[] = [];
  for (const [asset, file] of files) series.push(await loadFile({ asset, timeframe, file }));
  return series;
}

/** A user with bars wants them used: a run on synthetic bars instead would look like a result. */
function refuseOtherNames(names: readonly string[], { assets, dataDir, timeframe }: BarFolder): void {
  for (const asset of assets) {
    const others = names.filter((name) => isDataOf(asset, name.toLowerCase())).toSorted();
    if (others.length === 0) continue;
    throw fail("NOT_FOUND", `Cannot load bars of "${asset}"`, {
      found: `${others.slice(0, 5).join(", ")}${others.length > 5 ? ", ..." : ""} in "${dataDir}"`,
      expected: `${asset}_${timeframe}.csv (or .csv.gz, .parquet), or another backtest.timeframe`,
    });
  }
}

function isDataOf(asset: string, name: string): boolean {
  return name.startsWith(asset.toLowerCase()) && EXTENSIONS.some((extension) => name.endsWith(extension));
}

function listFolder(dataDir: string, mustExist: boolean): string[] {
  try {
    return readdirSync(dataDir);
  } catch (cause) {
    const code = systemCodeOf(cause);
    if (code !== "ENOENT" && code !== "ENOTDIR") {
      throw fail("IO", `Cannot list "${dataDir}"`, { found: messageOf(cause), expected: "a folder", cause });
    }
    if (!mustExist) return [];
    const found = code === "ENOENT" ? "nothing there" : "a file";
    throw fail("NOT_FOUND", `Cannot load bars from "${dataDir}"`, { found, expected: "a folder", cause });
  }
}

async function loadFile(options: BarFile): Promise<BarSeries> {
  const { file } = options;
  const bytes = readFile(file);
  if (file.endsWith(".csv")) return parseBarsCsv(bytes, options);
  if (file.endsWith(".gz")) return parseBarsCsv(await gunzipBars(bytes, { file }), options);
  const { parseBarsParquet } = await import("./parquet.ts");
  return parseBarsParquet(bytes, options);
}

function readFile(file: string): Uint8Array<ArrayBuffer> {
  try {
    return readRegular(file);
  } catch (cause) {
    throw fail("IO", `Cannot read "${file}"`, { found: messageOf(cause), expected: "bars", cause });
  }
}

/**
 * Unpacks a file of bars.
 *
 * @param bytes The whole file.
 * @param options `file` is its name in messages; `maxBytes` is the largest unpacked size. @default 512 MiB
 * @throws {CarryoverError} `BAD_DATA` if it is not gzip, is damaged or unpacks to more than `maxBytes`.
 */
export function gunzipBars(
  bytes: Uint8Array<ArrayBuffer>,
  options: { file: string; maxBytes?: number },
): Promise<Uint8Array<ArrayBuffer>> {
  const { file, maxBytes = MAX_UNPACKED_BYTES } = options;
  return gunzip(bytes, { maxBytes, refuse: (details) => badData({ file }, details) });
}
