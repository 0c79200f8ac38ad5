import { expect, test } from "bun:test";
import { countMissing } from "../../lib/job/missing-answers.ts";
import type { RecordedAnswer } from "../../lib/providers/recorded/recordings.ts";

const FOUND = {} as RecordedAnswer;

/** Questions of one time a word: a letter is a provider, a capital has an answer. */
function wordsOf(questions: string): string {
  const count = countMissing();
  for (const [timestamp, letters] of questions.split(" ").entries()) {
    for (const letter of letters) {
      const found = letter === letter.toUpperCase() ? FOUND : undefined;
      count.see({ provider: letter.toLowerCase(), request: {}, timestamp, found, maxCostUsd: 0 });
    }
  }
  return count.words();
}

test("at the first time without an answer it is known which are missing; after it only how many there are", () => {
  // Of a one is missing for certain, and at most all but the three that were found before.
  expect(wordsOf("AAA aA Aaa")).toBe('"a": 1 to 4 of 8');
});

test("providers are counted apart, and one that needs nothing more is not named", () => {
  expect(wordsOf("AABB AB aB")).toBe('"a": 1 of 4');
  expect(wordsOf("AABB aB AAb")).toBe('"a": 1 to 3 of 5; "b": up to 1 of 4');
});

test("where all that are left belong to the first time, their number is exact", () => {
  expect(wordsOf("AAA aaA")).toBe('"a": 2 of 6');
});
