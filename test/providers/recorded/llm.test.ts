import { afterAll, describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { loadConfig } from "../../../lib/config/load.node.ts";
import type { LlmConfig } from "../../../lib/config/config.ts";
import { parseProvider } from "../../../lib/config/parse.ts";
import { LlmClient } from "../../../lib/providers/recorded/llm.ts";
import { type RecordedAnswer, withKey } from "../../../lib/providers/recorded/answer-file.ts";
import { makeContext, makeSituation } from "../situation-samples.ts";
import { askOnce, GOOD, inTurn, KEY, ModelUnderTest } from "./model-under-test.ts";
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

describe("a question's key", () => {
  const keyFrom = (config: LlmConfig, { asset, prompt }: { asset: string; prompt: string }): string => {
    // A template without placeholders is the prompt itself.
    const client = new LlmClient(config, { connection: model.connect(), template: prompt, now: () => 0 });
    const { request } = client.prepare(makeSituation({ asset }), makeContext(0));
    return withKey({ provider: config.name, request, refresh: 0 }).key;
  };

  test("is that of version 0.2.0: all of its recorded answers are found", async () => {
    const folder = join(import.meta.dir, "../../fixtures/version-0.2.0");
    const { config: whole } = await loadConfig(join(folder, "config.yaml"));
    const config = whole.providers.find((provider) => provider.type === "llm")!;
    const names = readdirSync(join(folder, "answers"));
    expect(names).toHaveLength(80);
    for (const name of names) {
      const { request } = JSON.parse(readFileSync(join(folder, "answers", name), "utf8")) as RecordedAnswer;
      expect(`${keyFrom(config, request as { asset: string; prompt: string })}.json`).toBe(name);
    }
  });

  const question = { asset: "AAA", prompt: "?" };
  const keyWith = async (changes: object): Promise<string> => {
    const url = "http://localhost/v1";
    const config = await parseProvider({ name: "m", type: "llm", model: "m", base_url: url, ...changes });
    return keyFrom(config as LlmConfig, question);
  };

  test("is the same for every way to name OpenAI's protocol, as before there were two", async () => {
    const plain = await keyWith({});
    expect(await keyWith({ api: "openai" })).toBe(plain);
    expect(await keyWith({ api: "openai-compatible" })).toBe(plain);
    expect(await keyWith({ api: "openai", base_url: "https://api.openai.com/v1" })).toBe(plain);
  });

  test("has all that changes the answer", async () => {
    const api = { package: "@ai-sdk/mistral", export: "createMistral" };
    const changes = [
      {},
      { api: "anthropic", api_key_env: "KEY" },
      { api },
      { api: { ...api, options: { region: "eu" } } },
      { reasoning_effort: "low" },
      { headers: { "x-team": "a" } },
      { headers: { "x-team": { env: "TEAM" } } },
      { extra_body: { seed: 1 } },
      { extra_body: { seed: 2 } },
    ];
    const keys = await Promise.all(changes.map(keyWith));
    expect(new Set(keys).size).toBe(changes.length);
    // But not where it is served.
    expect(await keyWith({ base_url: "http://elsewhere/v1" })).toBe(keys[0]!);
  });
});

test("a server that cuts prompts without saying so is named in a note, with what to do", async () => {
  const notes: string[] = [];
  const client = new LlmClient(model.config(), {
    connection: model.connect(),
    template: "{{situation}} {{answer}}",
    now: () => 0,
    onNote: (note) => notes.push(note),
  });
  model.respond = () =>
    Response.json({ ...openaiAnswer(GOOD, "m"), usage: { prompt_tokens: 128, completion_tokens: 9 } });
  for (const rsi of [50, 50.5, 50.25]) await askOnce(client, { rsi });
  expect(notes).toEqual([expect.stringMatching(/^"llama" counts 128 tokens in every prompt.*num_ctx/)]);
});
