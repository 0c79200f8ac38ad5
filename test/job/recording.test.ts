import { afterAll, beforeAll, describe, expect, setDefaultTimeout, spyOn, test } from "bun:test";
import fs, { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BacktestResult } from "../../lib/backtest/run.ts";
import { backtest } from "../../lib/job/backtest.ts";
import { commandProvider, llmProvider, openRecording } from "../../lib/job/recording.node.ts";
import type { Recording } from "../../lib/providers/recorded/recording.ts";
import { syntheticBars } from "../../lib/market/synthetic.ts";
import { openMemory } from "../../lib/memory/store.ts";
import type { Provider } from "../../lib/providers/provider.ts";
import { inMemoryStorage } from "../../lib/storage/in-memory.ts";
import { type ModelServer, someVote, startModelServer } from "../providers/recorded/model-server.ts";

// Processes are started here, and a machine may be busy.
setDefaultTimeout(60_000);

const work = mkdtempSync(join(tmpdir(), "carryover-recording-"));
let server: ModelServer;
beforeAll(() => (server = startModelServer(someVote)));
afterAll(async () => {
  await server.stop();
  rmSync(work, { recursive: true });
});

/** Four weeks with a decision a day. */
async function run(recording: Recording, provider: Provider): Promise<BacktestResult> {
  const bars = [syntheticBars({ asset: "GOLD", timeframe: "1d", seed: 1, end: "2018-07-01" })];
  const memory = await openMemory(inMemoryStorage());
  const period = { start: "2018-05-01", end: "2018-05-29", decisionInterval: "1d" };
  return backtest({ bars, memory, providers: [provider], onStart: recording.begin, ...period }).finally(() =>
    recording.close(),
  );
}

/** Makes every attempt to write a new file in a folder fail until it is called. */
function makeReadOnly(folder: string): () => void {
  const open = fs.openSync;
  const spied = spyOn(fs, "openSync").mockImplementation((path, flags, ...rest) => {
    if (String(path).startsWith(folder) && (Number(flags) & fs.constants.O_CREAT) !== 0)
      throw Object.assign(new Error("EROFS: read-only file system"), { code: "EROFS" });
    return open(path, flags, ...rest);
  });
  return () => spied.mockRestore();
}

test("a folder of answers that cannot be written is found before anything is asked, and what it has is replayed", async () => {
  const answersDir = join(work, "read-only");
  const options = { name: "llama", model: "read-only", base_url: server.openaiUrl };
  const runOnce = async (): Promise<Recording> => {
    const recording = openRecording({ answersDir });
    await run(recording, await llmProvider(options, recording));
    return recording;
  };
  const before = server.answered.size;
  let makeWritable = makeReadOnly(answersDir);
  for (let start = 0; start < 3; start++) {
    await expect(runOnce()).rejects.toThrow(
      `Cannot write to "${answersDir}": found EROFS: read-only file system, expected a file system that can be written`,
    );
  }
  makeWritable();
  expect(server.answered.size).toBe(before);
  expect(readdirSync(answersDir)).toEqual([]);

  await runOnce();
  makeWritable = makeReadOnly(answersDir);
  expect((await runOnce()).counts()).toMatchObject({ asked: 0, cached: 28 });
  makeWritable();
});

test.each([
  [{ budget_usd: 1 }, '"budget_usd", expected one of mode, budgetUsd, refresh,'],
  [{ offline: true }, '"offline", expected one of mode, budgetUsd, refresh,'],
] as [object, string][])("openRecording() refuses the unknown option of %j", (option, message) => {
  expect(() => openRecording({ answersDir: join(work, "unknown"), ...option })).toThrow(
    `Cannot record answers: found the unknown option ${message}`,
  );
});

