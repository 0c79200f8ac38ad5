/** One vote of several answers to one question. */
import type { Action, Answer } from "../../types.ts";
import { abstain, ACTIONS } from "../provider.ts";

/**
 * The vote of the majority, with its share of the usable answers as confidence. Where two actions have as many, the vote is a HOLD
 * with the share of one of them. Without a usable answer it is an abstention.
 *
 * @param answers At least one.
 */
export function majorityVote(answers: readonly Answer[]): Answer {
  const usable = answers.filter(({ error }) => error === undefined);
  if (usable.length === 0) {
    const vote = abstain(`none of ${answers.length} answers is usable: ${answers[0]?.error ?? ""}`);
    return answers.some(({ unanswered }) => unanswered) ? { ...vote, unanswered: true } : vote;
  }
  const samples = Object.fromEntries(
    ACTIONS.map((action) => [action, usable.filter((answer) => answer.action === action).length]),
  ) as Record<Action, number>;
  const most = Math.max(...Object.values(samples));
  const leading = ACTIONS.filter((action) => samples[action] === most);
  const action = leading.length === 1 ? leading[0]! : "HOLD";
  const reason = usable.find((answer) => answer.action === action)?.reason;
  const confidence = (100 * most) / usable.length;
  return { action, confidence, ...(reason === undefined ? {} : { reason }), samples };
}
