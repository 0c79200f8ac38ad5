import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import type { Json } from "../../../lib/util/json.ts";
import { inMemoryStorage } from "../../../lib/storage/in-memory.ts";
import { encodeSealedJson } from "../../../lib/storage/sealed-json.ts";
import type { Storage } from "../../../lib/storage/storage.ts";
import { MAX_ANSWER_BYTES, type ReceivedAnswer, withKey } from "../../../lib/providers/recorded/answer-file.ts";
import { AnswerStore } from "../../../lib/providers/recorded/recordings.ts";
import { overrideCalls } from "../../storage/override-calls.ts";
import { utf8 } from "../../storage/storage-contract.ts";

const QUESTION = { provider: "llama", request: { model: "llama3.2", prompt: "What now?" }, refresh: 0 };
const KEYED = withKey(QUESTION);

const ANSWER: ReceivedAnswer = {
  vote: { action: "BUY", confidence: 70, reason: "it rises" },
  raw: ['{"action": "BUY"}'],
  tokens: { input: 700, output: 40 },
  cost_usd: 0.25,
  asked_at: "2026-01-02T03:04:05.000Z",
  took_ms: 1234,
  run_id: "a".repeat(64),
};

function open(storage: Storage = inMemoryStorage()): { storage: Storage; store: AnswerStore; notes: string[] } {
  const notes: string[] = [];
  return { storage, store: new AnswerStore(storage, { onNote: (note) => notes.push(note) }), notes };
}

test("the key is SHA-256 of provider, request and refresh, so that changing any of them makes another question", async () => {
  const json = '{"provider":"llama","request":{"model":"llama3.2","prompt":"What now?"},"refresh":0}';
  expect(KEYED.key).toBe(createHash("sha256").update(json).digest("hex"));
  const others = [
    { ...QUESTION, provider: "qwen" },
    { ...QUESTION, refresh: 1 },
    { ...QUESTION, request: { model: "llama3.2", prompt: "What now? " } },
  ];
  const keys = [QUESTION, ...others].map((question) => withKey(question).key);
  expect(new Set(keys).size).toBe(4);
});

test("an answer is found as it was kept, in a file that shell tools can read and check", async () => {
  const { storage, store } = open();
  const { key } = KEYED;
  expect(await store.find(KEYED)).toBeUndefined();
  await store.keep(QUESTION, ANSWER);
  expect(await store.find(KEYED)).toMatchObject({ ...QUESTION, ...ANSWER, format: "carryover-answer", version: 1 });

  const text = new TextDecoder().decode(await storage.read(`${key}.json`, { maxBytes: 10_000 }));
  const parsed = JSON.parse(text) as { crc32: string };
  expect(Object.keys(parsed).at(-1)).toBe("crc32");
  const before = text.slice(0, text.lastIndexOf('"crc32"'));
  expect(parsed.crc32).toBe(Bun.hash.crc32(before).toString(16).padStart(8, "0"));
});

test("a very long answer is recorded without its middle, so that it fits its file and is not asked again", async () => {
  const { store } = open();
  const long = "\u0001".repeat(1 << 20);
  const said = {
    raw: [long, `${long}the end`],
    vote: { action: "HOLD", confidence: 0, reason: long, error: long },
  } as const;
  await store.keep(QUESTION, { ...ANSWER, ...said });
  const found = await store.find(KEYED);
  const kept = "\u0001".repeat(20_000);
  expect(found).toMatchObject({
    raw: [kept, `${kept.slice(7)}the end`],
    vote: { action: "HOLD", confidence: 0, reason: kept, error: kept },
  });
});

test("if two stores record the same question, both use the answer of the first", async () => {
  const { storage, store } = open();
  const second = open(storage).store;
  await store.keep(QUESTION, ANSWER);
  const kept = await second.keep(QUESTION, { ...ANSWER, vote: { action: "SELL", confidence: 10 }, cost_usd: 1 });
  expect(kept.vote.action).toBe("BUY");
  expect((await storage.list()).files).toHaveLength(1);
});

