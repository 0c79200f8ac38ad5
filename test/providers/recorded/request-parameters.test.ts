import { afterAll, describe, expect, test } from "bun:test";
import { withKey } from "../../../lib/providers/recorded/answer-file.ts";
import { adaptations, cureFor } from "../../../lib/providers/recorded/request-parameters.ts";
import { makeContext, makeSituation } from "../situation-samples.ts";
import type { ModelRequest, Respond } from "./model-server.ts";
import { askOnce, GOOD, ModelUnderTest } from "./model-under-test.ts";

const model = new ModelUnderTest();
afterAll(() => model.stop());

const refusal = (message: string, param: string | null = null, status = 400): Response =>
  Response.json({ error: { message, type: "invalid_request_error", param } }, { status });

const NO_MAX_TOKENS =
  "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.";
const NO_TEMPERATURE =
  "Unsupported value: 'temperature' does not support 0 with this model. Only the default (1) value is supported.";

/** A model of OpenAI that thinks: it takes neither `max_tokens` nor a temperature. */
const thinking: Respond = ({ body }: ModelRequest) => {
  if ("max_tokens" in body) return refusal(NO_MAX_TOKENS, "max_tokens");
  return "temperature" in body ? refusal(NO_TEMPERATURE, "temperature") : GOOD;
};

test.each([
  ["OpenAI's max_tokens", NO_MAX_TOKENS, "token_limit"],
  ["OpenAI's temperature", NO_TEMPERATURE, "temperature"],
  ["Azure's temperature", "Unsupported parameter: 'temperature' is not supported with this model.", "temperature"],
  ["Kimi's temperature", "invalid temperature: only 1 is allowed for this model", "temperature"],
  ["Anthropic's temperature", "`temperature` is deprecated for this model.", "temperature"],
  ["an unknown temperature", "Unknown parameter: 'temperature'.", "temperature"],
  ["Azure's older max_tokens", "Unrecognized request argument supplied: max_tokens", "token_limit"],
  [
    "FastAPI's max_tokens",
    '[{"type":"extra_forbidden","loc":["body","max_tokens"],"msg":"Extra inputs are not permitted"}]',
    "token_limit",
  ],
  ["DeepSeek's formats", "This response_format type is unavailable now", "output"],
  ["LM Studio's formats", "'response_format.type' must be 'json_schema' or 'text'", "output"],
  ["Groq's formats", "This model does not support response format `json_schema`.", "output"],
  ["Gemini's formats", "JSON mode is not enabled for models/gemma-3-27b-it", "output"],
  ["llama.cpp's formats", "failed to parse grammar", "output"],
  ["a limit that is too high", "max_tokens is too large: 8192. This model supports at most 4096.", undefined],
  ["a temperature out of range", "temperature must be between 0 and 1", undefined],
  ["something else", "messages: at least one message is required", undefined],
] as const)("an error names what to send otherwise: %s", (_what, message, cure) => {
  expect(cureFor({ message, parameter: undefined })).toBe(cure as never);
});

test("there are at most eleven other ways to ask, each once", () => {
  const ways = adaptations({ temperature: 0, output: "json_schema", token_limit: "max_tokens" });
  expect(new Set(ways.map((way) => JSON.stringify(way))).size).toBe(2 * 2 * 3 - 1);
  expect(adaptations({ temperature: null, output: "text", token_limit: "max_completion_tokens" })).toEqual([]);
});

describe("a server that does not take a request as it is", () => {
  test("is asked otherwise from then on, and the user is told", async () => {
    const notes: string[] = [];
    const client = model.client({ onNote: (note) => notes.push(note) });
    model.respond = thinking;
    const before = model.server.requests.length;
    expect((await askOnce(client, { rsi: 20 })).vote.action).toBe("BUY");
    expect(model.server.requests.length - before).toBe(3);
    expect((await askOnce(client, { rsi: 30 })).vote.action).toBe("BUY");
    expect(model.server.requests.length - before).toBe(4);
    const { body } = model.server.requests.at(-1)!;
    expect(body["max_completion_tokens"]).toBe(200);
    expect(Object.keys(body).filter((key) => /max_tokens|temperature/.test(key))).toEqual([]);
    expect(notes).toEqual([
      expect.stringMatching(/^"llama" is asked with max_completion_tokens in place of max_tokens: status 400 from/),
      expect.stringMatching(/^"llama" is asked with no temperature: status 400 from/),
    ]);
  });

  test("is told once by questions that are asked at a time", async () => {
    const notes: string[] = [];
    const client = model.client({ onNote: (note) => notes.push(note) });
    model.respond = thinking;
    await Promise.all([20, 30, 40, 50].map((rsi) => askOnce(client, { rsi })));
    expect(notes).toHaveLength(2);
  });

  test.each([
    ["no schema", (type: unknown) => type === "json_schema", { type: "json_object" }],
    ["no format at all", (type: unknown) => type !== undefined, undefined],
  ])("is asked for another format: %s", async (_what, isRefused, sent) => {
    const { answer, requests } = await model.ask(({ body }) => {
      const format = body["response_format"] as { type: string } | undefined;
      return isRefused(format?.type) ? refusal("This response_format type is unavailable now") : GOOD;
    });
    expect(answer.failed).toBeFalse();
    expect(requests.at(-1)?.body["response_format"]).toEqual(sent as never);
  });

  test("stops the run if it refuses everything", async () => {
    const before = model.server.requests.length;
    const { message } = await model.failure(() => refusal("response_format is not supported"));
    expect(message).toContain("expected a request that the server takes");
    // A schema, an object, and no format.
    expect(model.server.requests.length - before).toBe(3);
  });
});

describe("the request of an answer", () => {
  const situation = makeSituation({ rsi: 20 });
  const keyOf = (request: unknown): string => withKey({ provider: "llama", request: request as never, refresh: 0 }).key;

  test("says how it was asked, and is found by a later run before anything is sent", async () => {
    model.respond = thinking;
    const first = model.client().prepare(situation, makeContext(0));
    const { request } = await askOnce(model.client(), { rsi: 20 });
    expect(request).toEqual({
      ...(first.request as object),
      temperature: null,
      token_limit: "max_completion_tokens",
    });
    const later = model.client();
    const variants = later.prepare(situation, makeContext(0)).variants!();
    expect(variants).toHaveLength(11);
    const found = await Promise.all(variants.map(async (variant) => keyOf(variant.request) === keyOf(request)));
    expect(found.filter(Boolean)).toHaveLength(1);

    variants[found.indexOf(true)]!.adopt();
    const before = model.server.requests.length;
    await askOnce(later, { rsi: 30 });
    expect(model.server.requests.length - before).toBe(1);
    expect(later.prepare(situation, makeContext(0)).variants!().map((variant) => variant.request)).toEqual([request!]);
  });

  test("is the one that was prepared where the server takes it, as it was before", async () => {
    model.respond = () => GOOD;
    const client = model.client();
    const { request } = client.prepare(situation, makeContext(0));
    expect((await askOnce(client, { rsi: 20 })).request).toEqual(request);
    expect(Object.keys(request as object)).toEqual(
      "type api model temperature max_output_tokens output asset prompt".split(" "),
    );
    expect(client.prepare(situation, makeContext(0)).variants!()).toEqual([]);
  });

  test("is looked for in other forms only while nothing is known, and not for long", () => {
    const client = model.client();
    const counts = Array.from({ length: 30 }, () => client.prepare(situation, makeContext(0)).variants!().length);
    expect(counts).toEqual([...Array<number>(20).fill(11), ...Array<number>(10).fill(0)]);
  });
});
