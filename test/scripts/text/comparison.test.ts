import { expect, test } from "bun:test";
import { sharpeSentences } from "../../../scripts/text/comparison.ts";

const WITH = { name: "with memory", sharpe: 1.2 };
const WITHOUT = { name: "without", sharpe: 0.5 };

test.each([
  ["contains 0", -0.1, 1.5, "Its 95 % interval, -0.10 to +1.50, contains 0, so it may be chance."],
  ["is above 0", 0.1, 1.3, "Its 95 % interval, +0.10 to +1.30, excludes 0: chance is unlikely."],
  ["is below 0", -1.3, -0.1, "Its 95 % interval, -1.30 to -0.10, excludes 0: chance is unlikely."],
])("an interval that %s", (_, low, high, sentence) => {
  expect(sharpeSentences(WITH, WITHOUT, { estimate: 0.7, low, high, p_value: 0.5 })).toEqual([
    "The Sharpe ratio is 1.20 with memory and 0.50 without, a difference of +0.70.",
    sentence,
  ]);
});

test("too few days give no difference", () => {
  expect(sharpeSentences(WITH, { ...WITHOUT, sharpe: null }, null)).toEqual([
    "There are too few days to compare Sharpe ratios.",
  ]);
});
