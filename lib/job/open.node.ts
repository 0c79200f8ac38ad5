import { existsSync } from "node:fs";
import { resolve } from "node:path";
import type { InMemoryJob } from "../backtest/job.ts";
import { SharedWork } from "../backtest/shared-work.ts";
import { type Config, isRecorded, SYNTHETIC, toSettings } from "../config/config.ts";
import type { Embedder } from "../embed/embedder.ts";
import { loadEmbedder } from "../embed/load.node.ts";
import { CarryoverError, fail } from "../errors.ts";
import { BarCache } from "../market/bar-cache.node.ts";
import type { Features } from "../market/features.ts";
import { loadFeatures } from "../market/load-features.node.ts";
import { assertCostsOfAssets } from "../market/load.node.ts";
import { unlikelyPrices } from "../market/price-jumps.ts";
import { SYNTHETIC_START } from "../market/synthetic.ts";
import { assertMemoryFolder } from "../memory/folder.ts";
import { cachingEmbedder, readRemembered } from "../memory/in-memory.ts";
import { type LoadedProviders, loadProviders } from "../providers/load.node.ts";
import type { SharedAnswers } from "../providers/recorded/question-claims.ts";
import type { RecorderOptions } from "../providers/recorded/recorder-options.ts";
import { findVoteLeak } from "../providers/vote-leak.ts";
import type { FileVotes } from "../providers/votes-file.ts";
import { DEFAULTS } from "../settings.ts";
import { diskStorage } from "../storage/disk.node.ts";
import type { BarSeries, Market } from "../types.ts";
import { isoDate } from "../util/time.ts";
import { VERSION } from "../version.ts";
import { keyConfig, type Refreshes } from "./key.ts";
import { folderWithoutMemory, memoryFolder } from "../config/memory-folder.node.ts";
import { leakNote, type ProviderLeak } from "./notes.ts";
import { choosePeriod, type Period } from "./period.ts";
import type { Recording } from "../providers/recorded/recording.ts";
import { openRecording } from "./recording.node.ts";

/** How a configuration is opened; `loadConfig()` gives the first two. */
export interface OpenJobOptions extends Pick<
  RecorderOptions,
  "mode" | "onFailure" | "retryFailed" | "onQuestion" | "onQuestionCounts" | "onWait"
> {
  /** Its folders are absolute. */
  readonly config: Config;
  /** The folder that the paths of providers start from. */
  readonly baseDir: string;
  /** Whether a flag set the seed; a note says where it has no effect. @default false */
  readonly seedIsExplicit?: boolean | undefined;
  /** Whether bars with prices that are likely errors are refused, and not only named. @default false */
  readonly strictBars?: boolean | undefined;
  /** Whether bars that begin after the period's start or stop before its end are refused, and not only named. @default false */
  readonly requireBars?: boolean | undefined;
  /** Providers whose questions are asked again, although their answers are recorded. @default none */
  readonly refresh?: readonly string[] | undefined;
  /** @default the one that the configuration names */
  readonly embedder?: Embedder | undefined;
  /** What further jobs of this process use again. @default nothing */
  readonly shared?: SharedMarket | undefined;
  /** Where other machines have their recorded answers from as well. @default the folder of the configuration is all there is */
  readonly sharedAnswers?: SharedAnswers | undefined;
  /** Stops the run, and programs and requests with it. */
  readonly signal?: AbortSignal | undefined;
  /** Called with what the user should know, a sentence a call. */
  readonly onNote?: ((note: string) => void) | undefined;
}

/** What jobs on the same bars share: they are read once, and what depends on them alone is computed once. */
export class SharedMarket {
  readonly bars: BarCache = new BarCache();
  readonly work: SharedWork = new SharedWork();
}

/** A configuration with everything that it names loaded, except the memory. */
export interface OpenJob {
  readonly config: Config;
  readonly job: Omit<InMemoryJob, "remembered"> & { readonly signal: AbortSignal };
  readonly embedder: Embedder;
  /** Where answers of language models and programs come from; `undefined` if the configuration has none. */
  readonly recording: Recording | undefined;
  readonly refreshes: Refreshes;
  /** The votes of each provider of the type `file`, by its name. */
  readonly votes: ReadonlyMap<string, FileVotes>;
  /** Providers of the type `file` whose votes know later bars, and how that shows. */
  readonly voteLeaks: readonly ProviderLeak[];
  /** Loads the providers again, with other votes than those in files. */
  readonly providersWith: (changeVotes: (votes: FileVotes) => FileVotes) => Promise<LoadedProviders>;
  /** Waits a moment for answers that are under way, and ends programs. */
  readonly close: () => Promise<void>;
}

