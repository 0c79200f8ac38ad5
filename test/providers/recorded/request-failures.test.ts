import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NoAnswer } from "../../../lib/providers/recorded/client.ts";
import { GOOD, KEY, ModelUnderTest } from "./model-under-test.ts";
import { openaiAnswer } from "./model-server.ts";

const model = new ModelUnderTest();
afterAll(() => model.stop());

/** An error as OpenAI words it. */
const refused = (message: string, more: object = {}): Response =>
  Response.json({ error: { message, ...more } }, { status: 400 });

test.each([400, 422, 413, 501])("status %d stops the run without a retry, and is no answer", async (status) => {
  const before = model.server.requests.length;
  const error = await model.failure(() => Response.json({ error: { message: `bad ${KEY}` } }, { status }));
  expect(error).toBeInstanceOf(NoAnswer);
  expect(error.message).toBe(
    `Cannot ask "llama": found status ${status} from the server: bad [key], expected a request that the server takes`,
  );
  expect(model.server.requests.length - before).toBe(1);
});

test.each([
  [401, "a key that the server takes"],
  [402, "an account that can pay"],
  [403, "a key that may use this model"],
  [407, "a proxy that lets requests through"],
])("status %d stops the run, since any other question would fail too", async (status, wanted) => {
  const { message } = await model.refusal(() => Response.json({ error: { message: `wrong key ${KEY}` } }, { status }));
  expect(message).toBe(
    `Cannot ask "llama": found status ${status} from "${model.server.openaiUrl}" for the model "llama3.2" (wrong key [key]), expected ${wanted}`,
  );
});

test.each([
  ["/v1", "/v1", ""],
  ["", "", "; most end in /v1"],
  ["/v1/chat/completions", "/v1/chat/completions", ""],
])("status 404 below base_url %j names the path that was asked", async (path, asked, advice) => {
  const base_url = model.server.openaiUrl.replace("/v1", path);
  const { message } = await model.refusal(() => new Response("not found", { status: 404 }), { base_url });
  expect(message).toBe(
    `Cannot ask "llama": found status 404 from "${base_url}" for the model "llama3.2" (not found) to POST ${asked}/chat/completions, ` +
      `expected a model that the server has, and its base_url${advice}`,
  );
});

test.each([
  [
    "Gemini's wrong key",
    "google",
    400,
    { code: 400, message: "API key not valid.", status: "INVALID_ARGUMENT", details: [{ reason: "API_KEY_INVALID" }] },
    "a key that the server takes",
  ],
  [
    "Anthropic's account without credit",
    "openai",
    400,
    { message: "Your credit balance is too low to access the API" },
    "an account that can pay",
  ],
  [
    "Ollama's missing model in status 200",
    "openai",
    200,
    "model 'llama3.2' not found",
    "a model that the server has, and its base_url",
  ],
  [
    "a model that does not fit",
    "openai",
    500,
    "model requires more system memory (5.6 GiB) than is available (3.1 GiB)",
    "a smaller model, or more memory for it",
  ],
] as const)("%s stops the run", async (_what, api, status, error, wanted) => {
  const { message } = await model.refusal(() => Response.json({ error }, { status }), { api, model: "m" });
  expect(message).toEndWith(`, expected ${wanted}`);
});

test.each([
  ["an empty body", () => new Response(""), "found an empty response"],
  ["a page", () => new Response("<html><title>busy</title></html>"), 'found the page "busy"'],
  [
    "a page of a gateway",
    () => new Response("<html><h1>502 Bad Gateway</h1></html>", { status: 502 }),
    "502 Bad Gateway",
  ],
  ["a sentence", () => new Response("upstream connect error"), 'found "upstream connect error"'],
  ["JSON of another kind", () => Response.json({ hello: [1, 2, 3] }), 'found "{'],
  ["no choices", () => Response.json({ ...openaiAnswer("", "llama3.2"), choices: [] }), 'found "{'],
  [
    "an error without a code",
    () => Response.json({ error: "something broke" }),
    "status 500 from the server: something broke",
  ],
  [
    "Anthropic's overload",
    () => Response.json({ type: "error", error: { type: "overloaded_error", message: "Overloaded" } }, { status: 529 }),
    "status 529 from the server: Overloaded",
  ],
  [
    "an error inside a choice",
    () =>
      Response.json({
        choices: [
          {
            error: { code: 502, message: "Provider returned error", metadata: { raw: "upstream is down" } },
            finish_reason: "error",
          },
        ],
      }),
    "status 502 from the server: Provider returned error: upstream is down",
  ],
  [
    "an answer that the server did not finish",
    () => Response.json(openaiAnswer(GOOD, "llama3.2", "error")),
    'it ended for "error"',
  ],
])("%s is waited for and then stops the run", async (_what, respond, wanted) => {
  const before = model.server.requests.length;
  const error = await model.failure(respond, { patience: "300ms" });
  expect(error).toBeInstanceOf(NoAnswer);
  expect(error.message).toContain(wanted);
  expect(error.message.length).toBeLessThan(400);
  expect(model.server.requests.length - before).toBe(2);
});

