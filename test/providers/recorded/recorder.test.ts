import { describe, expect, jest, test } from "bun:test";
import type { Answer } from "../../../lib/types.ts";
import { CarryoverError } from "../../../lib/errors.ts";
import { inMemoryStorage } from "../../../lib/storage/in-memory.ts";
import type { Storage } from "../../../lib/storage/storage.ts";
import {
  type ClientAnswer,
  type ClientSignals,
  NoAnswer,
  type VoteClient,
} from "../../../lib/providers/recorded/client.ts";
import { NoUsableAnswers, PromptsTooLong, Recorder } from "../../../lib/providers/recorded/recorder.ts";
import type { RecorderOptions } from "../../../lib/providers/recorded/recorder-options.ts";
import { AnswerStore } from "../../../lib/providers/recorded/recordings.ts";
import { overrideCalls } from "../../storage/override-calls.ts";
import { makeContext, makeSituation } from "../situation-samples.ts";

const BUY: Answer = { action: "BUY", confidence: 70 };

function answered(vote: Answer, costUsd: number | null = null): ClientAnswer {
  return { vote, raw: ["raw"], tokens: null, cost_usd: costUsd, took_ms: 0, failed: vote.error !== undefined };
}

/** A client whose questions are an RSI, and that counts how often it is asked. */
class TestClient implements VoteClient {
  readonly name = "llama";
  readonly hasPrice: boolean;
  asked = 0;
  isClosed = false;
  readonly #answer: (n: number, signals: ClientSignals) => ClientAnswer | Promise<ClientAnswer>;
  readonly #options: { maxCostUsd?: number; maxRsi?: number };

  /** @param answer Gives the answer to the nth question. */
  constructor(
    answer: (n: number, signals: ClientSignals) => ClientAnswer | Promise<ClientAnswer>,
    options: { maxCostUsd?: number; hasPrice?: boolean; maxRsi?: number } = {},
  ) {
    this.hasPrice = options.hasPrice ?? true;
    this.#answer = answer;
    this.#options = options;
  }

