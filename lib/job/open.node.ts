import { existsSync } from "node:fs";
import { type Config, type ProviderConfig, toSettings } from "../config/config.ts";
import type { Embedder } from "../embed/embedder.ts";
import { loadEmbedder } from "../embed/load.node.ts";
import { CarryoverError } from "../errors.ts";
import type { InMemoryJob, Progress } from "../backtest/job.ts";
import { cachingEmbedder, readRemembered } from "../memory/in-memory.ts";
import type { Trade } from "../memory/trade.ts";
import { type RecordingContext, isRecorded, type LoadedProviders, loadProviders } from "../providers/load.node.ts";
import { knowledgeCutoff } from "../providers/recorded/knowledge-cutoffs.ts";
import { type QuestionCounts, type RecorderOptions, openRecorder } from "../providers/recorded/recorder.ts";
import { openAnswerStore } from "../providers/recorded/recordings.ts";
import type { FileVotes } from "../providers/votes-file.ts";
import { isoDate } from "../util/time.ts";
import { diskStorage } from "../storage/disk.node.ts";
import { settleLeftovers } from "../storage/shared-file.node.ts";
import { choosePeriod, type Period } from "./period.ts";
import { VERSION } from "../version.ts";
import { loadBars } from "../market/load.node.ts";
import type { OnEmbedded } from "../memory/embed-missing.ts";
import { SYNTHETIC_START, syntheticBars } from "../market/synthetic.ts";
import type { Json } from "../util/json.ts";
import type { BarSeries, Market } from "../types.ts";

/** Runs of a configuration that leave no files. The memory folder is read without a lock, and may be missing. */
export interface OpenJob {
  readonly config: Config;
  /** What asks the providers that are asked; to be closed. */
  readonly recording: RecordingContext | undefined;
  readonly refreshes: LoadedProviders["refreshes"];
  readonly job: InMemoryJob;
  /** Loads the providers once more, their files' votes changed. */
  readonly providersWith: (changeVotes: (votes: FileVotes) => FileVotes) => Promise<LoadedProviders>;
}

/** What an experiment is made of. */
export type OpenJobOptions = Pick<
  RunOptions,
  "config" | "baseDir" | "dataDirIsExplicit" | "seedIsExplicit" | "signal" | "onNote" | "onQuestionCounts"
> & {
  /** Part of the run's key, so that its ids are nobody else's. @default a run of run-chunks */
  readonly name?: string;
  /**
   * Whether questions without a recorded answer are asked, and their answers recorded. If not, chance votes, by the question
   * alone: nothing is paid for, and a question that knows the future is still answered otherwise. @default false
   */
  readonly asks?: boolean;
  /** Of an experiment before, so that no sentence is embedded twice. */
  readonly embedder?: Embedder;
};

/**
 * Loads all that a configuration names.
 *
 * @throws {CarryoverError} Whatever is wrong with bars, providers or memory.
 */
export async function openJob(options: OpenJobOptions): Promise<OpenJob> {
  const { config } = options;
  const { series, market, period } = await findBars(options);
  const recording = openRecording({ ...options, ...(options.asks === true ? {} : { onQuestion: () => {} }) });
  if (options.asks === true) noteOnCutoffs(config, { period, onNote: options.onNote });
  const { providers, files, refreshes } = await loadProviders(config.providers, {
    ...options,
    assets: config.backtest.assets,
    recording,
  });
  const embedder = options.embedder ?? cachingEmbedder(await loadEmbedder(config.memory, options));
  const { backtest: settings, memory: memorySettings } = toSettings(config);
  const { dir } = config.memory;
  const remembered = existsSync(dir)
    ? await readRemembered(diskStorage(dir), embedder)
    : { embedder, trades: [], marks: [] };
  // A run that is made again under its own id must not find what it left when it was made before.
  const isEarlier = ({ exitMs }: Trade): boolean => exitMs <= period.startMs;
  const trades = options.name === undefined ? remembered.trades.filter(isEarlier) : remembered.trades;
  return {
    config,
    recording,
    refreshes,
    job: {
      settings,
      memorySettings,
      period,
      chunkKind: config.backtest.chunks,
      series,
      market,
      providers,
      remembered: { ...remembered, trades },
      signal: recording?.recorder.signal ?? options.signal,
      key: {
        version: options.name === undefined ? VERSION : `${VERSION} ${options.name}`,
        config: keyConfig(config, refreshes),
        seed: config.backtest.seed,
        files,
      },
    },
    providersWith: (changeVotes) => loadProviders(config.providers, { ...options, recording, changeVotes }),
  };
}

