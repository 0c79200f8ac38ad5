import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LlmConfig } from "../../../lib/config/config.ts";
import { CarryoverError } from "../../../lib/errors.ts";
import { llmClient } from "../../../lib/providers/recorded/llm-http.node.ts";
import { createRateLimiter } from "../../../lib/providers/recorded/rate-limit.ts";
import type { ClientAnswer, VoteClient } from "../../../lib/providers/recorded/recorder.ts";
import { llmVoteClient } from "../../../lib/providers/recorded/llm.ts";
import { DEFAULT_PROMPT } from "../../../lib/providers/recorded/prompt.ts";
import { makeContext, makeSituation } from "../situation-samples.ts";
import {
  googleAnswer,
  openaiAnswer,
  startModelServer,
  type ModelRequest,
  type ModelServer,
  type Respond,
} from "./model-server.ts";

const KEY = "sk-test-0123456789abcdef";
const NEVER = new AbortController().signal;
const GOOD = JSON.stringify({ asset: "AAA", action: "BUY", confidence: 70, reason: "it rises" });

let respond: Respond = () => GOOD;
let server: ModelServer;
beforeAll(() => {
  server = startModelServer((request) => respond(request));
  process.env["CARRYOVER_TEST_KEY"] = KEY;
});
afterAll(async () => {
  delete process.env["CARRYOVER_TEST_KEY"];
  await server.stop();
});

function configOf(overrides: Partial<LlmConfig> = {}): LlmConfig {
  return {
    name: "llama",
    type: "llm",
    api: "openai",
    model: "llama3.2",
    base_url: overrides.api === "google" ? server.googleUrl : server.openaiUrl,
    api_key_env: "CARRYOVER_TEST_KEY",
    temperature: 0,
    max_output_tokens: 200,
    output: "json_schema",
    mask: false,
    timeout: "5s",
    max_retries: 2,
    max_concurrency: 4,
    ...overrides,
  };
}

type Price = { input: number; output: number };

function askerOf(config: LlmConfig, options: { timeoutMs: number; price?: Price | undefined }): VoteClient {
  const { name, api, model, temperature, max_output_tokens, output } = config;
  return llmVoteClient({
    name,
    model: { api, model, temperature, max_output_tokens, output },
    template: DEFAULT_PROMPT,
    mask: false,
    ...llmClient(config),
    pace: createRateLimiter({ concurrency: config.max_concurrency, now: () => performance.now() }),
    timeoutMs: options.timeoutMs,
    maxRetries: config.max_retries,
    pricePerMtok: options.price,
  });
}

/** Asks one question of a server that answers so, and gives the requests that it took. */
async function ask(
  how: Respond,
  options: Partial<LlmConfig> & {
    timeoutMs?: number;
    price?: Price;
    onLost?: (usd: number) => void;
  } = {},
): Promise<{ asked: ClientAnswer; requests: readonly ModelRequest[] }> {
  const { timeoutMs = 5000, price, onLost = (): void => {}, ...overrides } = options;
  const before = server.requests.length;
  respond = how;
  const client = askerOf(configOf(overrides), { timeoutMs, price });
  const request = client.request(makeSituation(), makeContext(0));
  const asked = await client.ask(request, { drain: NEVER, abort: NEVER, onLost });
  // Whatever is recorded or said, the key is not in it.
  expect(JSON.stringify(asked)).not.toContain(KEY);
  return { asked, requests: server.requests.slice(before) };
}

/** What stops the run where a server answers so, of one request. */
async function refusal(how: Respond, options: Parameters<typeof ask>[1] = {}): Promise<CarryoverError> {
  const before = server.requests.length;
  const error = await ask(how, options).then(
    ({ asked }) => new Error(`was answered with ${JSON.stringify(asked)}`),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof CarryoverError)) throw error;
  // Of what a message has for its cause the words are told as well.
  for (let at: unknown = error; at instanceof Error; at = at.cause) expect(at.message.toLowerCase()).not.toContain(KEY);
  expect(error.code).toBe("UNANSWERED");
  expect(server.requests.length - before).toBeLessThanOrEqual(1);
  return error;
}

