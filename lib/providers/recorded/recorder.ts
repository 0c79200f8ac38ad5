import type { Answer, DecisionContext, Situation } from "../../types.ts";
import { CarryoverError } from "../../errors.ts";
import { abstain, type Provider } from "../provider.ts";
import { Budget } from "./budget.ts";
import { NoAnswer, type PreparedQuestion, type QuestionForm, type VoteClient } from "./client.ts";
import type { RecorderOptions } from "./recorder-options.ts";
import { FailureReasons, type QuestionCounts } from "./recorder-reports.ts";
import { isSilent, type KeyedQuestion, type RecordedAnswer, withKey } from "./answer-file.ts";
import { majorityVote } from "./samples.ts";

/** The run is offline and a question has no recorded answer. */
export class MissingAnswer extends CarryoverError {}

/** Every prompt of the run is too long, so starting it again would not help. */
export class PromptsTooLong extends CarryoverError {}

/** Too many questions in a row had no usable answer. Their abstentions are recorded, so that another start begins with the next ones. */
export class NoUsableAnswers extends CarryoverError {}

/** Questions in a row without a usable answer, or too long to be asked, at which a run stops. */
const MAX_FAILURES = 20;

/** How long a stopped run waits for answers in flight, since they are paid for. */
const DRAIN_MS = 3000;

type VoteInput = [situation: Situation, context: DecisionContext, form: QuestionForm];

/** A provider whose questions can be asked in other forms as well. */
export interface RecordedProvider extends Provider {
  /** Votes as `vote()` does, on a question that is asked in this form. */
  voteAs(situation: Situation, context: DecisionContext, form: Pick<QuestionForm, "mask">): Promise<Answer>;
}

/** A client and what the recorder knows about it. */
interface ClientState {
  readonly client: VoteClient;
  readonly refresh: number;
  /** Whether a recorded answer of it was used. */
  hasAnswered: boolean;
  failuresInARow: number;
  tooLongInARow: number;
  hasNotedLength: boolean;
}

/** A question on its way to an answer. */
interface OpenQuestion {
  readonly question: KeyedQuestion;
  readonly prepared: PreparedQuestion;
  readonly timestamp: number;
}

/**
 * Records the answers of clients and replays them. A recorded answer is used if there is one; otherwise the client is asked,
 * within the budget, and its answer is durable before it is used. One recorder serves all providers of a run.
 */
export class Recorder {
  /** Aborted when the run has to stop: by the caller's signal, or by an error here. */
  readonly signal: AbortSignal;
  readonly #options: RecorderOptions;
  readonly #stop = new AbortController();
  readonly #abort = new AbortController();
  readonly #budget: Budget;
  readonly #clients: VoteClient[] = [];
  /** Answers in flight by key: decisions with the same question share one. */
  readonly #pending = new Map<string, Promise<Answer>>();
  readonly #counts = { asked: 0, cached: 0, missing: 0, unanswered: 0 };
  readonly #failures = new FailureReasons();
  #runId: string | null = null;
  /** By earlier starts of the run. */
  #spentBeforeUsd = 0;
  #canRecord = false;
  /** Whether the run went on without an answer before. */
  #hasUnanswered = false;

