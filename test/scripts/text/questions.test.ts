import { expect, test } from "bun:test";
import type { Estimate } from "../../../lib/experiments/estimate.ts";
import { renderEstimate } from "../../../scripts/text/questions.ts";

const NOTHING = {
  questions: 0,
  cached: 0,
  to_ask: 0,
  input_tokens: 0,
  output_tokens: 0,
  cost_usd: 0,
  least_budget_usd: 0,
  hours: 0,
};
const ESTIMATE: Estimate = { ...NOTHING, providers: [{ ...NOTHING, name: "llama", seconds_per_answer: null }] };

test("the estimate of a complete run says that nothing is left to ask, and shows no zeros", () => {
  expect(renderEstimate(ESTIMATE, { chunks: { all: 2, complete: 2 } })).toBe(
    "The run is complete: its questions are answered, and nothing is left to ask.\n",
  );
});

test("the estimate of a run that was stopped says which chunks it counts", () => {
  const shown = renderEstimate(ESTIMATE, { chunks: { all: 4, complete: 1 } });
  expect(shown).toContain("Chunks: 1 of 4 are complete, and only the questions of the others are counted.\n");
  expect(renderEstimate(ESTIMATE, { chunks: { all: 4, complete: 0 } })).not.toContain("complete");
  expect(renderEstimate(ESTIMATE)).not.toContain("complete");
});

test("an estimate above the budget says that the run will stop there", () => {
  const costly = { ...ESTIMATE, cost_usd: 12.16 };
  expect(renderEstimate(costly, { budgetUsd: 5 })).toEndWith(
    "With budget_usd at $5.00 it may stop before the end. With a larger one the same command goes\non, and pays for no answer twice.\n",
  );
  for (const shown of [renderEstimate(costly, { budgetUsd: 13 }), renderEstimate(costly)])
    expect(shown).not.toContain("budget_usd");
});
