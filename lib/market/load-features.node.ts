import { existsSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { assetFileName } from "../config/asset-name.ts";
import { CarryoverError, fail, messageOf } from "../errors.ts";
import { readRegular, systemCodeOf } from "../storage/fs.node.ts";
import { MAX_UNPACKED_BYTES } from "./bar.ts";
import { type Features, parseFeaturesCsv } from "./features.ts";

export interface FeaturesFolder {
  readonly assets: readonly string[];
  readonly dir: string;
  /** Whether the folder may be missing. @default true */
  readonly isOptional?: boolean | undefined;
  /** Of times that state no zone. @default UTC, and a note says so */
  readonly timezone?: string | undefined;
  readonly onNote?: (note: string) => void;
}

/**
 * Loads `<ASSET>.csv` of each asset that has such a file in a folder. A note names the assets that have none.
 *
 * @throws {CarryoverError} `NOT_FOUND` for a missing folder, unless it is optional; `BAD_DATA` for a malformed file, `IO` for one that
 * cannot be read.
 */
export function loadFeatures(folder: FeaturesFolder): ReadonlyMap<string, Features> {
  const { assets, dir, isOptional = true, timezone, onNote } = folder;
  const names = namesIn(dir);
  if (names === undefined && !isOptional) {
    throw fail("NOT_FOUND", "Cannot load features", {
      found: `no folder "${dir}"`,
      expected: "the folder that backtest.features_dir names, relative to the configuration",
    });
  }
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
  const without = assets.filter((asset) => !features.has(asset));
  if (names !== undefined && without.length > 0) {
    const used = files.map(({ file }) => basename(file));
    const others = names.filter((name) => !used.includes(name));
    onNote?.(withoutFeatures(without, { dir, others }));
  }
  return features;
}

/** What a folder has; `undefined` if there is none. */
function namesIn(dir: string): readonly string[] | undefined {
  try {
    return readdirSync(dir);
  } catch (cause) {
    if (systemCodeOf(cause) === "ENOENT") return undefined;
    throw fail("IO", `Cannot read "${dir}"`, { found: messageOf(cause), expected: "a folder of features", cause });
  }
}

/** Names the file that an asset without features would have, and one that may be meant to be it. */
function withoutFeatures(
  assets: readonly string[],
  { dir, others }: { dir: string; others: readonly string[] },
): string {
  const plain = (name: string): string => name.toLowerCase().replaceAll(/[^a-z0-9]/g, "");
  const [expected, similar] = assets
    .map((asset) => {
      const file = assetFileName(asset);
      return [`${file}.csv`, others.find((name) => plain(name).startsWith(plain(file)))] as const;
    })
    .toSorted(([, a], [, b]) => Number(a === undefined) - Number(b === undefined))[0]!;
  const found = similar === undefined ? "" : `, found "${similar}"`;
  return `No features of ${assets.join(", ")} in "${dir}": expected a file such as "${expected}"${found}`;
}

function readFile(file: string): Uint8Array {
  try {
    return readRegular(file, { maxBytes: MAX_UNPACKED_BYTES });
  } catch (cause) {
    if (cause instanceof CarryoverError) throw cause;
    throw fail("IO", `Cannot read "${file}"`, { found: messageOf(cause), expected: "features", cause });
  }
}
