/** Files of bars from other systems, read from and written to a disk. */
import fs from "node:fs";
import { join } from "node:path";
import { fail, messageOf } from "../errors.ts";
import {
  attempt,
  CREATE_ONLY,
  discard,
  makeFolder,
  readRegular,
  syncFolder,
  temporaryName,
  writeAll,
} from "../storage/fs.node.ts";
import type { Bar } from "../types.ts";
import { MAX_UNPACKED_BYTES } from "./bar.ts";
import { parseBarsCsv } from "./csv.ts";
import type { SourceFile } from "./formats/foreign-bars.ts";
import { COMPARED } from "./join-bars.ts";
import { countGaps, importBars, type ImportedBars, type ImportOptions } from "./import-bars.ts";

const MINUTE_MS = 60_000;

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
  const sources = paths.flatMap(listSources).map(readSource);
  const imported = await importBars(sources, options);
  const { series, timeframe } = imported;
  const file = join(options.dataDir, `${options.asset}_${timeframe}.csv`);
  const known = readKnown(file, { asset: options.asset, timeframeMs: series.timeframeMs });
  const bars = extend(known, series.bars, { file, from: paths.join(", ") });
  if (!options.dryRun) writeBars(file, options.dataDir, bars);
  const gaps = countGaps(bars, series.timeframeMs);
  return { ...imported, series: { ...series, bars, gaps }, file, known: known.length };
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

function readSource(path: string): SourceFile {
  const size = fs.statSync(path).size;
  if (size > MAX_UNPACKED_BYTES) {
    const limit = `at most ${MAX_UNPACKED_BYTES} bytes: split it`;
    throw fail("BAD_DATA", `Cannot read "${path}"`, { found: `${size} bytes`, expected: limit });
  }
  try {
    return { name: path, bytes: readRegular(path) };
  } catch (cause) {
    throw fail("IO", `Cannot read "${path}"`, { found: messageOf(cause), expected: "a file of bars", cause });
  }
}

function readKnown(file: string, options: { asset: string; timeframeMs: number }): readonly Bar[] {
  if (!fs.existsSync(file)) return [];
  const { asset, timeframeMs } = options;
  return parseBarsCsv(readSource(file).bytes, { asset, timeframe: `${timeframeMs / MINUTE_MS}m`, file }).bars;
}

/** Both lists as one; where both have a bar, it must be the same. */
function extend(known: readonly Bar[], more: readonly Bar[], names: { file: string; from: string }): readonly Bar[] {
  if (known.length === 0) return more;
  const byTime = new Map(known.map((bar) => [bar.timestamp, bar]));
  for (const bar of more) {
    const there = byTime.get(bar.timestamp);
    const column = COMPARED.find((name) => there !== undefined && there[name] !== bar[name]);
    if (column !== undefined) {
      const time = new Date(bar.timestamp).toISOString();
      throw fail("BAD_DATA", `Cannot extend "${names.file}" by "${names.from}"`, {
        found: `${column} ${bar[column]} at ${time}`,
        expected: `${there![column]} as the file has it; another --data-dir keeps both`,
      });
    }
    byTime.set(bar.timestamp, bar);
  }
  return [...byTime.values()].toSorted((a, b) => a.timestamp - b.timestamp);
}

/** Writes the whole file or nothing. */
function writeBars(file: string, folder: string, bars: readonly Bar[]): void {
  attempt("write", file, () => {
    makeFolder(folder);
    const temporary = join(folder, temporaryName());
    const fd = fs.openSync(temporary, CREATE_ONLY, 0o644);
    try {
      writeAll(fd, encodeBars(bars), 0);
      fs.fsyncSync(fd);
      fs.renameSync(temporary, file);
    } catch (error) {
      discard(temporary);
      throw error;
    } finally {
      fs.closeSync(fd);
    }
    syncFolder(folder);
  });
}

/** CSV as docs/FORMATS.md has it. */
function encodeBars(bars: readonly Bar[]): Uint8Array {
  const lines = bars.map(
    ({ timestamp, open, high, low, close, volume }) =>
      `${new Date(timestamp).toISOString().replace(".000Z", "Z")},${open},${high},${low},${close},${volume}\n`,
  );
  return new TextEncoder().encode(`timestamp,open,high,low,close,volume\n${lines.join("")}`);
}
