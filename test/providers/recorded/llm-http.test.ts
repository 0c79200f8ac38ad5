import { afterAll, describe, expect, test } from "bun:test";
import { askOnce, GOOD, KEY, ModelUnderTest, NEVER } from "./model-under-test.ts";
import { configuredParameters } from "../../../lib/providers/recorded/request-parameters.ts";
import { googleAnswer, type ModelRequest } from "./model-server.ts";

const model = new ModelUnderTest();
afterAll(() => model.stop());

test("speaks OpenAI's protocol, which Ollama speaks too: model, temperature 0, schema, key in a header", async () => {
  const { answer, requests } = await model.ask(() => GOOD, { price_per_mtok: { input: 1, output: 10 } });
  expect(answer).toMatchObject({
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

test("speaks Gemini's protocol, with the key in a header and not in the address", async () => {
  const { answer, requests } = await model.ask(() => GOOD, { api: "google", model: "gemini-2.5-flash" });
  expect(answer).toMatchObject({ vote: { action: "BUY", confidence: 70 }, tokens: { input: 700, output: 40 } });
  const [{ path, headers, body }] = requests as [ModelRequest];
  expect(path).toBe("/v1beta/models/gemini-2.5-flash:generateContent");
  expect(headers.get("x-goog-api-key")).toBe(KEY);
  expect(body["generationConfig"]).toMatchObject({ temperature: 0, maxOutputTokens: 200 });
});

test.each([
  ["json_object", { type: "json_object" }],
  ["text", undefined],
] as const)("asks for the output %s", async (output, format) => {
  const { requests } = await model.ask(() => GOOD, { output });
  expect(requests[0]?.body["response_format"]).toEqual(format as never);
});

test("sends no header for a key without one", async () => {
  await model.connect({ key: undefined }).complete([{ role: "user", content: "hello" }], {
    parameters: configuredParameters(model.config()),
    signal: NEVER,
  });
  expect(model.server.requests.at(-1)?.headers.has("authorization")).toBeFalse();
});

test("makes an abstention of what Gemini blocks", async () => {
  const blocked = {
    promptFeedback: { blockReason: "SAFETY" },
    usageMetadata: { promptTokenCount: 700, totalTokenCount: 700 },
  };
  const { answer } = await model.ask(() => Response.json(blocked), { api: "google", max_retries: 0 });
  expect(answer.failed).toBeTrue();
  const cut = { ...googleAnswer("", "gemini"), candidates: [{ finishReason: "SAFETY", index: 0 }] };
  expect((await model.ask(() => Response.json(cut), { api: "google", max_retries: 0 })).answer.failed).toBeTrue();
});

describe("a key", () => {
  const escaped = [...KEY].map((each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, "0")}`).join("");

  test.each([
    ["as it is", KEY],
    ["in capitals", KEY.toUpperCase()],
    ["as JSON may escape it", escaped],
    ["in hexadecimal capitals", escaped.replaceAll("d", "D").replaceAll("\\u002D", "\\u002d")],
    ["partly escaped", `${KEY.slice(0, 5)}${escaped.slice(30)}`],
  ])("in a vote's reason is hidden in the vote and in the recorded text: %s", async (_what, said) => {
    const { answer } = await model.ask(() => GOOD.replace("it rises", `because ${said}.`));
    expect(answer.vote).toEqual({ action: "BUY", confidence: 70, reason: "because [key]." });
    expect(answer.raw.map((text) => (JSON.parse(text) as { reason: string }).reason)).toEqual(["because [key]."]);
  });

  test("that is escaped in a vote's asset is hidden in the message", async () => {
    const { answer } = await model.ask(() => GOOD.replace("AAA", escaped));
    expect(answer.vote.error).toContain('found a vote on the asset "[key]", expected "AAA"');
  });

  test("in the host of a redirect is hidden, although hosts are in lower case", async () => {
    const location = `http://${KEY.toUpperCase()}.evil.example/`;
    const { message } = await model.refusal(() => new Response(null, { status: 302, headers: { location } }));
    expect(message).toContain('found a redirect to "[key].evil.example"');
  });

  const chat = (message: object, finish = "stop"): Response =>
    Response.json({ choices: [{ message, finish_reason: finish }] });
  const refuse = (error: unknown, status = 400): Response => Response.json({ error }, { status });

  test.each([
    ["thoughts", () => chat({ content: GOOD, reasoning_content: `I am ${KEY}` })],
    ["thoughts alone", () => chat({ content: "", reasoning_content: `I am ${KEY}` })],
    ["a tool's input", () => chat({ tool_calls: [{ function: { name: "vote", arguments: `{"key": "${KEY}"}` } }] })],
    ["a refusal", () => chat({ content: null, refusal: `Not with ${KEY}` })],
    ["a reason to stop", () => chat({ content: "no" }, KEY)],
    ["an error inside a response of status 200", () => Response.json({ error: { message: KEY, code: 500 } })],
    ["a server's words", () => new Response(KEY, { status: 503 })],
    ["a page", () => new Response(`<title>${KEY}</title>`)],
    ["words in place of JSON", () => new Response(KEY)],
    ["a parameter that is refused", () => refuse({ message: `max_tokens is not supported with ${KEY}` })],
    ["a limit", () => refuse({ message: `Too many by ${KEY}` }, 429)],
    ["a filtered prompt", () => refuse({ message: `${KEY} was filtered`, code: "content_filter" })],
    ["invalid JSON of the model", () => refuse({ message: "no JSON", failed_generation: KEY })],
    // Messages quote 80 and 300 characters of what a server says.
    ...[70, 75, 290, 295].flatMap((length): [string, () => Response][] => [
      [`an error after ${length} characters`, () => refuse({ message: "x".repeat(length) + KEY })],
      [`words after ${length} characters`, () => new Response("x".repeat(length) + KEY)],
      [`a page after ${length} characters`, () => new Response(`<p>${"x".repeat(length)}${KEY}`)],
    ]),
  ] as const)("is hidden in all that a question leaves behind: %s", async (_what, respond) => {
    const left: unknown[] = [];
    model.respond = respond;
    const client = model.client({ patience: "20ms", onNote: (note) => left.push(note) });
    const answer = await askOnce(client, { onWait: (wait) => left.push(wait) }).catch((error: unknown) => error);
    for (let at: unknown = answer; at instanceof Error; at = at.cause) left.push(at.message, at.stack);
    left.push(answer);
    // Half of the key is too much.
    expect(JSON.stringify(left)).not.toContain(KEY.slice(0, 5));
    expect(JSON.stringify(left)).not.toContain(KEY.slice(-8));
  });

  test("of less than eight characters is a placeholder and not hidden, which would garble the answers", async () => {
    process.env["CARRYOVER_DUMMY_KEY"] = "a";
    const { answer } = await model.ask(() => GOOD, { api_key_env: "CARRYOVER_DUMMY_KEY" });
    delete process.env["CARRYOVER_DUMMY_KEY"];
    expect(answer).toMatchObject({ vote: { action: "BUY" }, raw: [GOOD] });
  });

  test("is looked for quickly in a text of backslashes", async () => {
    const { answer } = await model.ask(() => "\\".repeat(200_000));
    expect(answer.failed).toBeTrue();
  });
});
