import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { CarryoverError, fail, messageOf } from "../errors.ts";
import { readRegular, systemCodeOf } from "../storage/fs.node.ts";
import { DEFAULTS } from "../settings.ts";
import type { BarSeries } from "../types.ts";
import { assetFileName } from "../config/asset-name.ts";
import { closest } from "../util/closest.ts";
import { scriptCommand, shownPath } from "../util/command-line.node.ts";
import { gunzip } from "../util/gunzip.ts";
import { shellWord } from "../util/names.ts";
import { DAY_MS, msOfTimeframe } from "../util/time.ts";
import { badData, type BarFile, MAX_UNPACKED_BYTES } from "./bar.ts";
import { assetOfBarsFile, barsFileName, isBarsFileOf, isLikeBarsOf, timeframeOfBarsFile } from "./bars-file-name.ts";
import { parseBarsCsv } from "./csv.ts";

/** Where bars are looked for. */
export interface BarFolder {
  readonly assets: readonly string[];
  readonly dataDir: string;
  /** Such as `1h`. */
  readonly timeframe: string;
}

/** Files that a message names. */
const MAX_NAMES = 5;

/** Within so many bars most trades reach a stop of 3 or a target of 4.5 ATR. */
const MAX_HOLDING_BARS = 60;

/**
 * Loads each asset's bars from `<ASSET>_<timeframe>.csv`, `.csv.gz` or `.parquet` in a folder.
 *
 * @returns A series of each asset, in the order of `assets`.
 * @throws {CarryoverError} `NOT_FOUND` if the folder is missing, or has no bars of an asset; `BAD_USAGE` if an asset has two files;
 * `BAD_DATA` for malformed bars; `IO`.
 */
export async function loadBars(options: BarFolder): Promise<readonly BarSeries[]> {
  const { assets, dataDir, timeframe } = options;
  const timeframeMs = msOfTimeframe(timeframe);
  const names = listFolder(dataDir).toSorted();
  const files = assets.map((asset) => ({
    asset,
    found: names.filter((name) => isBarsFileOf(name, { asset, timeframeMs })),
  }));
  for (const { asset, found } of files) {
    if (found.length < 2) continue;
    const list = `"${found.join('" and "')}" in "${dataDir}"`;
    throw fail("BAD_USAGE", `Cannot load bars of "${asset}"`, { found: list, expected: "one of them" });
  }
  const missing = files.filter(({ found }) => found.length === 0).map(({ asset }) => asset);
  if (missing.length > 0) throw notThere(missing, names, options);
  const series: BarSeries[] = [];
  for (const { asset, found } of files)
    series.push(await loadFile({ asset, timeframe, file: join(dataDir, found[0]!) }));
  return series;
}

/** Says what is there in place of an asset's bars, whatever its name and format. */
function notThere(
  missing: readonly string[],
  names: readonly string[],
  { assets, dataDir, timeframe }: BarFolder,
): CarryoverError {
  const wanted = missing.map((asset) => `no "${barsFileName(asset, timeframe)}"`).join(", ");
  const alike = missing.flatMap((asset) =>
    names.filter((name) => isLikeBarsOf(name, asset)).map((name) => ({ asset, name })),
  );
  // A folder's only file, if it is no other asset's, is what was meant.
  if (alike.length + names.length === 1 && missing.length === 1 && assetOfBarsFile(names[0]!) === undefined) {
    alike.push({ asset: missing[0]!, name: names[0]! });
  }
  const shown = alike.length > 0 ? alike.map(({ name }) => name) : names;
  const list = `${shown.slice(0, MAX_NAMES).join(", ")}${shown.length > MAX_NAMES ? ", ..." : ""}`;
  const { message } = fail("NOT_FOUND", "Cannot load bars", {
    found: `${wanted} in "${dataDir}", which has ${names.length === 0 ? "no files" : list}`,
    expected: "a .csv, .csv.gz or .parquet of each asset",
  });
  const there = assets.filter((asset) => !missing.includes(asset));
  const advice = meantAssets(missing, { names, there }) ?? adviceOn(alike, { dataDir, there });
  return new CarryoverError("NOT_FOUND", `${message}\n${advice}`);
}

/**
 * The assets that have bars under nearly the same name, in another case for instance; `undefined` if one has none, or all are right.
 *
 * @param files `there`: assets of the run that have bars, so that nothing else was meant by them.
 */
function meantAssets(
  missing: readonly string[],
  { names, there }: { names: readonly string[]; there: readonly string[] },
): string | undefined {
  const taken = new Set(there.map(assetFileName));
  const known = assetsOf(names).filter((name) => !taken.has(name));
  const meant = missing.map((asset) => closest(assetFileName(asset), known));
  const areRight = missing.every((asset, i) => assetFileName(asset) === meant[i]);
  return meant.includes(undefined) || areRight
    ? undefined
    : `Did you mean ${meant.map((name) => JSON.stringify(name)).join(", ")}?`;
}

/** The assets of the files of bars among names, as the names have them. */
function assetsOf(names: readonly string[]): string[] {
  return [...new Set(names.flatMap((name) => assetOfBarsFile(name) ?? []))];
}

/**
 * Refuses costs of assets that are nowhere: a misspelt name would leave its asset without them.
 *
 * @param options `named`: assets that have costs of their own; `assets`: those of the run.
 * @throws {CarryoverError} `BAD_CONFIG`, `NOT_FOUND`, `IO`.
 */
