import { join } from "node:path";
import { isoDate } from "../backtest/chunks.ts";
import type { Progress } from "../backtest/run-job.ts";
import { lastErrors } from "../backtest/run-store.ts";
import { runBacktest, type BacktestResult } from "../backtest/run.ts";
import type { Summary } from "../backtest/summary.ts";
import { toSettings, type Config, type ProviderConfig } from "../config.ts";
import type { BarSeries, Market } from "../domain.ts";
import { CarryoverError } from "../errors.ts";
import type { Json } from "../files/json-file.ts";
import type { Storage } from "../files/storage.ts";
import { SYNTHETIC_START, syntheticBars } from "../market/synthetic.ts";
import type { OnEmbedded } from "../memory/memory.ts";
import { MissingAnswer, TooLongQuestions, type AskedCounts, type DeskOptions } from "../providers/desk.ts";
import { noteOnCutoffs, openAsking } from "./asking.ts";
import { loadBars } from "./bar-files.ts";
import { diskStorage } from "./disk-storage.ts";
import { lockHolder, VERSION } from "./environment.ts";
import { loadEmbedder } from "./load-embedder.ts";
import { copyInMemory } from "./_copy-in-memory.ts";
import { loadProviders, type Asking } from "./load-providers.ts";
import { countMissing } from "./_missing-answers.ts";
import { openNoting } from "./_open-noting.ts";
import { choosePeriod, type Period } from "./period.ts";

/** Characters of an abstention's error that a note has. */
const MAX_ERROR = 200;

/** The year that a run without bars and without a period is about. */
const SYNTHETIC_YEAR = 2024;

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
  readonly onAsked?: (counts: AskedCounts) => void;
  /** Asks nobody and writes nothing: this is told of every question instead, and chance votes for who has no recorded answer. */
  readonly onQuestion?: DeskOptions["onQuestion"];
}

/** What a run came to, and where its files are. */
export interface RunOutcome extends BacktestResult {
  readonly memoryDir: string;
  /** What was asked; `undefined` where no provider's answers are recorded. */
  readonly asked: AskedCounts | undefined;
}

/**
 * Runs a configuration: finds bars and period, takes the lock of the memory folder, and backtests.
 *
 * @throws {CarryoverError} Whatever is wrong with bars, providers or memory; `LOCKED` if another process writes there.
 */
export async function runConfig(options: RunOptions): Promise<RunOutcome> {
  try {
    return await runOnce(options);
  } catch (error) {
    throw error instanceof MissingAnswer ? await withAllMissing(options) : error;
  }
}

/** Says how many answers are missing, and not only that one is: tries the rest of the run without them. */
async function withAllMissing(options: RunOptions): Promise<CarryoverError> {
  const missing = countMissing();
  await runOnce({ ...options, onNote: () => {}, onProgress: () => {}, onQuestion: missing.see });
  return new CarryoverError(
    "NOT_FOUND",
    `Cannot run offline: found questions without a recorded answer among those that are left (${missing.words()}), expected an ` +
      "answer to each: without --offline they are asked",
  );
}

