import { describe, expect, test } from "bun:test";
import { type Config, type LlmConfig } from "../../lib/config/config.ts";
import { estimateRun } from "../../lib/experiments/estimate.ts";
import type { SeenQuestion } from "../../lib/providers/recorded/recorder-reports.ts";

const MODEL: LlmConfig = {
  name: "llama",
  type: "llm",
  api: "openai-compatible",
  model: "llama3.1",
  temperature: 0,
  max_output_tokens: 500,
  output: "json_schema",
  mask: true,
  timeout: "60s",
  max_retries: 2,
  patience: "5m",
  max_concurrency: 4,
  price_per_mtok: { input: 2, output: 10 },
};

function configOf(...providers: Config["providers"]): Pick<Config, "providers" | "backtest"> {
  return { providers, backtest: { assets: ["AAA", "BBB"] } as unknown as Config["backtest"] };
}

function question(prompt: string, found?: { input: number; output: number; tookMs: number }): SeenQuestion {
  const answer = found && { tokens: { input: found.input, output: found.output }, took_ms: found.tookMs };
  return {
    provider: "llama",
    request: { prompt },
    timestamp: 0,
    found: answer as unknown as SeenQuestion["found"],
    maxCostUsd: 0.25,
  };
}

describe("estimateRun()", () => {
  test("takes tokens, pace and cost from the recorded answers", async () => {
    const estimate = await estimateRun(configOf(MODEL), async (onQuestion) => {
      // 80 bytes for 20 tokens, answered with 50 and 70 tokens in 3 and 5 seconds.
      onQuestion(question("x".repeat(40), { input: 10, output: 50, tookMs: 3000 }));
      onQuestion(question("x".repeat(40), { input: 10, output: 70, tookMs: 5000 }));
      for (let i = 0; i < 3; i++) onQuestion(question("x".repeat(400)));
    });
    expect(estimate).toMatchObject({ questions: 5, cached: 2, to_ask: 3, input_tokens: 300, output_tokens: 180 });
    // (300 x 2 + 180 x 10) / 1,000,000
    expect(estimate.cost_usd).toBeCloseTo(0.0024, 12);
    expect(estimate.least_budget_usd).toBe(0.25);
    // 3 questions of 4 seconds, those of two assets at the same time.
    expect(estimate.hours).toBeCloseTo((3 * 4) / 2 / 3600, 12);
    expect(estimate.providers[0]!.seconds_per_answer).toBe(4);
  });

  test("takes a third of a token per byte, 60 tokens and 2 seconds without recorded answers", async () => {
    const { price_per_mtok: _price, ...free } = MODEL;
    const estimate = await estimateRun(configOf({ ...free, requests_per_minute: 1 }), async (onQuestion) => {
      onQuestion(question("x".repeat(300)));
    });
    expect(estimate).toMatchObject({ input_tokens: 100, output_tokens: 60, cost_usd: null, least_budget_usd: null });
    // One request a minute is slower than 2 seconds.
    expect(estimate.hours).toBeCloseTo(1 / 60, 12);
  });

  test("refuses a configuration without a provider that is asked", async () => {
    const nobody = configOf({ name: "trend", type: "trend" });
    await expect(estimateRun(nobody, async () => {})).rejects.toThrow(
      'found no provider of the type "llm" or "command"',
    );
  });
});
