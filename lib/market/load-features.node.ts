import { existsSync } from "node:fs";
import { join } from "node:path";
import { assetFileName } from "../config/asset-name.ts";
import { CarryoverError, fail, messageOf } from "../errors.ts";
import { readRegular } from "../storage/fs.node.ts";
import { MAX_UNPACKED_BYTES } from "./bar.ts";
import { type Features, parseFeaturesCsv } from "./features.ts";

/**
 * Loads `<ASSET>.csv` of each asset that has such a file in a folder, which may be missing.
 *
 * @throws {CarryoverError} `BAD_DATA` for a malformed file, `IO` for one that cannot be read.
 */
export function loadFeatures(options: { assets: readonly string[]; dir: string }): ReadonlyMap<string, Features> {
  const { assets, dir } = options;
  const files = assets.map((asset) => ({ asset, file: join(dir, `${assetFileName(asset)}.csv`) }));
  return new Map(
    files
      .filter(({ file }) => existsSync(file))
      .map(({ asset, file }) => [asset, parseFeaturesCsv(readFile(file), { file })]),
  );
}

function readFile(file: string): Uint8Array {
  try {
    return readRegular(file, { maxBytes: MAX_UNPACKED_BYTES });
  } catch (cause) {
    if (cause instanceof CarryoverError) throw cause;
    throw fail("IO", `Cannot read "${file}"`, { found: messageOf(cause), expected: "features", cause });
  }
}
