import { describe, expect, test } from "bun:test";
import { trialsOfComparisons, countTrials, dailyReturns, trialsOfRuns } from "../../lib/experiments/trials.ts";
import type { ChunkRecord } from "../../lib/results/chunks.ts";
import type { RunKey } from "../../lib/backtest/run-key.ts";
import { RunFiles } from "../../lib/backtest/run-files.ts";
import { encodeJson } from "../../lib/util/json.ts";
import { inMemoryStorage } from "../../lib/storage/in-memory.ts";
import type { Storage } from "../../lib/storage/storage.ts";
import { overrideCalls } from "../storage/override-calls.ts";

const NAME = "comparison_0123456789abcdef.json";
const storageWith = async (files: Record<string, unknown>): Promise<Storage> => {
  const storage = inMemoryStorage();
  for (const [name, value] of Object.entries(files)) await storage.createOnce(name, encodeJson(value));
  return storage;
};

describe("countTrials()", () => {
  test("counts runs with equal days once, and runs without a day not at all", () => {
    const trials = [
      { returns: [0.01, -0.02], isFinished: true },
      // The last of 16 digits is not another strategy.
      { returns: [0.010000000000000002, -0.02], isFinished: true },
      { returns: [0.01, -0.01, 0.03], isFinished: true },
      { returns: [0.02], isFinished: false },
      { returns: [], isFinished: false },
    ];
    const { count, sharpes } = countTrials(trials, 365);
    expect(count).toBe(3);
    // Mean -0.005 and deviation 0.03 / sqrt(2); mean 0.01 and deviation 0.02.
    expect(sharpes).toEqual([
      expect.closeTo((-0.005 / (0.03 / Math.SQRT2)) * Math.sqrt(365), 9) as unknown as number,
      expect.closeTo(0.5 * Math.sqrt(365), 9) as unknown as number,
    ]);
  });

  test("counts a stopped run that was made again as a finished one", () => {
    const returns = [0.01, 0.03];
    const both = [
      { returns, isFinished: false },
      { returns, isFinished: true },
    ];
    expect(countTrials(both, 365).sharpes).toHaveLength(1);
    expect(countTrials(both.toReversed(), 365).sharpes).toHaveLength(1);
  });

  test("does not count a stopped run with whose days another one begins", () => {
    const stopped = { returns: [0.01], isFinished: false };
    const counted = (...others: readonly number[][]): number =>
      countTrials([stopped, ...others.map((returns) => ({ returns, isFinished: true }))], 365).count;
    expect(counted([0.01, 0.03])).toBe(1);
    // 0.012 begins with the digits of 0.01, and is another day.
    expect(counted([0.012, 0.03])).toBe(2);
  });
});

describe("trialsOfComparisons()", () => {
  test("takes the runs with memory and without it on the same bars", async () => {
    const arm = (first: number): object => ({ returns: [first, 0.01] });
    const world = { bars: { B: "2", A: "1" }, on: arm(1), off: arm(2), shuffled: [arm(3)] };
    const storage = await storageWith({
      [NAME]: { worlds: [world, { ...world, bars: { A: "1" } }] },
      "comparison_fedcba9876543210.json": { worlds: [{ ...world, bars: undefined }] },
      "notes.json": {},
    });
    const found = await trialsOfComparisons(storage, { A: "1", B: "2" });
    expect(found.map(({ returns }) => returns[0])).toEqual([1, 2]);
  });

  test.each([
    ["no worlds", {}],
    ["an arm without returns", { worlds: [{ bars: {}, on: { returns: ["x"] }, off: {} }] }],
  ])("refuses a comparison with %s, by name", async (_what, value) => {
    const storage = await storageWith({ [NAME]: value });
    await expect(trialsOfComparisons(storage, {})).rejects.toThrow(`Cannot read "${NAME}"`);
  });
});

describe("trialsOfRuns()", () => {
  test("refuses a damaged chunk by name, and skips one that is gone", async () => {
    const storage = inMemoryStorage();
    const runId = "a".repeat(64);
    const files = new RunFiles(storage, runId);
    const bars = { A: "1" };
    await files.writeManifest({ bars, period: "2021", base: [], attempt: 0 } as unknown as RunKey);
    for (const [i, chunk] of ["2021-Q1", "2021-Q2"].entries()) {
      const daily = [{ date: `2021-0${1 + 3 * i}-01`, equity: 110 + 11 * i, pnl: {} }];
      const record = { run_id: runId, chunk, start: `2021-0${1 + 3 * i}`, initial_balance: 100, daily };
      const files_crc32 = await files.writeDetails(chunk, { decisions: new Uint8Array(), marks: [] });
      await files.commitChunk({ ...(record as unknown as ChunkRecord), files_crc32 });
    }
    const trials = (from: Storage = storage): ReturnType<typeof trialsOfRuns> =>
      trialsOfRuns(from, { bars, daysPerYear: 365 });
    const closeTo = (value: number): number => expect.closeTo(value, 12) as unknown as number;
    expect(await trials()).toEqual([{ returns: [closeTo(0.1), closeTo(0.1)], isFinished: false }]);

    const name = `runs/${runId}/2021-Q2.json`;
    const read: Storage["read"] = async (file, options) => (file === name ? undefined : storage.read(file, options));
    expect(await trials(overrideCalls(storage, { read }))).toEqual([{ returns: [closeTo(0.1)], isFinished: false }]);

    const bytes = (await storage.read(name, { maxBytes: 10_000 }))!.slice();
    bytes[bytes.indexOf(0x31)]! ^= 1;
    await storage.replace(name, bytes);
    await expect(trials()).rejects.toThrow(`Cannot read "${name}"`);
  });
});

describe("dailyReturns()", () => {
  test("go on over the borders of chunks", () => {
    const chunk = (initial: number, equities: readonly number[], day: number): ChunkRecord => {
      const daily = equities.map((equity, i) => ({ date: `2021-01-0${day + i}`, equity, pnl: {} }));
      return { initial_balance: initial, daily } as unknown as ChunkRecord;
    };
    const returns = dailyReturns([chunk(100, [110, 99], 1), chunk(99, [198], 3)], 365);
    expect(returns.map((r) => Math.round(r * 1e9) / 1e9)).toEqual([0.1, -0.1, 1]);
  });
});
