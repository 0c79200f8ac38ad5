/** Buckets and the example in real workerd (npm `miniflare`). `bun run test:slow` */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import type { Bucket } from "../../lib/storage/bucket.ts";
import { type R2Binding, r2Bucket } from "../../lib/storage/r2-bucket.ts";
import { answer, openFolder } from "../../examples/worker/src/backtest.ts";
import type { Summary } from "../../lib/results/summary-shape.ts";
import { bundle, missingWorkerd, MINIFLARE, post, startWorker, type Worker } from "../edge/workers.ts";
import { PROJECT_DIR, sampleCsv } from "../samples.ts";
import { describeBucket } from "../storage/bucket-contract.ts";
import { InMemoryBucket } from "../storage/in-memory-bucket.ts";
import { openBucket } from "../storage/object-store-samples.ts";
import { remoteBucket } from "../storage/remote-bucket.ts";
import { describeStorage } from "../storage/storage-contract.ts";

// A worker takes a second to start, and a machine may be busy.
setDefaultTimeout(300_000);

describe.skipIf(missingWorkerd !== "")(`in workerd${missingWorkerd}`, () => {
  let worker: Worker;
  let stores = 0;
  const buckets: Record<"R2" | "a Durable Object", Bucket> = {
    R2: remoteBucket((call) => post(worker, "/r2", call)),
    "a Durable Object": remoteBucket((call) => post(worker, "/object", call), { maxObjectBytes: 1_000_000 }),
  };

  beforeAll(async () => {
    worker = await startWorker(await bundle(join(PROJECT_DIR, "test/edge/bucket-worker.ts")), {
      r2Buckets: ["R2"],
      durableObjects: { OBJECT: { className: "BucketObject", useSQLite: true } },
    });
  });
  afterAll(() => worker.dispose());

  for (const [name, bucket] of Object.entries(buckets)) {
    describeBucket(name, () => bucket);
    describeStorage(name, () => openBucket(bucket, { prefix: `${++stores}/` }));
  }

  test("a listing of R2 of more than a page is whole", async () => {
    for (let i = 0; i < 1005; i += 15) {
      await Promise.all(
        Array.from({ length: 15 }, (_, j) => buckets.R2.put(`many/${i + j}`, new Uint8Array(1), "absent")),
      );
    }
    expect((await buckets.R2.list("many/")).objects).toHaveLength(1005);
  });

  test("a write that R2 refuses, as the key was written within the same second, is repeated", async () => {
    let calls = 0;
    const binding = {
      put: async () => {
        if (++calls === 1) throw new Error("put: Reduce your concurrent request rate for the same object. (10058)");
        return { httpEtag: '"1"', size: 1 };
      },
    };
    const bucket = r2Bucket(binding as unknown as R2Binding);
    expect(await bucket.put("a", new Uint8Array(1), "absent")).toBe('"1"');
  });
});

