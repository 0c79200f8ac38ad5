import { existsSync } from "node:fs";
import { join } from "node:path";
import { barsOfPeriod, daysPerYearOf, type InMemoryJob } from "../backtest/job.ts";
import { hashBarsByAsset } from "../backtest/run-key.ts";
import { SharedWork } from "../backtest/shared-work.ts";
import type { Config } from "../config/config.ts";
import { CarryoverError } from "../errors.ts";
import { keyConfig } from "../job/key.ts";
import { apiNotes, cutoffNotes } from "../job/notes.ts";
import { folderWithoutMemory, memoryFolder } from "../config/memory-folder.node.ts";
import { openInMemoryJob, type OpenInMemoryJob, type OpenJobOptions } from "../job/open.node.ts";
import type { QuestionCounts } from "../providers/recorded/recorder-reports.ts";
import { planChunks } from "../results/chunks.ts";
import { diskStorage } from "../storage/disk.node.ts";
import { withLock } from "../storage/lock.node.ts";
import { ensureFile } from "../storage/storage.ts";
import { encodeJson, type Json } from "../util/json.ts";
import { sha256OfText } from "../util/sha256.ts";
import { DAY_MS } from "../util/time.ts";
import { compareRuns, type Comparison, type WorldRuns } from "./compare.ts";
import {
  fromStartDays,
  withAblation,
  withCosts,
  withMatchedSizes,
  withoutMemory,
  withShuffledResults,
} from "./compared-jobs.ts";
import { type Plan, planOf, type PlanOptions, SEEDS } from "./comparison-plan.ts";
import type { CostRuns } from "./cost-sweep.ts";
import { runInMemory, type RunTrace } from "./in-memory-run.ts";
import type { PeriodKnowledge } from "./known-period.ts";
import { type Ablation, meanSizeScale } from "./memory-arms.ts";
import { FormedQuestions } from "./question-forms.ts";
import { countTrials, dailyReturns, type Trial, trialsOfComparisons, trialsOfRuns } from "./trials.ts";

/** Resamples of every interval. */
const DRAWS = 2000;

/** What is compared, and how much is run. */
interface CompareOptions extends Omit<OpenJobOptions, "embedder">, PlanOptions {
  readonly onStep: (done: number, of: number) => void;
}

/** A comparison, and what was run for it. */
export interface ConfigComparison extends Comparison {
  /** `<start>/<end>`, the end exclusive. */
  readonly period: string;
  readonly chunks: string;
  readonly assets: readonly string[];
  readonly data: string;
  /** Outcomes that the runs with memory begin with. */
  readonly carried_in: number;
  /** Whether the language models know the period already; empty unless they were asked masked or mirrored. */
  readonly period_knowledge: readonly PeriodKnowledge[];
}

/**
 * Runs a configuration with memory, without it and with shuffled results, and compares the runs. They leave no files.
 *
 * @throws {CarryoverError} `BAD_USAGE` for seeds of real bars.
 */
export async function compareConfig(options: CompareOptions): Promise<ConfigComparison> {
  const opener = new WorldOpener(options);
  try {
    return await compareWorlds(options, opener);
  } finally {
    await opener.close();
  }
}