describe("llmProvider()", () => {
  const options = { name: "llama", model: "m" };

  test("asks a language model once, and replays its answers in the next run", async () => {
    const ask = async (): Promise<{ result: BacktestResult; counts: unknown }> => {
      const recording = openRecording({ answersDir: join(work, "llm") });
      const llama = await llmProvider({ ...options, base_url: server.openaiUrl }, recording);
      const result = await run(recording, llama);
      return { result, counts: recording.counts() };
    };
    const first = await ask();
    expect(first.counts).toMatchObject({ asked: 28, cached: 0, failed: 0 });
    const second = await ask();
    expect(second.counts).toMatchObject({ asked: 0, cached: 28, failed: 0 });
    expect(second.result.summary).toEqual(first.result.summary);
    expect(readdirSync(join(work, "llm"))).toHaveLength(28);
  });

  test("notes that a budget does not limit a model without a price, where it is asked", async () => {
    const notesOf = async (more: object, mode: "ask" | "offline" = "ask"): Promise<string[]> => {
      const notes: string[] = [];
      const onNote = (note: string): unknown => notes.push(note);
      const recording = openRecording({ answersDir: join(work, "budget"), budgetUsd: 1, mode, onNote });
      await llmProvider({ ...options, base_url: server.openaiUrl, ...more }, recording);
      return notes;
    };
    expect(await notesOf({})).toEqual(['The budget does not limit "llama": it has no price_per_mtok']);
    expect(await notesOf({ price_per_mtok: { input: 0, output: 0 } })).toEqual([]);
    expect(await notesOf({}, "offline")).toEqual([]);
  });

  test("has a version that depends on the model and not on where it is served", async () => {
    const recording = openRecording({ answersDir: join(work, "versions") });
    const versionOf = async (more: object): Promise<string | undefined> =>
      (await llmProvider({ ...options, base_url: "http://localhost:1/v1", ...more }, recording)).version;
    const version = await versionOf({});
    expect(version).toMatch(/^[0-9a-f]{64}$/);
    expect(await versionOf({ base_url: "http://localhost:2/v1", timeout: "10s" })).toBe(version);
    expect(await versionOf({ model: "other" })).not.toBe(version);
    expect(await versionOf({ temperature: 1 })).not.toBe(version);
  });

  test("names every option that is wrong or missing", async () => {
    const recording = openRecording({ answersDir: join(work, "wrong") });
    await expect(llmProvider(options, recording)).rejects.toThrow(
      'Cannot make the provider "llama": found no base_url, expected where the model is served, such as',
    );
    const wrong = { ...options, base_url: server.openaiUrl, temprature: 1, timeout: "2h" };
    await expect(llmProvider(wrong, recording)).rejects.toThrow(
      'Cannot make the provider "llama": found "2h" for timeout, expected a time such as "30s" or "2m", at most an hour\n' +
        'Cannot make the provider "llama": found unknown key "temprature", expected "temperature"',
    );
  });
});

describe("commandProvider()", () => {
  test("asks a program", async () => {
    const file = join(work, "program.mjs");
    const answer = 'JSON.stringify({ id: JSON.parse(line).id, action: "BUY", confidence: 60 })';
    writeFileSync(
      file,
      `import { createInterface } from "node:readline";
       for await (const line of createInterface({ input: process.stdin })) console.log(${answer});`,
    );
    const recording = openRecording({ answersDir: join(work, "command") });
    const mine = await commandProvider({ name: "mine", command: [process.execPath, file] }, recording);
    const { summary } = await run(recording, mine);
    expect(summary.total_trades).toBeGreaterThan(0);
    expect(recording.counts()).toMatchObject({ asked: 28, failed: 0 });
  });

  test("is refused if there is no such program, before anything is written", async () => {
    const recording = openRecording({ answersDir: join(work, "missing") });
    const made = commandProvider({ name: "mine", command: [join(work, "missing")] }, recording);
    await expect(made).rejects.toThrow('Cannot start provider "mine": found no such program, expected a program');
    expect(existsSync(join(work, "missing"))).toBeFalse();
  });
});
