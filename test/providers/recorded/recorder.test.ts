import { describe, expect, test } from "bun:test";
import type { Answer } from "../../../lib/types.ts";
import { CarryoverError } from "../../../lib/errors.ts";
import { inMemoryStorage } from "../../../lib/storage/in-memory.ts";
import type { Storage } from "../../../lib/storage/storage.ts";
import { openAnswerStore } from "../../../lib/providers/recorded/recordings.ts";
import {
  openRecorder,
  PromptsTooLong,
  type ClientAnswer,
  type VoteClient,
  type ClientSignals,
  type Recorder,
  type RecorderOptions,
} from "../../../lib/providers/recorded/recorder.ts";
import type { Provider } from "../../../lib/providers/provider.ts";
import { makeContext, makeSituation } from "../situation-samples.ts";
import { overrideCalls } from "../../storage/override-calls.ts";

const BUY: Answer = { action: "BUY", confidence: 70 };

function answered(vote: Answer, costUsd: number | null = null): ClientAnswer {
  return { vote, raw: ["raw"], tokens: null, cost_usd: costUsd, took_ms: 0, failed: vote.error !== undefined };
}

/** A client that counts, and answers what it is told. */
function makeAsker(
  answer: (n: number, signals: ClientSignals) => ClientAnswer | Promise<ClientAnswer>,
  options: { name?: string; maxCostUsd?: number; hasPrice?: boolean } = {},
): VoteClient & { asked: number } {
  const client = {
    name: options.name ?? "llama",
    hasPrice: options.hasPrice ?? true,
    asked: 0,
    request: ({ rsi }: { rsi: number }) => ({ rsi }),
    maxCostUsd: () => options.maxCostUsd ?? 0,
    ask: async (_request: unknown, signals: ClientSignals) => answer(++client.asked, signals),
  };
  return client;
}

function open(
  client: VoteClient,
  options: Partial<RecorderOptions> & { storage?: Storage; refresh?: number } = {},
): { recorder: Recorder; provider: Provider; ask: (rsi: number) => Promise<Answer>; storage: Storage } {
  const { storage = inMemoryStorage(), refresh = 0, ...rest } = options;
  const recorder = openRecorder({
    store: openAnswerStore(storage, { onNote: () => {} }),
    signal: new AbortController().signal,
    now: () => 0,
    ...rest,
  });
  const provider = recorder.provider(client, refresh);
  return { recorder, provider, storage, ask: async (rsi) => provider.vote(makeSituation({ rsi }), makeContext(0)) };
}

test("a question is asked once, and answered from the record ever after, by another recorder too", async () => {
  const client = makeAsker(() => answered(BUY));
  const { ask, recorder, storage } = open(client);
  expect(await ask(1)).toEqual(BUY);
  expect(await ask(1)).toEqual(BUY);
  expect(await open(client, { storage }).ask(1)).toEqual(BUY);
  expect(client.asked).toBe(1);
  expect(recorder.counts()).toEqual({ asked: 1, cached: 1, failed: 0, missing: 0, costUsd: 0 });
  expect(await open(client, { storage, refresh: 1 }).ask(1)).toEqual(BUY);
  expect(client.asked).toBe(2);
});

test("an answer is used only when it is recorded, however long that takes", async () => {
  const storage = inMemoryStorage();
  const held = Promise.withResolvers<void>();
  const createOnce: Storage["createOnce"] = async (name, bytes) => {
    await held.promise;
    return storage.createOnce(name, bytes);
  };
  const { ask } = open(
    makeAsker(() => answered(BUY)),
    { storage: overrideCalls(storage, { createOnce }) },
  );
  let isUsed = false;
  const used = ask(1).then(() => (isUsed = true));
  await Bun.sleep(20);
  expect(isUsed).toBeFalse();
  held.resolve();
  await used;
  expect((await storage.list()).files).toHaveLength(1);
});

test("two questions that are alike at the same time are one", async () => {
  const client = makeAsker(() => Bun.sleep(5).then(() => answered(BUY)));
  const { ask } = open(client);
  expect(await Promise.all([ask(1), ask(1), ask(2)])).toEqual([BUY, BUY, BUY]);
  expect(client.asked).toBe(2);
});

