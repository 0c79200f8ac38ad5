import { existsSync } from "node:fs";
import type { RehearsalJob } from "../backtest/rehearsal.ts";
import { toSettings, type Config } from "../config.ts";
import type { Embedder } from "../embed/embedder.ts";
import { cachingEmbedder, readRemembered } from "../memory/scratch-memory.ts";
import type { VectorRow } from "../memory/vector-store.ts";
import type { FileVotes } from "../providers/file.ts";
import { noteOnCutoffs, openAsking } from "./asking.ts";
import { diskStorage } from "./disk-storage.ts";
import { VERSION } from "./environment.ts";
import { loadEmbedder } from "./load-embedder.ts";
import { loadProviders, type Asking, type LoadedProviders } from "./load-providers.ts";
import { findBars, keyConfig, type RunOptions } from "./run-config.ts";

/** Runs of a configuration that leave no files. The memory folder is read without a lock, and may be missing. */
export interface Experiment {
  readonly config: Config;
  /** What asks the providers that are asked; to be closed. */
  readonly asking: Asking | undefined;
  readonly refreshes: LoadedProviders["refreshes"];
  readonly job: RehearsalJob;
  /** Loads the providers once more, their files' votes changed. */
  readonly providersWith: (changeVotes: (votes: FileVotes) => FileVotes) => Promise<LoadedProviders>;
}

/** What an experiment is made of. */
export type ExperimentOptions = Pick<
  RunOptions,
  "config" | "baseDir" | "dataDirIsExplicit" | "seedIsExplicit" | "signal" | "onNote" | "onAsked"
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
export async function prepareExperiment(options: ExperimentOptions): Promise<Experiment> {
  const { config } = options;
  const { series, market, period } = await findBars(options);
  const asking = openAsking({ ...options, ...(options.asks === true ? {} : { onQuestion: () => {} }) });
  if (options.asks === true) noteOnCutoffs(config, { period, onNote: options.onNote });
  const { providers, files, refreshes } = await loadProviders(config.providers, {
    ...options,
    assets: config.backtest.assets,
    asking,
  });
  const embedder = options.embedder ?? cachingEmbedder(await loadEmbedder(config.memory, options));
  const { backtest: settings, memory: memorySettings } = toSettings(config);
  const { dir } = config.memory;
  const remembered = existsSync(dir)
    ? await readRemembered(diskStorage(dir), embedder)
    : { embedder, rows: [], marks: [] };
  // A run that is made again under its own id must not find what it left when it was made before.
  const isEarlier = ({ row }: VectorRow): boolean => row.exitMs <= period.startMs;
  const rows = options.name === undefined ? remembered.rows.filter(isEarlier) : remembered.rows;
  return {
    config,
    asking,
    refreshes,
    job: {
      settings,
      memorySettings,
      period,
      chunkKind: config.backtest.chunks,
      series,
      market,
      providers,
      remembered: { ...remembered, rows },
      signal: asking?.desk.signal ?? options.signal,
      key: {
        version: options.name === undefined ? VERSION : `${VERSION} ${options.name}`,
        config: keyConfig(config, refreshes),
        seed: config.backtest.seed,
        files,
      },
    },
    providersWith: (changeVotes) => loadProviders(config.providers, { ...options, asking, changeVotes }),
  };
}