async function compareWorlds(options: CompareOptions, opener: WorldOpener): Promise<ConfigComparison> {
  const firstSeed = options.config.backtest.seed;
  const first = await opener.open(firstSeed);
  const { job } = first;
  const isSynthetic = job.market === "synthetic";
  if (!isSynthetic && options.seeds !== undefined) {
    throw new CarryoverError(
      "BAD_USAGE",
      "Cannot use --seeds: found real bars, which are one world, expected synthetic ones",
    );
  }
  const seeds = isSynthetic ? (options.seeds ?? SEEDS) : 1;
  const plan = planOf(options, { seeds });
  const [firstStart] = fromStartDays(job, plan.starts);
  const { providers } = options.config;
  const formed =
    plan.forms.length === 0 ? undefined : new FormedQuestions(firstStart!, { providers, forms: plan.forms });
  // Before the runs, which may take long, so that a damaged file is reported at once.
  const earlierTrials = await trialsBefore(first);
  let done = 0;
  const shared = new SharedWork();
  const run = async (each: InMemoryJob): Promise<RunTrace> => {
    const trace = await runInMemory({ keepDecisions: false, ...each, shared });
    options.onStep(++done, plan.runs);
    return trace;
  };

  const worlds: WorldRuns[] = [];
  const costs = plan.costs.map((multiple) => ({ multiple, worlds: [] as CostRuns["worlds"][number][] }));
  for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
    const opened = seed === firstSeed ? first : await opener.open(seed, { embedder: job.remembered.embedder });
    const name = isSynthetic ? `seed ${seed}` : "bars";
    const daysPerYear = daysPerYearOf(barsOfPeriod(opened.job), opened.job.settings.timeframeMs);
    for (const started of fromStartDays(opened.job, plan.starts)) {
      const off = withoutMemory(started, offConfig(opened));
      // In the first run only: the questions of the others are the same in kind, and each costs.
      const asking = worlds.length === 0 ? formed?.job() : undefined;
      const runs = await armsOfJob({ on: started, off, asking }, { plan, run });
      worlds.push({ name, daysPerYear, ...runs });
      for (const each of costs) {
        if (each.multiple === 1) each.worlds.push({ daysPerYear, on: runs.on, off: runs.off });
        else {
          const on = await run(withCosts(started, each.multiple));
          each.worlds.push({ daysPerYear, on, off: await run(withCosts(off, each.multiple)) });
        }
      }
    }
  }

  return {
    period: worlds[0]!.on.key.period,
    chunks: job.chunkKind,
    assets: job.settings.assets,
    data: job.market,
    carried_in: worlds[0]!.on.key.base.length,
    period_knowledge: formed?.knowledge({ draws: DRAWS }) ?? [],
    ...comparisonOf(worlds, { job, costs, earlierTrials }),
  };
}

function comparisonOf(
  worlds: readonly WorldRuns[],
  { job, costs, earlierTrials }: { job: InMemoryJob; costs: readonly CostRuns[]; earlierTrials: readonly Trial[] },
): Comparison {
  const { name: firstName, daysPerYear } = worlds[0]!;
  const trials = worlds
    .filter(({ name }) => name === firstName)
    .flatMap((world) => [world.on, world.off])
    .map(({ records }) => ({ returns: dailyReturns(records, daysPerYear), isFinished: true }));
  return compareRuns(worlds, {
    chunks: planChunks(job.period, job.chunkKind),
    initialBalance: job.settings.initialBalance,
    longestTradeDays: job.settings.risk.maxHoldingMs / DAY_MS,
    trials: countTrials([...trials, ...earlierTrials], daysPerYear),
    costs: costs.length === 0 ? undefined : costs,
    draws: DRAWS,
  });
}

/**
 * Runs a job with memory, without it, and in the other ways of a plan.
 *
 * @param jobs `asking`: the job with memory, whose models are also asked in other forms.
 */
async function armsOfJob(
  jobs: { on: InMemoryJob; off: InMemoryJob; asking: InMemoryJob | undefined },
  { plan, run }: { plan: Plan; run: (job: InMemoryJob) => Promise<RunTrace> },
): Promise<Omit<WorldRuns, "name" | "daysPerYear">> {
  // Its decisions say at which sizes it bet.
  const on = await run({ ...(jobs.asking ?? jobs.on), keepDecisions: true });
  const off = await run(jobs.off);
  const matched = plan.matched ? await run(withMatchedSizes(jobs.off, meanSizeScale(on) ?? 1)) : undefined;
  const shuffled: RunTrace[] = [];
  for (let n = 1; n <= plan.shuffles; n++) shuffled.push(await run(withShuffledResults(jobs.on, n)));
  const without: Partial<Record<Ablation, RunTrace>> = {};
  for (const part of plan.ablations) without[part] = await run(withAblation(jobs.on, part));
  return { on, off, matched, shuffled, without };
}

