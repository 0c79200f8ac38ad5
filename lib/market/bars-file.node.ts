/** Our own files of bars, `<ASSET>_<timeframe>.csv`, as importers write them. */
import fs from "node:fs";
import { dirname, join } from "node:path";
import { CarryoverError, fail, messageOf } from "../errors.ts";
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
import { shellWord } from "../util/names.ts";
import { timeframeName } from "../util/time.ts";
import { MAX_UNPACKED_BYTES } from "./bar.ts";
import { type BarsOf, isBarsFileOf } from "./bars-file-name.ts";
import { parseBarsCsv } from "./csv.ts";
import { COMPARED, hasGrown, withoutFlat } from "./join-bars.ts";
import { SeriesBuilder } from "./series-builder.ts";
import { renameSync } from "../storage/rename.node.ts";

/** The bars of a file; none if it is missing. @throws {CarryoverError} `BAD_DATA`, `IO` */
export function readBarsFile(file: string, { asset, timeframeMs }: BarsOf): readonly Bar[] {
  if (!fs.existsSync(file)) return [];
  return parseBarsCsv(readWhole(file), { asset, timeframe: timeframeName(timeframeMs), file }).bars;
}

/** The files in a folder from which a run would take the bars. */
export function barsFilesIn(folder: string, series: BarsOf): readonly string[] {
  if (!fs.existsSync(folder)) return [];
  const names = attempt("list", folder, () => fs.readdirSync(folder));
  return names.filter((name) => isBarsFileOf(name, series)).map((name) => join(folder, name));
}

/**
 * Refuses to write a file of bars beside another one of the same.
 *
 * @param replaced Files that will not be there any more.
 * @throws {CarryoverError} `BAD_USAGE`, `IO`
 */
export function assertOnlyFile(file: string, series: BarsOf, replaced: readonly string[] = []): void {
  const other = barsFilesIn(dirname(file), series).find((each) => each !== file && !replaced.includes(each));
  if (other === undefined) return;
  const expected = "one file of its bars in a folder: another --data-dir keeps both";
  throw fail("BAD_USAGE", `Cannot write "${file}"`, { found: `"${other}" beside it`, expected });
}

/** @throws {CarryoverError} `BAD_DATA` for a file that is too large, `IO` */
export function readWhole(path: string): Uint8Array<ArrayBuffer> {
  try {
    return readRegular(path, { maxBytes: MAX_UNPACKED_BYTES });
  } catch (cause) {
    if (cause instanceof CarryoverError) throw cause;
    throw fail("IO", `Cannot read "${path}"`, { found: messageOf(cause), expected: "a file of bars", cause });
  }
}

/**
 * Adds bars to a file, which is written whole or not at all, and never with bars that a run would refuse.
 *
 * @param options `from` names where they come from; `isNew`: replace what the file has; `dropFlat`: leave out its flat bars, see `withoutFlat()`; `dryRun`:
 * write nothing.
 * @returns All bars of the file, how many it had, how many of these were flat and left out, and whether its last one had not ended and was replaced.
 * @throws {CarryoverError} `BAD_DATA` if a bar differs from the file's; `IO`.
 */
export function extendBarsFile(
  file: string,
  bars: readonly Bar[],
  options: BarsOf & { from: string; isNew?: boolean; dropFlat?: boolean | undefined; dryRun?: boolean },
): {
  readonly bars: readonly Bar[];
  readonly known: number;
  readonly dropped: number;
  readonly isLastReplaced: boolean;
} {
  const found = options.isNew === true ? [] : readBarsFile(file, options);
  const known = options.dropFlat === true ? withoutFlat(found, (bar) => bar) : found;
  const all = merge(known, bars, { file, from: options.from });
  const timeframe = timeframeName(options.timeframeMs);
  const placeOf = (i: number): string => new Date(all[i]!.timestamp).toISOString();
  const series = new SeriesBuilder({ asset: options.asset, timeframe, file: options.from, placeOf });
  all.forEach((bar, i) => series.add(bar, i));
  if (options.dryRun !== true) writeBars(file, all);
  const last = known.at(-1);
  const isLastReplaced = last !== undefined && !all.includes(last);
  return { bars: all, known: known.length, dropped: found.length - known.length, isLastReplaced };
}

/** Both lists as one; where both have a bar, it must be the same, unless it is the last of one and has grown in the other. */
function merge(known: readonly Bar[], more: readonly Bar[], names: { file: string; from: string }): readonly Bar[] {
  if (known.length === 0) return more;
  const byTime = new Map(known.map((bar) => [bar.timestamp, bar]));
  for (const bar of more) {
    const there = byTime.get(bar.timestamp);
    const column = COMPARED.find((name) => there !== undefined && there[name] !== bar[name]);
    if (there === undefined || (column !== undefined && there === known.at(-1) && hasGrown(there, bar)))
      byTime.set(bar.timestamp, bar);
    else if (column !== undefined && !(bar === more.at(-1) && hasGrown(bar, there))) {
      const time = new Date(bar.timestamp).toISOString();
      throw fail("BAD_DATA", `Cannot extend "${names.file}" by "${names.from}"`, {
        found: `${column} ${there[column]} in the former and ${bar[column]} in the latter at ${time}`,
        expected: `the same bar in both. If the latter is right: ${moveAway(names.file)}, and repeat this with all of its bars`,
      });
    }
  }
  return [...byTime.values()].toSorted((a, b) => a.timestamp - b.timestamp);
}

function moveAway(file: string): string {
  return `mv ${shellWord(file)} ${shellWord(`${file}.old`)}`;
}

function writeBars(file: string, bars: readonly Bar[]): void {
  const folder = dirname(file);
  attempt("write", file, () => {
    makeFolder(folder);
    const temporary = join(folder, temporaryName());
    const fd = fs.openSync(temporary, CREATE_ONLY, 0o644);
    try {
      writeAll(fd, encodeBars(bars), 0);
      fs.fsyncSync(fd);
      renameSync(temporary, file);
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