export function assertCostsOfAssets({
  named,
  assets,
  dataDir,
}: { named: readonly string[] } & Omit<BarFolder, "timeframe">): void {
  const ofRun = new Set(assets.map(assetFileName));
  const others = assetsOf(listFolder(dataDir)).filter((name) => !ofRun.has(name));
  const unknown = named.filter((asset) => !ofRun.has(assetFileName(asset)) && !others.includes(assetFileName(asset)));
  if (unknown.length === 0) return;
  const known = [...assets, ...others];
  const lines = unknown.map((asset) => {
    const suggestion = closest(asset, known);
    const expected = suggestion === undefined ? `one of ${known.slice(0, MAX_NAMES).join(", ")}` : `"${suggestion}"`;
    const found = `"${asset}", which is not in backtest.assets and has no bars in "${dataDir}"`;
    return fail("BAD_CONFIG", "Cannot use backtest.asset_costs", { found, expected }).message;
  });
  throw new CarryoverError("BAD_CONFIG", lines.join("\n"));
}

/** What to do where an asset has no bars, but may have other files. */
function adviceOn(
  alike: readonly { readonly asset: string; readonly name: string }[],
  { dataDir, there }: { dataDir: string; there: readonly string[] },
): string {
  const timeframes = alike.flatMap(({ asset, name }) => timeframeOfBarsFile(name, asset) ?? []);
  const [timeframe] = timeframes;
  if (timeframe !== undefined) {
    const decides = msOfTimeframe(DEFAULTS.backtest.decision_interval) % msOfTimeframe(timeframe) === 0;
    const holding = `${Math.ceil((MAX_HOLDING_BARS * msOfTimeframe(timeframe)) / DAY_MS)}d`;
    const longer = decides
      ? ""
      : ` --set backtest.decision_interval=${timeframe} --set backtest.risk.max_holding=${holding}`;
    return `There are bars of ${[...new Set(timeframes)].join(", ")}: --set backtest.timeframe=${timeframe}${longer} chooses them`;
  }
  const [first] = alike;
  if (first === undefined && there.length > 0) {
    return `--assets ${shellWord(there.join(","))} runs on those that have bars; import-bars and fetch-bars make such files`;
  }
  if (first === undefined) return "import-bars and fetch-bars make such files; --synthetic runs on made-up bars";
  return `import-bars reads files of other systems: ${importCommand(join(dataDir, first.name), { asset: first.asset, dataDir })}`;
}

/** The command that imports a file into a folder of bars. */
function importCommand(file: string, options: { asset: string; dataDir: string; flags?: readonly string[] }): string {
  const { asset, dataDir, flags = [] } = options;
  const words = [shownPath(file), "--asset", asset, ...flags, "--data-dir", shownPath(dataDir)];
  return [scriptCommand("import-bars"), ...words.map(shellWord)].join(" ");
}

function listFolder(dataDir: string): string[] {
  try {
    return readdirSync(dataDir);
  } catch (cause) {
    const code = systemCodeOf(cause);
    if (code !== "ENOENT" && code !== "ENOTDIR") {
      throw fail("IO", `Cannot list "${dataDir}"`, { found: messageOf(cause), expected: "a folder", cause });
    }
    const found = code === "ENOENT" ? "nothing there" : "a file";
    const expected = "a folder: --data-dir or backtest.data_dir names it; --synthetic runs on made-up bars";
    throw fail("NOT_FOUND", `Cannot load bars from "${dataDir}"`, { found, expected, cause });
  }
}

async function loadFile(options: BarFile): Promise<BarSeries> {
  const { file } = options;
  const bytes = readFile(file);
  try {
    return await parseFile(bytes, options);
  } catch (error) {
    if (!(error instanceof CarryoverError) || error.code !== "BAD_DATA") throw error;
    throw await withImportCommand(error, bytes, options);
  }
}

async function parseFile(bytes: Uint8Array<ArrayBuffer>, options: BarFile): Promise<BarSeries> {
  const { file } = options;
  if (/\.csv$/i.test(file)) return parseBarsCsv(bytes, options);
  if (/\.gz$/i.test(file)) return parseBarsCsv(await gunzipBars(bytes, { file }), options);
  const { parseBarsParquet } = await import("./parquet.ts");
  return parseBarsParquet(bytes, options);
}

/** The error, and the command that makes bars of the file if it is one of another system. */
async function withImportCommand(error: CarryoverError, bytes: Uint8Array, options: BarFile): Promise<CarryoverError> {
  const { asset, file, timeframe } = options;
  const { importHint } = await import("./import-hint.ts");
  const hint = await importHint({ name: file, bytes, asset, timeframeMs: msOfTimeframe(timeframe) });
  if (hint === undefined) return error;
  const command = importCommand(file, { asset, dataDir: dirname(file), flags: hint.flags });
  const zone = hint.flags.includes("--timezone") ? ", with the zone of your broker" : "";
  const message = `${error.message}\nimport-bars reads it (${hint.format}${zone}): ${command}`;
  return new CarryoverError("BAD_DATA", message, { cause: error.cause });
}

function readFile(file: string): Uint8Array<ArrayBuffer> {
  try {
    return readRegular(file, { maxBytes: MAX_UNPACKED_BYTES });
  } catch (cause) {
    if (cause instanceof CarryoverError) throw cause;
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
