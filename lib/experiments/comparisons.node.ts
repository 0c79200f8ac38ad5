import { existsSync } from "node:fs";
import { join } from "node:path";
import { barsOfPeriod, daysPerYearOf, type InMemoryJob } from "../backtest/job.ts";
import { planChunks } from "../results/chunks.ts";
import { compareRuns, type Comparison, type WorldRuns } from "./compare.ts";
import { runInMemory } from "./in-memory-run.ts";
import { shuffledMemoryView } from "./shuffled-memory.ts";
import { hashBarsByAsset } from "../backtest/run-key.ts";
import { comparedRuns, countTrials, dailyReturns, triedRuns, type Tried } from "./trials.ts";
import type { Config } from "../config/config.ts";
import { CarryoverError } from "../errors.ts";
import { encodeJson } from "../util/json.ts";
import { sha256OfText } from "../util/sha256.ts";
import { DAY_MS } from "../util/time.ts";
import type { QuestionCounts } from "../providers/recorded/recorder.ts";
import { createRandom } from "../util/random.ts";
import { diskStorage } from "../storage/disk.node.ts";
import { ensureFile } from "../storage/storage.ts";
import { lockHolder } from "../storage/lock.node.ts";
import { cutoffNotes } from "../job/notes.ts";
import { keyConfig, openInMemoryJob, type OpenInMemoryJob, type OpenJobOptions } from "../job/open.node.ts";

/** Resamples of every interval. */
const DRAWS = 2000;

/** Shuffles of a world of real bars, and synthetic worlds, where nothing else is asked for. */
const SHUFFLES = 3;
const SEEDS = 3;

const NOTHING_ASKED: QuestionCounts = { asked: 0, cached: 0, failed: 0, missing: 0, costUsd: null };

/** How much is run. */
export interface CompareOptions extends Omit<OpenJobOptions, "mode" | "embedder"> {
  /** Runs with shuffled outcomes in each world. @default 3, or 1 in each of several worlds */
  readonly shuffles?: number | undefined;
  /** Synthetic worlds. @default 3 */
  readonly seeds?: number | undefined;
  readonly onStep: (done: number, of: number) => void;
}

/** A comparison, and what it is about. */
export interface ConfigComparison extends Comparison {
  readonly period: string;
  readonly chunks: string;
  readonly assets: readonly string[];
  readonly data: string;
  /** Outcomes that the runs with memory begin with. */
  readonly carried_in: number;
}

/**
 * Runs a configuration with memory, without it and with shuffled outcomes, in this process alone, and compares.
 *
 * @throws {CarryoverError} `BAD_USAGE` for seeds of real bars.
 */
export async function compareConfig(options: CompareOptions): Promise<ConfigComparison> {
  const opened: OpenInMemoryJob[] = [];
  const hasBudget = options.config.backtest.budget_usd !== undefined;
  // Each world has a recorder of its own, which counts from 0, but for what the comparison cost where there is a budget for it.
  let asked = NOTHING_ASKED;
  let id: string | undefined;
  const open = async (more: OpenJobOptions): Promise<OpenInMemoryJob> => {
    const before = hasBudget ? { ...asked, costUsd: null } : asked;
    const onQuestionCounts = (counts: QuestionCounts): void => {
      asked = sumOfCounts(before, counts);
      options.onQuestionCounts?.(asked);
    };
    const experiment = withoutOwnTrades(await openInMemoryJob({ ...more, onQuestionCounts }));
    opened.push(experiment);
    const { config, job } = experiment;
    if (more.onNote !== undefined) cutoffNotes(config.providers, job.period).forEach(more.onNote);
    id ??= idOf(experiment, options);
    await experiment.recording?.recorder.begin(id);
    return experiment;
  };
  try {
    return await compareIn(options, open);
  } finally {
    for (const { close } of opened) await close();
  }
}

/** A run that is made again under its own id must not find what it left when it was made before. */
function withoutOwnTrades(opened: OpenInMemoryJob): OpenInMemoryJob {
  const { remembered, period } = opened.job;
  const trades = remembered.trades.filter(({ exitMs }) => exitMs <= period.startMs);
  return { ...opened, job: { ...opened.job, remembered: { ...remembered, trades } } };
}

/** What a comparison's costs are counted under, so that it keeps to its budget when it is stopped and started again. */
function idOf({ job }: OpenInMemoryJob, { seeds, shuffles }: CompareOptions): string {
  const { key, period } = job;
  const remembered = job.remembered.trades.map((trade) => trade.id);
  return sha256OfText(JSON.stringify({ compared: key, period, remembered, seeds, shuffles }));
}

function sumOfCounts(one: QuestionCounts, other: QuestionCounts): QuestionCounts {
  return {
    asked: one.asked + other.asked,
    cached: one.cached + other.cached,
    failed: one.failed + other.failed,
    missing: one.missing + other.missing,
    costUsd: one.costUsd === null ? other.costUsd : one.costUsd + (other.costUsd ?? 0),
  };
}

