/** Every API that a model can be reached by, each against its own wire format. */
import { afterAll, describe, expect, test } from "bun:test";
import type { LlmConfig } from "../../../lib/config/config.ts";
import { anthropicAnswer, answerIn, googleAnswer, type ModelRequest, openaiAnswer } from "./model-server.ts";
import { type AskOptions, GOOD, KEY, ModelUnderTest } from "./model-under-test.ts";

const model = new ModelUnderTest();
afterAll(() => model.stop());

const MISTRAL = { package: "@ai-sdk/mistral", export: "createMistral" };

interface Api {
  readonly options: AskOptions & { readonly api: LlmConfig["api"] };
  readonly path: string;
  /** The header of the key, and what stands before it. */
  readonly header: readonly [name: string, prefix: string];
  /** Whose answers it takes. */
  readonly wire: "openai" | "google" | "anthropic";
  /** The body of a refused key. */
  readonly wrongKey: object;
}

const OPENAI_ERROR = {
  error: { message: `Incorrect API key provided: ${KEY}.`, type: "invalid_request_error", code: "invalid_api_key" },
};

const APIS: readonly [string, Api][] = [
  [
    "openai-compatible",
    {
      options: { api: "openai-compatible" },
      path: "/v1/chat/completions",
      header: ["authorization", "Bearer "],
      wire: "openai",
      wrongKey: OPENAI_ERROR,
    },
  ],
  [
    "openai",
    {
      options: { api: "openai", model: "gpt-5-mini" },
      path: "/v1/chat/completions",
      header: ["authorization", "Bearer "],
      wire: "openai",
      wrongKey: OPENAI_ERROR,
    },
  ],
  [
    "google",
    {
      options: { api: "google", model: "gemini-2.5-flash" },
      path: "/v1beta/models/gemini-2.5-flash:generateContent",
      header: ["x-goog-api-key", ""],
      wire: "google",
      wrongKey: { error: { code: 401, message: `API key not valid: ${KEY}`, status: "UNAUTHENTICATED" } },
    },
  ],
  [
    "anthropic",
    {
      options: { api: "anthropic", model: "claude-sonnet-4-5" },
      path: "/v1/messages",
      header: ["x-api-key", ""],
      wire: "anthropic",
      wrongKey: { type: "error", error: { type: "authentication_error", message: `invalid x-api-key ${KEY}` } },
    },
  ],
  [
    "a package",
    {
      options: { api: MISTRAL, model: "mistral-small-latest" },
      path: "/v1/chat/completions",
      header: ["authorization", "Bearer "],
      wire: "openai",
      wrongKey: { object: "error", message: `Unauthorized ${KEY}`, type: "invalid_request_error", code: "1500" },
    },
  ],
];

