import { resolve } from "node:path";
import type { CommandConfig, LlmConfig, ProviderConfig } from "../config/config.ts";
import { parseProvider } from "../config/parse.ts";
import { loadProviders, type RecordingContext } from "../providers/load.node.ts";
import type { Provider } from "../providers/provider.ts";
import { Recorder, type RecorderOptions } from "../providers/recorded/recorder.ts";
import type { QuestionCounts } from "../providers/recorded/recorder-reports.ts";
import { AnswerStore } from "../providers/recorded/recordings.ts";
import { diskStorage } from "../storage/disk.node.ts";
import { assertWritable, settleLeftovers } from "../storage/fs.node.ts";
import { sha256OfText } from "../util/sha256.ts";
import { keyProvider } from "./key.ts";

export interface RecordingOptions extends Omit<RecorderOptions, "store" | "now" | "signal" | "assertCanRecord"> {
  /** The folder. It may be shared by several processes. */
  readonly answersDir: string;
  /** Providers whose questions are asked again, although their answers are recorded. @default none */
  readonly refresh?: readonly string[] | undefined;
  /** Stops the runs of its providers. */
  readonly signal?: AbortSignal | undefined;
}

/** A folder of recorded answers, and what asks for those that are missing. */
export interface Recording extends RecordingContext {
  readonly counts: () => QuestionCounts;
  /** Names the run, so that what its earlier starts spent counts for the budget: the `onStart` of `backtest()`. */
  readonly begin: (runId: string) => Promise<void>;
  /** Whether a run went on without the answer to some question, now or under an earlier version. */
  readonly wentOnWithout: (runId: string) => Promise<boolean>;
  /** Waits a moment for answers that are under way, and ends programs. */
  readonly close: () => Promise<void>;
}

/**
 * Opens a folder of recorded answers for `llmProvider()` and `commandProvider()`. Every question is asked once: its answer
 * is recorded, and used from then on.
 */
export function openRecording(options: RecordingOptions): Recording {
  const { answersDir, refresh, signal = new AbortController().signal, onNote = () => {} } = options;
  const dir = resolve(answersDir);
  if (options.mode !== "dry-run") settleLeftovers(dir);
  const store = new AnswerStore(diskStorage(dir), { onNote });
  const recorder = new Recorder({
    ...options,
    store,
    signal,
    onNote,
    now: () => Date.now(),
    assertCanRecord: () => assertWritable(dir),
  });
  return {
    store,
    recorder,
    refresh,
    onNote,
    isAsking: (options.mode ?? "ask") === "ask",
    counts: () => recorder.counts(),
    begin: (runId) => recorder.begin(runId),
    wentOnWithout: async (runId) => (await store.hasUnanswered(runId)) || (await store.silentAnswersOf(runId)) > 0,
    close: () => recorder.close(),
  };
}

/** A language model as config.yaml describes it; all but its name and what it is called have defaults. */
export type LlmProviderOptions = Pick<LlmConfig, "name" | "model"> & Partial<Omit<LlmConfig, "type">>;

/**
 * A provider that asks a language model.
 *
 * @throws {CarryoverError} `BAD_CONFIG` for a wrong or missing option; `NOT_FOUND` or `BAD_CONFIG` for the file of a prompt.
 *
 * @example
 * ```ts
 * const recording = openRecording({ answersDir: "data/answers", budgetUsd: 5 });
 * const llama = await llmProvider({ name: "llama", model: "llama3.2", base_url: "http://localhost:11434/v1" }, recording);
 * const { summary } = await backtest({ bars, memory, providers: [trend(), llama], onStart: recording.begin });
 * await recording.close();
 * ```
 */
export async function llmProvider(options: LlmProviderOptions, recording: Recording): Promise<Provider> {
  return recordedProvider(await parseProvider({ ...options, type: "llm" }), recording);
}

/** A program as config.yaml describes it. */
export type CommandProviderOptions = Pick<CommandConfig, "name" | "command"> & Partial<Omit<CommandConfig, "type">>;

/**
 * A provider that asks a program of yours, which runs in the current folder (docs/PROVIDERS.md).
 *
 * @throws {CarryoverError} `BAD_CONFIG` for a wrong or missing option.
 */
export async function commandProvider(options: CommandProviderOptions, recording: Recording): Promise<Provider> {
  return recordedProvider(await parseProvider({ ...options, type: "command" }), recording);
}

async function recordedProvider(config: ProviderConfig, recording: Recording): Promise<Provider> {
  const { providers, files, refreshes } = await loadProviders([config], { baseDir: process.cwd(), recording });
  return { ...providers[0]!, version: sha256OfText(JSON.stringify([keyProvider(config, refreshes), files])) };
}