test("many stores that record the same question at once all use one answer", async () => {
  const { storage } = open();
  const kept = await Promise.all(
    [1, 2, 3, 4, 5].map((confidence) =>
      open(storage).store.keep(QUESTION, { ...ANSWER, vote: { action: "SELL", confidence } }),
    ),
  );
  expect(new Set(kept.map(({ vote }) => vote.confidence)).size).toBe(1);
});

test("beside a damaged answer, too, the answer that another run recorded first is used", async () => {
  const { storage } = open();
  const [first, second] = [`${KEYED.key}.json`, `${KEYED.key}-2.json`];
  await storage.replace(first, utf8("damaged"));
  const other = open(storage).store;
  let isTaken = false;
  const createOnce: Storage["createOnce"] = async (name, bytes) => {
    if (name === second && !isTaken) {
      isTaken = true;
      await other.keep(QUESTION, ANSWER);
    }
    return storage.createOnce(name, bytes);
  };
  const { store } = open(overrideCalls(storage, { createOnce }));
  const kept = await store.keep(QUESTION, { ...ANSWER, vote: { action: "SELL", confidence: 10 } });
  expect(kept.vote.action).toBe("BUY");
  expect((await storage.list()).files.map(({ name }) => name)).toEqual([second, first]);
});

test("an answer as large as may be is read, and none that is larger", async () => {
  const { storage, store, notes } = open();
  const name = `${KEYED.key}.json`;
  await store.keep(QUESTION, ANSWER);
  const { crc32: _, ...fields } = JSON.parse(
    new TextDecoder().decode((await storage.read(name, { maxBytes: 10_000 }))!),
  ) as Record<string, unknown>;
  const bare = encodeSealedJson({ ...fields, note: "" }).length;
  const ofSize = (bytes: number): Uint8Array => encodeSealedJson({ ...fields, note: "x".repeat(bytes - bare) });
  await storage.replace(name, ofSize(MAX_ANSWER_BYTES));
  expect((await store.find(KEYED))?.vote).toEqual(ANSWER.vote);
  await storage.replace(name, ofSize(MAX_ANSWER_BYTES + 1));
  expect(await store.find(KEYED)).toBeUndefined();
  expect(notes).toHaveLength(1);
});

test("a folder that cannot be read is no damaged answer", async () => {
  const { storage } = open();
  const broken = overrideCalls(storage, { read: () => Promise.reject(new Error("EIO")) });
  await expect(open(broken).store.find(KEYED)).rejects.toThrow("EIO");
});

test("a damaged answer stays and is reported once; its question is recorded again under another name", async () => {
  const { storage, store, notes } = open();
  const { key } = KEYED;
  await store.keep(QUESTION, ANSWER);
  const sound = (await storage.read(`${key}.json`, { maxBytes: 10_000 }))!;
  for (const damage of [0, 30, sound.length - 20]) {
    const bytes = sound.slice();
    bytes[damage]! ^= 1;
    await storage.replace(`${key}.json`, bytes);
    expect(await store.find(KEYED)).toBeUndefined();
  }
  expect(notes).toHaveLength(1);
  expect(notes[0]).toStartWith(`Ignored a recorded answer: Cannot read "${key}.json": `);

  const again = await store.keep(QUESTION, { ...ANSWER, vote: { action: "SELL", confidence: 9 } });
  expect(again.vote).toEqual({ action: "SELL", confidence: 9 });
  expect((await storage.list()).files.map(({ name }) => name)).toEqual([`${key}-2.json`, `${key}.json`]);
  expect((await open(storage).store.find(KEYED))?.vote.confidence).toBe(9);
});

test.each([
  ["nothing", ""],
  ["NUL bytes", "\0".repeat(400)],
  ["another object", '{"a": 1}'],
  ["no JSON", "<html>"],
  ["much nesting", "[".repeat(100_000)],
])("a file that holds %s counts as no answer", async (_what, text) => {
  const { storage, store } = open();
  const { key } = KEYED;
  await storage.replace(`${key}.json`, new TextEncoder().encode(text));
  expect(await store.find(KEYED)).toBeUndefined();
  await store.keep(QUESTION, ANSWER);
  expect((await store.find(KEYED))?.vote).toEqual(ANSWER.vote);
});

