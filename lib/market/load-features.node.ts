import { existsSync } from "node:fs";
import { join } from "node:path";
import { assetFileName } from "../config/asset-name.ts";
import { CarryoverError, fail, messageOf } from "../errors.ts";
import { readRegular } from "../storage/fs.node.ts";
import { MAX_UNPACKED_BYTES } from "./bar.ts";
import { type Features, parseFeaturesCsv } from "./features.ts";

export interface FeaturesFolder {
  readonly assets: readonly string[];
  readonly dir: string;
  /** Of times that state no zone. @default UTC, and a note says so */
  readonly timezone?: string | undefined;
  readonly onNote?: (note: string) => void;
}

/**
 * Loads `<ASSET>.csv` of each asset that has such a file in a folder, which may be missing.
 *
 * @throws {CarryoverError} `BAD_DATA` for a malformed file, `IO` for one that cannot be read.
 */
export function loadFeatures({ assets, dir, timezone, onNote }: FeaturesFolder): ReadonlyMap<string, Features> {
  const files = assets.map((asset) => ({ asset, file: join(dir, `${assetFileName(asset)}.csv`) }));
  const assumed: string[] = [];
  const features = new Map(
    files
      .filter(({ file }) => existsSync(file))
      .map(({ asset, file }) => {
        const onUtcAssumed = (): unknown => assumed.push(asset);
        return [asset, parseFeaturesCsv(readFile(file), { file, timezone, onUtcAssumed })];
      }),
  );
  if (assumed.length > 0) {
    const note = `Features of ${assumed.join(", ")} in "${dir}" have times that state no zone, taken as UTC`;
    onNote?.(`${note}: backtest.features_timezone names another`);
  }
  return features;
}

function readFile(file: string): Uint8Array {
  try {
    return readRegular(file, { maxBytes: MAX_UNPACKED_BYTES });
  } catch (cause) {
    if (cause instanceof CarryoverError) throw cause;
    throw fail("IO", `Cannot read "${file}"`, { found: messageOf(cause), expected: "features", cause });
  }
}
