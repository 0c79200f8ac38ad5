import type { Answer, MemoryContext, Situation, Vote } from "../domain.ts";
import { messageOf } from "../errors.ts";
import { abstain, type Provider } from "../providers/provider.ts";

/** Characters of a reason or an error that are kept. */
const MAX_TEXT = 1000;

/**
 * Asks every provider at once. One that throws, rejects or answers out of range abstains, and the others count.
 *
 * @returns A vote of each, in the order of `providers`, whatever the order in which they answered.
 */
export async function askProviders(
  providers: readonly Provider[],
  input: { situation: Situation; context: MemoryContext },
): Promise<readonly Vote[]> {
  const answers = providers.map((provider) => ask(provider, input));
  // Rules answer at once; waiting only for those who promise saves most of the time of a run without models.
  const settled = answers.some((answer) => answer instanceof Promise) ? await Promise.all(answers) : answers;
  return settled.map((answer, i) => voteOf(providers[i]?.name ?? "", answer));
}

function ask(provider: Provider, input: { situation: Situation; context: MemoryContext }): unknown {
  try {
    const answer: unknown = provider.vote(input.situation, input.context);
    return answer instanceof Promise ? answer.catch((error: unknown) => abstain(messageOf(error))) : answer;
  } catch (error) {
    return abstain(messageOf(error));
  }
}

/** Checks an answer: whoever wrote the provider may not have had a type checker. */
function voteOf(provider: string, answer: unknown): Vote {
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