test("an abstention for want of an answer is recorded like any other", async () => {
  const client = makeAsker(() => answered({ action: "HOLD", confidence: 0, error: "no answer within 60 s" }));
  const { ask, storage, recorder } = open(client);
  expect((await ask(1)).error).toBe("no answer within 60 s");
  expect((await open(client, { storage }).ask(1)).error).toBe("no answer within 60 s");
  expect(client.asked).toBe(1);
  expect(recorder.counts().failed).toBe(1);
});

test("twenty failures in a row stop the run; recorded ones do not count, so it can go on", async () => {
  const client = makeAsker((n) => answered(n === 20 ? BUY : { action: "HOLD", confidence: 0, error: "status 500" }));
  const { ask, recorder, storage } = open(client);
  for (let i = 1; i < 40; i++) await ask(i);
  expect(recorder.signal.aborted).toBeFalse();
  expect(ask(40)).rejects.toThrow(
    'Cannot go on: found 20 questions in a row without a usable answer of "llama", the last with "status 500", ' +
      "expected answers. They stay recorded as abstentions, until a run with " +
      '--refresh-provider "llama" asks all of its questions anew',
  );
  expect(recorder.signal.aborted).toBeTrue();
  expect((recorder.signal.reason as CarryoverError).code).toBe("UNANSWERED");

  const again = open(client, { storage });
  for (let i = 1; i <= 40; i++) await again.ask(i);
  expect(again.recorder.signal.aborted).toBeFalse();
  expect(again.recorder.counts()).toMatchObject({ cached: 40, asked: 0 });
});

test("who cannot be asked at all stops the run at once, and nothing is recorded", async () => {
  const client = makeAsker(() => {
    throw new CarryoverError("UNANSWERED", "Cannot ask: found status 401");
  });
  const { ask, recorder, storage } = open(client);
  expect(ask(1)).rejects.toThrow("status 401");
  expect((recorder.signal.reason as CarryoverError).message).toContain("status 401");
  expect((await storage.list()).files).toEqual([]);
});

test.each(["read", "createOnce"] as const)(
  "a folder of answers that fails (%s) stops the run: an abstention that is not recorded would not come again",
  async (call) => {
    const failure = new CarryoverError("IO", 'Cannot use "x.json": found EIO, expected a disk without errors');
    const storage = overrideCalls(inMemoryStorage(), { [call]: () => Promise.reject(failure) });
    const { ask, recorder } = open(
      makeAsker(() => answered(BUY)),
      { storage },
    );
    expect(ask(1)).rejects.toThrow("found EIO");
    await recorder.close();
    expect(recorder.signal.reason).toBe(failure);
  },
);

test("what was paid without an answer counts for the budget, and is recorded nowhere", async () => {
  const client = makeAsker((n, { onLost }) => {
    if (n === 2) {
      onLost?.(0.25);
      throw new CarryoverError("UNANSWERED", "Cannot ask: found status 429");
    }
    return answered(BUY, 0.5);
  });
  const { ask, recorder, storage } = open(client);
  await ask(1);
  await expect(ask(2)).rejects.toThrow("status 429");
  expect(recorder.counts()).toMatchObject({ asked: 1, costUsd: 0.75 });
  expect((await storage.list()).files).toHaveLength(1);
});

test("a refresh of which nothing came leaves no mark, and the older answers stay in use", async () => {
  const { storage, ask } = open(makeAsker(() => answered(BUY)));
  await ask(1);
  const store = openAnswerStore(storage, { onNote: () => {} });
  for (const stopped of [
    open(
      makeAsker(() => Promise.reject(new CarryoverError("UNANSWERED", "status 401"))),
      { storage, refresh: 1 },
    ),
    open(
      makeAsker(() => answered(BUY), { maxCostUsd: 2 }),
      { storage, refresh: 1, budgetUsd: 1 },
    ),
  ]) {
    await stopped.recorder.begin("r".repeat(64));
    await expect(stopped.ask(1)).rejects.toThrow();
    expect(await store.refreshOf("llama")).toBe(0);
  }
  await open(
    makeAsker(() => answered(BUY)),
    { storage, refresh: 1 },
  ).ask(1);
  expect(await store.refreshOf("llama")).toBe(1);
});