/** Opens the worlds of a comparison, and adds up what their providers are asked. */
class WorldOpener {
  readonly #options: CompareOptions;
  readonly #opened: OpenInMemoryJob[] = [];
  #counts: QuestionCounts = {
    asked: 0,
    cached: 0,
    failed: 0,
    missing: 0,
    unanswered: 0,
    costUsd: null,
    costNowUsd: null,
  };
  #id: string | undefined;

  constructor(options: CompareOptions) {
    this.#options = options;
  }

  /**
   * Opens a configuration with memory.
   *
   * @param world `embedder`: that of the first world, whose vectors others use again.
   */
  async open(seed: number, world: Pick<OpenJobOptions, "embedder"> = {}): Promise<OpenInMemoryJob> {
    const isFirst = this.#opened.length === 0;
    const onNote = isFirst ? this.#options.onNote : undefined;
    const config = configured(this.#options.config, { enabled: true, seed });
    // Each world has a recorder of its own. It counts from 0, but with a budget it knows the cost of the whole comparison.
    const before = config.backtest.budget_usd === undefined ? this.#counts : { ...this.#counts, costUsd: null };
    const onQuestionCounts = (counts: QuestionCounts): void => {
      this.#counts = sumOfCounts(before, counts);
      this.#options.onQuestionCounts?.(this.#counts);
    };
    const opened = withoutOwnTrades(
      await openInMemoryJob({ ...this.#options, ...world, config, onNote, onQuestionCounts }),
    );
    this.#opened.push(opened);
    if (onNote !== undefined) {
      apiNotes(config.providers).forEach((note) => onNote(note));
      cutoffNotes(config.providers, opened.job.period).forEach((note) => onNote(note));
    }
    this.#id ??= idOf(opened.job, this.#options);
    await opened.recording?.recorder.begin(this.#id);
    return opened;
  }

  async close(): Promise<void> {
    for (const { close } of this.#opened) await close();
  }
}

/** The id under which the costs of a comparison are recorded, so that it keeps to its budget when it is started again. */
function idOf({ key, period, remembered }: InMemoryJob, options: CompareOptions): string {
  const ids = remembered.trades.map(({ id }) => id);
  const { seeds, shuffles, starts, arms, ablate, costs } = options;
  const asked = { seeds, shuffles, starts, arms, ablate, costs };
  return sha256OfText(JSON.stringify({ compared: key, period, remembered: ids, ...asked }));
}

function sumOfCounts(a: QuestionCounts, b: QuestionCounts): QuestionCounts {
  return {
    asked: a.asked + b.asked,
    cached: a.cached + b.cached,
    failed: a.failed + b.failed,
    missing: a.missing + b.missing,
    unanswered: a.unanswered + b.unanswered,
    costUsd: sumOfCosts(a.costUsd, b.costUsd),
    costNowUsd: sumOfCosts(a.costNowUsd, b.costNowUsd),
  };
}

function sumOfCosts(a: number | null, b: number | null): number | null {
  return a === null ? b : a + (b ?? 0);
}

function configured(config: Config, { enabled, seed }: { enabled: boolean; seed: number }): Config {
  return {
    ...config,
    portfolio_memory: { ...config.portfolio_memory, enabled },
    backtest: { ...config.backtest, seed },
  };
}

/** Leaves out what the same run recorded earlier: it must not find its own outcomes. */
function withoutOwnTrades(opened: OpenInMemoryJob): OpenInMemoryJob {
  const { remembered, period } = opened.job;
  const trades = remembered.trades.filter(({ exitMs }) => exitMs <= period.startMs);
  return { ...opened, job: { ...opened.job, remembered: { ...remembered, trades } } };
}

/** The configuration in the key of the run that `run-chunks --no-memory` makes. */
function offConfig({ config, refreshes }: OpenInMemoryJob): Json {
  return keyConfig(configured(config, { enabled: false, seed: config.backtest.seed }), refreshes);
}

/** The runs on the same bars in the memory folder, in its `off`, and in its comparisons. */
async function trialsBefore({ config, job }: OpenInMemoryJob): Promise<readonly Trial[]> {
  const dir = memoryFolder(config);
  const bars = await hashBarsByAsset(job);
  const daysPerYear = daysPerYearOf(barsOfPeriod(job), job.settings.timeframeMs);
  const trials: Trial[] = [];
  for (const folder of [dir, folderWithoutMemory(dir)]) {
    if (existsSync(folder)) trials.push(...(await trialsOfRuns(diskStorage(folder), { bars, daysPerYear })));
  }
  const comparisons = comparisonsIn(dir);
  if (existsSync(comparisons)) trials.push(...(await trialsOfComparisons(diskStorage(comparisons), bars)));
  return trials;
}

/**
 * Stores a comparison in the folder `comparisons` of the memory folder, under the hash of its bytes. That folder has its own lock,
 * so that a run may write to the memory folder meanwhile.
 *
 * @returns The file's path.
 */
export async function storeComparison(comparison: ConfigComparison, config: Config): Promise<string> {
  const folder = comparisonsIn(memoryFolder(config));
  const bytes = encodeJson(comparison);
  const name = `comparison_${sha256OfText(new TextDecoder().decode(bytes)).slice(0, 16)}.json`;
  const storage = diskStorage(folder);
  await withLock(storage, () => ensureFile(storage, name, bytes));
  return join(folder, name);
}

function comparisonsIn(memoryDir: string): string {
  return join(memoryDir, "comparisons");
}
