import { afterAll, expect, test } from "bun:test";
import { askOnce, GOOD, inTurn, ModelUnderTest } from "./model-under-test.ts";

const model = new ModelUnderTest();
afterAll(() => model.stop());

/** How Gemini asks to wait: in the body. */
function tooManyOfGemini(retryDelay: string): Response {
  const info = { "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay };
  const quota = { "@type": "type.googleapis.com/google.rpc.QuotaFailure", violations: [] };
  const error = { code: 429, message: "You exceeded your current quota", details: [quota, info] };
  return Response.json({ error: { ...error, status: "RESOURCE_EXHAUSTED" } }, { status: 429 });
}

test("sends a request again after status 500", async () => {
  const { answer, requests } = await model.ask(inTurn(() => new Response("oops", { status: 500 }), GOOD));
  expect(answer).toMatchObject({ vote: { action: "BUY" }, failed: false });
  expect(requests).toHaveLength(2);
});

test("gives up after the last retry, with the number of tries", async () => {
  const { answer, requests } = await model.ask(() => new Response("oops", { status: 500 }));
  expect(answer.vote.error).toStartWith("status 500 from the server");
  expect(answer.vote.error).toEndWith("(3 tries)");
  expect(requests).toHaveLength(3);
});

const tooMany = (value: string): Response =>
  new Response("slow down", { status: 429, headers: { "retry-after": value } });

test.each([
  ["seconds", () => tooMany("1"), 990],
  ["parts of a second", () => tooMany("0.8"), 790],
  ["a date", () => tooMany(new Date(Date.now() + 2000).toUTCString()), 900],
  ["0, which leaves no time to recover", () => tooMany("0"), 490],
  ["a negative number, which is no time", () => tooMany("-1"), 490],
  ["Gemini's RetryInfo", () => tooManyOfGemini("0.9s"), 890],
])("waits as long as a 429 asks: %s", async (_what, refuse, minMs) => {
  const start = performance.now();
  const { answer } = await model.ask(inTurn(refuse, GOOD));
  expect(answer.failed).toBeFalse();
  expect(performance.now() - start).toBeGreaterThan(minMs);
});

test("lets requests that wait for a slot wait for a 429 as well", async () => {
  const client = model.client({ max_concurrency: 1, max_retries: 1 });
  const sent: number[] = [];
  let refused = 0;
  model.respond = () => {
    sent.push(performance.now());
    if (sent.length > 1) return GOOD;
    refused = performance.now();
    return tooMany("0.8");
  };
  const both = await Promise.all([askOnce(client, { rsi: 20 }), askOnce(client, { rsi: 30 })]);
  expect(both.map(({ failed }) => failed)).toEqual([false, false]);
  expect(sent).toHaveLength(3);
  for (const later of sent.slice(1)) expect(later - refused).toBeGreaterThan(790);
});

test("does not wait for a Retry-After of hours", async () => {
  const before = model.server.requests.length;
  await expect(model.ask(() => new Response("", { status: 429, headers: { "retry-after": "7200" } }))).rejects.toThrow(
    'Cannot ask "llama": found status 429 from the server, expected a server that takes questions',
  );
  await expect(model.ask(() => tooManyOfGemini("3600s"))).rejects.toThrow("found status 429");
  expect(model.server.requests.length).toBe(before + 2);
});

test("stops the run after the retries if the server still loads its model", async () => {
  const before = model.server.requests.length;
  // As llama.cpp's server says it.
  const loading = { error: { message: "Loading model", type: "unavailable_error", code: 503 } };
  await expect(model.ask(() => Response.json(loading, { status: 503 }), { max_retries: 1 })).rejects.toThrow(
    'Cannot ask "llama": found status 503 from the server: Loading model (2 tries), expected a server that takes questions',
  );
  expect(model.server.requests.length).toBe(before + 2);
});

test.each([
  ["a price", { input: 1000, output: 10_000 }, 0.7 + 0.4],
  ["no price", undefined, 0],
])(
  "stops the run if the server goes away after a first answer, and reports what that cost (with %s)",
  async (_what, price, cost) => {
    const answers = inTurn("I would wait.", () => new Response("", { status: 429 }));
    const lost: number[] = [];
    const rest = {
      ...(price === undefined ? {} : { price_per_mtok: price }),
      max_retries: 0,
      onLost: (usd: number) => lost.push(usd),
    };
    await expect(model.ask(answers, rest)).rejects.toThrow('Cannot ask "llama": found status 429 from the server');
    // 700 tokens in and 40 out, as the server counts them.
    expect(lost).toEqual([cost]);
  },
);

test("gives up after the timeout on a server that is silent, or that stops in the middle of an answer", async () => {
  const silent = await model.ask(() => new Promise<string>(() => {}), { timeout: "150ms", max_retries: 1 });
  expect(silent.answer.vote.error).toBe("no answer within 0.15 s (2 tries)");
  const stalling = await model.ask(
    () =>
      new Response(
        new ReadableStream({ start: (controller) => controller.enqueue(new TextEncoder().encode('{"id": "x",')) }),
      ),
    { timeout: "150ms", max_retries: 0 },
  );
  expect(stalling.answer.vote.error).toBe("no answer within 0.15 s");
});

test("charges each request without an answer in time with what was reserved for it", async () => {
  const price = { input: 1_000_000, output: 1_000_000 };
  const never = (): Promise<string> => new Promise(() => {});
  const { answer, requests } = await model.ask(never, { timeout: "100ms", max_retries: 1, price_per_mtok: price });
  // Bytes of the ASCII prompt and a frame of 200 tokens in, max_output_tokens of 200 out.
  expect(answer.cost_usd).toBe(2 * (`${requests[0]?.turns[0]}`.length + 200 + 200));
});
