/** Runs the cells of a sweep, one after the other, in one process that reads bars and makes vectors once. */
import { dirname, join, resolve } from "node:path";
import { RunFiles } from "../backtest/run-files.ts";
import { identifyRun, type RunKeyHead } from "../backtest/run-key.ts";
import { type Config, SYNTHETIC } from "../config/config.ts";
import { configOf } from "../config/load.node.ts";
import type { Embedder } from "../embed/embedder.ts";
import { loadEmbedder } from "../embed/load.node.ts";
import { runInMemory } from "../experiments/in-memory-run.ts";
import { openJob, type OpenJobOptions, SharedMarket } from "../job/open.node.ts";
import { runConfig } from "../job/run.node.ts";
import { cachingEmbedder, InMemoryMemory } from "../memory/in-memory.ts";
import type { SharedAnswers } from "../providers/recorded/question-claims.ts";
import type { DailyReturns } from "../results/metrics.ts";
import type { Summary } from "../results/summary-shape.ts";
import { diskStorage } from "../storage/disk.node.ts";
import { DAY_MS, durationMs } from "../util/time.ts";
import { type CellResult, cellResultOf, inputsOf } from "./cell-result.ts";
import { cellFolder } from "./folder.ts";
import { allCells, type Cell, setKeysOf, type SweepPlan } from "./plan.ts";

/** What is kept of a cell: its memory folder and its result, or the result alone. */
export type Keep = "all" | "summary";

/** Loads the configuration of a cell, its paths absolute. @throws {CarryoverError} `BAD_USAGE`, `BAD_CONFIG` */
export async function configOfCell(plan: SweepPlan, cell: Cell): Promise<Config> {
  const { text, file, root } = plan.base;
  const { config } = await configOf(text, file, { set: setKeysOf(plan, cell) });
  return root === undefined ? config : withRoot(config, root);
}

/** A configuration of another machine, whose files lie below a folder of this one. */
function withRoot(config: Config, root: string): Config {
  const here = (path: string): string => (path.startsWith(root) ? path : join(root, path));
  const { memory, backtest } = config;
  const { data_dir: dataDir, features_dir: featuresDir } = backtest;
  return {
    ...config,
    memory: {
      ...memory,
      dir: here(memory.dir),
      model_dir: here(memory.model_dir),
      answers_dir: here(memory.answers_dir),
    },
    backtest: {
      ...backtest,
      data_dir: dataDir === SYNTHETIC ? SYNTHETIC : here(dataDir),
      features_dir: here(featuresDir),
    },
  };
}

/** Where cells are run. */
export interface CellRunnerOptions {
  /** The folder of the sweep. */
  readonly out: string;
  readonly keep: Keep;
  /** Where other machines have their recorded answers from as well. @default the folder of the configuration is all there is */
  readonly sharedAnswers?: SharedAnswers | undefined;
}

/** The files of the user's modules that cells load, absolute. */
export async function modulesOf(plan: SweepPlan): Promise<readonly string[]> {
  // Most sweeps have none, and checking every configuration takes a moment.
  if (!JSON.stringify(plan).includes("module")) return [];
  const modules = new Set<string>();
  for (const cell of allCells(plan)) {
    for (const provider of (await configOfCell(plan, cell)).providers) {
      if (provider.type === "module") modules.add(resolve(dirname(plan.base.file), provider.path));
    }
  }
  return [...modules];
}

/** What a run of a cell left. */
interface RanCell {
  readonly summary: Summary;
  readonly daily: DailyReturns;
  readonly key: RunKeyHead;
}

/** Runs cells of one plan. What they share is read once. */
export class CellRunner {
  readonly #plan: SweepPlan;
  readonly #options: CellRunnerOptions;
  readonly #shared = new SharedMarket();
  /** By the embedder's settings. */
  readonly #embedders = new Map<string, Embedder>();

  constructor(plan: SweepPlan, options: CellRunnerOptions) {
    this.#plan = plan;
    this.#options = options;
  }

  /**
   * Runs a cell, or goes on with it.
   *
   * @throws The reason of the signal, if that stops the run.
   */
  async run(cell: Cell, { signal }: { signal: AbortSignal }): Promise<CellResult> {
    const config = await configOfCell(this.#plan, cell);
    const run = this.#options.keep === "all" ? this.#inFolder : this.#inMemory;
    const { key, ...ran } = await run.call(this, config, { cell, signal });
    const longestTradeDays = durationMs(config.backtest.risk.max_holding) / DAY_MS;
    return cellResultOf(cell, { ...ran, longestTradeDays, inputs: inputsOf(config, key) });
  }

  /** The id that the run of a cell has now: it changes with this version, the bars and the files that the configuration names. */
  async runIdOf(cell: Cell, { signal }: { signal: AbortSignal }): Promise<string> {
    const config = await configOfCell(this.#plan, cell);
    const { job, embedder, close } = await openJob({
      ...(await this.#opening(config, signal)),
      config,
      mode: "dry-run",
    });
    try {
      const memory = new InMemoryMemory({ embedder, trades: [], marks: [] });
      return (await identifyRun({ ...job, memory }, { carriedIn: [], known: new Map() })).id;
    } finally {
      await close();
    }
  }

  async #inFolder(config: Config, { cell, signal }: { cell: Cell; signal: AbortSignal }): Promise<RanCell> {
    const dir = join(this.#options.out, cellFolder(cell.cell));
    const { summary, daily, memoryDir } = await runConfig({
      ...(await this.#opening(config, signal)),
      config: { ...config, memory: { ...config.memory, dir } },
    });
    const key = await new RunFiles(diskStorage(memoryDir), summary.run_id).readManifestHead();
    return { summary, daily: daily(), key: key! };
  }

  /** The same run, which leaves no files and so starts again after a stop. */
  async #inMemory(config: Config, { signal }: { signal: AbortSignal }): Promise<RanCell> {
    const opened = await openJob({ ...(await this.#opening(config, signal)), config });
    try {
      const trace = await runInMemory({
        ...opened.job,
        keepDecisions: false,
        remembered: { embedder: opened.embedder, trades: [], marks: [] },
        onStart: async (id) => opened.recording?.begin(id),
      });
      // Nothing but the signal, whose reason is thrown, stops it early.
      return { summary: trace.summary!, daily: trace.daily!(), key: trace.key };
    } finally {
      await opened.close();
    }
  }

  async #opening(
    config: Config,
    signal: AbortSignal,
  ): Promise<Pick<OpenJobOptions, "baseDir" | "shared" | "embedder" | "sharedAnswers" | "signal">> {
    const { embedder: name, model_dir: modelDir } = config.memory;
    const key = JSON.stringify([name, modelDir]);
    const embedder = this.#embedders.get(key) ?? cachingEmbedder(await loadEmbedder(config.memory, { signal }));
    this.#embedders.set(key, embedder);
    const { sharedAnswers } = this.#options;
    return { baseDir: dirname(this.#plan.base.file), shared: this.#shared, embedder, sharedAnswers, signal };
  }
}
