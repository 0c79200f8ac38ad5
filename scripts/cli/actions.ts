/** First words of command lines, such as `create` in `bun scripts/backup.ts create`. */
import { closest } from "../../lib/util/closest.ts";
import { isGiven, usageError } from "./args.ts";

/** Returns the known word that a word is. @throws {CarryoverError} `BAD_USAGE`, with a suggestion. */
export function knownWord<Word extends string>(kind: string, word: string, known: readonly Word[]): Word {
  const found = known.find((each) => each === word);
  if (found !== undefined) return found;
  throw usageError(`unknown ${kind} ${JSON.stringify(word)}; ${wordHint(word, known)}`);
}

/** What to write in place of a word that is not known. */
export function wordHint(word: string, known: readonly string[]): string {
  const suggestion = closest(word, known);
  return suggestion === undefined ? `known: ${known.join(", ")}` : `did you mean ${suggestion}?`;
}

/** A line for each flag that was given and does not belong to an action. @param actionsOf The actions of flags that not all have. */
export function foreignFlags(
  flags: Readonly<Record<string, unknown>>,
  action: string,
  actionsOf: Readonly<Record<string, readonly string[]>>,
): string[] {
  return Object.entries(actionsOf)
    .filter(([name, actions]) => isGiven(flags[name]) && !actions.includes(action))
    .map(([name, actions]) => `--${name} cannot be used with ${action}, only with ${actions.join(" or ")}`);
}