/**
 * Loads everything that a configuration names except the memory: bars, period, providers, embedder, and the key of its run.
 *
 * @throws {CarryoverError} For whatever is wrong with bars or providers.
 */
export async function openJob(options: OpenJobOptions): Promise<OpenJob> {
  const { config, signal = new AbortController().signal, onNote = () => {} } = options;
  const { series, market, period, notes: barNotes } = await findBars({ ...options, onNote });
  const features = market === "bars" ? featuresOf({ ...options, onNote }) : undefined;
  const recording = recordingFor(options);
  const { close_on_hold: closeOnHold } = config.backtest.risk;
  const loading = { baseDir: options.baseDir, signal, recording, series, closeOnHold };
  const { providers, votes, files, refreshes } = await loadProviders(config.providers, { ...loading, onNote });
  const voteLeaks = leaksOf(votes, series);
  const leakNotes = voteLeaks.map((leak) => leakNote(leak, config.providers));
  leakNotes.forEach((note) => onNote(note));
  const ofProviders = providers.flatMap((provider) => provider.signal ?? []);
  const stopped = AbortSignal.any([recording?.recorder.signal ?? signal, ...ofProviders]);
  const { backtest: settings, memory: memorySettings } = toSettings(config);
  return {
    config,
    recording,
    refreshes,
    votes,
    voteLeaks,
    embedder: options.embedder ?? (await loadEmbedder(config.memory, { signal: stopped })),
    job: {
      settings,
      memorySettings,
      period,
      chunkKind: config.backtest.chunks,
      series,
      market,
      features,
      providers,
      notes: [...barNotes, ...leakNotes],
      signal: stopped,
      shared: options.shared?.work,
      key: { version: VERSION, config: keyConfig(config, refreshes), seed: config.backtest.seed, files },
    },
    providersWith: (changeVotes) => loadProviders(config.providers, { ...loading, changeVotes }),
    close: async () => recording?.close(),
  };
}

/** Loads the features of assets. The folder may be missing if it is the default one, which every template of a configuration names. */
function featuresOf({
  config,
  baseDir,
  onNote,
}: OpenJobOptions & { onNote: (note: string) => void }): ReadonlyMap<string, Features> {
  const { assets, features_dir: dir, features_timezone: timezone } = config.backtest;
  const isOptional = resolve(baseDir, dir) === resolve(baseDir, DEFAULTS.backtest.features_dir);
  const features = loadFeatures({ assets, dir, isOptional, timezone, onNote });
  const names = new Set([...features.values()].flatMap((each) => each.names));
  const unknown = (config.portfolio_memory.recall_features ?? []).find((name) => !names.has(name));
  if (unknown === undefined) return features;
  throw fail("NOT_FOUND", "Cannot use portfolio_memory.recall_features", {
    found: `"${unknown}", which no file in "${dir}" has`,
    expected: names.size === 0 ? "a column of a file such as BTCUSD.csv there" : [...names].join(", "),
  });
}

function leaksOf(
  votes: ReadonlyMap<string, FileVotes>,
  series: ReadonlyMap<string, BarSeries>,
): readonly ProviderLeak[] {
  return [...votes].flatMap(([provider, ofFile]) => {
    const leak = findVoteLeak(ofFile, series);
    return leak === undefined ? [] : [{ provider, ...leak }];
  });
}

/** An open job for runs that leave no files. */
export interface OpenInMemoryJob extends Omit<OpenJob, "job"> {
  readonly job: InMemoryJob;
}

/**
 * Opens a job for runs that leave no files. The memory folder is read without a lock, and may be missing.
 *
 * @throws {CarryoverError} For whatever is wrong with bars, providers or memory.
 */
export async function openInMemoryJob(options: OpenJobOptions): Promise<OpenInMemoryJob> {
  await assertMemoryFolders(options.config);
  const opened = await openJob(options);
  const dir = memoryFolder(opened.config);
  // The runs of an experiment have the same situations.
  const embedder = options.embedder ?? cachingEmbedder(opened.embedder);
  const remembered = existsSync(dir)
    ? await readRemembered(diskStorage(dir), { embedder, signal: opened.job.signal })
    : { embedder, trades: [], marks: [] };
  return { ...opened, embedder, job: { ...opened.job, remembered } };
}

