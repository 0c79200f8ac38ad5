import { describe, expect, test } from "bun:test";
import { comparedRuns, countTrials, dailyReturns, triedRuns } from "../../lib/experiments/trials.ts";
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

describe("trials", () => {
  test("are counted once where their days are the same, and not at all without a day", () => {
    const tried = [
      { returns: [0.01, -0.02], isFinished: true },
      // The last of 16 digits is not another strategy.
      { returns: [0.010000000000000002, -0.02], isFinished: true },
      { returns: [0.01, -0.01, 0.03], isFinished: true },
      { returns: [0.02], isFinished: false },
      { returns: [], isFinished: false },
    ];
    const { count, sharpes } = countTrials(tried, 365);
    expect(count).toBe(3);
    // Mean -0.005 and deviation 0.03 / sqrt(2); mean 0.01 and deviation 0.02.
    expect(sharpes).toEqual([
      expect.closeTo((-0.005 / (0.03 / Math.SQRT2)) * Math.sqrt(365), 9) as unknown as number,
      expect.closeTo(0.5 * Math.sqrt(365), 9) as unknown as number,
    ]);
  });

  test("that were stopped and made again are the finished ones", () => {
    const returns = [0.01, 0.03];
    const both = [
      { returns, isFinished: false },
      { returns, isFinished: true },
    ];
    expect(countTrials(both, 365).sharpes).toHaveLength(1);
    expect(countTrials(both.toReversed(), 365).sharpes).toHaveLength(1);
  });

  test("that were stopped are none where another run has their days and goes on", () => {
    const stopped = { returns: [0.01], isFinished: false };
    const counted = (...others: readonly number[][]): number =>
      countTrials([stopped, ...others.map((returns) => ({ returns, isFinished: true }))], 365).count;
    expect(counted([0.01, 0.03])).toBe(1);
    // 0.012 begins with the digits of 0.01, and is another day.
    expect(counted([0.012, 0.03])).toBe(2);
  });

  test("of stored comparisons are their runs with memory and without on the same bars", async () => {
    const arm = (first: number): object => ({ returns: [first, 0.01] });
    const world = { bars: { B: "2", A: "1" }, on: arm(1), off: arm(2), shuffled: [arm(3)] };
    const storage = await storageWith({
      [NAME]: { worlds: [world, { ...world, bars: { A: "1" } }] },
      "comparison_fedcba9876543210.json": { worlds: [{ ...world, bars: undefined }] },
      "notes.json": {},
    });
    const found = await comparedRuns(storage, { A: "1", B: "2" });
    expect(found.map(({ returns }) => returns[0])).toEqual([1, 2]);
  });

  test.each([
    ["no worlds", {}],
    ["an arm without returns", { worlds: [{ bars: {}, on: { returns: ["x"] }, off: {} }] }],
  ])("name a comparison with %s", async (_what, value) => {
    const storage = await storageWith({ [NAME]: value });
    expect(comparedRuns(storage, {})).rejects.toThrow(`Cannot read "${NAME}"`);
  });

  test("of stored runs name a chunk that is damaged, and pass over one that is gone", async () => {
    const storage = inMemoryStorage();
    const runId = "a".repeat(64);
    const files = new RunFiles(storage, runId);
    const bars = { A: "1" };
    await files.writeManifest({ bars, period: "2021", base: [], attempt: 0 } as unknown as RunKey);
    for (const [i, chunk] of ["2021-Q1", "2021-Q2"].entries()) {
      const daily = [{ date: `2021-0${1 + 3 * i}-01`, equity: 110 + 11 * i, pnl: {} }];
      const record = { run_id: runId, chunk, start: `2021-0${1 + 3 * i}`, initial_balance: 100, daily };
      await files.commitChunk(record as unknown as ChunkRecord, { decisions: [], marks: [] });
    }
    const tried = (from: Storage = storage): ReturnType<typeof triedRuns> =>
      triedRuns(from, { bars, daysPerYear: 365 });
    const closeTo = (value: number): number => expect.closeTo(value, 12) as unknown as number;
    expect(await tried()).toEqual([{ returns: [closeTo(0.1), closeTo(0.1)], isFinished: false }]);

    const name = `runs/${runId}/2021-Q2.json`;
    const read: Storage["read"] = async (file, options) => (file === name ? undefined : storage.read(file, options));
    expect(await tried(overrideCalls(storage, { read }))).toEqual([{ returns: [closeTo(0.1)], isFinished: false }]);

    const bytes = (await storage.read(name, { maxBytes: 10_000 }))!.slice();
    bytes[bytes.indexOf(0x31)]! ^= 1;
    await storage.replace(name, bytes);
    expect(tried()).rejects.toThrow(`Cannot read "${name}"`);
  });

  test("have daily returns over the borders of chunks", () => {
    const chunk = (initial: number, equities: readonly number[], day: number): ChunkRecord => {
      const daily = equities.map((equity, i) => ({ date: `2021-01-0${day + i}`, equity, pnl: {} }));
      return { initial_balance: initial, daily } as unknown as ChunkRecord;
    };
    const returns = dailyReturns([chunk(100, [110, 99], 1), chunk(99, [198], 3)], 365);
    expect(returns.map((r) => Math.round(r * 1e9) / 1e9)).toEqual([0.1, -0.1, 1]);
  });
});
