import type { CommandConfig, LlmConfig } from "../../config/config.ts";
import type { Provider } from "../provider.ts";
import type { VoteClient } from "./client.ts";
import { assertKnownOptions } from "../../util/option-names.ts";
import type { AnswerFiles } from "./question-claims.ts";
import { Recorder } from "./recorder.ts";
import type { RecorderOptions } from "./recorder-options.ts";
import type { QuestionCounts } from "./recorder-reports.ts";
import { AnswerStore } from "./recordings.ts";

/** How answers are recorded. */
export interface RecordAnswersOptions extends Omit<RecorderOptions, "store" | "signal"> {
  /** Providers whose questions are asked again, although their answers are recorded. @default none */
  readonly refresh?: readonly string[] | undefined;
  /** Stops the runs of its providers. */
  readonly signal?: AbortSignal | undefined;
}

const OPTIONS: Record<keyof RecordAnswersOptions, true> = {
  mode: true,
  budgetUsd: true,
  refresh: true,
  onFailure: true,
  retryFailed: true,
  onNote: true,
  onQuestionCounts: true,
  onQuestion: true,
  onWait: true,
  signal: true,
  now: true,
  claims: true,
  assertCanRecord: true,
};

/** What providers whose answers are recorded are made with. */
export interface RecordingContext {
  readonly store: AnswerStore;
  readonly recorder: Recorder;
  /** Providers whose questions are asked again. Their older answers stay recorded. @default none */
  readonly refresh?: readonly string[] | undefined;
  readonly onNote: (note: string) => void;
  /** Whether questions are asked, so that keys and programs are needed. */
  readonly isAsking: boolean;
  /** Dollars that the questions of a run may cost. @default no limit */
  readonly budgetUsd?: number | undefined;
}

/** Recorded answers, and what asks for those that are missing. */
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
 * Records the answers of models in a folder: every question is asked once, and its answer used from then on.
 *
 * @param files A folder. It may be shared by several processes, and needs no lock.
 * @throws {RangeError} For an option that there is not.
 */
export function recordAnswers(files: AnswerFiles, options: RecordAnswersOptions): Recording {
  assertKnownOptions(options, OPTIONS, { tried: "Cannot record answers" });
  const { refresh, mode = "ask", signal = new AbortController().signal, onNote = () => {} } = options;
  const store = new AnswerStore(files, { onNote });
  const recorder = new Recorder({ ...options, store, signal, onNote });
  return {
    store,
    recorder,
    refresh,
    onNote,
    isAsking: mode === "ask",
    budgetUsd: options.budgetUsd,
    counts: () => recorder.counts(),
    begin: (runId) => recorder.begin(runId),
    wentOnWithout: async (runId) => (await store.hasUnanswered(runId)) || (await store.silentAnswersOf(runId)) > 0,
    close: () => recorder.close(),
  };
}

/** The provider that votes what a client answers, and how often its questions have been asked again. */
export async function recordedProvider(
  config: CommandConfig | LlmConfig,
  client: VoteClient,
  { recorder, store, refresh: refreshed = [], onNote, isAsking, budgetUsd }: RecordingContext,
): Promise<{ provider: Provider; refresh: number }> {
  const { name, bars } = config;
  const isUnpriced = config.type === "llm" && config.price_per_mtok === undefined;
  if (isUnpriced && isAsking && budgetUsd !== undefined)
    onNote(`The budget does not limit "${name}": it has no price_per_mtok`);
  const refresh = (await store.refreshOf(name)) + (refreshed.includes(name) ? 1 : 0);
  const samples = config.type === "llm" ? config.samples : undefined;
  // A model's answers are read on this scale, however low its confidences are.
  const scale = config.type === "llm" ? { confidenceScale: 100 as const } : {};
  return { provider: { ...recorder.provider(client, refresh, { samples }), bars, ...scale }, refresh };
}
