/** Files of bars from other systems, read from and written to a disk. */
import fs from "node:fs";
import { join } from "node:path";
import { fail } from "../errors.ts";
import { attempt } from "../storage/fs.node.ts";
import { assetFileName } from "./asset-name.ts";
import { extendBarsFile, readWhole } from "./bars-file.node.ts";
import { countGaps, importBars, type ImportedBars, type ImportOptions } from "./import-bars.ts";

/** What an import came to. */
export interface ImportResult extends ImportedBars {
  /** The file that has the bars now, or would have. */
  readonly file: string;
  /** Bars that the file had before. */
  readonly known: number;
}

/**
 * Reads files, or all files of a folder, and writes `<dataDir>/<ASSET>_<timeframe>.csv`. A file that is there is extended.
 *
 * @param options `dryRun`: nothing is written.
 * @throws {CarryoverError} `NOT_FOUND`, `BAD_DATA` (also where a bar differs from the one that is there), `BAD_USAGE`, `IO`.
 */
export async function importFiles(
  paths: readonly string[],
  options: ImportOptions & { dataDir: string; dryRun: boolean },
): Promise<ImportResult> {
  const sources = paths.flatMap(listSources).map((name) => ({ name, bytes: readWhole(name) }));
  const imported = await importBars(sources, options);
  const { series, timeframe } = imported;
  const file = join(options.dataDir, `${assetFileName(options.asset)}_${timeframe}.csv`);
  const { bars, known } = extendBarsFile(file, series.bars, {
    ...series,
    from: paths.join(", "),
    dryRun: options.dryRun,
  });
  const gaps = countGaps(bars, series.timeframeMs);
  return { ...imported, series: { ...series, bars, gaps }, file, known };
}

/** A path, or the files of a folder by name. */
function listSources(path: string): readonly string[] {
  const stat = fs.statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) {
    throw fail("NOT_FOUND", `Cannot import "${path}"`, { found: "nothing there", expected: "a file or a folder" });
  }
  if (!stat.isDirectory()) return [path];
  const names = attempt("list", path, () => fs.readdirSync(path, { withFileTypes: true }));
  const files = names
    .filter((entry) => !entry.name.startsWith(".") && !entry.isDirectory())
    .map(({ name }) => join(path, name));
  if (files.length > 0) return files.toSorted();
  throw fail("NOT_FOUND", `Cannot import "${path}"`, { found: "a folder without files", expected: "files of bars" });
}