describe.each(APIS)("%s", (_name, { options, path, header: [header, prefix], wire, wrongKey }) => {
  test("sends the key in its header, the prompt, and reads the vote and the tokens", async () => {
    const { answer, requests } = await model.ask(() => GOOD, { ...options, price_per_mtok: { input: 1, output: 10 } });
    expect(answer).toMatchObject({
      vote: { action: "BUY", confidence: 70, reason: "it rises" },
      raw: [GOOD],
      tokens: { input: 700, output: 40 },
      cost_usd: 0.0011,
      failed: false,
    });
    const [request] = requests as [ModelRequest];
    expect(requests).toHaveLength(1);
    expect(request.path).toBe(path);
    expect(request.headers.get(header)).toBe(prefix + KEY);
    expect(request.turns.join("")).toStartWith("You are one of several advisers who vote on AAA.");
    // The key is nowhere else.
    const others = [...request.headers].filter(([name]) => name !== header);
    expect(JSON.stringify([request.path, others, request.body])).not.toContain(KEY);
  });

  test("takes headers and members of the body, with secrets from the environment", async () => {
    process.env["CARRYOVER_TEST_TOKEN"] = "tok-secret-0123456789";
    const { answer, requests } = await model.ask(() => GOOD.replace("it rises", "tok-secret-0123456789"), {
      ...options,
      headers: { "x-team": "quants", "x-gateway-token": { env: "CARRYOVER_TEST_TOKEN" } },
      extra_body: { seed: 7, options: { num_ctx: 8192 } },
    });
    delete process.env["CARRYOVER_TEST_TOKEN"];
    const [{ headers, body }] = requests as [ModelRequest];
    expect([headers.get("x-team"), headers.get("x-gateway-token")]).toEqual(["quants", "tok-secret-0123456789"]);
    expect(body).toMatchObject({ seed: 7, options: { num_ctx: 8192 } });
    expect(answer.vote.reason).toBe("[key]");
  });

  test("asks again for an answer that was cut off, then abstains", async () => {
    const cut = { openai: openaiAnswer, google: cutGemini, anthropic: anthropicAnswer }[wire];
    const reason = wire === "anthropic" ? "max_tokens" : "length";
    const { answer, requests } = await model.ask(() => Response.json(cut('{"asset": "AA', "m", reason)), options);
    expect(requests).toHaveLength(2);
    expect(answer.vote.error).toContain("found an answer that was cut off");
  });

  test("keeps thoughts apart from the vote", async () => {
    const { answer } = await model.ask(() => Response.json(thinking(wire)), options);
    expect(answer.vote).toMatchObject({ action: "BUY", confidence: 70 });
    // OpenAI's own models and Mistral's deliver no thoughts under this name.
    const hasThoughts = options.api !== "openai" && options.api !== MISTRAL;
    expect(answer.raw).toEqual([hasThoughts ? `<think>up or down?</think>\n${GOOD}` : GOOD]);
  });

  test("stops for a key that is refused, without it in the message", async () => {
    const { message } = await model.refusal(() => Response.json(wrongKey, { status: 401 }), options);
    expect(message).toEndWith("expected a key that the server takes");
  });

  test("waits for a server that is overloaded", async () => {
    let tries = 0;
    const { answer, requests } = await model.ask(
      () => (tries++ === 0 ? Response.json({ error: { message: "overloaded" } }, { status: 529 }) : GOOD),
      options,
    );
    expect([answer.vote.action, requests.length]).toEqual(["BUY", 2]);
  });

  test("takes no error in a response of status 200 for an answer", async () => {
    let tries = 0;
    const body = { type: "error", error: { type: "overloaded_error", message: "Overloaded" } };
    const { answer, requests } = await model.ask(() => (tries++ === 0 ? Response.json(body) : GOOD), options);
    expect([answer.vote.action, requests.length]).toEqual(["BUY", 2]);
  });

  test("follows no redirect, and hides the key in its host", async () => {
    const location = `http://${KEY.toUpperCase()}.evil.example/`;
    const { message } = await model.refusal(() => new Response(null, { status: 307, headers: { location } }), options);
    expect(message).toContain('found a redirect to "[key].evil.example"');
  });

  test("reads no more than a mebibyte", async () => {
    const { message } = await model.failure(() => JSON.stringify("x".repeat(1 << 20)), options);
    expect(message).toContain("found more than 1048576 bytes from the server");
  });

  const escaped = [...KEY].map((each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, "0")}`).join("");
  test.each([
    ["as it is", KEY],
    ["in capitals", KEY.toUpperCase()],
    ["escaped", escaped],
    ["partly escaped", `${KEY.slice(0, 5)}${escaped.slice(30)}`],
  ])("hides the key in a vote and in what is recorded: %s", async (_what, said) => {
    const { answer } = await model.ask(() => Response.json(answerIn(wire, GOOD.replace("it rises", said))), options);
    expect(answer.vote.reason).toBe("[key]");
    expect(answer.raw.map((text) => (JSON.parse(text) as { reason: string }).reason)).toEqual(["[key]"]);
  });

  test.each([402, 403, 404, 407])("stops for status %d without the key in the message", async (status) => {
    await model.refusal(() => Response.json({ error: { message: `no ${KEY}` } }, { status }), options);
  });

  test("hides the key in an abstention", async () => {
    const { answer } = await model.ask(() => `${"x".repeat(70)}${KEY}`, options);
    expect(answer.failed).toBeTrue();
    expect(JSON.stringify(answer)).not.toContain("sk-");
  });
});

function cutGemini(text: string, name: string): object {
  const answer = googleAnswer(text, name) as { candidates: object[] };
  return { ...answer, candidates: [{ ...answer.candidates[0], finishReason: "MAX_TOKENS" }] };
}

/** A good answer after a thought, as an API delivers it. */
function thinking(wire: Api["wire"]): object {
  const answer = answerIn(wire, GOOD);
  if (wire === "anthropic") {
    const thought = { type: "thinking", thinking: "up or down?", signature: "EqQBCgIYAhIM" };
    return { ...answer, content: [thought, { type: "text", text: GOOD }] };
  }
  if (wire === "google") {
    const parts = [{ text: "up or down?", thought: true }, { text: GOOD }];
    return { ...answer, candidates: [{ content: { parts, role: "model" }, finishReason: "STOP", index: 0 }] };
  }
  const message = { role: "assistant", content: GOOD, reasoning_content: "up or down?" };
  return { ...answer, choices: [{ index: 0, message, finish_reason: "stop" }] };
}

test("OpenAI's models get max_completion_tokens and the effort, and no temperature where they think", async () => {
  const { requests } = await model.ask(() => GOOD, { api: "openai", model: "gpt-5-mini", reasoning_effort: "low" });
  expect(requests[0]!.body).toMatchObject({ max_completion_tokens: 200, reasoning_effort: "low" });
  expect(Object.keys(requests[0]!.body)).not.toContain("max_tokens");
  expect(Object.keys(requests[0]!.body)).not.toContain("temperature");
  const { requests: plain } = await model.ask(() => GOOD, { api: "openai", model: "gpt-4.1-mini" });
  expect(plain[0]!.body).toMatchObject({ max_completion_tokens: 200, temperature: 0 });
  expect(Object.keys(plain[0]!.body)).not.toContain("max_tokens");
});

test("Anthropic's models are asked for the schema, and cached tokens count as input", async () => {
  const usage = {
    input_tokens: 100,
    cache_creation_input_tokens: 200,
    cache_read_input_tokens: 400,
    output_tokens: 40,
  };
  const { answer, requests } = await model.ask(() => Response.json({ ...answerIn("anthropic", GOOD), usage }), {
    api: "anthropic",
    model: "claude-sonnet-4-5",
  });
  expect(answer.tokens).toEqual({ input: 700, output: 40 });
  expect(requests[0]!.body).toMatchObject({ max_tokens: 200, temperature: 0 });
  expect(JSON.stringify(requests[0]!.body)).toContain('"enum":["BUY","SELL","HOLD"]');
});

test("Anthropic's refusal is an abstention", async () => {
  const refusal = anthropicAnswer("I can't help with that.", "claude-sonnet-4-5", "refusal");
  const { answer } = await model.ask(() => Response.json(refusal), { api: "anthropic", model: "claude-sonnet-4-5" });
  expect(answer.vote.error).toContain("found a refusal");
});

test("a package that is missing, or has no such function, is named with what to do", async () => {
  const ask = (api: object): Promise<unknown> => model.connect({ api: { ...MISTRAL, ...api } }).ready();
  await expect(ask({ package: "@ai-sdk/nobody" })).rejects.toThrow(
    /Cannot ask "llama": found .*@ai-sdk\/nobody.*, expected a package of the AI SDK, installed by "bun add @ai-sdk\/nobody"/s,
  );
  await expect(ask({ export: "createMistrall" })).rejects.toThrow(
    'found no function "createMistrall" in the package "@ai-sdk/mistral"; it has createMistral, expected',
  );
});