test("costOfRun() adds up the answers that one run asked for, without damaged files", async () => {
  const { storage, store } = open();
  const ask = (prompt: string, answer: Partial<ReceivedAnswer>): Promise<unknown> =>
    store.keep({ ...QUESTION, request: { prompt } }, { ...ANSWER, ...answer });
  await ask("1", { cost_usd: 0.25 });
  await ask("2", { cost_usd: 0.5 });
  await ask("3", { cost_usd: null });
  await ask("4", { cost_usd: 8, run_id: "b".repeat(64) });
  await storage.replace(
    `${"c".repeat(64)}.json`,
    new TextEncoder().encode(`{"run_id": "${"a".repeat(64)}", "cost_usd": 99}`),
  );
  expect(await store.costOfRun("a".repeat(64))).toBe(0.75);
  expect(await store.costOfRun("b".repeat(64))).toBe(8);
});

test("costs and abstentions of a run are counted in answers alone, not in copies under other names", async () => {
  const { storage, store } = open();
  const run = "a".repeat(64);
  const silent = { raw: [], vote: { action: "HOLD", confidence: 0, error: "status 502" } } as const;
  for (const prompt of ["1", "2"]) {
    const question = { ...QUESTION, request: { type: "llm", prompt } };
    await store.keep(question, { ...ANSWER, ...silent });
    const { key } = withKey(question);
    await storage.createOnce(`copy of ${key}.json`, (await storage.read(`${key}.json`, { maxBytes: 10_000 }))!);
  }
  expect(await store.costOfRun(run)).toBe(0.5);
  expect(await store.silentAnswersOf(run)).toBe(2);
  expect(await store.silentAnswersOf("b".repeat(64))).toBe(0);
});

test("a mark has the first 16 digits of its run or of its provider's hash in its name", async () => {
  const { storage, store } = open();
  await store.keep({ ...QUESTION, refresh: 1 }, ANSWER);
  await store.markUnanswered("0123456789abcdef".repeat(4), KEYED.key, "status 502");
  const hash = createHash("sha256").update("llama").digest("hex").slice(0, 16);
  const names = (await storage.list()).files.map(({ name }) => name);
  expect(names.filter((name) => name.includes("_"))).toEqual([
    `refresh_${hash}_1.json`,
    "unanswered_0123456789abcdef.json",
    `unanswered_0123456789abcdef_${KEYED.key}.json`,
  ]);
});

test("the mark of a run is on disk before that of its question", async () => {
  const storage = inMemoryStorage();
  const made: string[] = [];
  const createOnce: Storage["createOnce"] = async (name, bytes) => {
    if (!name.includes(KEYED.key)) await Bun.sleep(5);
    made.push(name);
    return storage.createOnce(name, bytes);
  };
  await open(overrideCalls(storage, { createOnce })).store.markUnanswered("r".repeat(64), KEYED.key, "status 502");
  expect(made.map((name) => name.includes(KEYED.key))).toEqual([false, true]);
});

test("refreshOf() is the latest refresh with a recorded answer, whatever the provider's name", async () => {
  const { storage, store } = open();
  for (const provider of ["llama", "../x", "__proto__"]) {
    expect(await store.refreshOf(provider)).toBe(0);
    for (const refresh of [0, 1, 2, 2]) {
      await store.keep({ ...QUESTION, provider, refresh }, ANSWER);
      expect(await store.refreshOf(provider)).toBe(refresh);
    }
  }
  expect((await storage.list()).folders).toEqual([]);
  // Three answers and two marks each.
  expect((await storage.list()).files).toHaveLength(15);
});

test("the mark of a refresh is on disk before any of its answers, also if many are kept at once", async () => {
  const storage = inMemoryStorage();
  const made: string[] = [];
  const createOnce: Storage["createOnce"] = async (name, bytes) => {
    if (name.startsWith("refresh_")) await Bun.sleep(10);
    made.push(name.slice(0, 8));
    return storage.createOnce(name, bytes);
  };
  const { store } = open(overrideCalls(storage, { createOnce }));
  await Promise.all(
    ["1", "2", "3"].map((prompt) => store.keep({ ...QUESTION, request: { prompt }, refresh: 1 }, ANSWER)),
  );
  expect(made[0]).toBe("refresh_");
  expect(made.filter((name) => name === "refresh_")).toHaveLength(1);
  expect(made).toHaveLength(4);
});