/** As Gemini limits requests: the time is in the body. */
function tooManyOfGemini(retryDelay: string): Response {
  const info = { "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay };
  const quota = { "@type": "type.googleapis.com/google.rpc.QuotaFailure", violations: [] };
  const error = { code: 429, message: "You exceeded your current quota", details: [quota, info] };
  return Response.json({ error: { ...error, status: "RESOURCE_EXHAUSTED" } }, { status: 429 });
}

/** Answers the requests one after the other. */
function inTurn(...answers: readonly (string | (() => Response))[]): Respond {
  let n = 0;
  return () => {
    const answer = answers[Math.min(n++, answers.length - 1)] ?? "";
    return typeof answer === "string" ? answer : answer();
  };
}

describe("a language model is asked", () => {
  test("in OpenAI's protocol, which Ollama speaks: model, temperature 0, schema, key in the header", async () => {
    const { asked, requests } = await ask(() => GOOD, { price: { input: 1, output: 10 } });
    expect(asked).toMatchObject({
      vote: { action: "BUY", confidence: 70, reason: "it rises" },
      raw: [GOOD],
      tokens: { input: 700, output: 40 },
      // 700 tokens at $1 and 40 at $10 a million.
      cost_usd: 0.0011,
      failed: false,
    });
    expect(requests).toHaveLength(1);
    const [{ path, headers, body, turns }] = requests as [ModelRequest];
    expect(path).toBe("/v1/chat/completions");
    expect(headers.get("authorization")).toBe(`Bearer ${KEY}`);
    expect(body).toMatchObject({ model: "llama3.2", temperature: 0, max_tokens: 200 });
    expect(body["response_format"]).toMatchObject({ type: "json_schema", json_schema: { schema: { type: "object" } } });
    expect(turns).toHaveLength(1);
    expect(turns[0]).toStartWith("You are one of several advisers who vote on AAA.");
  });

  test("in Gemini's protocol, key in a header and not in the address", async () => {
    const { asked, requests } = await ask(() => GOOD, { api: "google", model: "gemini-2.5-flash" });
    expect(asked).toMatchObject({ vote: { action: "BUY", confidence: 70 }, tokens: { input: 700, output: 40 } });
    const [{ path, headers, body }] = requests as [ModelRequest];
    expect(path).toBe("/v1beta/models/gemini-2.5-flash:generateContent");
    expect(headers.get("x-goog-api-key")).toBe(KEY);
    expect(body["generationConfig"]).toMatchObject({ temperature: 0, maxOutputTokens: 200 });
  });

  test.each([
    ["json_object", { type: "json_object" }],
    ["text", undefined],
  ] as const)("with the output %s", async (output, format) => {
    const { requests } = await ask(() => GOOD, { output });
    expect(requests[0]?.body["response_format"]).toEqual(format as never);
  });

  test("without a key there is no header for one", async () => {
    const { api_key_env: _key, ...config } = configOf();
    respond = () => GOOD;
    await llmClient(config).complete([{ role: "user", content: "hello" }], { signal: NEVER });
    expect(server.requests.at(-1)?.headers.has("authorization")).toBeFalse();
  });

  test("a key that no header can have is refused before anything is sent, and not shown", async () => {
    const before = server.requests.length;
    for (const wrong of ["sk-abcdefgh\nijklmnop", "sk-abcdefgh\u2026ijklmnop", "sk-abcdefgh\u0007ijklmnop"]) {
      process.env["CARRYOVER_WRONG_KEY"] = wrong;
      const error: unknown = await ask(() => GOOD, { api_key_env: "CARRYOVER_WRONG_KEY" }).catch((thrown) => thrown);
      expect((error as CarryoverError).code).toBe("NOT_FOUND");
      expect(String(error)).toEndWith(
        'Cannot ask "llama": found characters that no header can have in the environment variable "CARRYOVER_WRONG_KEY", ' +
          "expected a key of printable ASCII characters",
      );
      expect(Bun.inspect(error)).not.toContain("abcdefgh");
    }
    delete process.env["CARRYOVER_WRONG_KEY"];
    expect(server.requests.length).toBe(before);
  });

  test("a key that is not in the environment is told by the variable's name", async () => {
    expect(ask(() => GOOD, { api_key_env: "CARRYOVER_NOT_SET" })).rejects.toThrow(
      'Cannot ask "llama": found no environment variable "CARRYOVER_NOT_SET", expected the key in it',
    );
  });
});

describe("an answer that is no vote", () => {
  test("is sent back once, with what was wrong; the second one counts, and both are recorded and paid", async () => {
    const prose = `Sure! ${GOOD}`;
    const { asked, requests } = await ask(inTurn(prose, GOOD), { price: { input: 1, output: 10 } });
    expect(asked).toMatchObject({ vote: { action: "BUY" }, raw: [prose, GOOD], failed: false, cost_usd: 0.0022 });
    expect(requests).toHaveLength(2);
    expect(requests[1]?.turns[1]).toBe(prose);
    expect(requests[1]?.turns[2]).toStartWith('That is not what was asked for: found "Sure! {');
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
  ])("twice is an abstention: %s", async (_what, text) => {
    const { asked, requests } = await ask(() => text);
    expect(asked.failed).toBeTrue();
    expect(asked.vote).toMatchObject({ action: "HOLD", confidence: 0 });
    expect(asked.vote.error).toStartWith("no usable answer, asked twice: found ");
    expect(requests).toHaveLength(2);
  });

  test("says when it was cut off", async () => {
    const { asked } = await ask(() => Response.json(openaiAnswer('{"asset": "AAA", "act', "llama3.2", "length")));
    expect(asked.vote.error).toEndWith('(it ended for "length")');
  });

  test("that repeats the key does not bring it into a file", async () => {
    const { asked } = await ask(() => `Your key is ${KEY}`);
    expect(asked.raw[0]).toBe("Your key is [key]");
    // Cut off in the middle, half of it would be left.
    const { asked: long } = await ask(() => `${"x".repeat(70)}${KEY}`);
    expect(long.vote.error).not.toContain("sk-");
  });
});

describe("a key", () => {
  const escaped = [...KEY].map((each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, "0")}`).join("");

  test.each([
    ["as it is", KEY],
    ["in capitals", KEY.toUpperCase()],
    ["as JSON may escape it", escaped],
    ["in hexadecimal capitals", escaped.replaceAll("d", "D").replaceAll("\\u002D", "\\u002d")],
    ["partly escaped", `${KEY.slice(0, 5)}${escaped.slice(30)}`],
  ])("in a vote's reason is hidden in the vote and in what is recorded: %s", async (_what, said) => {
    const { asked } = await ask(() => GOOD.replace("it rises", `because ${said}.`));
    expect(asked.vote).toEqual({ action: "BUY", confidence: 70, reason: "because [key]." });
    expect(asked.raw.map((text) => (JSON.parse(text) as { reason: string }).reason)).toEqual(["because [key]."]);
  });

  test("as an asset, escaped, is hidden in the message", async () => {
    const { asked } = await ask(() => GOOD.replace("AAA", escaped));
    expect(asked.vote.error).toContain('found a vote on the asset "[key]", expected "AAA"');
  });

  test("as the host of a redirect is hidden, although a host is in small letters", async () => {
    const location = `http://${KEY.toUpperCase()}.evil.example/`;
    const { message } = await refusal(() => new Response(null, { status: 302, headers: { location } }));
    expect(message).toContain('found a redirect to "[key].evil.example"');
  });

  test("of less than eight characters is a dummy and left alone: hidden, it would take the answers apart", async () => {
    process.env["CARRYOVER_DUMMY_KEY"] = "a";
    const { asked } = await ask(() => GOOD, { api_key_env: "CARRYOVER_DUMMY_KEY" });
    delete process.env["CARRYOVER_DUMMY_KEY"];
    expect(asked).toMatchObject({ vote: { action: "BUY" }, raw: [GOOD] });
  });

  test("is looked for in a text of backslashes alone without taking long", async () => {
    const { asked } = await ask(() => "\\".repeat(200_000));
    expect(asked.failed).toBeTrue();
  });
});

