import { expect, setDefaultTimeout, test } from "bun:test";
import { backtest } from "../../lib/job/backtest.ts";
import { languageModel } from "../../lib/job/language-model.ts";
import { syntheticBars } from "../../lib/market/synthetic.ts";
import { openMemory } from "../../lib/memory/store.ts";
import { recordAnswers } from "../../lib/providers/recorded/recording.ts";
import { inMemoryStorage } from "../../lib/storage/in-memory.ts";
import { failureOf } from "../storage/storage-contract.ts";

// The AI SDK takes a fifth of a second to load, and a machine may be busy.
setDefaultTimeout(60_000);

const MODEL = { name: "llama", model: "m", base_url: "https://models.test/v1" };
const now = (): number => 0;

test("a model is asked through the fetch that is passed in, and its answers are kept in the storage", async () => {
  const answers = inMemoryStorage();
  const keys: (string | null)[] = [];
  const fetch = async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const request = new Request(input, init);
    keys.push(request.headers.get("authorization"));
    const content = '{"asset": "GOLD", "action": "BUY", "confidence": 70, "reason": "secret-key-123"}';
    return Response.json({ choices: [{ finish_reason: "stop", message: { role: "assistant", content } }] });
  };
  const run = async (prompt?: string): Promise<{ asked: number; version: string | undefined }> => {
    const recording = recordAnswers(answers, { now });
    const model = await languageModel(MODEL, recording, { fetch, apiKey: "secret-key-123", prompt, now });
    await backtest({
      bars: [syntheticBars({ asset: "GOLD", timeframe: "1d", seed: 1, end: "2018-05-10" })],
      providers: [model],
      memory: await openMemory(inMemoryStorage()),
      start: "2018-05-01",
      end: "2018-05-05",
      decisionInterval: "1d",
      onStart: recording.begin,
    }).finally(recording.close);
    return { asked: recording.counts().asked, version: model.version };
  };
  const first = await run();
  expect(first.asked).toBeGreaterThan(2);
  expect(keys).toEqual(keys.map(() => "Bearer secret-key-123"));
  const { files } = await answers.list();
  expect(files).toHaveLength(first.asked);
  for (const { name } of files) {
    expect(new TextDecoder().decode(await answers.read(name, { maxBytes: 1e6 }))).not.toContain("secret-key");
  }
  expect(await run()).toEqual({ asked: 0, version: first.version });
  expect((await run("{{situation}} {{answer}}")).version).not.toBe(first.version);
});

test("what needs an environment or a package of the user's is refused", async () => {
  const recording = recordAnswers(inMemoryStorage(), { now });
  const ask = (options: object, prompt?: string): Promise<unknown> =>
    languageModel({ ...MODEL, ...options }, recording, { fetch, prompt, now });
  expect((await failureOf(ask({ api_key_env: "KEY", temperature: 9 }))).code).toBe("BAD_CONFIG");
  expect((await failureOf(ask({}, "no placeholder"))).message).toStartWith('Cannot use the prompt "llama": found no ');
});
