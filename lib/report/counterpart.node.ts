/** What a run is compared with: the same run with memory, or without, another one, or a stored comparison. */
import { existsSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { readManifests, RunFiles, RUNS_FOLDER } from "../backtest/run-files.ts";
import { type RunKey, timeframeMsOf } from "../backtest/run-key.ts";
import { folderWithoutMemory } from "../config/memory-folder.node.ts";
import { CarryoverError, fail, undefinedIfCorrupt } from "../errors.ts";
import type { Comparison } from "../experiments/compare.ts";
import type { Trade } from "../memory/trade.ts";
import { compareStoredRuns, storedRunOf } from "../runs/compare.ts";
import { findRun, type FoundRun } from "../runs/find.node.ts";
import type { Interval } from "../stats/bootstrap.ts";
import { diskStorage } from "../storage/disk.node.ts";
import { namesIn, readRegular } from "../storage/fs.node.ts";
import type { Storage } from "../storage/storage.ts";
import { canonicalJson, decodeJsonObject, isRecord } from "../util/json.ts";
import { readRun, type RunData } from "./run-data.ts";

/** Comparisons that a message lists. */
const MAX_SHOWN = 5;

/** A memory folder of this machine. */
export type MemoryFolder = Pick<FoundRun, "memoryDir" | "storage">;

/** What `--compare` names. */
export interface Counterpart {
  readonly run?: RunData;
  /** Where the run is. */
  readonly folder?: MemoryFolder;
  readonly comparison?: Comparison;
  /** How the compared run was named; `undefined` if it is the same one with memory, or without. */
  readonly name?: string;
}

/** What a run is called, so that no other run of the searched folder is called the same. */
export function runName({ folder, label, id }: Pick<FoundRun, "folder" | "label" | "id">): string {
  return `${folder === "" ? "" : `${folder}/`}${label ?? id.slice(0, 12)}`;
}

/** @throws {CarryoverError} `NOT_FOUND` if nothing has that name; `BAD_USAGE` if it is the run itself; `CORRUPT`. */
export async function namedCounterpart(memoryDir: string, name: string, found: FoundRun): Promise<Counterpart> {
  const file = comparisonFile(name, found);
  if (file !== undefined) return { ...(await sameRun(found)), comparison: readComparison(file, found) };
  const other = await findRunOrList(memoryDir, name, found);
  if (other.id === found.id && other.memoryDir === found.memoryDir) {
    const expected = "another run, or a comparison";
    throw fail("BAD_USAGE", `Cannot compare run ${found.id.slice(0, 12)}`, { found: "the run itself", expected });
  }
  const run = await readRun(other.storage, other.id);
  const twin = await sameRun(found);
  if (twin.run?.runId === run.runId) return { ...twin, ...comparisonOfBoth(found, run) };
  return { run, folder: other, name: runName(other) };
}

/** Like `findRun()`. A message that there is none lists the comparisons as well. */
async function findRunOrList(memoryDir: string, name: string, found: FoundRun): Promise<FoundRun> {
  try {
    return await findRun(memoryDir, name);
  } catch (error) {
    if (!(error instanceof CarryoverError) || error.code !== "NOT_FOUND") throw error;
    const comparisons = comparisonNames(found);
    const shown = comparisons.slice(0, MAX_SHOWN).join(", ");
    const more = comparisons.length > MAX_SHOWN ? ` and ${comparisons.length - MAX_SHOWN} more` : "";
    const listed = comparisons.length === 0 ? "compare-memory makes them" : `found ${shown}${more}`;
    throw new CarryoverError("NOT_FOUND", `${error.message}; or a comparison: ${listed}`);
  }
}

/** The same run with memory, or without, as far as it is there, and a comparison of both. */
export async function impliedCounterpart(found: FoundRun): Promise<Counterpart> {
  const twin = await sameRun(found);
  return { ...twin, ...comparisonOfBoth(found, twin.run) };
}

/** The run with memory of the newest stored comparison, if the folder has that run; `undefined` if it is the run itself. */
export async function comparedElsewhere(found: FoundRun): Promise<string | undefined> {
  const folder = comparisonsOf(found);
  const writtenMs = (name: string): number => statSync(join(folder, name)).mtimeMs;
  const [newest] = comparisonNames(found).toSorted((a, b) => writtenMs(b) - writtenMs(a));
  if (newest === undefined) return undefined;
  const bytes = readRegular(join(folder, newest), { maxBytes: MAX_COMPARISON_BYTES });
  const id = (await undefinedIfCorrupt(() => decodeComparison(bytes, newest)))?.worlds[0]?.on.run_id;
  if (id === undefined || id === found.id) return undefined;
  const manifest = join(dirname(folder), RUNS_FOLDER, id, "manifest.json");
  return existsSync(manifest) ? id : undefined;
}

/** The newest attempt of a run that differs only in its memory. */
async function sameRun({ id, memoryDir, storage }: FoundRun): Promise<Counterpart> {
  const other = isWithoutMemory(memoryDir) ? dirname(memoryDir) : folderWithoutMemory(memoryDir);
  const key = await new RunFiles(storage, id).readManifest({ verify: false });
  if (key === undefined || !existsSync(other)) return {};
  const others = diskStorage(other);
  const same = [...(await readManifests(others))].filter(
    ([, each]) => partsBesideMemory(each) === partsBesideMemory(key),
  );
  for (const [runId] of same.toSorted(([, a], [, b]) => b.attempt - a.attempt)) {
    const run = await readIfWhole(others, runId);
    if (run !== undefined) return { run, folder: { memoryDir: other, storage: others } };
  }
  return {};
}

/** A run; `undefined` if it has not ended, is damaged, or is of an older version. */
async function readIfWhole(storage: Storage, runId: string): Promise<RunData | undefined> {
  try {
    return await readRun(storage, runId);
  } catch (error) {
    if (error instanceof CarryoverError && ["NOT_FOUND", "BAD_USAGE", "CORRUPT"].includes(error.code)) return undefined;
    throw error;
  }
}

function isWithoutMemory(memoryDir: string): boolean {
  return basename(memoryDir) === basename(folderWithoutMemory(""));
}

/** What two runs have in common that differ in their memory alone. */
function partsBesideMemory({ config, bars, period, seed, market, files }: RunKey): string {
  const { portfolio_memory: _memory, ...others } = isRecord(config) ? config : {};
  return canonicalJson({ config: others, bars, period, seed, market, files });
}

/** That of hundreds of runs over decades. */
const MAX_COMPARISON_BYTES = 1 << 28;

function comparisonsOf({ memoryDir }: FoundRun): string {
  return join(isWithoutMemory(memoryDir) ? dirname(memoryDir) : memoryDir, "comparisons");
}

/** The comparison that ran a run, or both; of several the one that says most. */
function comparisonOfBoth(found: FoundRun, other: RunData | undefined): Pick<Counterpart, "comparison"> {
  const ids = [found.id, ...(other === undefined ? [] : [other.runId])];
  const comparisons = comparisonNames(found).flatMap((name) => {
    const bytes = readRegular(join(comparisonsOf(found), name), { maxBytes: MAX_COMPARISON_BYTES });
    const text = new TextDecoder().decode(bytes);
    return ids.every((id) => text.includes(`"${id}"`)) ? [decodeComparison(bytes, name)] : [];
  });
  const said = ({ ablations, costs, matched }: Comparison): number =>
    ablations.length + (costs === null ? 0 : 2) + (matched === null ? 0 : 4);
  const [best] = comparisons.toSorted((a, b) => said(b) - said(a));
  return best === undefined ? {} : { comparison: best };
}

function comparisonNames(found: FoundRun): readonly string[] {
  const folder = comparisonsOf(found);
  if (!existsSync(folder)) return [];
  return namesIn(folder)
    .filter((name) => /^comparison_[0-9a-f]+\.json$/.test(name))
    .toSorted();
}

/** The file that a name means: a path, its name, or the first four digits in it or more. */
function comparisonFile(name: string, found: FoundRun): string | undefined {
  if (name.endsWith(".json")) {
    const file = existsSync(name) ? name : join(comparisonsOf(found), name);
    if (existsSync(file)) return file;
    throw fail("NOT_FOUND", `Cannot read the comparison "${name}"`, {
      found: "no such file",
      expected: `one that compare-memory stored, as in "${comparisonsOf(found)}"`,
    });
  }
  if (!/^(?:comparison_)?[0-9a-f]{4,16}$/.test(name)) return undefined;
  const start = name.startsWith("comparison_") ? name : `comparison_${name}`;
  const files = comparisonNames(found).filter((each) => each.startsWith(start));
  if (files.length > 1) {
    throw fail("BAD_USAGE", `Cannot tell which comparison "${name}" is`, {
      found: files.join(", "),
      expected: "more digits of one",
    });
  }
  return files[0] === undefined ? undefined : join(comparisonsOf(found), files[0]);
}

/** @throws {CarryoverError} `BAD_USAGE` if it is of other runs. */
function readComparison(file: string, { id }: FoundRun): Comparison {
  const comparison = decodeComparison(readRegular(file, { maxBytes: MAX_COMPARISON_BYTES }), file);
  const ids = comparison.worlds.flatMap(({ on, off }) => [on.run_id, off.run_id]);
  if (ids.includes(id)) return comparison;
  throw fail("BAD_USAGE", `Cannot compare run ${id.slice(0, 12)}`, {
    found: `a comparison of ${ids.map((each) => each.slice(0, 12)).join(", ")}`,
    expected: "one that ran it: compare-memory with the same period and settings",
  });
}

/**
 * The interval of the difference of the Sharpe ratios of two runs: that of the comparison that ran both and no others, else what
 * `runs compare` says. Memory on less off, or the run less the other. `null` if nothing is compared.
 *
 * @param tradesIn Reads the trades of a memory folder.
 */
export async function sharpeDifference(
  { run, folder }: { run: RunData; folder: MemoryFolder },
  other: Counterpart,
  tradesIn: (folder: MemoryFolder) => Promise<readonly Trade[]>,
): Promise<Interval | null> {
  const { comparison } = other;
  if (comparison !== undefined && other.name === undefined) {
    const isOfOthers = comparison.worlds.length > 1 && other.run !== undefined;
    if (!isOfOthers) return comparison.on_minus_off.sharpe;
  }
  if (other.run === undefined || other.folder === undefined) return null;
  const dates = new Set(run.records.flatMap(({ daily }) => daily.map(({ date }) => date)));
  if (!other.run.records.some(({ daily }) => daily.some(({ date }) => dates.has(date)))) return null;
  const own = storedRunOf(withTimeframe(run), await tradesIn(folder));
  const compared = storedRunOf(withTimeframe(other.run), await tradesIn(other.folder));
  const isReversed = other.name === undefined && !run.summary.memory_enabled;
  const [a, b] = isReversed ? [compared, own] : [own, compared];
  return compareStoredRuns([a], [b]).a_minus_b.sharpe;
}

function withTimeframe(run: RunData): RunData & { readonly timeframeMs: number } {
  return { ...run, timeframeMs: timeframeMsOf(run.key) };
}

function decodeComparison(bytes: Uint8Array, name: string): Comparison {
  const comparison = decodeJsonObject(bytes, name);
  if (Array.isArray(comparison["worlds"]) && isRecord(comparison["on_minus_off"]))
    return comparison as unknown as Comparison;
  throw fail("CORRUPT", `Cannot read "${name}"`, { found: "no worlds", expected: "a comparison of compare-memory" });
}