/** How the providers of a configuration are asked. */
export interface RecordingOptions {
  readonly config: Config;
  readonly offline?: boolean | undefined;
  readonly refresh?: readonly string[] | undefined;
  readonly signal: AbortSignal;
  readonly onNote: (note: string) => void;
  readonly onQuestionCounts?: ((counts: QuestionCounts) => void) | undefined;
  /** Only counts what would be asked, and writes nothing. */
  readonly onQuestion?: RecorderOptions["onQuestion"];
}

/**
 * Opens the folder of recorded answers, and a recorder that asks for the others.
 *
 * @returns `undefined` where the configuration has no provider whose answers are recorded.
 * @throws {CarryoverError} `BAD_USAGE` if a provider that is to be asked anew is none.
 */
export function openRecording(options: RecordingOptions): RecordingContext | undefined {
  const { config, refresh = [], onNote, onQuestion } = options;
  const asked = config.providers.filter(isRecorded);
  for (const name of refresh.filter((each) => asked.every((provider) => provider.name !== each))) {
    const known = asked.map((provider) => JSON.stringify(provider.name)).join(", ");
    const expected = known === "" ? "a provider of the type llm or command" : known;
    throw new CarryoverError(
      "BAD_USAGE",
      `Cannot use --refresh-provider: found ${JSON.stringify(name)}, expected ${expected}`,
    );
  }
  if (asked.length === 0) return undefined;
  const dir = config.memory.answers_dir;
  if (onQuestion === undefined) settleLeftovers(dir);
  const store = openAnswerStore(diskStorage(dir), { onNote });
  const recorder = openRecorder({
    store,
    mode: onQuestion !== undefined ? "dry-run" : options.offline === true ? "offline" : "ask",
    budgetUsd: config.backtest.budget_usd,
    signal: options.signal,
    now: () => Date.now(),
    onQuestionCounts: options.onQuestionCounts,
    onQuestion,
    onNote,
  });
  return { store, recorder, refresh, onNote };
}

/** Warns of models that may have read about the period. */
export function noteOnCutoffs(config: Config, options: { period: Period; onNote: (note: string) => void }): void {
  const { period, onNote } = options;
  for (const provider of config.providers) {
    if (provider.type !== "llm") continue;
    const { name, model, mask } = provider;
    const cutoff = provider.knowledge_cutoff ?? knowledgeCutoff(model);
    if (cutoff !== undefined && period.startMs > Date.parse(cutoff)) continue;
    const about =
      cutoff === undefined
        ? `The knowledge cutoff of "${model}" is not known here (knowledge_cutoff says it), and may lie after ${isoDate(period.startMs)}`
        : `The period begins at ${isoDate(period.startMs)}, before "${model}" stopped reading at ${cutoff}`;
    const advice = mask ? "" : "; with mask: true it is not told asset, dates and prices";
    onNote(`${about}: what "${name}" votes may be remembered and not foreseen${advice}`);
  }
}

/** How a configuration is run. */
export interface RunOptions {
  /** Checked, after flags; its folders absolute. */
  readonly config: Config;
  /** The folder that paths of providers start from. */
  readonly baseDir: string;
  /** Whether the seed was asked for by a flag, so that somebody expects something of it. @default false */
  readonly seedIsExplicit?: boolean;
  /** Whether the data folder was asked for by a flag, so that it must be there. */
  readonly dataDirIsExplicit: boolean;
  readonly restart: boolean;
  /** Nobody is asked: an answer that was not recorded is an error. @default false */
  readonly offline?: boolean;
  /** Providers whose recorded answers are not used: they are asked again. @default none */
  readonly refresh?: readonly string[];
  readonly signal: AbortSignal;
  readonly onNote: (note: string) => void;
  readonly onProgress: (progress: Progress) => void;
  /** Told of the vectors that are made before the run begins. */
  readonly onEmbedded?: OnEmbedded;
  /** Told after every question to a language model or a program. */
  readonly onQuestionCounts?: (counts: QuestionCounts) => void;
  /** Asks nobody and writes nothing: this is told of every question instead, and chance votes for who has no recorded answer. */
  readonly onQuestion?: RecorderOptions["onQuestion"];
}

