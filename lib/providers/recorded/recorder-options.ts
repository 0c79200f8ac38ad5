import type { QuestionClaims } from "./question-claims.ts";
import type { QuestionCounts, SeenQuestion, ServerWait } from "./recorder-reports.ts";
import type { AnswerStore } from "./recordings.ts";

/** How a recorder works. */
export interface RecorderOptions {
  readonly store: AnswerStore;
  /**
   * What happens to a question without a recorded answer: `ask` sends it, `offline` stops the run, `dry-run` lets a
   * placeholder vote.
   * @default "ask"
   */
  readonly mode?: "ask" | "offline" | "dry-run" | undefined;
  /**
   * What happens to a question that nobody answers: it stops the run, or is an abstention of this run.
   * @default "stop"
   */
  readonly onFailure?: "stop" | "abstain" | undefined;
  /** Whether questions are asked again that an earlier version recorded as unanswered. @default false */
  readonly retryFailed?: boolean | undefined;
  /** Dollars that the questions of a run may cost. @default no limit */
  readonly budgetUsd?: number | undefined;
  /** Stops the run, as Ctrl-C does. */
  readonly signal: AbortSignal;
  /** Wall-clock time, epoch ms. */
  readonly now: () => number;
  /** Keeps several machines from asking one question at a time. @default nobody else asks */
  readonly claims?: QuestionClaims | undefined;
  /** Called before the first question is sent. It throws if answers cannot be recorded: nothing is asked then. */
  readonly assertCanRecord?: (() => void) | undefined;
  /** Called after every question. */
  readonly onQuestionCounts?: ((counts: QuestionCounts) => void) | undefined;
  /** Called before every question is answered. */
  readonly onQuestion?: ((question: SeenQuestion) => void) | undefined;
  /** Called when a question waits for its server. */
  readonly onWait?: ((wait: ServerWait) => void) | undefined;
  readonly onNote?: ((note: string) => void) | undefined;
}
