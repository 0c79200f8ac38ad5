import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createServer, type Server } from "node:net";
import type { LlmConfig } from "../../lib/config.ts";
import { llmClient } from "../../lib/host/llm-client.ts";
import { createPace } from "../../lib/providers/_pace.ts";
import type { Asked } from "../../lib/providers/desk.ts";
import { llmAsker } from "../../lib/providers/llm.ts";
import { DEFAULT_PROMPT } from "../../lib/providers/prompt.ts";
import { makeContext, makeSituation } from "../providers/_situation.ts";
import {
  googleAnswer,
  openaiAnswer,
  startModelServer,
  type ModelRequest,
  type ModelServer,
  type Respond,
} from "../providers/_model-server.ts";

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

/** Asks one question of a server that answers so, and gives the requests that it took. */
async function ask(
  how: Respond,
  options: Partial<LlmConfig> & { timeoutMs?: number; price?: { input: number; output: number } } = {},
): Promise<{ asked: Asked; requests: readonly ModelRequest[] }> {
  const { timeoutMs = 5000, price, ...overrides } = options;
  const config = configOf(overrides);
  const before = server.requests.length;
  respond = how;
  const { name, api, model, temperature, max_output_tokens, output } = config;
  const asker = llmAsker({
    name,
    model: { api, model, temperature, max_output_tokens, output },
    template: DEFAULT_PROMPT,
    mask: false,
    complete: llmClient(config),
    pace: createPace({ concurrency: 4, now: () => performance.now() }),
    timeoutMs,
    maxRetries: config.max_retries,
    pricePerMtok: price,
  });
  const request = asker.request(makeSituation(), makeContext(0));
  const asked = await asker.ask(request, { stop: NEVER, giveUp: NEVER });
  // Whatever is recorded or said, the key is not in it.
  expect(JSON.stringify(asked)).not.toContain(KEY);
  return { asked, requests: server.requests.slice(before) };
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
    expect(asked).toEqual({
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
    await llmClient(config)([{ role: "user", content: "hello" }], { signal: NEVER });
    expect(server.requests.at(-1)?.headers.has("authorization")).toBeFalse();
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

  test("with 429 and Retry-After is left alone so long, in seconds or until a date", async () => {
    for (const value of [() => "1", () => new Date(Date.now() + 2000).toUTCString()]) {
      const start = performance.now();
      const { asked } = await ask(
        inTurn(() => new Response("slow down", { status: 429, headers: { "retry-after": value() } }), GOOD),
      );
      expect(asked.failed).toBeFalse();
      expect(performance.now() - start).toBeGreaterThan(900);
    }
  });

  test("with a Retry-After of hours is not waited for", async () => {
    const before = server.requests.length;
    await expect(ask(() => new Response("", { status: 429, headers: { "retry-after": "7200" } }))).rejects.toThrow(
      'Cannot ask "llama": found status 429 from the server, expected a server that takes questions',
    );
    expect(server.requests.length).toBe(before + 1);
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

  test("and goes away after it has cost something is an abstention with that cost, since a budget counts what is recorded", async () => {
    const answers = inTurn("I would wait.", () => new Response("", { status: 429 }));
    // 700 tokens in and 40 out, as the server counts them.
    const { asked } = await ask(answers, { price: { input: 1000, output: 10_000 }, max_retries: 0 });
    expect(asked).toMatchObject({ failed: true, raw: ["I would wait."], cost_usd: 0.7 + 0.4 });
    expect(asked.vote.error).toContain("found status 429 from the server");
  });

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
    [403, "a key that may use this model"],
    [404, "a base_url and a model that the server has"],
  ])("with status %d stops the run, since no other question would do better", async (status, wanted) => {
    const message = await ask(() => Response.json({ error: { message: `wrong key ${KEY}` } }, { status })).then(
      () => "no error",
      (error: unknown) => String(error),
    );
    expect(message).toContain(`Cannot ask "llama": found status ${status} from "${server.openaiUrl}"`);
    expect(message).toContain(wanted);
    expect(message).not.toContain(KEY);
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

  test("by an answer of 10 MB is cut off at 1 MiB, and not asked again", async () => {
    let sent = 0;
    const { asked, requests } = await ask(
      () =>
        new Response(
          new ReadableStream({
            pull: (controller) => {
              if ((sent += 65_536) > 10 << 20) return controller.close();
              controller.enqueue(new Uint8Array(65_536).fill(32));
            },
          }),
        ),
    );
    expect(asked.vote.error).toBe("the server's answer is larger than 1048576 bytes");
    expect(requests).toHaveLength(1);
    expect(sent).toBeLessThan(8 << 20);
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

  test("by redirecting to another host gets neither the question nor the key there", async () => {
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
        const { asked, requests } = await ask(
          () => new Response(null, { status, headers: { location: other.url.href } }),
        );
        expect(asked.vote.error).toStartWith(
          `the server redirects to "127.0.0.1:${other.port}", which is not followed`,
        );
        expect(requests).toHaveLength(1);
      }
      expect(elsewhere).toEqual([]);
    } finally {
      await other.stop(true);
    }
  });

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
