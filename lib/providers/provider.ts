import { unlessAborted } from "../util/async.ts";
import { messageOf } from "../errors.ts";
import type { Answer, DecisionContext, Situation, Vote } from "../types.ts";

/**
 * A member of the ensemble. It answers from its arguments alone: nothing is carried from call to call, or a run that was
 * stopped and resumed would differ from one that was not.
 *
 * @example
 * ```ts
 * export const contrarian: Provider = {
 *   name: "contrarian",
 *   vote: (situation) =>
 *     situation.rsi < 30 ? { action: "BUY", confidence: 60, reason: "oversold" } : { action: "HOLD", confidence: 50 },
 * };
 * ```
 */
export interface Provider {
  /** Unique in the ensemble; the name under which its record is kept. */
  readonly name: string;

  /**
   * Votes on one situation. A provider that throws, rejects or answers out of range abstains, and the run goes on.
   *
   * @param situation What is known about the asset at the bar's close.
   * @param context What memory recalls as of that time, and what is open.
   */
  vote(situation: Situation, context: DecisionContext): Answer | Promise<Answer>;
}

/** The answer of a provider that has nothing to say: neither right nor wrong. */
export function abstain(error: string): Answer {
  return { action: "HOLD", confidence: 0, error };
}

/** Characters of a reason or an error that are kept. */
const MAX_TEXT = 1000;

/**
 * Asks every provider at once. One that throws, rejects or answers out of range abstains, and the others count. What they
 * are told is frozen: none can change what the others, the broker or the files get.
 *
 * @param input `signal`: what stops the run, so that a provider that never answers does not keep it.
 * @returns A vote of each, in the order of `providers`, whatever the order in which they answered.
 */
export async function askProviders(
  providers: readonly Provider[],
  input: { situation: Situation; context: DecisionContext; signal?: AbortSignal | undefined },
): Promise<readonly Vote[]> {
  Object.freeze(input.situation);
  freezeContext(input.context);
  const answers = providers.map((provider) => ask(provider, input));
  // Rules answer at once; waiting only for those who promise saves most of the time of a run without models.
  const settled = answers.some((answer) => answer instanceof Promise)
    ? await unlessAborted(Promise.all(answers), input.signal)
    : answers;
  return settled.map((answer, i) => voteOf(providers[i]?.name ?? "", answer));
}

function ask(provider: Provider, input: { situation: Situation; context: DecisionContext }): unknown {
  try {
    const answer: unknown = provider.vote(input.situation, input.context);
    if (!isThenable(answer)) return answer;
    return Promise.resolve(answer).catch((error: unknown) => abstain(messageOf(error)));
  } catch (error) {
    return abstain(messageOf(error));
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}

/** The records are frozen already: many contexts share them. */
function freezeContext(context: DecisionContext): void {
  for (const trade of context.similar) Object.freeze(trade);
  for (const position of context.positions) Object.freeze(position);
  Object.freeze(context.positions);
  Object.freeze(context.similar);
  Object.freeze(context.recent);
  Object.freeze(context);
}

/** A vote of whatever was answered; reading an answer may throw like asking for it. */
function voteOf(provider: string, answer: unknown): Vote {
  try {
    return checkedVote(provider, answer);
  } catch (error) {
    return { provider, ...abstain(shortened(messageOf(error))) };
  }
}

/** Checks an answer: whoever wrote the provider may not have had a type checker. */
function checkedVote(provider: string, answer: unknown): Vote {
  const { action, confidence, reason, error } = (answer ?? {}) as Partial<Record<keyof Answer, unknown>>;
  if (typeof error === "string") return { provider, ...abstain(shortened(error)) };
  if (action !== "BUY" && action !== "SELL" && action !== "HOLD") {
    return { provider, ...abstain(`found action ${shown(action)}, expected "BUY", "SELL" or "HOLD"`) };
  }
  if (typeof confidence !== "number" || !(confidence >= 0 && confidence <= 100)) {
    return { provider, ...abstain(`found confidence ${shown(confidence)}, expected 0 to 100`) };
  }
  return { provider, action, confidence, ...(typeof reason === "string" ? { reason: shortened(reason) } : {}) };
}

/** A text that an outcome can hold: one that is too long would make its file unreadable. */
function shortened(text: string): string {
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT - 3)}...` : text;
}

function shown(value: unknown): string {
  if (typeof value === "string") return shortened(JSON.stringify(value));
  return typeof value === "number" ? String(value) : typeof value;
}