  constructor(options: RecorderOptions) {
    this.#options = options;
    this.#budget = new Budget(options.budgetUsd ?? Infinity);
    this.signal = AbortSignal.any([options.signal, this.#stop.signal]);
  }

  counts(): QuestionCounts {
    const hasPrice = this.#clients.some((client) => client.hasPrice);
    const { spentUsd } = this.#budget;
    const [costUsd, costNowUsd] = hasPrice ? [spentUsd, spentUsd - this.#spentBeforeUsd] : [null, null];
    return { ...this.#counts, ...this.#failures.counts(), costUsd, costNowUsd };
  }

  /**
   * A provider that votes what `client` answers.
   *
   * @param options `samples`: how often each question is asked. @default 1
   */
  provider(client: VoteClient, refresh: number, options: { samples?: number | undefined } = {}): RecordedProvider {
    const { samples = 1 } = options;
    this.#clients.push(client);
    const counts = { failuresInARow: 0, tooLongInARow: 0 };
    const state: ClientState = { client, refresh, hasAnswered: false, ...counts, hasNotedLength: false };
    const ask = async (...input: VoteInput): Promise<Answer> => {
      try {
        return await this.#vote(state, input);
      } catch (error) {
        // An abstention that is not recorded might be a vote when the run is repeated, so the run stops.
        this.#stop.abort(error);
        throw error;
      } finally {
        this.#options.onQuestionCounts?.(this.counts());
      }
    };
    const voteAs = async (...[situation, context, form]: VoteInput): Promise<Answer> => {
      if (samples === 1) return ask(situation, context, form);
      const numbers = Array.from({ length: samples }, (_, sample) => sample);
      return majorityVote(await Promise.all(numbers.map((sample) => ask(situation, context, { ...form, sample }))));
    };
    return {
      name: client.name,
      signal: this.signal,
      voteAs,
      vote: (situation, context) => voteAs(situation, context, {}),
    };
  }

  /**
   * Names the run, so that what its earlier starts spent counts for the budget, and what they abstained from stays an abstention.
   * Without a name only what this recorder asks counts, as in an experiment.
   */
  async begin(runId: string): Promise<void> {
    this.#runId = runId;
    this.#hasUnanswered = await this.#options.store.hasUnanswered(runId);
    if (this.#options.budgetUsd === undefined) return;
    this.#spentBeforeUsd = await this.#options.store.costOfRun(runId);
    this.#budget.spend(this.#spentBeforeUsd);
  }

  /** Waits a moment for answers in flight, records them, and ends all clients. */
  async close(): Promise<void> {
    const timer = setTimeout(() => {
      const reason = new DOMException("stopped", "AbortError");
      // In this order, so that an aborted question is neither sent again nor taken for a failure of its client.
      this.#stop.abort(reason);
      this.#abort.abort(reason);
    }, DRAIN_MS);
    await Promise.allSettled(this.#pending.values());
    clearTimeout(timer);
    await Promise.all(this.#clients.map((client) => client.close?.()));
  }

  async #vote(state: ClientState, [situation, context, form]: VoteInput): Promise<Answer> {
    const { client, refresh } = state;
    let prepared: PreparedQuestion;
    try {
      prepared = client.prepare(situation, context, form);
    } catch (error) {
      if (error instanceof RangeError) return this.#promptTooLong(state, error.message);
      throw error;
    }
    state.tooLongInARow = 0;
    const question = withKey({ provider: client.name, request: prepared.request, refresh });
    const { key } = question;
    const pending = this.#pending.get(key);
    if (pending !== undefined) return pending;
    const open = { question, prepared, timestamp: situation.timestamp };
    const answer = this.#replayOrAsk(state, open).finally(() => this.#pending.delete(key));
    this.#pending.set(key, answer);
    return answer;
  }

  /** Abstains. The length follows from the question, so it is the same in every run and nothing has to be recorded. */
  #promptTooLong(state: ClientState, problem: string): Answer {
    const name = JSON.stringify(state.client.name);
    this.#failures.add(problem);
    state.tooLongInARow += 1;
    if (!state.hasNotedLength)
      this.#options.onNote?.(`Provider ${name} abstains where its prompt is too long: ${problem}`);
    state.hasNotedLength = true;
    if (state.tooLongInARow < MAX_FAILURES || this.#options.mode === "dry-run") return abstain(problem);
    throw new PromptsTooLong(
      "UNANSWERED",
      `Cannot ask ${name}: ${state.tooLongInARow} prompts in a row are too long (${problem}); shorten prompt_file or use ` +
        "fewer placeholders",
    );
  }

  async #replayOrAsk(state: ClientState, open: OpenQuestion): Promise<Answer> {
    const { mode = "ask", store, onQuestion } = this.#options;
    const { question, prepared, timestamp } = open;
    const { name: provider } = state.client;
    const { request, maxCostUsd } = prepared;
    // Before its answer, which another run may have recorded since: the decisions of a run stay as they were.
    const unanswered = this.#hasUnanswered ? await store.findUnanswered(this.#runId!, question.key) : undefined;
    if (unanswered !== undefined) return this.#abstainUnanswered(unanswered);
    const found = await this.#find(open);
    onQuestion?.({ provider, request, found, timestamp, maxCostUsd });
    if (found !== undefined) return this.#replay(state, found);
    if (mode === "ask") return this.#askAlone(state, open);
    this.#counts.missing += 1;
    if (mode === "dry-run") return placeholderVote(question.key);
    throw new MissingAnswer("NOT_FOUND", `Cannot run offline: found no recorded answer of "${provider}"`);
  }

  /** The recorded answer to a question, by whichever request it was asked. */
  async #find({ question, prepared }: OpenQuestion): Promise<RecordedAnswer | undefined> {
    const { store, retryFailed = false } = this.#options;
    const isWanted = (answer: RecordedAnswer): boolean => !retryFailed || !isSilent(answer);
    const found = await store.find(question);
    if (found !== undefined && isWanted(found)) return found;
    for (const { request, adopt } of prepared.variants?.() ?? []) {
      const variant = await store.find(withKey({ ...question, request }));
      if (variant === undefined) continue;
      adopt();
      return variant;
    }
    return undefined;
  }

  #replay(state: ClientState, found: RecordedAnswer): Answer {
    state.hasAnswered = true;
    this.#counts.cached += 1;
    if (isSilent(found)) this.#counts.unanswered += 1;
    return found.vote;
  }

  #abstainUnanswered(error: string): Answer {
    this.#counts.unanswered += 1;
    return { ...abstain(error), unanswered: true };
  }

  /** Asks, unless another machine has asked the same meanwhile. */
  async #askAlone(state: ClientState, open: OpenQuestion): Promise<Answer> {
    const { claims } = this.#options;
    if (claims === undefined) return this.#ask(state, open);
    const release = await claims.claim(open.question.key, this.signal);
    try {
      const found = await this.#find(open);
      return found === undefined ? await this.#ask(state, open) : this.#replay(state, found);
    } finally {
      await release();
    }
  }

  /** Asks the client and records its answer. */
  async #ask(state: ClientState, { question, prepared }: OpenQuestion): Promise<Answer> {
    const { store, now, onWait, onFailure } = this.#options;
    this.signal.throwIfAborted();
    if (!this.#canRecord) this.#options.assertCanRecord?.();
    this.#canRecord = true;
    const release = await this.#budget.reserve(prepared.maxCostUsd, this.signal);
    const askedAt = new Date(now()).toISOString();
    let isAnswered = false;
    try {
      const {
        failed,
        request = question.request,
        ...answer
      } = await prepared.ask({
        drain: this.signal,
        abort: this.#abort.signal,
        hasAnswered: state.hasAnswered,
        onLost: (usd) => this.#budget.spend(usd),
        onWait: ({ ms, reason }) => onWait?.({ provider: question.provider, untilMs: now() + ms, reason }),
      });
      isAnswered = true;
      const asked = { ...question, request };
      const { vote } = await store.keep(asked, { ...answer, asked_at: askedAt, run_id: this.#runId });
      this.#counts.asked += 1;
      this.#budget.spend(answer.cost_usd ?? 0);
      if (failed) this.#failures.add(vote.error ?? "");
      state.failuresInARow = failed ? state.failuresInARow + 1 : 0;
      if (state.failuresInARow >= MAX_FAILURES) throw unusable(state, vote);
      return vote;
    } catch (error) {
      if (!(error instanceof NoAnswer) || onFailure !== "abstain") {
        // Those that end because the run stops have not failed.
        if (!isAnswered && !this.signal.aborted) this.#failures.add(error instanceof Error ? error.message : "");
        throw error;
      }
      if (this.#runId !== null) await store.markUnanswered(this.#runId, question.key, error.message);
      return this.#abstainUnanswered(error.message);
    } finally {
      release();
    }
  }
}

function unusable({ client, failuresInARow }: ClientState, { error = "" }: Answer): NoUsableAnswers {
  return new NoUsableAnswers(
    "UNANSWERED",
    `Cannot go on: found ${failuresInARow} questions in a row without a usable answer from "${client.name}" (the last: ` +
      `"${error}"), expected answers. They are recorded as abstentions; --refresh-provider ${JSON.stringify(client.name)} ` +
      "asks all of its questions again",
  );
}

/**
 * Stands in for an answer in a dry run, chosen by the question alone. Without trades nothing would be remembered, and the
 * prompts of the dry run would be too short.
 */
function placeholderVote(key: string): Answer {
  const action = (["BUY", "SELL", "HOLD"] as const)[Number.parseInt(key.slice(0, 2), 16) % 3]!;
  return { action, confidence: 50 };
}
