import type { Answer, DecisionContext, Situation } from "../domain.ts";

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