test("an answer under the name of another question is damaged: it is neither used nor counted", async () => {
  const { storage, store, notes } = open();
  const other = { ...QUESTION, request: { model: "llama3.2", prompt: "And now?" } };
  await store.keep(other, ANSWER);
  const { key } = KEYED;
  const keyedOther = withKey(other);
  const otherKey = keyedOther.key;
  const copied = (await storage.read(`${otherKey}.json`, { maxBytes: 10_000 }))!;
  await storage.replace(`${key}.json`, copied);
  expect(await store.find(KEYED)).toBeUndefined();
  expect(notes).toEqual([
    `Ignored a recorded answer: Cannot read "${key}.json": found the answer to the question ${otherKey}, expected ` +
      "that to the question of its name",
  ]);
  expect(await store.costOfRun("a".repeat(64))).toBe(0.25);
  await store.keep(QUESTION, { ...ANSWER, vote: { action: "SELL", confidence: 9 } });
  expect((await store.find(KEYED))?.vote.action).toBe("SELL");
  expect((await store.find(keyedOther))?.vote.action).toBe("BUY");
});

test.each<[string, unknown]>([
  ["numbers as keys", { prompt: "x", 2: "b", 1: "a" }],
  ["__proto__ as a key", JSON.parse('{"__proto__": {"a": 1}, "b": 2}')],
  ["a half of a surrogate pair", { prompt: "\ud800" }],
  ["values that JSON drops", { prompt: "x", nothing: undefined, zero: -0, none: NaN }],
])("an answer is found whatever its request contains: %s", async (_what, request) => {
  const { store, notes } = open();
  const question = { ...QUESTION, request: request as Json };
  await store.keep(question, ANSWER);
  expect((await store.find(withKey(question)))?.vote).toEqual(ANSWER.vote);
  expect(notes).toEqual([]);
});

test.each<[string, object]>([
  ["no vote", { vote: null }],
  ["a vote that is no action", { vote: { action: ["BUY"], confidence: 70 } }],
  ["a confidence above 100", { vote: { action: "BUY", confidence: 101 } }],
  ["a reason that is no text", { vote: { action: "BUY", confidence: 70, reason: {} } }],
  ["tokens without counts", { tokens: { input: "700" } }],
  ["a cost below 0", { cost_usd: -1 }],
  ["a cost that is a text", { cost_usd: "0.25" }],
])("an answer with a right checksum and %s is ignored, and costs nothing", async (_what, odd) => {
  const { storage, store, notes } = open();
  await store.keep(QUESTION, ANSWER);
  const { key } = KEYED;
  const { crc32: _crc32, ...fields } = JSON.parse(
    new TextDecoder().decode((await storage.read(`${key}.json`, { maxBytes: 10_000 }))!),
  ) as Record<string, unknown>;
  await storage.replace(`${key}.json`, encodeSealedJson({ ...fields }));
  expect((await store.find(KEYED))?.vote).toEqual(ANSWER.vote);

  await storage.replace(`${key}.json`, encodeSealedJson({ ...fields, ...odd }));
  expect(await store.find(KEYED)).toBeUndefined();
  expect(notes).toEqual([expect.stringContaining("found another format, expected an answer of version 1")]);
  expect(await store.costOfRun("a".repeat(64))).toBe(0);
});

test("a damaged mark of a question that a run abstained from is named, since without it the run would come out otherwise", async () => {
  const { storage, store } = open();
  const [run, key] = ["r".repeat(64), "k".repeat(64)];
  await store.markUnanswered(run, key, "status 502");
  expect(await store.hasUnanswered(run)).toBeTrue();
  expect(await store.hasUnanswered("s".repeat(64))).toBeFalse();
  expect(await store.findUnanswered(run, key)).toBe("status 502");
  expect(await store.findUnanswered(run, "l".repeat(64))).toBeUndefined();
  for (const damaged of ["", "{}", '{"error": 7}']) {
    const broken = overrideCalls(storage, { read: async () => new TextEncoder().encode(damaged) });
    await expect(open(broken).store.findUnanswered(run, key)).rejects.toMatchObject({ code: "CORRUPT" });
  }
});
