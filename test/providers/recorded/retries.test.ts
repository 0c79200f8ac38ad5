import { afterAll, describe, expect, test } from "bun:test";
import { NoAnswer } from "../../../lib/providers/recorded/client.ts";
import { RequestFailure, ServerState } from "../../../lib/providers/recorded/retries.ts";
import { askOnce, GOOD, inTurn, ModelUnderTest, NEVER } from "./model-under-test.ts";

// Most of these tests wait, so they run at once, each with a server of its own.
const models: ModelUnderTest[] = [];
afterAll(() => Promise.all(models.map((model) => model.stop())));
function startModel(): ModelUnderTest {
  const model = new ModelUnderTest();
  models.push(model);
  return model;
}

/** How Gemini asks to wait: in the body. */
function tooManyOfGemini(
  retryDelay: string,
  quotaId = "GenerateRequestsPerMinutePerProjectPerModel-FreeTier",
): Response {
  const info = { "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay };
  const quota = { "@type": "type.googleapis.com/google.rpc.QuotaFailure", violations: [{ quotaId }] };
  const error = { code: 429, message: "You exceeded your current quota", details: [quota, info] };
  return Response.json({ error: { ...error, status: "RESOURCE_EXHAUSTED" } }, { status: 429 });
}

test.concurrent("sends a request again after status 500", async () => {
  const model = startModel();
  const { answer, requests } = await model.ask(inTurn(() => new Response("oops", { status: 500 }), GOOD));
  expect(answer).toMatchObject({ vote: { action: "BUY" }, failed: false });
  expect(requests).toHaveLength(2);
});

test.concurrent("sends it again until the patience ends, whatever max_retries says; then nothing is an answer, and the run stops", async () => {
  const model = startModel();
  const before = model.server.requests.length;
  const error = await model.failure(() => new Response("oops", { status: 500 }), { patience: "1s", max_retries: 0 });
  expect(error).toBeInstanceOf(NoAnswer);
  // At once, after 0.5 s, and after the second half.
  const tries = model.server.requests.length - before;
  // On a busy machine the second may end so late that no half is left.
  expect([2, 3]).toContain(tries);
  expect(error.message.replace(/\d(?:\.\d)? s/, "SPAN")).toBe(
    `Cannot ask "llama": found status 500 from the server: oops (${tries} tries in SPAN), expected a server that takes questions`,
  );
});

const tooMany = (value: string): Response =>
  new Response("slow down", { status: 429, headers: { "retry-after": value } });

test.concurrent.each([
  ["seconds", () => tooMany("1"), 990],
  ["parts of a second", () => tooMany("0.8"), 790],
  ["a date", () => tooMany(new Date(Date.now() + 2000).toUTCString()), 900],
  ["0, which leaves no time to recover", () => tooMany("0"), 490],
  ["a negative number, which is no time", () => tooMany("-1"), 490],
  ["Gemini's RetryInfo", () => tooManyOfGemini("0.9s"), 890],
  [
    "an error in a response of status 200",
    () => Response.json({ error: { message: "try again in 0.8s", code: 429 } }),
    790,
  ],
])("waits as long as a 429 asks: %s", async (_what, refuse, minMs) => {
  const model = startModel();
  const start = performance.now();
  const { answer } = await model.ask(inTurn(refuse, GOOD), { patience: "5s" });
  expect(answer.failed).toBeFalse();
  expect(performance.now() - start).toBeGreaterThan(minMs);
});

test.concurrent("tells how long it waits, and why", async () => {
  const model = startModel();
  const waits: string[] = [];
  model.respond = inTurn(
    () => tooMany("0.7"),
    () => new Response("oops", { status: 502 }),
    GOOD,
  );
  await askOnce(model.client({ patience: "5s" }), { onWait: ({ ms, reason }) => waits.push(`${ms} ms: ${reason}`) });
  expect(waits).toEqual(["700 ms: status 429 from the server: slow down", "1000 ms: status 502 from the server: oops"]);
});

test.concurrent("lets requests that wait for a slot wait for a 429 as well", async () => {
  const model = startModel();
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

describe("a limit that will not pass in time stops at once:", () => {
  const quota = "expected a quota that is not used up";

  test.concurrent.each([
    ["a Retry-After of hours", () => tooMany("7200"), "slow down; it asks to wait 2 h, expected a server"],
    ["Gemini's delay of an hour", () => tooManyOfGemini("3600s"), "quota; it asks to wait 60 min, expected a server"],
    [
      "Gemini's quota of a day, which asks to wait for seconds",
      () => tooManyOfGemini("2s", "GenerateRequestsPerDayPerProjectPerModel-FreeTier"),
      quota,
    ],
    [
      "OpenAI's quota",
      () =>
        Response.json({ error: { message: "You exceeded your quota", code: "insufficient_quota" } }, { status: 429 }),
      quota,
    ],
    [
      "OpenRouter's quota of a day, in a response of status 200",
      () => Response.json({ error: { message: "Rate limit exceeded: free-models-per-day", code: 429 } }),
      quota,
    ],
    [
      "Groq's tokens of a day",
      () =>
        Response.json(
          { error: { message: "Rate limit reached on tokens per day (TPD). Please try again in 9m38.016s." } },
          { status: 429 },
        ),
      "it asks to wait 10 min",
    ],
    [
      "what OpenRouter's headers say in its error",
      () => {
        const headers = { "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": String(Date.now() + 7_200_000) };
        return Response.json({ error: { message: "Too many", code: 429, metadata: { headers } } }, { status: 429 });
      },
      "it asks to wait 2 h",
    ],
  ])("%s", async (_what, respond, wanted) => {
    const model = startModel();
    const before = model.server.requests.length;
    const { message } = await model.failure(respond, { patience: "5m" });
    expect(message).toContain(wanted);
    expect(model.server.requests.length - before).toBe(1);
  });
});

test.concurrent("waits for tokens of a day where the server says that it takes a moment", async () => {
  const model = startModel();
  const error = { message: "Rate limit reached on tokens per day (TPD). Please try again in 0.6s." };
  const { answer } = await model.ask(inTurn(() => Response.json({ error }, { status: 429 }), GOOD));
  expect(answer.failed).toBeFalse();
});

test.concurrent("a server that loads its model is waited for, and then stops the run", async () => {
  const model = startModel();
  // As llama.cpp's server says it.
  const loading = { error: { message: "Loading model", type: "unavailable_error", code: 503 } };
  const { message } = await model.failure(() => Response.json(loading, { status: 503 }), { patience: "500ms" });
  expect(message).toMatch(
    /^Cannot ask "llama": found status 503 from the server: Loading model \(2 tries in \d(?:\.\d)? s\), expected a server that takes questions$/,
  );
});

test.concurrent("a server that is out for longer than the patience is tried once for each question, until it is back", async () => {
  const model = startModel();
  const client = model.client({ patience: "600ms" });
  model.respond = () => new Response("", { status: 502 });
  const before = model.server.requests.length;
  await expect(askOnce(client)).rejects.toThrow("status 502");
  const first = model.server.requests.length;
  expect(first - before).toBeGreaterThan(1);
  await expect(askOnce(client)).rejects.toThrow("status 502");
  expect(model.server.requests.length - first).toBe(1);
  model.respond = () => GOOD;
  await askOnce(client);
  model.respond = inTurn(() => new Response("", { status: 502 }), GOOD);
  expect((await askOnce(client)).failed).toBeFalse();
});

test.concurrent("a server that was never reached is waited for 10 s, and one that went away for the whole patience", () => {
  const request = { now: () => 0, patienceMs: 300_000, failingSince: 0 };
  const unreachable = new RequestFailure("no server", { isTransient: true, isUnreachable: true });
  const server = new ServerState();
  expect(server.patienceLeft(unreachable, request)).toBe(10_000);
  expect(new ServerState().patienceLeft(unreachable, { ...request, patienceMs: 500 })).toBe(500);
  server.patienceLeft(new RequestFailure("status 502", { isTransient: true }), request);
  expect(server.patienceLeft(unreachable, request)).toBe(300_000);
});

test.concurrent("Ctrl-C ends a wait", async () => {
  const model = startModel();
  model.respond = () => tooMany("60");
  const stopped = AbortSignal.timeout(100);
  const start = performance.now();
  await expect(askOnce(model.client({ patience: "5m" }), { drain: stopped, abort: NEVER })).rejects.toThrow();
  expect(performance.now() - start).toBeLessThan(30_000);
});

test.concurrent.each([
  ["a price", { input: 1000, output: 10_000 }, 0.7 + 0.4],
  ["no price", undefined, 0],
])(
  "stops the run if the server goes away after a first answer, and reports what that cost (with %s)",
  async (_what, price, cost) => {
    const model = startModel();
    const answers = inTurn("I would wait.", () => new Response("", { status: 429 }));
    const lost: number[] = [];
    const rest = {
      ...(price === undefined ? {} : { price_per_mtok: price }),
      patience: "0s",
      onLost: (usd: number) => lost.push(usd),
    };
    await expect(model.ask(answers, rest)).rejects.toThrow('Cannot ask "llama": found status 429 from the server');
    // 700 tokens in and 40 out, as the server counts them.
    expect(lost).toEqual([cost]);
  },
);

describe("a failure that may be billed", () => {
  const never = (): Promise<string> => new Promise(() => {});

  test.concurrent("is tried again max_retries times: a server that is silent, or that stops in the middle of an answer", async () => {
    const model = startModel();
    const silent = await model.failure(never, { timeout: "150ms", max_retries: 1 });
    expect(silent.message).toMatch(/found no answer within 0\.15 s \(2 tries in 0\.\d s\), expected an answer$/);
    const stalling = await model.failure(
      () =>
        new Response(
          new ReadableStream({ start: (controller) => controller.enqueue(new TextEncoder().encode('{"id": "x",')) }),
        ),
      { timeout: "150ms", max_retries: 0 },
    );
    expect(stalling.message).toContain("found no answer within 0.15 s, expected");
  });

  test.concurrent("is charged each time with what was reserved for it", async () => {
    const model = startModel();
    const price = { input: 1_000_000, output: 1_000_000 };
    const lost: number[] = [];
    const onLost = (usd: number): void => void lost.push(usd);
    await model.failure(never, { timeout: "100ms", max_retries: 1, price_per_mtok: price, onLost });
    const [prompt] = model.server.requests.at(-1)!.turns;
    // Bytes of the ASCII prompt and a frame of 200 tokens in, max_output_tokens of 200 out.
    expect(lost).toEqual([2 * (`${prompt}`.length + 200 + 200)]);
  });
});
