import type { SeenQuestion } from "../providers/recorded/recorder-reports.ts";

/**
 * Counts the questions of a dry run that have no recorded answer.
 *
 * A dry run equals the real run up to the first time at which an answer is missing. From there on the real run would trade
 * differently and ask other questions: it is known how many there will be, but not how many of them have an answer.
 */
export class MissingAnswers {
  #firstMissing = Infinity;
  /** `found` and `missing` count up to the first time at which an answer is missing, that time included. */
  readonly #providers = new Map<string, { questions: number; found: number; missing: number }>();

  see({ provider, timestamp, found }: SeenQuestion): void {
    const counts = this.#providers.get(provider) ?? { questions: 0, found: 0, missing: 0 };
    this.#providers.set(provider, counts);
    counts.questions += 1;
    if (found === undefined && this.#firstMissing === Infinity) this.#firstMissing = timestamp;
    if (timestamp > this.#firstMissing) return;
    if (found === undefined) counts.missing += 1;
    else counts.found += 1;
  }

  /** For each provider that lacks answers, how many, such as `"llama": 3 to 30 of 36`. */
  toString(): string {
    return [...this.#providers]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .flatMap(([provider, { questions, found, missing }]) => {
        const max = questions - found;
        if (max === 0) return [];
        const count = missing === max ? `${max}` : missing === 0 ? `up to ${max}` : `${missing} to ${max}`;
        return [`${JSON.stringify(provider)}: ${count} of ${questions}`];
      })
      .join("; ");
  }
}
