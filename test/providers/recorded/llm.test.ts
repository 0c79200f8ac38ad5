import { afterAll, describe, expect, test } from "bun:test";
import { GOOD, inTurn, KEY, ModelUnderTest } from "./model-under-test.ts";
import { openaiAnswer } from "./model-server.ts";

const model = new ModelUnderTest();
afterAll(() => model.stop());

describe("an answer that is no vote", () => {
  test("is sent back once with what is wrong; the second answer counts, and both are recorded and paid", async () => {
    const prose = "Sure! I would buy.";
    const { answer, requests } = await model.ask(inTurn(prose, GOOD), { price_per_mtok: { input: 1, output: 10 } });
    expect(answer).toMatchObject({ vote: { action: "BUY" }, raw: [prose, GOOD], failed: false, cost_usd: 0.0022 });
    expect(requests).toHaveLength(2);
    expect(requests[1]?.turns[1]).toBe(prose);
    expect(requests[1]?.turns[2]).toStartWith('That is not what was asked for: found "Sure! I would buy."');
  });

  test("is sent back without its thoughts, which are recorded", async () => {
    const { answer, requests } = await model.ask(inTurn("<think>hm</think>I would buy.", GOOD));
    expect(answer.raw[0]).toBe("<think>hm</think>\nI would buy.");
    expect(requests[1]?.turns[1]).toBe("I would buy.");
  });

  test.each([
    ["prose", "I would buy."],
    ["a refusal", "I'm sorry, I cannot give financial advice."],
    ["nothing", ""],
    ["another asset", GOOD.replace("AAA", "BBB")],
    ["a confidence out of range", GOOD.replace("70", "170")],
    ["hostile JSON", '{"__proto__": {"action": "BUY"}, "constructor": 1}'],
    ["deeply nested JSON", `${"[".repeat(20_000)}`],
    ["a text of 200 kB", "no ".repeat(66_000)],
  ])("is an abstention the second time: %s", async (_what, text) => {
    const { answer, requests } = await model.ask(() => text);
    expect(answer.failed).toBeTrue();
    expect(answer.vote).toMatchObject({ action: "HOLD", confidence: 0 });
    expect(answer.vote.error).toStartWith("no usable answer, asked twice: found ");
    expect(requests).toHaveLength(2);
  });

  test("is reported as cut off if it was", async () => {
    const { answer } = await model.ask(() =>
      Response.json(openaiAnswer('{"asset": "AAA", "act', "llama3.2", "length")),
    );
    expect(answer.vote.error).toEndWith('(it ended for "length")');
  });

  test("that repeats the key is recorded without it", async () => {
    const { answer } = await model.ask(() => `Your key is ${KEY}`);
    expect(answer.raw[0]).toBe("Your key is [key]");
    // Truncated in the middle of the key, the message would keep half of it.
    const { answer: long } = await model.ask(() => `${"x".repeat(70)}${KEY}`);
    expect(long.vote.error).not.toContain("sk-");
  });
});