describe.skipIf(missingWorkerd !== "")(`the example of a worker${missingWorkerd}`, () => {
  const EXAMPLE = join(PROJECT_DIR, "examples/worker/src");
  const R2 = { r2Buckets: ["MEMORY"] };
  const OBJECT = { durableObjects: { BACKTESTS: { className: "Backtests", useSQLite: true } } };
  const JANUARY = "?asset=BTCUSD&timeframe=1h&start=2021-01-01&end=2021-02-01";
  const FEBRUARY = "?asset=BTCUSD&timeframe=1h&start=2021-02-01&end=2021-03-01";
  const bars = sampleCsv("BTCUSD", { start: "2020-12-01", end: "2021-03-01" });

  /** What the example answers here, with a memory in this process. */
  async function answersHere(queries: readonly string[]): Promise<unknown[]> {
    const bucket = new InMemoryBucket();
    const answers = [];
    for (const query of queries) {
      const request = new Request(`http://here/${query}`, { method: "POST", body: bars });
      answers.push(await (await answer(request, bucket)).json());
    }
    return answers;
  }

  test.each(["/r2", "/object"])("goes on in %s with what the request before remembered, as on Bun", async (path) => {
    const worker = await startWorker(await bundle(join(EXAMPLE, "worker.ts")), { ...R2, ...OBJECT });
    try {
      const queries = [JANUARY, FEBRUARY, FEBRUARY];
      const answers: unknown[] = [];
      for (const query of queries) answers.push(JSON.parse(await post(worker, path + query, bars)));
      const [january, february] = answers as { remembered_before: number; summary: Summary }[];
      expect(january!.remembered_before).toBe(0);
      expect(february!.remembered_before).toBe(january!.summary.total_trades);
      expect(january!.summary.total_trades).toBeGreaterThan(3);
      // A run's id is a hash of the content of all outcomes that it begins with, among others.
      expect(answers).toEqual(await answersHere(queries));
    } finally {
      await worker.dispose();
    }
  });

  test("refuses what it cannot read, and a request while another has the memory", async () => {
    const worker = await startWorker(await bundle(join(EXAMPLE, "worker.ts")), { ...R2, ...OBJECT });
    const ask = async (path: string, body: string): Promise<[number, string]> => {
      const response = await worker.dispatchFetch(`http://worker${path}`, { method: "POST", body });
      return [response.status, await response.text()];
    };
    try {
      // Of an answer to a body that is not read, the connection ends, which the next request may have chosen already.
      expect((await ask("/", ""))[0]).toBe(404);
      const [status, text] = await ask(`/object${JANUARY}`, "timestamp,open\n1,2\n");
      expect([status, text]).toEqual([400, expect.stringContaining("Cannot read")]);
      const folder = await openFolder(r2Bucket(await worker.getR2Bucket("MEMORY")), "memory");
      const lock = await folder.lock({ pid: 1, command: "another", host: "here", since: "2021-01-01T00:00:00.000Z" });
      expect(await ask(`/r2${JANUARY}`, bars)).toEqual([409, expect.stringContaining("another")]);
      await lock.release();
      expect((await ask(`/r2${JANUARY}`, bars))[0]).toBe(200);
    } finally {
      await worker.dispose();
    }
  });

  test("asks a model through fetch, once for each question", async () => {
    const asked: { address: string; key: string | null }[] = [];
    const outboundService = async (request: Request): Promise<Response> => {
      asked.push({ address: request.url, key: request.headers.get("authorization") });
      const content = JSON.stringify({ asset: "BTCUSD", action: "BUY", confidence: 66, reason: "up" });
      const choices = [{ index: 0, finish_reason: "stop", message: { role: "assistant", content } }];
      const usage = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 };
      const { Response: Answer } = (await import(MINIFLARE)) as { Response: typeof Response };
      return Answer.json({ id: "1", object: "chat.completion", created: 1, model: "m", choices, usage });
    };
    const bindings = { MODEL_URL: "https://models.test/v1", MODEL: "m", MODEL_KEY: "secret-key-12345" };
    const worker = await startWorker(await bundle(join(EXAMPLE, "model-worker.ts")), {
      ...R2,
      bindings,
      outboundService,
    });
    try {
      const week = "/?asset=BTCUSD&timeframe=1h&start=2021-01-01&end=2021-01-08";
      const first = JSON.parse(await post(worker, week, bars)) as { questions_asked: number; summary: Summary };
      expect(first.questions_asked).toBeGreaterThan(10);
      expect(first.summary.providers["model"]).toBeDefined();
      expect(asked).toHaveLength(first.questions_asked);
      expect(new Set(asked.map((each) => JSON.stringify(each)))).toEqual(
        new Set([
          JSON.stringify({ address: "https://models.test/v1/chat/completions", key: "Bearer secret-key-12345" }),
        ]),
      );
      const again = JSON.parse(await post(worker, week, bars)) as { questions_asked: number; summary: Summary };
      expect([again.questions_asked, asked.length]).toEqual([0, first.questions_asked]);
      expect(again.summary).toEqual(first.summary);
    } finally {
      await worker.dispose();
    }
  });
});
