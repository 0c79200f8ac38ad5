import { readdirSync } from "node:fs";
import { join } from "node:path";
import { CarryoverError, messageOf } from "../errors.ts";
import { readRegular } from "../storage/fs.node.ts";
import type { BarSeries } from "../types.ts";
import { gunzip } from "../util/gunzip.ts";
import { badData } from "./bar.ts";
import { parseBarsCsv } from "./csv.ts";

const EXTENSIONS = [".csv", ".csv.gz", ".parquet"] as const;

/**
 * Loads each asset's bars from `<ASSET>_<timeframe>.csv`, `.csv.gz` or `.parquet` in a folder.
 *
 * @param options `timeframe` as in the files' names, such as `1h`, and its length; `explicit`: the folder was asked for
 * by name, so that it must be there.
 * @returns The series by asset, in the order of `assets`, or `undefined` if the folder has no bars at all.
 * @throws {CarryoverError} `NOT_FOUND` if an explicit folder is not there, or it has bars but not of every asset, or
 * files of an asset that are named otherwise, such as those of another timeframe; `BAD_USAGE` if an asset has two; `BAD_DATA` for bars that are malformed; `IO`.
 */
export async function loadBars(options: {
  assets: readonly string[];
  dataDir: string;
  timeframe: string;
  timeframeMs: number;
  explicit: boolean;
}): Promise<ReadonlyMap<string, BarSeries> | undefined> {
  const { assets, dataDir, timeframe, timeframeMs, explicit } = options;
  const names = new Set(listFolder(dataDir, explicit));
  const files = new Map<string, string>();
  for (const asset of assets) {
    const found = EXTENSIONS.map((extension) => `${asset}_${timeframe}${extension}`).filter((name) => names.has(name));
    if (found.length > 1) {
      const what = `found "${found.join('" and "')}" in "${dataDir}", expected one of them`;
      throw new CarryoverError("BAD_USAGE", `Cannot load bars of "${asset}": ${what}`);
    }
    if (found[0] !== undefined) files.set(asset, join(dataDir, found[0]));
  }
  const bars = [...names].filter((name) => EXTENSIONS.some((extension) => name.endsWith(`_${timeframe}${extension}`)));
  if (bars.length === 0) {
    refuseOtherNames(names, options);
    return undefined;
  }
  const missing = assets.filter((asset) => !files.has(asset)).map((asset) => `"${asset}_${timeframe}.csv"`);
  if (missing.length > 0) {
    throw new CarryoverError(
      "NOT_FOUND",
      `Cannot load bars: found no ${missing.join(", no ")} (or .csv.gz, .parquet) in "${dataDir}" beside ` +
        `${bars.slice(0, 5).toSorted().join(", ")}, expected one for each asset: synthetic and real bars never mix`,
    );
  }
  const series = new Map<string, BarSeries>();
  for (const [asset, file] of files) series.set(asset, await loadFile(file, { asset, timeframeMs }));
  return series;
}

/** Who has bars wants them: synthetic ones in their place would look like a result. */
function refuseOtherNames(
  names: ReadonlySet<string>,
  { assets, dataDir, timeframe }: { assets: readonly string[]; dataDir: string; timeframe: string },
): void {
  for (const asset of assets) {
    const others = [...names].filter((name) => isDataOf(asset, name.toLowerCase())).toSorted();
    if (others.length === 0) continue;
    const found = `found ${others.slice(0, 5).join(", ")}${others.length > 5 ? ", ..." : ""} in "${dataDir}"`;
    const expected = `expected ${asset}_${timeframe}.csv (or .csv.gz, .parquet), or another backtest.timeframe`;
    throw new CarryoverError("NOT_FOUND", `Cannot load bars of "${asset}": ${found}, ${expected}`);
  }
}

function isDataOf(asset: string, name: string): boolean {
  return name.startsWith(asset.toLowerCase()) && EXTENSIONS.some((extension) => name.endsWith(extension));
}

function listFolder(dataDir: string, explicit: boolean): string[] {
  try {
    return readdirSync(dataDir);
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
    if (code !== "ENOENT" && code !== "ENOTDIR") {
      throw new CarryoverError("IO", `Cannot list "${dataDir}": found ${messageOf(cause)}, expected a folder`, {
        cause,
      });
    }
    if (!explicit) return [];
    const found = code === "ENOENT" ? "found nothing there" : "found a file";
    throw new CarryoverError("NOT_FOUND", `Cannot load bars from "${dataDir}": ${found}, expected a folder`, { cause });
  }
}

async function loadFile(file: string, options: { asset: string; timeframeMs: number }): Promise<BarSeries> {
  const bytes = readFile(file);
  if (file.endsWith(".csv")) return parseBarsCsv(bytes, { ...options, file });
  if (file.endsWith(".gz")) return parseBarsCsv(await gunzipBars(bytes, { file }), { ...options, file });
  const { parseBarsParquet } = await import("./parquet.ts");
  return parseBarsParquet(bytes, { ...options, file });
}

function readFile(file: string): Uint8Array<ArrayBuffer> {
  try {
    return readRegular(file);
  } catch (cause) {
    throw new CarryoverError("IO", `Cannot read "${file}": found ${messageOf(cause)}, expected bars`, { cause });
  }
}

/** Eight million bars: more than a machine has room for as objects. */
const MAX_BYTES = 512 * 1024 * 1024;

/**
 * Unpacks a file of bars.
 *
 * @param bytes The whole file.
 * @param options `file` is its name in messages; `maxBytes` is where unpacking stops. @default 512 MiB
 * @throws {CarryoverError} `BAD_DATA` if it is no gzip, damaged, or larger than `maxBytes` when unpacked.
 */
export function gunzipBars(
  bytes: Uint8Array<ArrayBuffer>,
  options: { file: string; maxBytes?: number },
): Promise<Uint8Array<ArrayBuffer>> {
  const { file, maxBytes = MAX_BYTES } = options;
  return gunzip(bytes, { maxBytes, refuse: (found, expected, cause) => badData({ file }, { found, expected, cause }) });
}
