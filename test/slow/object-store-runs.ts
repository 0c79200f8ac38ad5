/** Runs with their memory in a bucket, killed or failing at each call, or held up until another takes the lock. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { backtest } from "../../lib/job/backtest.ts";
import { syntheticBars } from "../../lib/market/synthetic.ts";
import { openMemory } from "../../lib/memory/store.ts";
import { reversion, trend } from "../../lib/providers/rules.ts";
import type { Storage } from "../../lib/storage/storage.ts";
import { InMemoryBucket } from "../storage/in-memory-bucket.ts";
import { filesIn, openBucket } from "../storage/object-store-samples.ts";
import { failureOf, HOLDER } from "../storage/storage-contract.ts";

setDefaultTimeout(600_000);

const SHORT = syntheticBars({ asset: "GOLD", timeframe: "4h", seed: 1, end: "2018-02-15" });

const short = {
  bars: [SHORT],
  providers: [trend()],
  start: "2018-02-01",
  end: "2018-02-15",
  chunks: "week" as const,
};

/** Opens, locks, runs two weeks, and releases. */
async function runShort(bucket: InMemoryBucket, now: () => number): Promise<Storage> {
  const storage = await openBucket(bucket, { now, maxObjectBytes: 4000 });
  const lock = await storage.lock(HOLDER);
  await backtest({ ...short, memory: await openMemory(storage) });
  await lock.release();
  return storage;
}

/** The files of an undisturbed run, and the calls that it makes. */
async function undisturbed(): Promise<{ expected: Map<string, string>; calls: string[] }> {
  const bucket = new InMemoryBucket();
  const calls: string[] = [];
  bucket.fault = { before: (call, key) => void calls.push(`${call} ${key}`) };
  const storage = await runShort(bucket, () => 0);
  bucket.fault = {};
  return { expected: await filesIn(storage), calls };
}

test.each(["before", "after"] as const)(
  "killed %s each of its calls and run again, ends in the same bytes",
  async (when) => {
    const { expected, calls } = await undisturbed();
    expect(calls.length).toBeGreaterThan(50);
    for (let fatal = 1; fatal <= calls.length; fatal++) {
      const bucket = new InMemoryBucket();
      let call = 0;
      // The dead call nothing more.
      const live = (isCounted: boolean): void => {
        if (isCounted) call++;
        if (call >= fatal) throw new Error("killed");
      };
      bucket.fault = { before: () => live(when === "before"), after: () => live(when === "after") };
      expect((await failureOf(runShort(bucket, () => 0))).message).toContain("killed");
      bucket.fault = {};
      expect(await filesIn(await runShort(bucket, () => 60_000))).toEqual(expected);
    }
  },
);

test("a store that fails at one call of any kind stops the run with IO, and the next one ends in the same bytes", async () => {
  const { expected, calls } = await undisturbed();
  for (let failing = 1; failing <= calls.length; failing += 3) {
    const bucket = new InMemoryBucket();
    let call = 0;
    bucket.fault = {
      before: () => {
        if (++call === failing) throw new Error("status 503 of the store");
      },
    };
    const failure = await failureOf(runShort(bucket, () => 0));
    expect([failure.code, failure.message]).toEqual(["IO", expect.stringContaining("found status 503")]);
    expect(await filesIn(await runShort(bucket, () => 60_000))).toEqual(expected);
  }
});

test("a run whose lock is taken over before any of its writes stops, and does not disturb the run that took it", async () => {
  const { expected, calls } = await undisturbed();
  const writes = calls.filter((call) => call.startsWith("put files/") || call.startsWith("put parts/")).length;
  for (let taken = 1; taken <= writes; taken += 2) {
    const bucket = new InMemoryBucket();
    let ms = 0;
    let write = 0;
    let second: Storage | undefined;
    bucket.fault = {
      before: async (call, key) => {
        if (call !== "put" || !/^(?:files|parts)\//.test(key) || ++write !== taken) return;
        bucket.fault = {};
        // The first is held up for longer than its lease.
        ms += 60_001;
        second = await runShort(bucket, () => ms);
      },
    };
    const failure = await failureOf(runShort(bucket, () => ms));
    expect([taken, failure.code]).toEqual([taken, "LOCKED"]);
    expect(await filesIn(second!)).toEqual(expected);
  }
});

test.each([1, 3, 9])("a run of %p months asks for at most four listings, one of them in a chunk", async (months) => {
  const bucket = new InMemoryBucket();
  const storage = await openBucket(bucket);
  const listed: string[] = [];
  const commits: number[] = [];
  bucket.fault = {
    before: (call, key) => {
      if (call === "list") listed.push(key);
      if (call === "put" && /\/2021-\d\d\.json$/.test(key)) commits.push(listed.length);
    },
  };
  const end = `2021-${String(months + 1).padStart(2, "0")}-01`;
  await backtest({
    bars: ["GOLD", "OIL"].map((asset, i) => syntheticBars({ asset, timeframe: "1h", seed: i + 1, end })),
    providers: [trend(), reversion()],
    memory: await openMemory(storage),
    start: "2021-01-01",
    end,
    chunks: "month",
  });
  expect(listed.length).toBeLessThanOrEqual(4);
  expect(commits).toHaveLength(months);
  // Between the commit of the first chunk and that of the last there is none.
  expect(commits.at(-1)! - commits[0]!).toBeLessThanOrEqual(1);
});