describe("what a server says that it counted", () => {
  const counting = (prompt_tokens: number, completion_tokens: number): Response => {
    const answer = openaiAnswer(GOOD, "llama3.2");
    return Response.json({ ...answer, usage: { prompt_tokens, completion_tokens, total_tokens: 0 } });
  };
  const price = { input: 1_000_000, output: 1_000_000 };

  const thirdOf = (text: string | undefined): number => Math.ceil(new TextEncoder().encode(text).length / 3);

  // A dollar a token makes the cost their number. What is no count is a third of the bytes, as if it had not been counted.
  test.each([
    [-1_000_000, 40, (prompt: string) => thirdOf(prompt) + 40],
    [700, -1, () => 700 + thirdOf(GOOD)],
    [700.5, 40, (prompt: string) => thirdOf(prompt) + 40],
    // More than was put aside for the question is as much as that: the bytes and 200 in, max_output_tokens out.
    [1e15, 40, (prompt: string) => prompt.length + 200 + 40],
    [700, 201, () => 700 + 200],
    [1e300, 1e300, (prompt: string) => prompt.length + 200 + 200],
  ])("is not believed where it cannot be: %d and %d", async (input, output, cost) => {
    const { asked, requests } = await ask(() => counting(input, output), { price, max_retries: 0 });
    expect(asked.cost_usd).toBe(cost(`${requests[0]?.turns[0]}`));
    expect(asked.tokens).toBeNull();
  });

  test("of Gemini's thoughts beyond max_output_tokens costs all that was put aside for an answer", async () => {
    const usageMetadata = { promptTokenCount: 700, candidatesTokenCount: 40, thoughtsTokenCount: 9000 };
    const { asked } = await ask(() => Response.json({ ...googleAnswer(GOOD, "gemini-2.5-flash"), usageMetadata }), {
      api: "google",
      price,
      max_output_tokens: 2048,
    });
    expect(asked).toMatchObject({ vote: { action: "BUY" }, tokens: null, cost_usd: 700 + 2048 });
  });

  test("of thoughts up to max_output_tokens is believed", async () => {
    const usageMetadata = { promptTokenCount: 700, candidatesTokenCount: 40, thoughtsTokenCount: 160 };
    const { asked } = await ask(() => Response.json({ ...googleAnswer(GOOD, "gemini-2.5-flash"), usageMetadata }), {
      api: "google",
      price,
    });
    expect(asked).toMatchObject({ tokens: { input: 700, output: 200 }, cost_usd: 900 });
  });

  test.each<["openai" | "google", unknown]>([
    ["openai", { prompt_tokens: "7", completion_tokens: 40 }],
    ["openai", { prompt_tokens: 700, completion_tokens: { total: 40 } }],
    ["openai", { prompt_tokens: 700 }],
    ["openai", "unknown"],
    ["openai", []],
    ["google", { promptTokenCount: "700", candidatesTokenCount: 40 }],
    ["google", { promptTokenCount: 700 }],
    ["google", 7],
  ])("by %s in a wrong form (%j) costs no vote, and counts as nothing counted", async (api, usage) => {
    const answer = api === "openai" ? openaiAnswer(GOOD, "llama3.2") : googleAnswer(GOOD, "gemini-2.5-flash");
    const field = api === "openai" ? "usage" : "usageMetadata";
    const { asked, requests } = await ask(() => Response.json({ ...answer, [field]: usage }), { api, price });
    expect(requests).toHaveLength(1);
    expect(asked).toMatchObject({ vote: { action: "BUY", confidence: 70 }, tokens: null });
    expect(asked.cost_usd).toBe(thirdOf(requests[0]?.turns[0]) + thirdOf(GOOD));
  });

  test("beside the counts, such as details in a wrong form, costs no vote", async () => {
    const usage = { prompt_tokens: 700, completion_tokens: 40, prompt_tokens_details: { cached_tokens: "none" } };
    const { asked } = await ask(() => Response.json({ ...openaiAnswer(GOOD, "llama3.2"), usage }), { price });
    expect(asked).toMatchObject({ vote: { action: "BUY" }, tokens: { input: 700, output: 40 }, cost_usd: 740 });
  });

  test("not at all, where it sends more than max_output_tokens can be, costs no more than was put aside", async () => {
    const answer = openaiAnswer(GOOD.replace("it rises", "very ".repeat(1000)), "llama3.2");
    const { asked, requests } = await ask(() => Response.json({ ...answer, usage: null }), { price });
    expect(asked.cost_usd).toBe(thirdOf(requests[0]?.turns[0]) + 200);
  });

  test("is believed up to what the question was reckoned with: its bytes and a frame, and max_output_tokens", async () => {
    const { asked } = await ask(() => counting(0, 200), { price });
    expect(asked).toMatchObject({ cost_usd: 200, tokens: { input: 0, output: 200 } });
  });
});