test("A client that throws what nobody foresaw stops the run", async () => {
  const bug = new TypeError("undefined is not a function");
  const { ask, recorder, storage } = open(makeAsker(() => Promise.reject(bug)));
  expect(ask(1)).rejects.toThrow(bug);
  await recorder.close();
  expect(recorder.signal.reason).toBe(bug);
  expect((await storage.list()).files).toEqual([]);
});

test("a budget stops the run before an answer that could exceed it, and a larger one goes on", async () => {
  const client = makeAsker(() => answered(BUY, 0.25), { maxCostUsd: 0.5 });
  const { ask, recorder, storage } = open(client, { budgetUsd: 1 });
  await recorder.begin("r".repeat(64));
  for (const i of [1, 2, 3]) await ask(i);
  expect(ask(4)).rejects.toThrow("found $0.7500 spent by this run and up to $0.5000 that the next answer may cost");
  expect((recorder.signal.reason as CarryoverError).code).toBe("BUDGET");
  expect(client.asked).toBe(3);

  const same = open(client, { budgetUsd: 1, storage });
  await same.recorder.begin("r".repeat(64));
  expect(same.recorder.counts().costUsd).toBe(0.75);
  expect(same.ask(4)).rejects.toThrow("$0.7500 spent by this run");
  const larger = open(client, { budgetUsd: 1.25, storage });
  await larger.recorder.begin("r".repeat(64));
  expect(await larger.ask(4)).toEqual(BUY);
  const otherRun = open(client, { budgetUsd: 1, storage });
  await otherRun.recorder.begin("s".repeat(64));
  expect(await otherRun.ask(5)).toEqual(BUY);
});

test("many questions at once keep to the budget as well, and wait for what others really cost", async () => {
  const client = makeAsker(() => Bun.sleep(1).then(() => answered(BUY, 0.125)), { maxCostUsd: 0.5 });
  const { ask, recorder } = open(client, { budgetUsd: 1 });
  const settled = await Promise.allSettled(Array.from({ length: 20 }, (_, i) => ask(i)));
  // After five there is room for 0.375 more, and an answer may cost 0.5.
  expect(settled.filter(({ status }) => status === "fulfilled")).toHaveLength(5);
  expect(recorder.counts()).toMatchObject({ asked: 5, costUsd: 0.625 });
});

test("no cost is told where no price is known", async () => {
  const { ask, recorder } = open(makeAsker(() => answered(BUY), { hasPrice: false }));
  await ask(1);
  expect(recorder.counts()).toMatchObject({ asked: 1, costUsd: null });
});

describe("who cannot be asked, since there is too much of the question,", () => {
  /** Cannot be asked from an RSI of 50 on. */
  const makeNarrow = (): ReturnType<typeof makeAsker> => {
    const client = makeAsker(() => answered(BUY));
    return Object.assign(client, {
      request: ({ rsi }: { rsi: number }) => {
        if (rsi < 50) return { rsi };
        throw new RangeError(`found a prompt of ${rsi} characters, expected at most 49`);
      },
    });
  };

  test("abstains, is counted each time and told of once, and nothing is recorded", async () => {
    const notes: string[] = [];
    const { ask, recorder, storage } = open(makeNarrow(), { onNote: (note) => notes.push(note) });
    const error = "found a prompt of 50 characters, expected at most 49";
    expect(await ask(50)).toEqual({ action: "HOLD", confidence: 0, error });
    await ask(51);
    expect(await ask(1)).toEqual(BUY);
    expect(recorder.counts()).toMatchObject({ asked: 1, failed: 2 });
    expect(notes).toEqual([`Provider "llama" abstains where it cannot be asked: ${error}`]);
    expect((await storage.list()).files).toHaveLength(1);
  });

  test("stops the run after twenty in a row, and only then, also where the answers between them were recorded", async () => {
    const storage = inMemoryStorage();
    for (let start = 1; start <= 2; start++) {
      const { ask, recorder } = open(makeNarrow(), { storage });
      for (let i = 0; i < 30; i++) await ask(i % 3 === 0 ? i : 50 + i);
      expect(recorder.signal.aborted).toBeFalse();
    }
    const { ask, recorder } = open(makeNarrow(), { storage });
    for (let i = 1; i < 20; i++) await ask(50);
    await expect(ask(50)).rejects.toThrow(
      'Cannot put 20 questions in a row to "llama": found a prompt of 50 characters, expected at most 49, ' +
        "which takes a prompt_file that is shorter or has fewer placeholders",
    );
    expect(recorder.signal.reason).toBeInstanceOf(PromptsTooLong);
    expect((recorder.signal.reason as CarryoverError).code).toBe("UNANSWERED");
    const trial = open(makeNarrow(), { storage, mode: "dry-run" });
    for (let i = 1; i < 40; i++) await trial.ask(50);
    expect(trial.recorder.signal.aborted).toBeFalse();
  });

  test("stops the run at once where it is a fault and no size", async () => {
    const bug = new TypeError("undefined is not a function");
    const client: VoteClient = {
      ...makeNarrow(),
      request: () => {
        throw bug;
      },
    };
    const { ask, recorder } = open(client);
    await expect(ask(1)).rejects.toThrow(bug);
    expect(recorder.signal.reason).toBe(bug);
  });
});

