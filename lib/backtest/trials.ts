/** How often the same bars were tried: each time was a chance to be lucky (docs/RULES.md, "Does memory help"). */
import { CarryoverError } from "../errors.ts";
import { isRecord, readJsonObject } from "../files/json-file.ts";
import type { Storage } from "../files/storage.ts";
import { rounded } from "../stats/rounded.ts";
import type { ChunkRecord } from "./chunk-record.ts";
import { lastOfDays, sharpeRatio, simpleReturns, type DaysPerYear } from "./metrics.ts";
import { chunkNames, openRunStore, readChunk, readManifests } from "./run-store.ts";

/** Large ones have many worlds of many years. */
const MAX_COMPARISON_BYTES = 1 << 28;

/** Runs on the same bars. */
export interface Trials {
  readonly count: number;
  /** Annualized Sharpe ratios of those that were finished. */
  readonly sharpes: readonly number[];
}

/** A run on the bars in question. */
export interface Tried {
  /** Simple, a day. */
  readonly returns: readonly number[];
  readonly isFinished: boolean;
}

/** SHA-256 by asset, as in a run's key. */
type Bars = Readonly<Record<string, string>>;

/**
 * Counts runs, those of the same daily returns once: they were no other chance. Nor was one that was stopped and is there as a whole
 * as well; and one without a day has shown nothing.
 */
export function countTrials(tried: readonly Tried[], daysPerYear: DaysPerYear): Trials {
  const distinct = new Map<string, Tried>();
  for (const run of tried) {
    const key = run.returns.map(rounded).join();
    if (run.returns.length > 0 && distinct.get(key)?.isFinished !== true) distinct.set(key, run);
  }
  const keys = [...distinct.keys()];
  const goesOn = (key: string): boolean => keys.some((other) => other.startsWith(`${key},`));
  const trials = [...distinct].flatMap(([key, run]) => (run.isFinished || !goesOn(key) ? [run] : []));
  const sharpes = trials.map(({ returns, isFinished }) => (isFinished ? sharpeRatio(returns, daysPerYear) : null));
  return { count: trials.length, sharpes: sharpes.filter((sharpe) => sharpe !== null) };
}

/** A run's simple returns, a day each, from its chunks in order of time. */
export function dailyReturns(records: readonly ChunkRecord[], daysPerYear: DaysPerYear): number[] {
  const days = lastOfDays(
    records.flatMap(({ daily }) => daily),
    daysPerYear,
  );
  return simpleReturns(days, records[0]?.initial_balance ?? 0);
}

/**
 * The runs of a memory folder on the same bars.
 *
 * @throws {CarryoverError} `CORRUPT` if the record of a chunk is not as it was written: without it a run would pass for a shorter one.
 */
export async function triedRuns(
  storage: Storage,
  { bars, daysPerYear }: { bars: Bars; daysPerYear: DaysPerYear },
): Promise<readonly Tried[]> {
  const tried: Tried[] = [];
  for (const [runId, key] of await readManifests(storage)) {
    if (!areSame(key.bars, bars)) continue;
    const records: ChunkRecord[] = [];
    for (const name of await chunkNames(storage, runId)) {
      const record = await readChunk(storage, { runId, chunk: name });
      // Gone since it was listed: another process makes that run anew.
      if (record !== undefined) records.push(record);
    }
    records.sort((a, b) => (a.start < b.start ? -1 : 1));
    const isFinished = (await openRunStore(storage, runId).readSummary()) !== undefined;
    tried.push({ returns: dailyReturns(records, daysPerYear), isFinished });
  }
  return tried;
}

/**
 * The runs with memory and without that the comparisons in a folder made on the same bars. Shuffled ones are no trials: nobody would pick
 * them.
 *
 * @throws {CarryoverError} `CORRUPT` if a comparison can't be read.
 */
export async function comparedRuns(storage: Storage, bars: Bars): Promise<readonly Tried[]> {
  const tried: Tried[] = [];
  for (const { name } of (await storage.list()).files) {
    if (!/^comparison_[0-9a-f]+\.json$/.test(name)) continue;
    const { worlds } = (await readJsonObject(storage, name, { maxBytes: MAX_COMPARISON_BYTES })) ?? {};
    if (!Array.isArray(worlds)) throw unreadable(name);
    for (const world of worlds.filter(isRecord)) {
      if (!areSame(world["bars"], bars)) continue;
      for (const arm of [world["on"], world["off"]]) {
        const returns: unknown = isRecord(arm) ? arm["returns"] : undefined;
        if (!isListOfNumbers(returns)) throw unreadable(name);
        tried.push({ returns, isFinished: true });
      }
    }
  }
  return tried;
}

function areSame(some: unknown, bars: Bars): boolean {
  const sorted = (of: object): string => JSON.stringify(Object.entries(of).toSorted());
  return isRecord(some) && sorted(some) === sorted(bars);
}

function isListOfNumbers(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((each) => typeof each === "number");
}

function unreadable(name: string): CarryoverError {
  return new CarryoverError("CORRUPT", `Cannot read "${name}": found no daily returns, expected those of its worlds`);
}