  prepare({ rsi }: { rsi: number }): ReturnType<VoteClient["prepare"]> {
    const { maxCostUsd = 0, maxRsi = Infinity } = this.#options;
    if (rsi > maxRsi) throw new RangeError(`found a prompt of ${rsi} characters, expected at most ${maxRsi}`);
    return { request: { rsi }, maxCostUsd, ask: async (signals) => this.#answer(++this.asked, signals) };
  }

  async close(): Promise<void> {
    this.isClosed = true;
  }
}

function open(
  client: VoteClient,
  options: Partial<RecorderOptions> & { storage?: Storage; refresh?: number } = {},
): { recorder: Recorder; ask: (rsi: number) => Promise<Answer>; storage: Storage } {
  const { storage = inMemoryStorage(), refresh = 0, ...rest } = options;
  const recorder = new Recorder({
    store: new AnswerStore(storage, { onNote: () => {} }),
    signal: new AbortController().signal,
    now: () => 0,
    ...rest,
  });
  const provider = recorder.provider(client, refresh);
  return { recorder, storage, ask: async (rsi) => provider.vote(makeSituation({ rsi }), makeContext(0)) };
}

test("asks a question once and replays its answer afterwards, also in another recorder", async () => {
  const client = new TestClient(() => answered(BUY));
  const { ask, recorder, storage } = open(client);
  expect(await ask(1)).toEqual(BUY);
  expect(await ask(1)).toEqual(BUY);
  expect(await open(client, { storage }).ask(1)).toEqual(BUY);
  expect(client.asked).toBe(1);
  expect(recorder.counts()).toEqual({
    asked: 1,
    cached: 1,
    failed: 0,
    missing: 0,
    unanswered: 0,
    costUsd: 0,
    costNowUsd: 0,
  });
  expect(await open(client, { storage, refresh: 1 }).ask(1)).toEqual(BUY);
  expect(client.asked).toBe(2);
});

test("uses an answer only after it is recorded, however long that takes", async () => {
  const storage = inMemoryStorage();
  const held = Promise.withResolvers<void>();
  const createOnce: Storage["createOnce"] = async (name, bytes) => {
    await held.promise;
    return storage.createOnce(name, bytes);
  };
  const { ask } = open(new TestClient(() => answered(BUY)), { storage: overrideCalls(storage, { createOnce }) });
  let isUsed = false;
  const used = ask(1).then(() => (isUsed = true));
  await Bun.sleep(20);
  expect(isUsed).toBeFalse();
  held.resolve();
  await used;
  expect((await storage.list()).files).toHaveLength(1);
});

test("sends equal questions once while the first is in flight", async () => {
  const client = new TestClient(() => Bun.sleep(5).then(() => answered(BUY)));
  const { ask } = open(client);
  expect(await Promise.all([ask(1), ask(1), ask(2)])).toEqual([BUY, BUY, BUY]);
  expect(client.asked).toBe(2);
});

test("records an abstention for lack of a usable answer like any other answer", async () => {
  const client = new TestClient(() => answered({ action: "HOLD", confidence: 0, error: "no answer within 60 s" }));
  const { ask, storage, recorder } = open(client);
  expect((await ask(1)).error).toBe("no answer within 60 s");
  expect((await open(client, { storage }).ask(1)).error).toBe("no answer within 60 s");
  expect(client.asked).toBe(1);
  expect(recorder.counts().failed).toBe(1);
});

test("stops the run after twenty failures in a row; replayed ones do not count, so it can go on", async () => {
  const client = new TestClient((n) =>
    answered(n === 20 ? BUY : { action: "HOLD", confidence: 0, error: "status 500" }),
  );
  const { ask, recorder, storage } = open(client);
  for (let i = 1; i < 40; i++) await ask(i);
  expect(recorder.signal.aborted).toBeFalse();
  await expect(ask(40)).rejects.toThrow(
    'Cannot go on: found 20 questions in a row without a usable answer from "llama" (the last: "status 500"), expected ' +
      'answers. They are recorded as abstentions; --refresh-provider "llama" asks all of its questions again',
  );
  expect(recorder.signal.aborted).toBeTrue();
  expect(recorder.signal.reason).toBeInstanceOf(NoUsableAnswers);

  const again = open(client, { storage });
  for (let i = 1; i <= 40; i++) await again.ask(i);
  expect(again.recorder.signal.aborted).toBeFalse();
  expect(again.recorder.counts()).toMatchObject({ cached: 40, asked: 0 });
});

test("stops the run at once if no question can be answered, and records nothing", async () => {
  const client = new TestClient(() => {
    throw new CarryoverError("UNANSWERED", "Cannot ask: found status 401");
  });
  const { ask, recorder, storage } = open(client);
  await expect(ask(1)).rejects.toThrow("status 401");
  expect((recorder.signal.reason as CarryoverError).message).toContain("status 401");
  expect((await storage.list()).files).toEqual([]);
});

test.each(["read", "createOnce"] as const)(
  "stops the run if the folder of answers fails (%s): an abstention that is not recorded might not come again",
  async (call) => {
    const failure = new CarryoverError("IO", 'Cannot use "x.json": found EIO, expected a disk without errors');
    const storage = overrideCalls(inMemoryStorage(), { [call]: () => Promise.reject(failure) });
    const { ask, recorder } = open(new TestClient(() => answered(BUY)), { storage });
    await expect(ask(1)).rejects.toThrow("found EIO");
    await recorder.close();
    expect(recorder.signal.reason).toBe(failure);
  },
);

test("counts what a question cost without an answer for the budget, and records nothing", async () => {
  const client = new TestClient((n, { onLost }) => {
    if (n === 2) {
      onLost?.(0.25);
      throw new CarryoverError("UNANSWERED", "Cannot ask: found status 429");
    }
    return answered(BUY, 0.5);
  });
  const { ask, recorder, storage } = open(client);
  await ask(1);
  await expect(ask(2)).rejects.toThrow("status 429");
  expect(recorder.counts()).toMatchObject({ asked: 1, failed: 1, costUsd: 0.75 });
  expect((await storage.list()).files).toHaveLength(1);
});

test("leaves no mark of a refresh that brought no answer, so the older answers stay in use", async () => {
  const { storage, ask } = open(new TestClient(() => answered(BUY)));
  await ask(1);
  const store = new AnswerStore(storage, { onNote: () => {} });
  for (const stopped of [
    open(new TestClient(() => Promise.reject(new CarryoverError("UNANSWERED", "status 401"))), { storage, refresh: 1 }),
    open(new TestClient(() => answered(BUY), { maxCostUsd: 2 }), { storage, refresh: 1, budgetUsd: 1 }),
  ]) {
    await stopped.recorder.begin("r".repeat(64));
    await expect(stopped.ask(1)).rejects.toThrow();
    expect(await store.refreshOf("llama")).toBe(0);
  }
  await open(new TestClient(() => answered(BUY)), { storage, refresh: 1 }).ask(1);
  expect(await store.refreshOf("llama")).toBe(1);
});

test("stops the run if a client has a bug", async () => {
  const bug = new TypeError("undefined is not a function");
  const { ask, recorder, storage } = open(new TestClient(() => Promise.reject(bug)));
  await expect(ask(1)).rejects.toThrow(bug);
  await recorder.close();
  expect(recorder.signal.reason).toBe(bug);
  expect((await storage.list()).files).toEqual([]);
});

test("stops the run before an answer that could exceed the budget; with a larger one it goes on", async () => {
  const client = new TestClient(() => answered(BUY, 0.25), { maxCostUsd: 0.5 });
  const { ask, recorder, storage } = open(client, { budgetUsd: 1 });
  await recorder.begin("r".repeat(64));
  for (const i of [1, 2, 3]) await ask(i);
  await expect(ask(4)).rejects.toThrow(
    "found $0.7500 spent by this run and up to $0.5000 for the next answer, expected at most $1 together",
  );
  expect((recorder.signal.reason as CarryoverError).code).toBe("BUDGET");
  expect(client.asked).toBe(3);

  const same = open(client, { budgetUsd: 1, storage });
  await same.recorder.begin("r".repeat(64));
  expect(same.recorder.counts()).toMatchObject({ costUsd: 0.75, costNowUsd: 0 });
  await expect(same.ask(4)).rejects.toThrow("$0.7500 spent by this run");
  const larger = open(client, { budgetUsd: 1.25, storage });
  await larger.recorder.begin("r".repeat(64));
  expect(await larger.ask(4)).toEqual(BUY);
  const otherRun = open(client, { budgetUsd: 1, storage });
  await otherRun.recorder.begin("s".repeat(64));
  expect(await otherRun.ask(5)).toEqual(BUY);
});

test("keeps the budget with many questions at once, which wait for the real cost of those in flight", async () => {
  const client = new TestClient(() => Bun.sleep(1).then(() => answered(BUY, 0.125)), { maxCostUsd: 0.5 });
  const { ask, recorder } = open(client, { budgetUsd: 1 });
  const settled = await Promise.allSettled(Array.from({ length: 20 }, (_, i) => ask(i)));
  // After five, 0.375 is left, and an answer may cost 0.5.
  expect(settled.filter(({ status }) => status === "fulfilled")).toHaveLength(5);
  expect(recorder.counts()).toMatchObject({ asked: 5, costUsd: 0.625 });
});

test("reports what the priced ones of several providers cost", async () => {
  const { recorder } = open(new TestClient(() => answered(BUY), { hasPrice: false }));
  recorder.provider(new TestClient(() => answered(BUY)), 0);
  expect(recorder.counts().costUsd).toBe(0);
});

test("asks a question as often as samples are wanted, and votes as most of them do", async () => {
  const counted = new TestClient((n) => answered({ action: n === 2 ? "SELL" : "BUY", confidence: 60 }));
  const client: VoteClient = {
    name: "llama",
    hasPrice: true,
    prepare: (situation, _context, { sample = 0 } = {}) => ({
      ...counted.prepare(situation),
      request: { rsi: situation.rsi, sample },
    }),
  };
  const provider = open(client).recorder.provider(client, 0, { samples: 3 });
  expect(await provider.vote(makeSituation({ rsi: 1 }), makeContext(0))).toMatchObject({
    action: "BUY",
    samples: { BUY: 2, SELL: 1 },
  });
  expect(counted.asked).toBe(3);
});

test("looks once, before the first question, whether answers can be recorded, and asks nothing if not", async () => {
  let looked = 0;
  const { ask } = open(new TestClient(() => answered(BUY)), { assertCanRecord: () => void (looked += 1) });
  await ask(1);
  await ask(2);
  expect(looked).toBe(1);

  const client = new TestClient(() => answered(BUY));
  const full = open(client, {
    assertCanRecord: () => {
      throw new CarryoverError("IO", "no space");
    },
  });
  await expect(full.ask(1)).rejects.toThrow("no space");
  expect(client.asked).toBe(0);
});

test("a run does not begin where its marks cannot be read", async () => {
  const storage = overrideCalls(inMemoryStorage(), { read: () => Promise.reject(new Error("EIO")) });
  await expect(open(new TestClient(() => answered(BUY)), { storage }).recorder.begin("r".repeat(64))).rejects.toThrow(
    "EIO",
  );
});

test("reports no cost if no price is known", async () => {
  const { ask, recorder } = open(new TestClient(() => answered(BUY), { hasPrice: false }));
  await ask(1);
  expect(recorder.counts()).toMatchObject({ asked: 1, costUsd: null });
});

describe("a prompt that is too long", () => {
  /** Questions with an RSI above 49 are too long. */
  const makeNarrow = (): TestClient => new TestClient(() => answered(BUY), { maxRsi: 49 });

  test("is an abstention, counted each time, noted once, and not recorded", async () => {
    const notes: string[] = [];
    const { ask, recorder, storage } = open(makeNarrow(), { onNote: (note) => notes.push(note) });
    const error = "found a prompt of 50 characters, expected at most 49";
    expect(await ask(50)).toEqual({ action: "HOLD", confidence: 0, error });
    await ask(51);
    expect(await ask(1)).toEqual(BUY);
    expect(recorder.counts()).toMatchObject({ asked: 1, failed: 2 });
    expect(notes).toEqual([`Provider "llama" abstains where its prompt is too long: ${error}`]);
    expect((await storage.list()).files).toHaveLength(1);
  });

  test("stops the run after twenty in a row, and only then, also if the answers in between are replayed", async () => {
    const storage = inMemoryStorage();
    for (let start = 1; start <= 2; start++) {
      const { ask, recorder } = open(makeNarrow(), { storage });
      for (let i = 0; i < 30; i++) await ask(i % 3 === 0 ? i : 50 + i);
      expect(recorder.signal.aborted).toBeFalse();
    }
    const { ask, recorder } = open(makeNarrow(), { storage });
    await ask(3);
    for (let i = 1; i < 20; i++) await ask(50);
    await expect(ask(50)).rejects.toThrow(
      'Cannot ask "llama": 20 prompts in a row are too long (found a prompt of 50 characters, expected at most 49); ' +
        "shorten prompt_file or use fewer placeholders",
    );
    expect(recorder.signal.reason).toBeInstanceOf(PromptsTooLong);
    expect((recorder.signal.reason as CarryoverError).code).toBe("UNANSWERED");
    const dryRun = open(makeNarrow(), { storage, mode: "dry-run" });
    for (let i = 1; i < 40; i++) await dryRun.ask(50);
    expect(dryRun.recorder.signal.aborted).toBeFalse();
  });
});

test("stops the run at once if a client has a bug in making questions", async () => {
  const bug = new TypeError("undefined is not a function");
  const client = new TestClient(() => answered(BUY));
  client.prepare = () => {
    throw bug;
  };
  const { ask, recorder } = open(client);
  await expect(ask(1)).rejects.toThrow(bug);
  expect(recorder.signal.reason).toBe(bug);
});

test("stops an offline run at a missing answer, and asks nothing", async () => {
  const client = new TestClient(() => answered(BUY));
  const { storage, ask } = open(client);
  await ask(1);
  const offline = open(client, { storage, mode: "offline" });
  expect(await offline.ask(1)).toEqual(BUY);
  await expect(offline.ask(2)).rejects.toThrow('found no recorded answer of "llama"');
  expect((offline.recorder.signal.reason as CarryoverError).code).toBe("NOT_FOUND");
  expect(client.asked).toBe(1);
});

test("stands in for answers of a dry run with votes both ways, so that it trades as often as a run", async () => {
  const { ask } = open(new TestClient(() => answered(BUY)), { mode: "dry-run" });
  const actions = new Set<string>();
  for (let i = 0; i < 50; i++) actions.add((await ask(i)).action);
  expect([...actions].toSorted()).toEqual(["BUY", "HOLD", "SELL"]);
});

test("close() waits until its clients have ended", async () => {
  let isClosed = false;
  const client = Object.assign(new TestClient(() => answered(BUY)), {
    close: () => Bun.sleep(50).then(() => void (isClosed = true)),
  });
  const { ask, recorder } = open(client);
  await ask(1);
  await recorder.close();
  expect(isClosed).toBeTrue();
});

test("asks and writes nothing in a dry run, and reports every question", async () => {
  const client = new TestClient(() => answered(BUY), { maxCostUsd: 0.5 });
  const { storage, ask } = open(client);
  await ask(1);
  const seen: string[] = [];
  const dryRun = open(client, {
    storage,
    mode: "dry-run",
    onQuestion: ({ provider, request, timestamp, found, maxCostUsd }) =>
      seen.push(
        `${provider} ${JSON.stringify(request)} ${timestamp - makeSituation().timestamp} ${found?.vote.action ?? "-"} ${maxCostUsd}`,
      ),
  });
  await dryRun.ask(1);
  await dryRun.ask(2);
  expect(seen).toEqual(['llama {"rsi":1} 0 BUY 0.5', 'llama {"rsi":2} 0 - 0.5']);
  expect(dryRun.recorder.counts()).toMatchObject({ cached: 1, missing: 1, asked: 0 });
  expect((await storage.list()).files).toHaveLength(1);
});

test("sends nothing new in a stopped run, and close() records the answers in flight", async () => {
  const controller = new AbortController();
  const client = new TestClient(() => Bun.sleep(20).then(() => answered(BUY)));
  const { ask, recorder, storage } = open(client, { signal: controller.signal });
  const inFlight = ask(1);
  await Bun.sleep(5);
  controller.abort(new Error("Ctrl-C"));
  await expect(ask(2)).rejects.toThrow("Ctrl-C");
  await recorder.close();
  expect(await inFlight).toEqual(BUY);
  expect(client.asked).toBe(1);
  expect((await storage.list()).files).toHaveLength(1);
});

test("a recorder that is closed stops nothing afterwards", async () => {
  jest.useFakeTimers();
  try {
    const { recorder } = open(new TestClient(() => answered(BUY)));
    await recorder.close();
    jest.advanceTimersByTime(60_000);
    expect(recorder.signal.aborted).toBeFalse();
  } finally {
    jest.useRealTimers();
  }
});

test("close() gives up an answer that does not come, records nothing for it, and closes the client", async () => {
  let mayAskAgain = true;
  const client = new TestClient(
    (_n, { drain, abort }) =>
      new Promise((_, reject) =>
        abort.addEventListener("abort", () => {
          mayAskAgain = !drain.aborted;
          reject(abort.reason);
        }),
      ),
  );
  const { ask, recorder, storage } = open(client);
  const never = ask(1);
  never.catch(() => {});
  await Bun.sleep(5);
  jest.useFakeTimers();
  try {
    const closed = recorder.close();
    jest.advanceTimersByTime(3000);
    await closed;
  } finally {
    jest.useRealTimers();
  }
  await expect(never).rejects.toThrow("stopped");
  expect((await storage.list()).files).toEqual([]);
  expect(client.isClosed).toBeTrue();
  expect(mayAskAgain).toBeFalse();
});

describe("a question that nobody answers", () => {
  const RUN = "r".repeat(64);
  const out = (): TestClient =>
    new TestClient(() => Promise.reject(new NoAnswer("UNANSWERED", "Cannot ask: found status 502")));
  const back = (): TestClient => new TestClient(() => answered(BUY));
  const ABSTENTION = {
    action: "HOLD",
    confidence: 0,
    error: "Cannot ask: found status 502",
    unanswered: true,
  } as const;

  test("stops the run, and leaves nothing behind", async () => {
    const { ask, recorder, storage } = open(out());
    await recorder.begin(RUN);
    await expect(ask(1)).rejects.toThrow("status 502");
    await recorder.close();
    expect(recorder.signal.reason).toBeInstanceOf(NoAnswer);
    expect((await storage.list()).files).toEqual([]);
  });

  test("is an abstention of the run where the user wants it, and stays one when the run goes on", async () => {
    const { ask, recorder, storage } = open(out(), { onFailure: "abstain" });
    await recorder.begin(RUN);
    expect(await ask(1)).toEqual(ABSTENTION);
    expect(recorder.signal.aborted).toBeFalse();
    expect(recorder.counts()).toMatchObject({ asked: 0, failed: 0, unanswered: 1 });

    // Another run asks, and is answered. The first run keeps its abstention, also where it may ask nobody.
    const client = back();
    const other = open(client, { storage });
    await other.recorder.begin("s".repeat(64));
    expect(await other.ask(1)).toEqual(BUY);
    for (const mode of ["ask", "offline"] as const) {
      const resumed = open(back(), { storage, mode });
      await resumed.recorder.begin(RUN);
      expect(await resumed.ask(1)).toEqual(ABSTENTION);
      expect(resumed.recorder.counts()).toMatchObject({ asked: 0, cached: 0, unanswered: 1 });
    }
    expect(client.asked).toBe(1);
  });

  test("is on disk before the abstention is used", async () => {
    const failure = new CarryoverError("IO", "no space");
    const storage = overrideCalls(inMemoryStorage(), { createOnce: () => Promise.reject(failure) });
    const { ask, recorder } = open(out(), { onFailure: "abstain", storage });
    await recorder.begin(RUN);
    await expect(ask(1)).rejects.toThrow("no space");
  });

  test("does not excuse a wrong key", async () => {
    const wrong = new TestClient(() => Promise.reject(new CarryoverError("UNANSWERED", "status 401")));
    const { ask, recorder } = open(wrong, { onFailure: "abstain" });
    await recorder.begin(RUN);
    await expect(ask(1)).rejects.toThrow("status 401");
  });
});

test("an answer is recorded under the request that was sent, and found by the variants of a question", async () => {
  const sent = { rsi: 1, temperature: null };
  const client = new TestClient(() => ({ ...answered(BUY), request: sent }));
  const { ask, storage } = open(client);
  await ask(1);
  const later = new TestClient(() => answered({ action: "SELL", confidence: 1 }));
  const adopted: unknown[] = [];
  const { prepare } = later;
  later.prepare = (situation) => ({
    ...prepare.call(later, situation),
    variants: () => [{ rsi: 9 }, sent].map((request) => ({ request, adopt: () => adopted.push(request) })),
  });
  expect(await open(later, { storage }).ask(1)).toEqual(BUY);
  expect(adopted).toEqual([sent]);
  expect(later.asked).toBe(0);
});

test("tells for whom it waits and until when", async () => {
  const waits: unknown[] = [];
  const client = new TestClient((_n, { onWait }) => {
    onWait?.({ ms: 5000, reason: "status 429" });
    return answered(BUY);
  });
  await open(client, { now: () => 1_000_000, onWait: (wait) => waits.push(wait) }).ask(1);
  expect(waits).toEqual([{ provider: "llama", untilMs: 1_005_000, reason: "status 429" }]);
});

describe("an abstention that an earlier version recorded because nobody answered", () => {
  const silent = {
    raw: [],
    tokens: null,
    cost_usd: null,
    took_ms: 0,
    asked_at: "2026-01-01T00:00:00Z",
    run_id: "r".repeat(64),
  };
  const vote: Answer = { action: "HOLD", confidence: 0, error: "status 502 from the server (4 tries)" };

  async function recorded(): Promise<{ storage: Storage; client: TestClient }> {
    const storage = inMemoryStorage();
    const client = new TestClient(() => answered(BUY));
    client.prepare = () => ({
      request: { type: "llm" },
      maxCostUsd: 0,
      ask: async () => (client.asked++, answered(BUY)),
    });
    const store = new AnswerStore(storage, { onNote: () => {} });
    await store.keep({ provider: "llama", request: { type: "llm" }, refresh: 0 }, { ...silent, vote });
    return { storage, client };
  }

  test("is replayed, counted, and found by its run", async () => {
    const { storage, client } = await recorded();
    const { ask, recorder } = open(client, { storage });
    expect(await ask(1)).toEqual(vote);
    expect(recorder.counts()).toMatchObject({ cached: 1, unanswered: 1 });
    const store = new AnswerStore(storage, { onNote: () => {} });
    expect(await store.silentAnswersOf("r".repeat(64))).toBe(1);
    expect(await store.silentAnswersOf("s".repeat(64))).toBe(0);
  });

  test("is asked again where the user wants it, and answered from then on", async () => {
    const { storage, client } = await recorded();
    expect(await open(client, { storage, retryFailed: true }).ask(1)).toEqual(BUY);
    expect(await open(client, { storage }).ask(1)).toEqual(BUY);
    expect(await open(client, { storage, retryFailed: true }).ask(1)).toEqual(BUY);
    expect(client.asked).toBe(1);
    expect((await storage.list()).files).toHaveLength(2);
  });
});

describe("with claims", () => {
  /** Claims by which one asks at a time; `waiting` counts who waits. */
  function queue(): Pick<RecorderOptions, "claims"> & { held: number } {
    let last: Promise<void> = Promise.resolve();
    const state = {
      held: 0,
      claims: {
        claim: async () => {
          const before = last;
          const { promise, resolve } = Promise.withResolvers<void>();
          last = promise;
          await before;
          state.held += 1;
          return async () => {
            state.held -= 1;
            resolve();
          };
        },
      },
    };
    return state;
  }

  test("a question that another recorder asks at the moment is not asked again", async () => {
    const shared = queue();
    const storage = inMemoryStorage();
    const client = new TestClient(async () => {
      await Bun.sleep(5);
      return answered(BUY);
    });
    const recorders = Array.from({ length: 4 }, () => open(client, { storage, claims: shared.claims! }));
    expect(await Promise.all(recorders.map(({ ask }) => ask(1)))).toEqual([BUY, BUY, BUY, BUY]);
    expect(client.asked).toBe(1);
    expect(recorders.map(({ recorder }) => recorder.counts().cached).toSorted()).toEqual([0, 1, 1, 1]);
    expect(shared.held).toBe(0);
  });

  test("an answer is used after the question is let go", async () => {
    let isHeld = true;
    const release = (): Promise<void> => Bun.sleep(5).then(() => void (isHeld = false));
    const { ask } = open(new TestClient(() => answered(BUY)), { claims: { claim: async () => release } });
    await ask(1);
    expect(isHeld).toBeFalse();
  });

  test("a question that nobody answers is let go, for others to ask", async () => {
    const shared = queue();
    const client = new TestClient(() => {
      throw new NoAnswer("UNANSWERED", "busy");
    });
    await expect(open(client, { claims: shared.claims! }).ask(1)).rejects.toThrow("busy");
    expect(shared.held).toBe(0);
  });
});

test("a client is told whether a recorded answer of it was used", async () => {
  const told: unknown[] = [];
  const client = new TestClient((_, { hasAnswered }) => {
    told.push(hasAnswered);
    return answered(BUY);
  });
  const { ask, storage } = open(client);
  await ask(1);
  const resumed = open(client, { storage });
  await resumed.ask(1);
  await resumed.ask(2);
  expect(told).toEqual([false, true]);
});
