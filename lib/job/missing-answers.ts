import type { SeenQuestion } from "../providers/recorded/recorder.ts";

/** Counts answers that are missing, in a trial in which chance votes in their place. */
export interface MissingCount {
  see(question: SeenQuestion): void;
  /** Of each provider with missing answers, how many of how many, such as `"llama": 3 of 36`. */
  words(): string;
}

/**
 * Up to the first time that has a question without an answer, and at that time, a trial is the run; from there on the run
 * would trade otherwise, and ask other questions: which of them have an answer cannot be known. How many there are can.
 */
export function countMissing(): MissingCount {
  let firstMissing = Infinity;
  /** By provider: questions; those with an answer up to the first time that has one without; and those without at that time. */
  const counts = new Map<string, { questions: number; found: number; missing: number }>();

  return {
    see: ({ provider, timestamp, found }) => {
      const mine = counts.get(provider) ?? { questions: 0, found: 0, missing: 0 };
      counts.set(provider, mine);
      mine.questions += 1;
      if (found === undefined && firstMissing === Infinity) firstMissing = timestamp;
      if (timestamp > firstMissing) return;
      if (found === undefined) mine.missing += 1;
      else mine.found += 1;
    },
    words: () =>
      [...counts]
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .flatMap(([provider, { questions, found, missing }]) => {
          const most = questions - found;
          if (most === 0) return [];
          const count = missing === most ? `${most}` : missing === 0 ? `up to ${most}` : `${missing} to ${most}`;
          return [`${JSON.stringify(provider)}: ${count} of ${questions}`];
        })
        .join("; "),
  };
}