/** The year that a run without bars and without a period is about. */
const SYNTHETIC_YEAR = 2024;

/** Loads the bars of a configuration, or makes synthetic ones, and chooses the period. */
export async function findBars(
  options: Pick<RunOptions, "config" | "dataDirIsExplicit" | "seedIsExplicit" | "onNote">,
): Promise<{ series: ReadonlyMap<string, BarSeries>; market: Market; period: Period }> {
  const { backtest } = options.config;
  const timeframeMs = toSettings(options.config).backtest.timeframeMs;
  const asked = { start: backtest.start, end: backtest.end };
  const loaded = await loadBars({
    assets: backtest.assets,
    dataDir: backtest.data_dir,
    timeframe: backtest.timeframe,
    timeframeMs,
    explicit: options.dataDirIsExplicit,
  });
  if (loaded !== undefined) {
    const { period, notes } = choosePeriod(loaded, asked);
    notes.forEach(options.onNote);
    if (options.seedIsExplicit === true) {
      options.onNote("The seed is of synthetic bars, and these are real: they are the same with every seed");
    }
    return { series: loaded, market: "bars", period };
  }

  const period: Period = {
    startMs: asked.start === undefined ? Date.UTC(SYNTHETIC_YEAR, 0, 1) : Date.parse(asked.start),
    endMs: asked.end === undefined ? Date.UTC(SYNTHETIC_YEAR + 1, 0, 1) : Date.parse(asked.end),
  };
  if (period.startMs < SYNTHETIC_START) {
    const found = `found the start ${isoDate(period.startMs)}`;
    throw new CarryoverError(
      "NOT_FOUND",
      `Cannot make synthetic bars: ${found}, expected ${isoDate(SYNTHETIC_START)} or later, or bars in "${backtest.data_dir}"`,
    );
  }
  options.onNote(
    `No ${backtest.timeframe} bars of ${backtest.assets.join(", ")} in "${backtest.data_dir}": running on synthetic bars, which say nothing about a real market`,
  );
  const synthetic = backtest.assets.map((asset) => {
    const bars = syntheticBars({ asset, timeframeMs, seed: backtest.seed, end: period.endMs });
    return [asset, bars] as const;
  });
  return { series: new Map(synthetic), market: "synthetic", period };
}

/**
 * The configuration as the run key has it: all that a result depends on, and so neither where things are stored, nor the
 * period, which the key names itself, nor how fast, how patiently and for how much providers are asked.
 */
export function keyConfig(config: Config, refreshes: Readonly<Record<string, number>>): Json {
  const { dir: _dir, model_dir: _modelDir, answers_dir: _answersDir, ...memory } = config.memory;
  const { data_dir: _dataDir, start: _start, end: _end, budget_usd: _budget, ...backtest } = config.backtest;
  // A round trip drops what is undefined, as the manifest does.
  const providers = config.providers.map((provider) => keyProvider(provider, refreshes));
  return JSON.parse(JSON.stringify({ ...config, memory, backtest, providers })) as Json;
}

function keyProvider(config: ProviderConfig, refreshes: Readonly<Record<string, number>>): object {
  const refresh = Object.hasOwn(refreshes, config.name) ? { refresh: refreshes[config.name] } : {};
  if (config.type === "command") return { name: config.name, type: config.type, command: config.command, ...refresh };
  if (config.type !== "llm") return config;
  const { name, type, api, model, temperature, max_output_tokens, output, prompt_file, mask } = config;
  return { name, type, api, model, temperature, max_output_tokens, output, prompt_file, mask, ...refresh };
}
