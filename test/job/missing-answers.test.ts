import { expect, test } from "bun:test";
import { MissingAnswers } from "../../lib/job/missing-answers.ts";
import type { RecordedAnswer } from "../../lib/providers/recorded/answer-file.ts";

const FOUND = {} as RecordedAnswer;

/** Each word is one time, each letter a question to the provider of that name; a capital has a recorded answer. */
function missingIn(questions: string): string {
  const missing = new MissingAnswers();
  for (const [timestamp, letters] of questions.split(" ").entries()) {
    for (const letter of letters) {
      const found = letter === letter.toUpperCase() ? FOUND : undefined;
      missing.see({ provider: letter.toLowerCase(), request: {}, timestamp, found, maxCostUsd: 0 });
    }
  }
  return String(missing);
}

test("gives a range of missing answers, since those after the first missing one may or may not be needed", () => {
  // One is missing for certain, and at most all but the three that were found before.
  expect(missingIn("AAA aA Aaa")).toBe('"a": 1 to 4 of 8');
});

test("counts each provider, and leaves out one that lacks nothing", () => {
  expect(missingIn("AABB AB aB")).toBe('"a": 1 of 4');
  expect(missingIn("AABB aB AAb")).toBe('"a": 1 to 3 of 5; "b": up to 1 of 4');
});

test("gives an exact number if no question comes after the first time with a missing answer", () => {
  expect(missingIn("AAA aaA")).toBe('"a": 2 of 6');
});
