/** Files of bars from other systems, read from and written to a disk. */
import fs from "node:fs";
import { join } from "node:path";
import { fail } from "../errors.ts";
import { attempt } from "../storage/fs.node.ts";
import { assertOnlyFile, barsFilesIn, extendBarsFile, readWhole } from "./bars-file.node.ts";
import { barsFileName } from "./bars-file-name.ts";
import { isBesideBars } from "./formats/unpack.ts";
import { importBars, type ImportedBars, type ImportOptions } from "./import-bars.ts";
import { gapsIn } from "./spacing.ts";

export interface ImportResult extends ImportedBars {
  /** The file that has the bars now, or would have. */
  readonly file: string;
  /** Bars that the file had before. */
  readonly known: number;
  /** Sources that had the name of the result, by their new names. */
  readonly originals: readonly string[];
}

/**
 * Reads files, or all files of a folder, and writes `<dataDir>/<ASSET>_<timeframe>.csv`. An existing file is extended. If a source is
 * that file itself, it is kept as `<name>.original`.
 *
 * @param options `dryRun`: nothing is written.
 * @throws {CarryoverError} `NOT_FOUND`, `BAD_DATA` (also if a bar differs from the file's), `BAD_USAGE`, `IO`.
 */
export async function importFiles(
  paths: readonly string[],
  options: ImportOptions & { dataDir: string; dryRun: boolean },
): Promise<ImportResult> {
  const { asset, dataDir, dropFlat, dryRun } = options;
  const names = paths.flatMap(listSources);
  const imported = await importBars(
    names.map((name) => ({ name, bytes: readWhole(name) })),
    options,
  );
  const { series, timeframe } = imported;
  const file = join(dataDir, barsFileName(asset, timeframe));
  const own = barsFilesIn(dataDir, series).filter((each) => names.includes(each));
  assertOnlyFile(file, series, own);
  for (const each of own) if (!dryRun) keepOriginal(each);
  const from = paths.join(", ");
  const extension = { ...series, from, dropFlat, dryRun, isNew: own.includes(file) };
  const { bars, known, dropped, isLastReplaced } = extendBarsFile(file, series.bars, extension);
  if (isLastReplaced) imported.repaired.replaced += 1;
  for (const each of own) if (!dryRun && each !== file) attempt("remove", each, () => fs.unlinkSync(each));
  const gaps = gapsIn(bars, series.timeframeMs).missing;
  const originals = own.map(originalName);
  return { ...imported, flat: imported.flat + dropped, series: { ...series, bars, gaps }, file, known, originals };
}

function originalName(file: string): string {
  return `${file}.original`;
}

/** Gives a file a second name, under which no run looks for bars. */
function keepOriginal(file: string): void {
  const kept = originalName(file);
  attempt("keep", kept, () => fs.copyFileSync(file, kept, fs.constants.COPYFILE_EXCL));
}

/** A path, or the files of a folder and of those in it, by name. */
function listSources(path: string): readonly string[] {
  const stat = fs.statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) {
    throw fail("NOT_FOUND", `Cannot import "${path}"`, { found: "nothing there", expected: "a file or a folder" });
  }
  if (!stat.isDirectory()) return [path];
  const names = namesIn(path, "");
  const all = new Set(names);
  const files = names.filter((name) => !isBesideBars(name, all)).map((name) => join(path, name));
  if (files.length > 0) return files.toSorted();
  throw fail("NOT_FOUND", `Cannot import "${path}"`, { found: "a folder without files", expected: "files of bars" });
}

/** The files below a folder, by their names from there. */
function namesIn(folder: string, prefix: string): readonly string[] {
  const entries = attempt("list", folder, () => fs.readdirSync(folder, { withFileTypes: true }));
  return entries.flatMap((entry) => {
    const name = `${prefix}${entry.name}`;
    return entry.isDirectory() ? namesIn(join(folder, entry.name), `${name}/`) : [name];
  });
}
