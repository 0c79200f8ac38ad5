/** What a provider's first answers show: that it cannot be meant as it is, so that its run would be no result. */
import type { ConfidenceScale } from "../config/config.ts";
import { CarryoverError, messageOf } from "../errors.ts";
import type { Answer } from "../types.ts";
import { isRecord } from "../util/json.ts";
import type { Provider } from "./provider.ts";

/** Answers, or calls, that show it. */
const FIRST = 50;

/** A provider throws in every call, or its confidences are of another scale. The same command would stop again. */
export class UnusableProvider extends CarryoverError {}

/** A confidence of 0 to 1 in percent, without the noise of the multiplication: 57 for 0.57. */
export function shareToPercent(share: number): number {
  return Number((100 * share).toPrecision(15));
}

/**
 * A provider that stops the run if its first 50 answers have confidences of at most 1, or its first 50 calls throw. At the end of a
 * run fewer are enough.
 *
 * @param options `confidenceScale`: what the greatest confidence is; named, all confidences are taken. `stopsOnError`: `false`
 * lets a provider that throws in every call abstain.
 */
export function watchFirstAnswers(
  provider: Provider,
  options: { confidenceScale?: ConfidenceScale | undefined; stopsOnError: boolean },
): Provider {
  const { confidenceScale, stopsOnError } = options;
  const stop = new AbortController();
  const calls = { answered: 0, threw: 0 };
  let highest = 0;
  let lastError: unknown;

  const problem = (): UnusableProvider | undefined => {
    if (stopsOnError && calls.threw > 0 && calls.answered === 0)
      return throwsAlways(provider.name, calls.threw, lastError);
    const isShare = confidenceScale === undefined && highest > 0 && highest <= 1;
    return isShare ? otherScale(provider.name, calls.answered, highest) : undefined;
  };
  const stopIfUnusable = (): void => {
    if (calls.answered !== FIRST && calls.threw !== FIRST) return;
    const found = problem();
    if (found !== undefined) stop.abort(found);
  };
  const onAnswer = (answer: unknown): unknown => {
    const { confidence, error } = isRecord(answer) ? answer : {};
    if (typeof confidence !== "number" || error !== undefined) return answer;
    calls.answered += 1;
    highest = Math.max(highest, confidence);
    stopIfUnusable();
    return confidenceScale === 1 ? { ...(answer as Answer), confidence: shareToPercent(confidence) } : answer;
  };
  const onError = (error: unknown): never => {
    calls.threw += 1;
    lastError = error;
    stopIfUnusable();
    throw error;
  };

  return {
    ...provider,
    signal: provider.signal === undefined ? stop.signal : AbortSignal.any([provider.signal, stop.signal]),
    beforeEnd: () => {
      const found = problem();
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

function throwsAlways(name: string, calls: number, error: unknown): UnusableProvider {
  return new UnusableProvider(
    "UNANSWERED",
    `Cannot use provider "${name}": found an error in each of its ${calls} calls (the last: ${messageOf(error)}), expected ` +
      "votes; on_error: abstain in its configuration lets it abstain",
    { cause: error },
  );
}

function otherScale(name: string, answers: number, highest: number): UnusableProvider {
  return new UnusableProvider(
    "UNANSWERED",
    `Cannot use provider "${name}": found confidences of at most ${highest} in all of its first ${answers} answers, expected ` +
      "0 to 100; in its configuration, confidence_scale: 1 says that 1 is the highest, confidence_scale: 100 that they are meant so",
  );
}
