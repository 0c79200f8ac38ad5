import { join } from "node:path";
import { isoDate } from "../util/time.ts";
import type { Progress } from "../backtest/job.ts";
import { lastErrors, RUNS_FOLDER } from "../backtest/run-files.ts";
import { runBacktest, type BacktestResult } from "../backtest/run.ts";
import type { Summary } from "../results/summary.ts";
import { type Config, toSettings } from "../config/config.ts";
import { CarryoverError } from "../errors.ts";
import type { Storage } from "../storage/storage.ts";
import { MissingAnswer, PromptsTooLong, type QuestionCounts } from "../providers/recorded/recorder.ts";
import { findBars, keyConfig, noteOnCutoffs, openRecording, type RunOptions } from "./open.node.ts";
import { diskStorage } from "../storage/disk.node.ts";
import { lockHolder } from "../storage/lock.node.ts";
import { VERSION } from "../version.ts";
import { loadEmbedder } from "../embed/load.node.ts";
import { copyInMemory } from "../storage/in-memory.ts";
import { loadProviders, type RecordingContext } from "../providers/load.node.ts";
import { countMissing } from "./missing-answers.ts";
import { openNoting } from "../memory/open.node.ts";

/** Characters of an abstention's error that a note has. */
const MAX_ERROR = 200;

/** What a run came to, and where its files are. */
export interface RunOutcome extends BacktestResult {
  readonly memoryDir: string;
  /** What was asked; `undefined` where no provider's answers are recorded. */
  readonly questions: QuestionCounts | undefined;
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
  const recording = openRecording(options);
  noteOnCutoffs(config, { period, onNote });
  const { providers, files, refreshes } = await loadProviders(config.providers, {
    ...options,
    assets: config.backtest.assets,
    recording,
  });
  const settings = toSettings(config);
  const signal = recording?.recorder.signal ?? options.signal;
  const embedder = await loadEmbedder(config.memory, { signal });

  // Runs without memory have a folder of their own, so that what they record is never anyone's past.
  const memoryDir = settings.memory.enabled ? config.memory.dir : join(config.memory.dir, "off");
  const disk = diskStorage(memoryDir);
  const storage = options.onQuestion === undefined ? disk : await copyInMemory(disk, RUNS_FOLDER);
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
          await recording?.recorder.begin(id);
        },
        onProgress: (progress) => {
          last = progress;
          options.onProgress(progress);
        },
      });
      if (options.onQuestion === undefined) await noteOnSilent(result.summary, { config, storage, onNote });
      return { ...result, memoryDir, questions: recording?.recorder.counts() };
    } catch (error) {
      await recording?.recorder.close();
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
        const but = isMissing
          ? " without --offline"
          : await withoutBegun(options.refresh ?? [], { recording, refreshes });
        const { length } = memory.trades.filter((trade) => trade.runId === runId);
        const kept = length === 1 ? "the outcome is kept" : `all ${length} outcomes are kept`;
        const next =
          signal.reason instanceof PromptsTooLong
            ? "but the same command meets the same prompts again: with another prompt_file it is another run"
            : `and the same command${but} goes on${again}`;
        onNote(`Stopped${place}: ${length === 0 ? "no trade had closed yet" : kept}, ${next}`);
      }
      throw error;
    }
  } finally {
    await recording?.recorder.close();
    await lock.release();
  }
}

/** What a command has to leave out to go on: refreshes that have begun, and would begin once more. */
async function withoutBegun(
  names: readonly string[],
  { recording, refreshes }: { recording: RecordingContext | undefined; refreshes: Readonly<Record<string, number>> },
): Promise<string> {
  const begun: string[] = [];
  for (const name of names) {
    if ((await recording?.store.refreshOf(name)) === refreshes[name]) begun.push(JSON.stringify(name));
  }
  if (begun.length === 0) return "";
  return ` without --refresh-provider${begun.length === names.length ? "" : ` ${begun.join(", ")}`}`;
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
