import { afterAll, describe, expect, test } from "bun:test";
import { GOOD, ModelUnderTest } from "./model-under-test.ts";
import { answerIn, googleAnswer, openaiAnswer } from "./model-server.ts";

const model = new ModelUnderTest();
afterAll(() => model.stop());

describe("a server's count of tokens", () => {
  const counting = (prompt_tokens: number, completion_tokens: number): Response => {
    const answer = openaiAnswer(GOOD, "llama3.2");
    return Response.json({ ...answer, usage: { prompt_tokens, completion_tokens, total_tokens: 0 } });
  };
  const price = { input: 1_000_000, output: 1_000_000 };

  const thirdOf = (text: string | undefined): number => Math.ceil(new TextEncoder().encode(text).length / 3);

  // At a dollar a token, the cost is the number of tokens. An impossible count is replaced by a third of the bytes.
  test.each([
    [-1_000_000, 40, (prompt: string) => thirdOf(prompt) + 40],
    [700, -1, () => 700 + thirdOf(GOOD)],
    [700.5, 40, (prompt: string) => thirdOf(prompt) + 40],
    // No more than was reserved: the bytes of the prompt and 200 in, max_output_tokens out.
    [1e15, 40, (prompt: string) => prompt.length + 200 + 40],
    [700, 201, () => 700 + 200],
    [1e300, 1e300, (prompt: string) => prompt.length + 200 + 200],
  ])("is replaced if it is impossible: %d and %d", async (input, output, cost) => {
    const { answer, requests } = await model.ask(() => counting(input, output), {
      price_per_mtok: price,
      max_retries: 0,
    });
    expect(answer.cost_usd).toBe(cost(`${requests[0]?.turns[0]}`));
    expect(answer.tokens).toBeNull();
  });

  test("beyond max_output_tokens, such as Gemini's thoughts, costs what was reserved for an answer", async () => {
    const usageMetadata = { promptTokenCount: 700, candidatesTokenCount: 40, thoughtsTokenCount: 9000 };
    const { answer } = await model.ask(
      () => Response.json({ ...googleAnswer(GOOD, "gemini-2.5-flash"), usageMetadata }),
      {
        api: "google",
        price_per_mtok: price,
        max_output_tokens: 2048,
      },
    );
    expect(answer).toMatchObject({ vote: { action: "BUY" }, tokens: null, cost_usd: 700 + 2048 });
  });

  test("that includes Gemini's thoughts is charged", async () => {
    const usageMetadata = { promptTokenCount: 700, candidatesTokenCount: 40, thoughtsTokenCount: 160 };
    const { answer } = await model.ask(
      () => Response.json({ ...googleAnswer(GOOD, "gemini-2.5-flash"), usageMetadata }),
      {
        api: "google",
        price_per_mtok: price,
      },
    );
    expect(answer).toMatchObject({ tokens: { input: 700, output: 200 }, cost_usd: 900 });
  });

  test.each<["openai" | "openai-compatible" | "google" | "anthropic", unknown]>([
    ["openai-compatible", { prompt_tokens: "7", completion_tokens: 40 }],
    ["openai-compatible", { prompt_tokens: 700, completion_tokens: { total: 40 } }],
    ["openai-compatible", { prompt_tokens: 700 }],
    ["openai-compatible", "unknown"],
    ["openai-compatible", []],
    ["openai", { prompt_tokens: 700 }],
    ["anthropic", { input_tokens: 700, output_tokens: "40" }],
    ["anthropic", null],
    ["google", { promptTokenCount: "700", candidatesTokenCount: 40 }],
    ["google", { promptTokenCount: 700 }],
    ["google", 7],
  ])("of the wrong type loses no vote, and is replaced (%s: %j)", async (api, usage) => {
    const field = api === "google" ? "usageMetadata" : "usage";
    const body = answerIn(api, GOOD);
    const { answer, requests } = await model.ask(() => Response.json({ ...body, [field]: usage }), {
      api,
      price_per_mtok: price,
    });
    expect(requests).toHaveLength(1);
    expect(answer).toMatchObject({ vote: { action: "BUY", confidence: 70 }, tokens: null });
    expect(answer.cost_usd).toBe(thirdOf(requests[0]?.turns[0]) + thirdOf(GOOD));
  });

  test("with details of the wrong type loses no vote", async () => {
    const usage = { prompt_tokens: 700, completion_tokens: 40, prompt_tokens_details: { cached_tokens: "none" } };
    const { answer } = await model.ask(() => Response.json({ ...openaiAnswer(GOOD, "llama3.2"), usage }), {
      price_per_mtok: price,
    });
    expect(answer).toMatchObject({ vote: { action: "BUY" }, tokens: { input: 700, output: 40 }, cost_usd: 740 });
  });

  test("that is missing for an answer beyond max_output_tokens costs no more than was reserved", async () => {
    const body = openaiAnswer(GOOD.replace("it rises", "very ".repeat(1000)), "llama3.2");
    const { answer, requests } = await model.ask(() => Response.json({ ...body, usage: null }), {
      price_per_mtok: price,
    });
    expect(answer.cost_usd).toBe(thirdOf(requests[0]?.turns[0]) + 200);
  });

  test("is charged up to what was reserved: the bytes of the prompt and a frame, and max_output_tokens", async () => {
    const { answer } = await model.ask(() => counting(0, 200), { price_per_mtok: price });
    expect(answer).toMatchObject({ cost_usd: 200, tokens: { input: 0, output: 200 } });
  });
});
