/**
 * Where answers come from that cost money or cannot be repeated: from the store of recorded ones, or, once, from whoever
 * gives them. One recorder serves all providers of a run.
 */
import type { Answer, DecisionContext, Situation } from "../../types.ts";
import { CarryoverError } from "../../errors.ts";
import type { Json } from "../../util/json.ts";
import { answerKey, type AnswerStore, type ReceivedAnswer, type Question, type RecordedAnswer } from "./recordings.ts";
import { openBudget } from "./budget.ts";
import { abstain, type Provider } from "../provider.ts";

/** Someone who can be asked: a language model, or a program of the user's. */
export interface VoteClient {
  readonly name: string;

  /** Whether it is known what answers cost. */
  readonly hasPrice: boolean;

  /** All that the answer depends on. @throws {RangeError} If there is too much of it to be asked. */
  request(situation: Situation, context: DecisionContext): Json;

  /** Dollars that an answer may cost at most; 0 where no price is known. */
  maxCostUsd(request: Json): number;

  /**
   * Asks, with whatever retries are due.
   *
   * @param signals `stop`: begin nothing new; `abort`: drop what is under way as well. Both end in a rejection. `onLost` is told, before
   * a rejection, what the question has cost by then.
   * @throws {CarryoverError} Where nobody can be asked at all: a wrong key, no such model, no such program. Whatever is thrown
   * stops the run.
   */
  ask(request: Json, signals: ClientSignals): Promise<ClientAnswer>;

  /** Ends what was started for it. */
  close?(): Promise<void>;
}

/** What goes between a recorder and someone who is asked. */
export interface ClientSignals {
  readonly drain: AbortSignal;
  readonly abort: AbortSignal;
  readonly onLost?: (usd: number) => void;
}

/** What came of asking. */
export interface ClientAnswer extends Pick<ReceivedAnswer, "vote" | "raw" | "tokens" | "cost_usd" | "took_ms"> {
  /** Whether the vote is an abstention for want of a usable answer. */
  readonly failed: boolean;
}

/** What was asked so far. */
export interface QuestionCounts {
  /** Questions that were asked now. */
  readonly asked: number;
  /** Questions whose answer had been recorded. */
  readonly cached: number;
  /** Of those asked now, how many came to an abstention for want of a usable answer; and those that were too long to be asked. */
  readonly failed: number;
  /** Questions without a recorded answer that were not asked. */
  readonly missing: number;
  /**
   * What the questions of this run cost, those of earlier starts included where there is a budget and `begin()` was called;
   * `null` where of nobody who is asked a price is known.
   */
  readonly costUsd: number | null;
}

/** A question that is about to be answered. */
export interface SeenQuestion {
  readonly provider: string;
  readonly request: Json;
  /** When the decision is made, epoch ms. */
  readonly timestamp: number;
  /** Its answer, if that had been recorded. */
  readonly found: RecordedAnswer | undefined;
  /** Dollars that an answer may cost at most; 0 where no price is known. */
  readonly maxCostUsd: number;
}

/** How a recorder works. */
export interface RecorderOptions {
  readonly store: AnswerStore;
  /** `ask`; `offline`: a missing answer stops the run; `dry-run`: a placeholder votes. @default "ask" */
  readonly mode?: "ask" | "offline" | "dry-run" | undefined;
  /** What the questions of a run may cost. @default no limit */
  readonly budgetUsd?: number | undefined;
  /** The user's: it stops the run. */
  readonly signal: AbortSignal;
  /** Wall-clock time, epoch ms. */
  readonly now: () => number;
  /** Called after every question. */
  readonly onQuestionCounts?: ((counts: QuestionCounts) => void) | undefined;
  readonly onQuestion?: ((question: SeenQuestion) => void) | undefined;
  readonly onNote?: ((note: string) => void) | undefined;
}

/** Where providers get the answers of whom they ask: recorded ones first, then new ones, within the budget. */
export interface Recorder {
  /** Stops the run: the user's signal, or a reason that the recorder found. */
  readonly signal: AbortSignal;
  counts(): QuestionCounts;
  /** A provider that votes what `client` says. */
  provider(client: VoteClient, refresh: number): Provider;
  /**
   * Says which run it is for, whose earlier starts then count for the budget. Without it, as in an experiment, only what this recorder
   * asks does.
   */
  begin(runId: string): Promise<void>;
  /** Waits a moment for answers that are under way, since they are paid for, records them, and ends everything. */
  close(): Promise<void>;
}

/** A run that may not ask met a question that nobody has answered yet. */
export class MissingAnswer extends CarryoverError {}

/** All of a run's questions are too long to be put: it stops there however often it is started. */
export class PromptsTooLong extends CarryoverError {}

/** Stands for an answer in a trial: without trades nothing would be remembered, and prompts would be too short. */
function placeholderVote(key: string): Answer {
  return {
    action: (["BUY", "SELL", "HOLD"] as const)[Number.parseInt(key.slice(0, 2), 16) % 3] ?? "HOLD",
    confidence: 50,
  };
}

/** Abstentions in a row for want of a usable answer after which a run stops. */
const MAX_FAILURES = 20;

/** How long a stopped run waits for answers that are under way. */
const LAST_CALL_MS = 3000;

