/** What a provider's first answers show: that it cannot be meant as it is, so that its run would be no result. */
import type { ConfidenceScale } from "../config/config.ts";
import { CarryoverError, messageOf } from "../errors.ts";
import type { Answer, Vote } from "../types.ts";
import { isRecord } from "../util/json.ts";
import { isBuiltIn, type Provider, toVote } from "./provider.ts";
import { type WaitNotes, withWaitNotes } from "./wait-notes.ts";

/** Answers, or calls, that show it. */
const FIRST = 50;

/** At the end of a run so many votes of BUY and SELL show it, if the confidences of HOLD are higher. */
const MIN_DIRECTED = 10;

/** A provider gives no vote in any call, or its confidences are of another scale. The same command would stop again. */
export class UnusableProvider extends CarryoverError {}

/** A confidence of 0 to 1 in percent, without the noise of the multiplication: 57 for 0.57. */
export function shareToPercent(share: number): number {
  return Number((100 * share).toPrecision(15));
}

interface WatchOptions {
  /** What the greatest confidence is; named, all confidences are taken. */
  readonly confidenceScale?: ConfidenceScale | undefined;
  /** `false` lets a provider abstain that gives no vote in any call. */
  readonly stopsOnError: boolean;
  /** What its user can do. @default in a configuration */
  readonly advice?: Advice | undefined;
}

/** How to go on with a provider that is meant as it is. */
interface Advice {
  readonly onError: string;
  readonly onScale: string;
}

const OF_CONFIGURATION: Advice = {
  onError: "on_error: abstain in its configuration lets it abstain",
  onScale:
    "in its configuration, confidence_scale: 1 says that 1 is the highest, confidence_scale: 100 that they are out of 100",
};

/** The trades before the stop are kept under the run, which another vote would contradict. */
const OTHER_VERSION = "Change its `version` with it, so that another run begins";

const OF_LIBRARY: Advice = {
  onError: `abstain(reason) is an answer that says why there is no vote. ${OTHER_VERSION}`,
  onScale:
    "confidenceScale: 1 of the provider says that 1 is the highest, confidenceScale: 100 that they are out of 100. " +
    OTHER_VERSION,
};

/** A provider of a program that uses the library, which stops the run as a module of a configuration does, and is named if a vote takes long. */
export function watchLibraryProvider(provider: Provider, waiting: WaitNotes): Provider {
  if (isBuiltIn(provider)) return provider;
  const { confidenceScale } = provider;
  const watched = watchFirstAnswers(provider, { confidenceScale, stopsOnError: true, advice: OF_LIBRARY });
  return withWaitNotes(watched, waiting);
}

/**
 * A provider that stops the run if its first 50 answers, or its first 50 votes of BUY and SELL, have confidences of at most 1, or if its
 * first 50 calls throw or return what is neither a vote nor an abstention. At the end of a run fewer are enough.
 */
export function watchFirstAnswers(provider: Provider, options: WatchOptions): Provider {
  const { confidenceScale } = options;
  const stop = new AbortController();
  const first = new FirstAnswers(provider.name, { ...options, stop });

  const onAnswer = (answer: unknown): unknown => {
    const { confidence, error } = isRecord(answer) ? answer : {};
    if (typeof error === "string") return answer;
    const isShare = confidenceScale === 1 && typeof confidence === "number";
    const scaled = isShare ? { ...(answer as Answer), confidence: shareToPercent(confidence) } : answer;
    const vote = toVote(provider.name, scaled);
    if (vote.error === undefined) first.countVote(vote);
    else first.countUnusable(vote.error);
    return scaled;
  };
  const onError = (error: unknown): never => {
    first.countError(error);
    throw error;
  };

  return {
    ...provider,
    // They may be getters of a class, which have no copy.
    name: provider.name,
    version: provider.version,
    reads: provider.reads,
    bars: provider.bars,
    // As checked here.
    confidenceScale: 100,
    signal: provider.signal === undefined ? stop.signal : AbortSignal.any([provider.signal, stop.signal]),
    beforeEnd: () => {
      provider.beforeEnd?.();
      const found = first.problem();
      if (found !== undefined) throw found;
    },
    vote: (situation, context) => {
      let answer: unknown;
      try {
        answer = provider.vote(situation, context);
      } catch (error) {
        return onError(error);
      }
      // Whatever the answer is, it is checked where votes are counted.
      return (answer instanceof Promise ? answer.then(onAnswer, onError) : onAnswer(answer)) as
        | Answer
        | Promise<Answer>;
    },
  };
}