describe("a server that fails", () => {
  test("with 500 is asked again, and its next answer counts", async () => {
    const { asked, requests } = await ask(inTurn(() => new Response("oops", { status: 500 }), GOOD));
    expect(asked).toMatchObject({ vote: { action: "BUY" }, failed: false });
    expect(requests).toHaveLength(2);
  });

  test("for good is an abstention after the retries, which says so", async () => {
    const { asked, requests } = await ask(() => new Response("oops", { status: 500 }));
    expect(asked.vote.error).toStartWith("status 500 from the server");
    expect(asked.vote.error).toEndWith("(3 tries)");
    expect(requests).toHaveLength(3);
  });

  const tooMany = (value: string): Response =>
    new Response("slow down", { status: 429, headers: { "retry-after": value } });

  test.each([
    ["seconds", () => tooMany("1"), 990],
    ["parts of a second", () => tooMany("0.8"), 790],
    ["a date", () => tooMany(new Date(Date.now() + 2000).toUTCString()), 900],
    ["0, which is no time to recover", () => tooMany("0"), 490],
    ["a number that is no time", () => tooMany("-1"), 490],
    ["Gemini's RetryInfo", () => tooManyOfGemini("0.9s"), 890],
  ])("with 429 is left alone as long as it says: %s", async (_what, answer, leastMs) => {
    const start = performance.now();
    const { asked } = await ask(inTurn(answer, GOOD));
    expect(asked.failed).toBeFalse();
    expect(performance.now() - start).toBeGreaterThan(leastMs);
  });

  test("with 429 is left alone by those as well who wait for their turn, with one request at a time", async () => {
    const client = askerOf(configOf({ max_concurrency: 1, max_retries: 1 }), { timeoutMs: 5000 });
    const sent: number[] = [];
    let refused = 0;
    respond = () => {
      sent.push(performance.now());
      if (sent.length > 1) return GOOD;
      refused = performance.now();
      return tooMany("0.8");
    };
    const ask1 = (rsi: number): Promise<ClientAnswer> =>
      client.ask(client.request(makeSituation({ rsi }), makeContext(0)), { drain: NEVER, abort: NEVER });
    const both = await Promise.all([ask1(20), ask1(30)]);
    expect(both.map(({ failed }) => failed)).toEqual([false, false]);
    expect(sent).toHaveLength(3);
    for (const later of sent.slice(1)) expect(later - refused).toBeGreaterThan(790);
  });

  test("with a Retry-After of hours is not waited for", async () => {
    const before = server.requests.length;
    await expect(ask(() => new Response("", { status: 429, headers: { "retry-after": "7200" } }))).rejects.toThrow(
      'Cannot ask "llama": found status 429 from the server, expected a server that takes questions',
    );
    await expect(ask(() => tooManyOfGemini("3600s"))).rejects.toThrow("found status 429");
    expect(server.requests.length).toBe(before + 2);
  });

  test("and says that it loads its model stops the run after the retries, since that is no answer", async () => {
    const before = server.requests.length;
    // As llama.cpp's server says it.
    const loading = { error: { message: "Loading model", type: "unavailable_error", code: 503 } };
    await expect(ask(() => Response.json(loading, { status: 503 }), { max_retries: 1 })).rejects.toThrow(
      'Cannot ask "llama": found status 503 from the server: Loading model (2 tries), expected a server that takes questions',
    );
    expect(server.requests.length).toBe(before + 2);
  });

  test.each([
    ["a price", { input: 1000, output: 10_000 }, 0.7 + 0.4],
    ["none", undefined, 0],
  ])(
    "and goes away after a first answer stops the run as well, with %s alike, and says what is lost",
    async (_what, price, cost) => {
      const answers = inTurn("I would wait.", () => new Response("", { status: 429 }));
      const lost: number[] = [];
      const rest = {
        ...(price === undefined ? {} : { price }),
        max_retries: 0,
        onLost: (usd: number) => lost.push(usd),
      };
      await expect(ask(answers, rest)).rejects.toThrow('Cannot ask "llama": found status 429 from the server');
      // 700 tokens in and 40 out, as the server counts them.
      expect(lost).toEqual([cost]);
    },
  );

  test.each([
    [400, 1],
    [422, 1],
  ])("with status %d is not asked again", async (status, count) => {
    const { asked, requests } = await ask(() => Response.json({ error: { message: `bad ${KEY}` } }, { status }));
    expect(asked.vote.error).toStartWith(`status ${status} from the server: `);
    expect(requests).toHaveLength(count);
  });

  test.each([
    [401, "a key that the server takes"],
    [402, "an account that can pay"],
    [403, "a key that may use this model"],
    [404, "a base_url and a model that the server has"],
    [407, "a proxy that lets requests through"],
  ])("with status %d stops the run, since no other question would do better", async (status, wanted) => {
    const { message } = await refusal(() => Response.json({ error: { message: `wrong key ${KEY}` } }, { status }));
    expect(message).toBe(
      `Cannot ask "llama": found status ${status} from "${server.openaiUrl}" for the model "llama3.2", expected ${wanted}`,
    );
  });

  test("with Gemini's 400 for a wrong key stops the run, and with its 400 for a bad question does not", async () => {
    // As generativelanguage.googleapis.com says it.
    const details = [{ "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason: "API_KEY_INVALID" }];
    const error = { code: 400, message: "API key not valid.", status: "INVALID_ARGUMENT" };
    const { message } = await refusal(() => Response.json({ error: { ...error, details } }, { status: 400 }), {
      api: "google",
      model: "gemini-2.5-flash",
    });
    expect(message).toEndWith('for the model "gemini-2.5-flash", expected a key that the server takes');
    const { asked } = await ask(() => Response.json({ error }, { status: 400 }), { api: "google" });
    expect(asked.vote.error).toStartWith("status 400 from the server");
  });

  test.each([
    ["no JSON", () => new Response("<html>busy</html>", { headers: { "content-type": "application/json" } })],
    ["JSON of another kind", () => Response.json({ hello: [1, 2, 3] })],
    ["no choices", () => Response.json({ ...openaiAnswer("", "llama3.2"), choices: [] })],
    ["an empty body", () => new Response("")],
  ])("by answering %s is asked again, then an abstention", async (_what, answer) => {
    const { asked } = await ask(answer, { max_retries: 1 });
    expect(asked.failed).toBeTrue();
    expect(asked.vote.error?.length).toBeLessThan(400);
  });

  test("by an answer of 64 MiB is cut off at 1 MiB, and not asked again", async () => {
    let sent = 0;
    const { asked, requests } = await ask(
      () =>
        new Response(
          new ReadableStream({
            pull: (controller) => {
              if ((sent += 65_536) > 64 << 20) return controller.close();
              controller.enqueue(new Uint8Array(65_536).fill(32));
            },
          }),
        ),
    );
    expect(asked.vote.error).toBe("the server's answer is larger than 1048576 bytes");
    expect(requests).toHaveLength(1);
    // Buffers on the way hold some more.
    expect(sent).toBeLessThan(48 << 20);
  });

  test("by not answering, or by stopping in the middle, is given up after the timeout", async () => {
    const silent = await ask(() => new Promise<string>(() => {}), { timeoutMs: 150, max_retries: 1 });
    expect(silent.asked.vote.error).toBe("no answer within 0.15 s (2 tries)");
    const stalling = await ask(
      () =>
        new Response(
          new ReadableStream({ start: (controller) => controller.enqueue(new TextEncoder().encode('{"id": "x",')) }),
        ),
      { timeoutMs: 150, max_retries: 0 },
    );
    expect(stalling.asked.vote.error).toBe("no answer within 0.15 s");
  });

  test("by not answering in time costs as much as it can have: all that was put aside for the question, each time", async () => {
    const price = { input: 1_000_000, output: 1_000_000 };
    const never = (): Promise<string> => new Promise(() => {});
    const { asked, requests } = await ask(never, { timeoutMs: 100, max_retries: 1, price });
    // The prompt is ASCII, and a token is at least a byte; a server may add 200 of its own; 200 come out.
    expect(asked.cost_usd).toBe(2 * (`${requests[0]?.turns[0]}`.length + 200 + 200));
  });

  test("by redirecting stops the run, and gets neither the question nor the key to another host", async () => {
    const elsewhere: string[] = [];
    const other = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: (request) => {
        elsewhere.push(request.headers.get("authorization") ?? "");
        return Response.json(openaiAnswer(GOOD, "llama3.2"));
      },
    });
    try {
      for (const status of [301, 302, 307, 308]) {
        const redirected = await refusal(() => new Response(null, { status, headers: { location: other.url.href } }));
        expect(redirected.message).toBe(
          `Cannot ask "llama": found a redirect to "127.0.0.1:${other.port}", which is not followed, ` +
            "expected a base_url where the model itself answers",
        );
      }
      expect(elsewhere).toEqual([]);
    } finally {
      await other.stop(true);
    }
  });

  const OPENSSL = Bun.which("openssl");
  test.skipIf(OPENSSL === null)(
    `by a certificate that cannot be trusted, or by no TLS at all, stops the run, and nothing counts as paid${OPENSSL === null ? " (skipped: openssl is missing)" : ""}`,
    async () => {
      const work = mkdtempSync(join(tmpdir(), "carryover-tls-"));
      const request = "req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 1 -subj /CN=localhost";
      expect(Bun.spawnSync(["openssl", ...request.split(" ")], { cwd: work, stderr: "ignore" }).exitCode).toBe(0);
      const tls = { key: Bun.file(join(work, "key.pem")), cert: Bun.file(join(work, "cert.pem")) };
      const other = Bun.serve({ hostname: "127.0.0.1", port: 0, tls, fetch: () => new Response("answered") });
      try {
        for (const [port, found] of [
          [other.port, "self signed certificate"],
          [new URL(server.openaiUrl).port, "EPROTO: The TLS handshake failed"],
        ]) {
          const base_url = `https://127.0.0.1:${port}/v1`;
          // With a price: what had cost something would be recorded.
          const { message } = await refusal(() => GOOD, { base_url, price: { input: 1000, output: 1000 } });
          expect(message).toStartWith(`Cannot ask "llama": found no safe connection to "${base_url}": ${found}`);
          expect(message).toContain("expected a certificate that can be trusted");
        }
      } finally {
        await other.stop(true);
        rmSync(work, { recursive: true });
      }
    },
  );

  test("by cutting the connection is asked again, then an abstention", async () => {
    let connections = 0;
    const cutting: Server = createServer((socket) => {
      connections += 1;
      socket.once("data", () => {
        socket.write('HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{"id":');
        setTimeout(() => socket.destroy(), 5);
      });
      socket.on("error", () => {});
    });
    await new Promise<void>((resolve) => cutting.listen(0, "127.0.0.1", resolve));
    const address = cutting.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const { asked } = await ask(() => GOOD, { base_url: `http://127.0.0.1:${port}/v1`, max_retries: 1 });
    expect(asked.vote.error).toMatch(/^no answer from the server: .*\(2 tries\)$/);
    expect(connections).toBe(2);
    cutting.close();
  });

  test("in another protocol, or without a word, is told on one line", async () => {
    const other = await ask(() => Response.json({ id: "x" }), { max_retries: 0 });
    expect(other.asked.vote.error).toMatch(/^no answer from the server: .*"choices".*$/);
    const silent = await ask(() => new Response("", { status: 599 }), { max_retries: 0 });
    expect(silent.asked.vote.error).toBe("status 599 from the server");
  });

  test.each([
    ["http://127.0.0.1:9/v1", "ECONNREFUSED"],
    ["http://no-such-host.invalid/v1", /ENOTFOUND|EAI_AGAIN/],
  ])("by not being there stops the run and says where it was looked for: %s", async (base_url, code) => {
    const message = await ask(() => GOOD, { base_url, max_retries: 0 }).catch(String);
    expect(message).toMatch(code);
    expect(message).toStartWith(`CarryoverError: Cannot ask "llama": found no server at "${base_url}": `);
  });
});

test("what Gemini blocks is an abstention", async () => {
  const blocked = {
    promptFeedback: { blockReason: "SAFETY" },
    usageMetadata: { promptTokenCount: 700, totalTokenCount: 700 },
  };
  const { asked } = await ask(() => Response.json(blocked), { api: "google", max_retries: 0 });
  expect(asked.failed).toBeTrue();
  const cut = { ...googleAnswer("", "gemini"), candidates: [{ finishReason: "SAFETY", index: 0 }] };
  expect((await ask(() => Response.json(cut), { api: "google", max_retries: 0 })).asked.failed).toBeTrue();
});
