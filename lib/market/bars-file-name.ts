/** How files of bars are named: `<ASSET>_<timeframe>.csv`, `.csv.gz` or `.parquet`. */
import { assetFileName } from "../config/asset-name.ts";
import { parseTimeframe, timeframeName } from "../util/time.ts";

/** An asset and the timeframe of its bars. */
export interface BarsOf {
  readonly asset: string;
  readonly timeframeMs: number;
}

const EXTENSION = /\.(?:csv|csv\.gz|parquet)$/i;

/** @param timeframe As `timeframeName()` gives it, such as `1h`. */
export function barsFileName(asset: string, timeframe: string): string {
  return `${assetFileName(asset)}_${timeframe}.csv`;
}

/** The timeframe in the name of an asset's file, in any spelling such as `1H` or `60min`; `undefined` for other files. */
export function timeframeOfBarsFile(name: string, asset: string): string | undefined {
  const prefix = `${assetFileName(asset)}_`;
  const stem = name.replace(EXTENSION, "");
  const ms = stem !== name && stem.startsWith(prefix) ? parseTimeframe(stem.slice(prefix.length)) : undefined;
  return ms === undefined ? undefined : timeframeName(ms);
}

/** The asset in the name of a file of bars, as the name has it; `undefined` for other files. */
export function assetOfBarsFile(name: string): string | undefined {
  const asset = name.slice(0, name.lastIndexOf("_"));
  return asset !== "" && timeframeOfBarsFile(name, asset) !== undefined ? asset : undefined;
}

export function isBarsFileOf(name: string, { asset, timeframeMs }: BarsOf): boolean {
  return timeframeOfBarsFile(name, asset) === timeframeName(timeframeMs);
}

/** Whether a file may be one of the asset's data, under another name, of another timeframe or in another format. */
export function isLikeBarsOf(name: string, asset: string): boolean {
  const plain = (text: string): string => text.toLowerCase().replaceAll(/[^a-z0-9]/g, "");
  const [inside, wanted] = [plain(name), plain(asset)];
  return wanted.length < 3 ? inside.startsWith(wanted) : inside.includes(wanted);
}