async function runOnce(options: RunOptions): Promise<RunOutcome> {
  const { config, onNote } = options;
  const { series, market, period } = await findBars(options);
  const asking = openAsking(options);
  noteOnCutoffs(config, { period, onNote });
  const { providers, files, refreshes } = await loadProviders(config.providers, {
    ...options,
    assets: config.backtest.assets,
    asking,
  });
  const settings = toSettings(config);
  const signal = asking?.desk.signal ?? options.signal;
  const embedder = await loadEmbedder(config.memory, { signal });

  // Runs without memory have a folder of their own, so that what they record is never anyone's past.
  const memoryDir = settings.memory.enabled ? config.memory.dir : join(config.memory.dir, "off");
  const disk = diskStorage(memoryDir);
  const storage = options.onQuestion === undefined ? disk : await copyInMemory(disk);
  const lock = await storage.lock(lockHolder());
  try {
    const memory = await openNoting(storage, {
      embedder,
      signal,
      // What becomes of a copy that nobody keeps is nobody's concern.
      onNote: options.onQuestion === undefined ? onNote : undefined,
      onEmbedded: options.onEmbedded,
    });
    for (const { name, problem } of memory.damaged) onNote(`Moved "${name}" to quarantine: ${problem}`);
    let last: Progress | undefined;
    let runId: string | undefined;
    try {
      const result = await runBacktest({
        settings: settings.backtest,
        memorySettings: settings.memory,
        period,
        chunkKind: config.backtest.chunks,
        series,
        market,
        providers,
        memory,
        storage,
        key: { version: VERSION, config: keyConfig(config, refreshes), seed: config.backtest.seed, files },
        restart: options.restart,
        signal,
        onNote,
        onStart: async (id) => {
          runId = id;
          await asking?.desk.begin(id);
        },
        onProgress: (progress) => {
          last = progress;
          options.onProgress(progress);
        },
      });
      if (options.onQuestion === undefined) await noteOnSilent(result.summary, { config, storage, onNote });
      return { ...result, memoryDir, asked: asking?.desk.counts() };
    } catch (error) {
      await asking?.desk.close();
      if (error instanceof CarryoverError && error.code === "CONFLICT") {
        onNote(
          "Made again, this run came out differently: a provider does not answer the same to the same question, or " +
            "recorded answers were deleted. --restart begins it anew, under another id",
        );
      }
      if (signal.aborted && options.onQuestion === undefined) {
        await memory.flush();
        const place = last === undefined ? "" : ` in ${last.chunk} at ${isoDate(last.simulatedMs)}`;
        const again = last === undefined ? "" : ` with ${last.chunk}`;
        const isMissing = signal.reason instanceof MissingAnswer;
        const but = isMissing ? " without --offline" : await withoutBegun(options.refresh ?? [], { asking, refreshes });
        const { length } = memory.rows.filter(({ row }) => row.runId === runId);
        const kept = length === 1 ? "the outcome is kept" : `all ${length} outcomes are kept`;
        const next =
          signal.reason instanceof TooLongQuestions
            ? "but the same command meets the same prompts again: with another prompt_file it is another run"
            : `and the same command${but} goes on${again}`;
        onNote(`Stopped${place}: ${length === 0 ? "no trade had closed yet" : kept}, ${next}`);
      }
      throw error;
    }
  } finally {
    await asking?.desk.close();
    await lock.release();
  }
}

/** What a command has to leave out to go on: refreshes that have begun, and would begin once more. */
async function withoutBegun(
  names: readonly string[],
  { asking, refreshes }: { asking: Asking | undefined; refreshes: Readonly<Record<string, number>> },
): Promise<string> {
  const begun: string[] = [];
  for (const name of names) {
    if ((await asking?.store.refreshOf(name)) === refreshes[name]) begun.push(JSON.stringify(name));
  }
  if (begun.length === 0) return "";
  return ` without --refresh-provider${begun.length === names.length ? "" : ` ${begun.join(", ")}`}`;
}

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

/** Names providers that never said anything: a wrong name in a votes file, or a program that always fails, looks like that. */
async function noteOnSilent(
  summary: Summary,
  { config, storage, onNote }: { config: Config; storage: Storage; onNote: (note: string) => void },
): Promise<void> {
  const { decisions, run_id: runId, quarterly_breakdown: chunks } = summary;
  const silent = config.providers.filter(
    ({ name, type }) => type !== "memory" && decisions > 0 && summary.providers[name]?.abstentions === decisions,
  );
  if (silent.length === 0) return;
  const errors = await lastErrors(storage, { runId, chunks: chunks.map(({ quarter }) => quarter) });
  for (const { name } of silent) {
    const error = JSON.stringify((errors.get(name) ?? "").slice(0, MAX_ERROR));
    onNote(
      `Provider "${name}" abstained in all ${decisions} decisions, the last with ${error}: "error" in *.decisions.ndjson says why`,
    );
  }
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
