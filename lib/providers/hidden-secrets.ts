import { messageOf } from "../errors.ts";
import type { Answer } from "../types.ts";
import { isRecord } from "../util/json.ts";
import { isThenable, type Provider } from "./provider.ts";

/** A provider whose reasons and errors show no secrets: they are kept for good, in decisions, outcomes and backups. */
export function withHiddenSecrets(provider: Provider, { hide }: { hide: (text: string) => string }): Provider {
  const hidden = (answer: unknown): Answer => {
    if (!isRecord(answer)) return answer as Answer;
    const changed = (["reason", "error"] as const).flatMap((key) => {
      const text = answer[key];
      return typeof text === "string" && hide(text) !== text ? [[key, hide(text)]] : [];
    });
    const original = answer as unknown as Answer;
    return changed.length === 0 ? original : { ...original, ...Object.fromEntries(changed) };
  };
  const rethrow = (error: unknown): never => {
    const message = messageOf(error);
    // Without a cause, which would show them as well.
    throw hide(message) === message ? error : new Error(hide(message));
  };
  return {
    ...provider,
    vote: (situation, context) => {
      try {
        const answer: unknown = provider.vote(situation, context);
        return isThenable(answer) ? Promise.resolve(answer).then(hidden, rethrow) : hidden(answer);
      } catch (error) {
        return rethrow(error);
      }
    },
  };
}