test("a prompt that does not fit the context names the cure", async () => {
  for (const error of [
    "This model's maximum context length is 512 tokens. However, your messages resulted in 1200 tokens.",
    "the request exceeds the available context size, try increasing it",
    "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000",
  ]) {
    const { message } = await model.failure(() => refused(error));
    expect(message).toContain(
      "expected a prompt that fits the model's context: a shorter prompt_file, or a server with",
    );
  }
});

test("a refusal by a server that checks prompts is an answer, which costs nothing", async () => {
  // As Azure and DeepSeek say it.
  for (const response of [
    () =>
      refused("The response was filtered due to the prompt triggering Azure's content management policy.", {
        code: "content_filter",
      }),
    () => refused("Content Exists Risk"),
  ]) {
    const { answer, requests } = await model.ask(response, { price_per_mtok: { input: 1, output: 1 } });
    expect(answer.vote.error).toStartWith("no usable answer, asked twice: found a refusal (");
    expect(answer).toMatchObject({ failed: true, cost_usd: 0 });
    expect(requests).toHaveLength(2);
  }
});

test("a vote that Groq only reports as invalid JSON counts", async () => {
  const failed = { code: "json_validate_failed", failed_generation: `Here it is: ${GOOD}` };
  const { answer } = await model.ask(() => refused("Failed to generate JSON.", failed));
  expect(answer.vote).toMatchObject({ action: "BUY", confidence: 70 });
});

const OPENSSL = Bun.which("openssl");
test.skipIf(OPENSSL === null)(
  `an untrusted certificate, or no TLS at all, stops the run, and nothing counts as paid${OPENSSL === null ? " (skipped: openssl is missing)" : ""}`,
  async () => {
    const work = mkdtempSync(join(tmpdir(), "carryover-tls-"));
    const request = "req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 1 -subj /CN=localhost";
    expect(Bun.spawnSync(["openssl", ...request.split(" ")], { cwd: work, stderr: "ignore" }).exitCode).toBe(0);
    const tls = { key: Bun.file(join(work, "key.pem")), cert: Bun.file(join(work, "cert.pem")) };
    const other = Bun.serve({ hostname: "127.0.0.1", port: 0, tls, fetch: () => new Response("answered") });
    try {
      for (const [port, found] of [
        [other.port, "self signed certificate"],
        [new URL(model.server.openaiUrl).port, "EPROTO: The TLS handshake failed"],
      ]) {
        const base_url = `https://127.0.0.1:${port}/v1`;
        // With a price, since a request that may have cost something would not be refused.
        const { message } = await model.refusal(() => GOOD, {
          base_url,
          price_per_mtok: { input: 1000, output: 1000 },
        });
        expect(message).toStartWith(`Cannot ask "llama": found no safe connection to "${base_url}": ${found}`);
        expect(message).toContain("expected a certificate that can be trusted");
      }
    } finally {
      await other.stop(true);
      rmSync(work, { recursive: true });
    }
  },
);

test("a connection that is cut is tried again, then stops the run", async () => {
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
  const { message } = await model.failure(() => GOOD, { base_url: `http://127.0.0.1:${port}/v1`, max_retries: 1 });
  expect(message).toMatch(/found no answer from the server: .*\(2 tries in \d(?:\.\d)? s\), expected an answer$/);
  expect(connections).toBe(2);
  cutting.close();
});

test.each([
  ["http://127.0.0.1:9/v1", "ECONNREFUSED"],
  ["http://no-such-host.invalid/v1", /ENOTFOUND|EAI_AGAIN/],
])("a server that is not there stops the run, and its address is named: %s", async (base_url, code) => {
  const { message } = await model.failure(() => GOOD, { base_url, patience: "0s" });
  expect(message).toMatch(code);
  expect(message).toStartWith(`Cannot ask "llama": found no server at "${base_url}": `);
});
