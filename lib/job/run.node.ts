import type { BacktestJob, Progress } from "../backtest/job.ts";
import { RunFiles, RUNS_FOLDER } from "../backtest/run-files.ts";
import { runBacktest, type BacktestResult } from "../backtest/run.ts";
import { folderWithoutMemory, memoryFolder } from "../config/memory-folder.node.ts";
import { CarryoverError, undefinedIfCorrupt } from "../errors.ts";
import type { OnEmbedded } from "../memory/embed-missing.ts";
import { type Memory, openMemory } from "../memory/store.ts";
import { MissingAnswer } from "../providers/recorded/recorder.ts";
import type { QuestionCounts } from "../providers/recorded/recorder-reports.ts";
import { diskStorage } from "../storage/disk.node.ts";
import { copyInMemory } from "../storage/in-memory.ts";
import { withLock } from "../storage/lock.node.ts";
import { DecisionLeaks, ownPrograms } from "./decision-leaks.ts";
import { MissingAnswers } from "./missing-answers.ts";
import {
  apiNotes,
  costsNotes,
  cutoffNotes,
  failureNotes,
  leakNote,
  positionsNotes,
  stoppedNote,
  unansweredNotes,
} from "./notes.ts";
import { assertMemoryFolders, type OpenJob, openJob, type OpenJobOptions } from "./open.node.ts";

export interface RunOptions extends OpenJobOptions, Pick<BacktestJob, "restart" | "removeCommand" | "onProgress"> {
  /**
   * Runs again from the start if the last attempt went on without some answers, and asks those questions again. All recorded answers
   * are used. @default false
   */
  readonly retryFailed?: boolean | undefined;
  /** Called while vectors are made, before the run begins. */
  readonly onEmbedded?: OnEmbedded | undefined;
}

/** The result of a run, and where its files are. */
export interface RunOutcome extends BacktestResult {
  readonly memoryDir: string;
  /** `undefined` if the configuration has no provider whose answers are recorded. */
  readonly questions: QuestionCounts | undefined;
}

/**
 * Runs a configuration in its memory folder, and goes on where an earlier call stopped. In the mode `dry-run` nothing is
 * asked and nothing is written.
 *
 * @throws {CarryoverError} For whatever is wrong with bars, providers or memory; `LOCKED` if another process writes there.
 *
 * @example
 * ```ts
 * const { summary } = await runConfig(await loadConfig("config.yaml"));
 * ```
 */
export async function runConfig(options: RunOptions): Promise<RunOutcome> {
  try {
    return await runOnce(options);
  } catch (error) {
    throw error instanceof MissingAnswer ? await allMissing(options) : error;
  }
}

/** Counts the missing answers in a dry run of the rest, so that the message names more than the first. */
async function allMissing(options: RunOptions): Promise<CarryoverError> {
  const missing = new MissingAnswers();
  const silent = { onNote: undefined, onProgress: undefined };
  await runOnce({ ...options, ...silent, mode: "dry-run", onQuestion: (question) => missing.see(question) });
  return new CarryoverError(
    "NOT_FOUND",
    `Cannot run offline: found questions without a recorded answer among those that are left (${missing}), expected an ` +
      "answer to each: without --offline they are asked",
  );
}

async function runOnce(options: RunOptions): Promise<RunOutcome> {
  // Before anything is written or asked.
  await assertMemoryFolders(options.config);
  const opened = await openJob(options);
  const { config, job, embedder, recording } = opened;
  const { onNote = () => {}, onEmbedded } = options;
  apiNotes(config.providers).forEach((note) => onNote(note));
  costsNotes(config.backtest).forEach((note) => onNote(note));
  cutoffNotes(config.providers, job.period).forEach((note) => onNote(note));
  const folder = memoryFolder(config);
  const memoryDir = job.memorySettings.enabled ? folder : folderWithoutMemory(folder);
  const isDryRun = options.mode === "dry-run";
  const disk = diskStorage(memoryDir);
  const storage = isDryRun ? await copyInMemory(disk, RUNS_FOLDER) : disk;
  return withLock(storage, async () => {
    try {
      const { signal } = job;
      const memory = await openMemory(storage, { embedder, signal, onEmbedded, onNote: isDryRun ? undefined : onNote });
      for (const { name, problem } of memory.damaged) onNote(`Moved "${name}" to quarantine: ${problem}`);
      const result = await runWithNotes(opened, { ...options, onNote, memory, isDryRun });
      failureNotes(recording?.counts()).forEach((note) => onNote(note));
      unansweredNotes(recording?.counts()).forEach((note) => onNote(note));
      const { total_trades: trades, skipped } = result.summary;
      const { votes } = opened;
      positionsNotes(config, { votes, period: job.period, trades, skipped }).forEach((note) => onNote(note));
      if (!isDryRun)
        (await ownVoteNotes(opened, new RunFiles(storage, result.summary.run_id))).forEach((note) => onNote(note));
      return { ...result, memoryDir, questions: recording?.counts() };
    } finally {
      await opened.close();
    }
  });
}

/** What the votes of own programs in the decisions of a run show; nothing if a file is damaged, which `memory-stats --check` tells. */
async function ownVoteNotes({ config, job }: OpenJob, files: RunFiles): Promise<readonly string[]> {
  const names = ownPrograms(config.providers);
  if (names.length === 0) return [];
  const votes = new DecisionLeaks(names);
  const found = await undefinedIfCorrupt(async () => {
    for (const chunk of await files.decisionChunks()) {
      const record = await files.readCommitted(chunk);
      if (record === undefined) continue;
      for await (const lines of await files.readLines(record, "decisions.ndjson")) votes.add(lines);
    }
    return [...votes.oneSided(), ...votes.find(job).map((leak) => leakNote(leak, config.providers))];
  });
  return found ?? [];
}

/** Runs a job, and says what is kept of it where it stops. */
async function runWithNotes(
  opened: OpenJob,
  options: RunOptions & { memory: Memory; isDryRun: boolean; onNote: (note: string) => void },
): Promise<BacktestResult> {
  const { job, recording, refreshes } = opened;
  const { memory, restart, removeCommand, isDryRun, onNote, refresh = [] } = options;
  // A refresh to which nobody has answered has the number of the one before, and so its run.
  const isRetry = options.retryFailed === true || refresh.length > 0;
  let progress: Progress | undefined;
  let runId: string | undefined;
  try {
    return await runBacktest({
      ...job,
      memory,
      onNote,
      removeCommand,
      restart: restart === true || !isRetry || recording === undefined ? restart : recording.wentOnWithout,
      onStart: async (id) => {
        runId = id;
        await recording?.begin(id);
      },
      onProgress: (now) => {
        progress = now;
        options.onProgress?.(now);
      },
    });
  } catch (error) {
    await opened.close();
    if (error instanceof CarryoverError && error.code === "CONFLICT") {
      onNote(
        "This run's results differ from those that it stored before: a provider gives different answers to the same question, or " +
          "recorded answers were deleted. --restart runs it again, under another id",
      );
    }
    // A write that failed while the run was stopped is an error, and the caches cannot be written after it.
    if (job.signal.aborted && error === job.signal.reason && !isDryRun) {
      await memory.flush();
      const outcomes = memory.trades.filter((trade) => trade.runId === runId).length;
      const numbers = await Promise.all(refresh.map((name) => recording?.store.refreshOf(name)));
      const begun = refresh.filter((name, i) => numbers[i] === refreshes[name]);
      onNote(stoppedNote({ progress, outcomes, reason: job.signal.reason, refresh, begun }));
    }
    throw error;
  }
}