/** @throws {CarryoverError} `BAD_USAGE` if a folder that a run of this configuration writes to is not a memory. */
export async function assertMemoryFolders(config: Config): Promise<void> {
  const folder = memoryFolder(config);
  for (const each of new Set([config.memory.dir, folder, folderWithoutMemory(folder)])) {
    await assertMemoryFolder(diskStorage(each));
  }
}

/** @throws {CarryoverError} `BAD_USAGE` for a refresh of a provider whose answers are not recorded. */
function recordingFor(options: OpenJobOptions): Recording | undefined {
  const { config, refresh = [] } = options;
  const known = config.providers.filter(isRecorded).map(({ name }) => name);
  const unknown = refresh.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    const names = known.map((name) => JSON.stringify(name)).join(", ");
    throw fail("BAD_USAGE", "Cannot use --refresh-provider", {
      found: JSON.stringify(unknown),
      expected: names === "" ? "a provider of the type llm or command" : names,
    });
  }
  if (known.length === 0) return undefined;
  const { mode, onFailure, retryFailed, onQuestion, onQuestionCounts, onWait, signal, onNote } = options;
  const asking = { mode, onFailure, retryFailed, refresh, onQuestion, onQuestionCounts, onWait, signal, onNote };
  const { answers_dir: answersDir } = config.memory;
  return openRecording({
    ...asking,
    answersDir,
    shared: options.sharedAnswers,
    budgetUsd: config.backtest.budget_usd,
  });
}

/** The period of a run on synthetic bars for which the user says none. */
const SYNTHETIC_PERIOD = { start: "2024-01-01", end: "2025-01-01" };

/** Loads the bars of a configuration, or makes synthetic ones, and chooses the period. */
async function findBars({
  config: { backtest },
  seedIsExplicit = false,
  strictBars = false,
  requireBars = false,
  shared = new SharedMarket(),
  onNote,
}: OpenJobOptions & { onNote: (note: string) => void }): Promise<{
  series: ReadonlyMap<string, BarSeries>;
  market: Market;
  period: Period;
  /** That the summary keeps. */
  notes: readonly string[];
}> {
  const { assets, asset_costs: costs, data_dir: dataDir, timeframe, seed, start, end } = backtest;
  if (dataDir !== SYNTHETIC) {
    const loaded = await shared.bars.load({ assets, dataDir, timeframe });
    // A default may be of an asset that this configuration does not have.
    const named = Object.keys(costs).filter((asset) => !Object.hasOwn(DEFAULTS.backtest.asset_costs, asset));
    assertCostsOfAssets({ named, assets, dataDir });
    checkPrices(loaded, { strictBars, onNote });
    const { period, notes } = choosePeriod(loaded, { start, end });
    if (requireBars && notes.length > 0) {
      const expected =
        "--require-bars expects bars of the whole period: fetch-bars or import-bars adds what is missing";
      throw new CarryoverError("NOT_FOUND", [...notes, expected].join("\n"));
    }
    for (const message of notes) onNote(`${message}; --require-bars refuses this`);
    if (seedIsExplicit) {
      onNote("The seed has no effect: it is for synthetic bars, and these are real");
    }
    return { series: byAsset(loaded), market: "bars", period, notes };
  }

  const period = {
    startMs: Date.parse(start ?? SYNTHETIC_PERIOD.start),
    endMs: Date.parse(end ?? SYNTHETIC_PERIOD.end),
  };
  if (period.startMs < SYNTHETIC_START) {
    throw fail("NOT_FOUND", "Cannot make synthetic bars", {
      found: `the start ${isoDate(period.startMs)}`,
      expected: `${isoDate(SYNTHETIC_START)} or later`,
    });
  }
  onNote("These bars are synthetic, and say nothing about a real market");
  const synthetic = assets.map((asset) => shared.bars.synthetic({ asset, timeframe, seed, end: period.endMs }));
  return { series: byAsset(synthetic), market: "synthetic", period, notes: [] };
}

/** @throws {CarryoverError} `BAD_DATA` for prices that are likely errors, if they are to be refused. */
function checkPrices(
  series: readonly BarSeries[],
  { strictBars, onNote }: { strictBars: boolean; onNote: (note: string) => void },
): void {
  const unlikely = unlikelyPrices(series).map(({ message }) => message);
  if (unlikely.length === 0) return;
  if (strictBars) throw new CarryoverError("BAD_DATA", unlikely.join("\n"));
  for (const message of unlikely) onNote(`${message}; --strict-bars refuses them`);
}

function byAsset(series: readonly BarSeries[]): ReadonlyMap<string, BarSeries> {
  return new Map(series.map((each) => [each.asset, each]));
}