async function compareIn(
  options: CompareOptions,
  open: (options: OpenJobOptions) => Promise<OpenInMemoryJob>,
): Promise<ConfigComparison> {
  const first = await open(withMemory(options, options.config.backtest.seed));
  const isSynthetic = first.job.market === "synthetic";
  if (!isSynthetic && options.seeds !== undefined) {
    throw new CarryoverError(
      "BAD_USAGE",
      "Cannot use --seeds: found real bars, which are one world, expected synthetic ones",
    );
  }
  const seeds = isSynthetic ? (options.seeds ?? SEEDS) : 1;
  const shuffles = options.shuffles ?? (seeds === 1 ? SHUFFLES : 1);
  // Before the runs, which may take long: a damaged file is told at once.
  const tried = await triedBefore(first);
  let done = 0;
  const step = async <T>(work: Promise<T>): Promise<T> => {
    const result = await work;
    options.onStep(++done, seeds * (2 + shuffles));
    return result;
  };

  const worlds: WorldRuns[] = [];
  for (let i = 0; i < seeds; i++) {
    const seed = options.config.backtest.seed + i;
    const { embedder } = first.job.remembered;
    const experiment = i === 0 ? first : await open({ ...withMemory(options, seed), embedder, onNote: undefined });
    const { job } = experiment;
    const shuffled = [];
    const on = await step(runInMemory(job));
    const off = await step(runInMemory(withoutMemory(experiment)));
    for (let shuffle = 1; shuffle <= shuffles; shuffle++)
      shuffled.push(await step(runInMemory(shuffledJob(job, shuffle))));
    worlds.push({
      name: isSynthetic ? `seed ${seed}` : "bars",
      daysPerYear: daysPerYearOf(barsOfPeriod(job)),
      on,
      off,
      shuffled,
    });
  }

  const { job } = first;
  const [world] = worlds;
  if (world === undefined) throw new RangeError("Cannot compare: found no world");
  const comparison = compareRuns(worlds, {
    chunks: planChunks(job.period, job.chunkKind),
    initialBalance: job.settings.initialBalance,
    longestTradeDays: job.settings.risk.maxHoldingMs / DAY_MS,
    trials: countTrials([...triedNow(world), ...tried], world.daysPerYear),
    draws: DRAWS,
  });
  return {
    period: world.on.key.period,
    chunks: job.chunkKind,
    assets: job.settings.assets,
    data: job.market,
    carried_in: world.on.key.base.length,
    ...comparison,
  };
}

/**
 * Stores a comparison in the folder `comparisons` of the memory folder, under the hash of its bytes. The lock is that folder's
 * own: a run may write to the memory folder meanwhile.
 *
 * @returns The file's path.
 */
export async function storeComparison(comparison: ConfigComparison, memoryDir: string): Promise<string> {
  const folder = comparisonsIn(memoryDir);
  const bytes = encodeJson(comparison);
  const name = `comparison_${sha256OfText(new TextDecoder().decode(bytes)).slice(0, 16)}.json`;
  const storage = diskStorage(folder);
  const lock = await storage.lock(lockHolder());
  try {
    await ensureFile(storage, name, bytes);
  } finally {
    await lock.release();
  }
  return join(folder, name);
}

function comparisonsIn(memoryDir: string): string {
  return join(memoryDir, "comparisons");
}

function withMemory(options: CompareOptions, seed: number): CompareOptions {
  const { config } = options;
  return { ...options, config: configured(config, { enabled: true, seed }) };
}

function configured(config: Config, { enabled, seed }: { enabled: boolean; seed: number }): Config {
  return {
    ...config,
    portfolio_memory: { ...config.portfolio_memory, enabled },
    backtest: { ...config.backtest, seed },
  };
}

/** The run that `run-chunks --no-memory` makes. */
function withoutMemory({ config, job, refreshes }: OpenInMemoryJob): InMemoryJob {
  const off = configured(config, { enabled: false, seed: config.backtest.seed });
  return {
    ...job,
    memorySettings: { ...job.memorySettings, enabled: false },
    remembered: { ...job.remembered, trades: [], marks: [] },
    key: { ...job.key, config: keyConfig(off, refreshes) },
  };
}

function shuffledJob(job: InMemoryJob, shuffle: number): InMemoryJob {
  return {
    ...job,
    openView: shuffledMemoryView(createRandom(`shuffle ${shuffle} ${job.key.seed}`)),
    key: { ...job.key, version: `${job.key.version} shuffle ${shuffle}` },
  };
}

/** The runs of the memory folder and of `off`, and those of its comparisons, on the same bars. */
async function triedBefore({ config, job }: OpenInMemoryJob): Promise<readonly Tried[]> {
  const { dir } = config.memory;
  const bars = await hashBarsByAsset(job);
  const tried: Tried[] = [];
  for (const folder of [dir, join(dir, "off")]) {
    if (!existsSync(folder)) continue;
    tried.push(...(await triedRuns(diskStorage(folder), { bars, daysPerYear: daysPerYearOf(barsOfPeriod(job)) })));
  }
  const folder = comparisonsIn(dir);
  if (existsSync(folder)) tried.push(...(await comparedRuns(diskStorage(folder), bars)));
  return tried;
}

function triedNow({ on, off, daysPerYear }: WorldRuns): readonly Tried[] {
  return [on, off].map(({ records }) => ({ returns: dailyReturns(records, daysPerYear), isFinished: true }));
}