/** Opens a recorder. */
export function openRecorder(options: RecorderOptions): Recorder {
  const { store, mode = "ask", budgetUsd = Infinity, now } = options;
  const stopper = new AbortController();
  const abort = new AbortController();
  const drain = AbortSignal.any([options.signal, stopper.signal]);
  const clients: VoteClient[] = [];
  /** Questions under way: two that are alike share one answer. */
  const pending = new Map<string, Promise<Answer>>();
  const counted = { asked: 0, cached: 0, failed: 0, missing: 0 };
  const budget = openBudget(budgetUsd);
  const counts = (): QuestionCounts => ({
    ...counted,
    costUsd: clients.some(({ hasPrice }) => hasPrice) ? budget.spentUsd : null,
  });
  let runId: string | null = null;

  const askNow = async (question: Question, client: VoteClient): Promise<{ vote: Answer; failed: boolean }> => {
    const release = await budget.reserve(client.maxCostUsd(question.request), drain);
    const asked_at = new Date(now()).toISOString();
    try {
      const asked = await client.ask(question.request, { drain, abort: abort.signal, onLost: budget.spend });
      const { failed, ...answer } = asked;
      const kept = await store.keep(question, { ...answer, asked_at, run_id: runId });
      counted.asked += 1;
      budget.spend(answer.cost_usd ?? 0);
      if (failed) counted.failed += 1;
      return { vote: kept.vote, failed };
    } finally {
      release();
    }
  };

  const notAsked = (key: string, client: VoteClient): Answer => {
    counted.missing += 1;
    if (mode === "dry-run") return placeholderVote(key);
    throw new MissingAnswer("NOT_FOUND", `Cannot run offline: found no recorded answer of "${client.name}"`);
  };

  return {
    signal: drain,
    counts,

    provider: (client, refresh) => {
      clients.push(client);
      let failuresInARow = 0;
      const replayOrAsk = async (key: string, question: Question, timestamp: number): Promise<Answer> => {
        const found = await store.find(key);
        const { request } = question;
        options.onQuestion?.({
          provider: client.name,
          request,
          found,
          timestamp,
          maxCostUsd: client.maxCostUsd(request),
        });
        if (found !== undefined) {
          counted.cached += 1;
          return found.vote;
        }
        if (mode !== "ask") return notAsked(key, client);
        drain.throwIfAborted();
        const { vote, failed } = await askNow(question, client);
        failuresInARow = failed ? failuresInARow + 1 : 0;
        if (failuresInARow >= MAX_FAILURES) {
          throw new CarryoverError(
            "UNANSWERED",
            `Cannot go on: found ${failuresInARow} questions in a row without a usable answer of "${client.name}", the last ` +
              `with "${vote.error ?? ""}", expected answers. They stay recorded as abstentions, until a run with ` +
              `--refresh-provider ${JSON.stringify(client.name)} asks all of its questions anew`,
          );
        }
        return vote;
      };
      /** Without an answer to record the run stops: who only abstained now might vote when the run is repeated. */
      const stopRunOnError = async <T>(work: () => T | Promise<T>): Promise<T> => {
        try {
          return await work();
        } catch (error) {
          stopper.abort(error);
          throw error;
        }
      };
      /** By what they are made of, and so the same in every run: there is nothing to record. */
      let tooLongInARow = 0;
      let hasNoted = false;
      const promptTooLong = (message: string): Answer => {
        counted.failed += 1;
        tooLongInARow += 1;
        if (!hasNoted)
          options.onNote?.(`Provider ${JSON.stringify(client.name)} abstains where it cannot be asked: ${message}`);
        hasNoted = true;
        if (tooLongInARow < MAX_FAILURES || mode === "dry-run") return abstain(message);
        throw new PromptsTooLong(
          "UNANSWERED",
          `Cannot put ${tooLongInARow} questions in a row to ${JSON.stringify(client.name)}: ${message}, which takes a ` +
            "prompt_file that is shorter or has fewer placeholders",
        );
      };
      const answerTo = async (situation: Situation, context: DecisionContext): Promise<Answer> => {
        let request: Json;
        try {
          request = client.request(situation, context);
        } catch (error) {
          if (error instanceof RangeError) return promptTooLong(error.message);
          throw error;
        }
        tooLongInARow = 0;
        const question = { provider: client.name, request, refresh };
        const key = await answerKey(question);
        const underWay = pending.get(key);
        if (underWay !== undefined) return underWay;
        const answer = replayOrAsk(key, question, situation.timestamp).finally(() => pending.delete(key));
        pending.set(key, answer);
        return answer;
      };
      return {
        name: client.name,
        vote: (situation, context) =>
          stopRunOnError(() => answerTo(situation, context)).finally(() => options.onQuestionCounts?.(counts())),
      };
    },

    async begin(id) {
      runId = id;
      if (budgetUsd !== Infinity) budget.spend(await store.costOfRun(id));
    },

    async close() {
      const lastCall = setTimeout(() => {
        const reason = new DOMException("stopped", "AbortError");
        // First, so that what is given up is not asked again, nor taken for a failure of whoever was asked.
        stopper.abort(reason);
        abort.abort(reason);
      }, LAST_CALL_MS);
      await Promise.allSettled(pending.values());
      clearTimeout(lastCall);
      await Promise.all(clients.map((client) => client.close?.()));
    },
  };
}