test("offline a missing answer stops the run, and nobody is asked", async () => {
  const client = makeAsker(() => answered(BUY));
  const { storage, ask } = open(client);
  await ask(1);
  const offline = open(client, { storage, mode: "offline" });
  expect(await offline.ask(1)).toEqual(BUY);
  expect(offline.ask(2)).rejects.toThrow('found no recorded answer of "llama"');
  expect((offline.recorder.signal.reason as CarryoverError).code).toBe("NOT_FOUND");
  expect(client.asked).toBe(1);
});

test("counting asks nobody, writes nothing, and tells of every question", async () => {
  const client = makeAsker(() => answered(BUY), { maxCostUsd: 0.5 });
  const { storage, ask } = open(client);
  await ask(1);
  const told: string[] = [];
  const count = open(client, {
    storage,
    mode: "dry-run",
    onQuestion: ({ provider, request, timestamp, found, maxCostUsd }) =>
      told.push(
        `${provider} ${JSON.stringify(request)} ${timestamp - makeSituation().timestamp} ${found?.vote.action ?? "-"} ${maxCostUsd}`,
      ),
  });
  await count.ask(1);
  await count.ask(2);
  expect(told).toEqual(['llama {"rsi":1} 0 BUY 0.5', 'llama {"rsi":2} 0 - 0.5']);
  expect(count.recorder.counts()).toMatchObject({ cached: 1, missing: 1, asked: 0 });
  expect((await storage.list()).files).toHaveLength(1);
});

test("a stopped run begins nothing new, and close() records answers that are under way", async () => {
  const controller = new AbortController();
  const client = makeAsker(() => Bun.sleep(20).then(() => answered(BUY)));
  const { ask, recorder, storage } = open(client, { signal: controller.signal });
  const underWay = ask(1);
  await Bun.sleep(5);
  controller.abort(new Error("Ctrl-C"));
  expect(ask(2)).rejects.toThrow("Ctrl-C");
  await recorder.close();
  expect(await underWay).toEqual(BUY);
  expect(client.asked).toBe(1);
  expect((await storage.list()).files).toHaveLength(1);
});

test("close() gives up an answer that does not come, which is then not recorded, and ends the client", async () => {
  let isClosed = false;
  let mayAskAgain = true;
  const client: VoteClient = {
    ...makeAsker(
      (_n, { drain, abort }) =>
        new Promise((_, reject) =>
          abort.addEventListener("abort", () => {
            mayAskAgain = !drain.aborted;
            reject(abort.reason);
          }),
        ),
    ),
    close: async () => void (isClosed = true),
  };
  const { ask, recorder, storage } = open(client);
  const never = ask(1);
  never.catch(() => {});
  await Bun.sleep(5);
  await recorder.close();
  expect(never).rejects.toThrow("stopped");
  expect((await storage.list()).files).toEqual([]);
  expect(isClosed).toBeTrue();
  expect(mayAskAgain).toBeFalse();
}, 10_000);