/** Counts what a provider has given so far. */
class FirstAnswers {
  readonly #name: string;
  readonly #options: WatchOptions & { readonly stop: AbortController };
  #votes = 0;
  #errors = 0;
  #unusable = 0;
  #highest = 0;
  /** Of the votes, those of BUY and SELL: what HOLD has for a confidence hardly says which scale it is. */
  #directed = 0;
  #highestDirected = 0;
  #last: unknown;

  constructor(name: string, options: WatchOptions & { readonly stop: AbortController }) {
    this.#name = name;
    this.#options = options;
  }

  countVote({ action, confidence }: Vote): void {
    this.#votes += 1;
    this.#highest = Math.max(this.#highest, confidence);
    if (action !== "HOLD") {
      this.#directed += 1;
      this.#highestDirected = Math.max(this.#highestDirected, confidence);
    }
    if (this.#votes === FIRST || (action !== "HOLD" && this.#directed === FIRST)) this.#stopIfUnusable();
  }

  countUnusable(problem: string): void {
    this.#unusable += 1;
    this.#last = problem;
    this.#countFailure();
  }

  countError(error: unknown): void {
    this.#errors += 1;
    this.#last = error;
    this.#countFailure();
  }

  problem(): UnusableProvider | undefined {
    const { advice = OF_CONFIGURATION } = this.#options;
    const failed = this.#errors + this.#unusable;
    if (this.#options.stopsOnError && failed > 0 && this.#votes === 0) {
      const report = this.#unusable > 0 ? neverVotes : throwsAlways;
      return report(this.#name, failed, this.#last, advice);
    }
    if (this.#options.confidenceScale !== undefined) return undefined;
    if (looksLikeShare(this.#highest)) return otherScale(this.#name, `${this.#votes} answers`, this.#highest, advice);
    if (this.#directed < MIN_DIRECTED || !looksLikeShare(this.#highestDirected)) return undefined;
    return otherScale(this.#name, `${this.#directed} votes of BUY and SELL`, this.#highestDirected, advice);
  }

  #countFailure(): void {
    if (this.#errors + this.#unusable === FIRST) this.#stopIfUnusable();
  }

  #stopIfUnusable(): void {
    const found = this.problem();
    if (found !== undefined) this.#options.stop.abort(found);
  }
}

/** Whether the highest confidence of many is rather a share than out of 100. */
function looksLikeShare(highest: number): boolean {
  return highest > 0 && highest <= 1;
}

function throwsAlways(name: string, calls: number, error: unknown, { onError }: Advice): UnusableProvider {
  return new UnusableProvider(
    "UNANSWERED",
    `Cannot use provider "${name}": found an error in each of its ${calls} calls (the last: ${messageOf(error)}), expected ` +
      `votes; ${onError}`,
    { cause: error },
  );
}

function neverVotes(name: string, calls: number, error: unknown, { onError }: Advice): UnusableProvider {
  return new UnusableProvider(
    "UNANSWERED",
    `Cannot use provider "${name}": found no vote in its first ${calls} answers (the last: ${messageOf(error)}), expected votes such as ` +
      `{ action: "BUY", confidence: 60 }; ${onError}`,
  );
}

function otherScale(name: string, answers: string, highest: number, { onScale }: Advice): UnusableProvider {
  return new UnusableProvider(
    "UNANSWERED",
    `Cannot use provider "${name}": found confidences of at most ${highest} in all of its first ${answers}, expected ` +
      `0 to 100; ${onScale}`,
  );
}
