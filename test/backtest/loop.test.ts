/** What a chunk leaves behind, and when the loop lets events in. */
import { describe, expect, test } from "bun:test";
import type { Outcome } from "../../lib/types.ts";
import type { ChunkRecord } from "../../lib/results/chunks.ts";
import { overrideCalls } from "../storage/override-calls.ts";
import { inMemoryStorage } from "../../lib/storage/in-memory.ts";
import {
  at,
  barsOf,
  CALM,
  decisionsOf,
  HOUR,
  type JobParts,
  makeSettings,
  outcomesOf,
  type Prices,
  runFresh,
  runOn,
  scripted,
  seriesOf,
  textOf,
} from "./world-samples.ts";
import type { Storage } from "../../lib/storage/storage.ts";

/** Friday noon, so that the 100th bar ends on a Tuesday at 16:00 and decisions begin there. */
const START = at("2021-01-01T12:00");

/** A calm market, but for what happens at some hours after the first decision. */
function job(
  events: Record<number, Prices>,
  votes: Record<string, "BUY" | "SELL">,
  more: Partial<JobParts> & { bars?: number } = {},
): JobParts {
  const { bars = 200, ...parts } = more;
  const prices = Array.from({ length: bars }, (_, i) => events[i - 100] ?? CALM);
  return {
    // Fees of 5 bps, a spread of 2 and slippage of 2: fills are 3 bps worse than raw prices.
    settings: makeSettings(),
    period: { startMs: at("2021-01-01"), endMs: at("2021-02-01") },
    chunkKind: "month",
    series: new Map([["AAA", seriesOf("AAA", barsOf(START, prices))]]),
    providers: [scripted(votes)],
    ...parts,
  };
}

async function recordsOf(storage: Storage): Promise<ChunkRecord[]> {
  const [id] = (await storage.list("runs")).folders;
  const names = (await storage.list(`runs/${id}`)).files
    .map(({ name }) => name)
    .filter((name) => /^2.*\.json$/.test(name));
  return Promise.all(
    names.toSorted().map(async (name) => JSON.parse(await textOf(storage, `runs/${id}/${name}`)) as ChunkRecord),
  );
}

describe("the record of a chunk", () => {
  // Bought at 100 after bar 99, at the target of 109 in bar 110; sold at 100 after bar 123, at the stop of 106 in bar 130.
  const events = { 10: [100, 110, 99, 100], 30: [100, 107, 99, 100] } as const;
  const votes = { "AAA 2021-01-05T16:00": "BUY", "AAA 2021-01-06T16:00": "SELL" } as const;

  test("has one row a day, with the equity and P&L of its last tick", async () => {
    const { storage } = await runFresh(job(events, votes));
    const [{ daily, counters }] = (await recordsOf(storage)) as [ChunkRecord];
    // Noon of the 1st and 199 hours more.
    const days = Array.from({ length: 9 }, (_, i) => `2021-01-0${i + 1}`);
    expect(daily.map(({ date }) => date)).toEqual(days);
    expect(counters.ticks).toBe(200);
    const [first, second] = (await outcomesOf(storage)) as [Outcome, Outcome];
    // The 5th ends with the first trade open at 100, 3 bps less than was paid; the 6th with both trades closed.
    const open = -0.03 * first.position_size;
    const both = first.realized_pnl + second.realized_pnl;
    [0, 0, 0, 0, open, both, both, both, both].forEach((result, i) => {
      expect(daily[i]!.pnl["AAA"]).toBeCloseTo(result, 9);
      expect(daily[i]!.equity).toBeCloseTo(10_000 + result, 9);
    });
  });

  test("has the costs of its trades and its own greatest fall from a peak", async () => {
    const { storage } = await runFresh(job(events, votes));
    const [record] = (await recordsOf(storage)) as [ChunkRecord];
    const outcomes = await outcomesOf(storage);
    expect(outcomes.map(({ exit_reason: reason }) => reason)).toEqual(["target", "stop"]);
    const sum = (cost: "fee_cost" | "spread_cost" | "slippage_cost"): number =>
      outcomes.reduce((total, outcome) => total + outcome[cost], 0);
    expect(record.costs).toEqual({
      fees: expect.closeTo(sum("fee_cost"), 9),
      spread: expect.closeTo(sum("spread_cost"), 9),
      slippage: expect.closeTo(sum("slippage_cost"), 9),
    } as never);
    const [won, lost] = outcomes.map(({ realized_pnl: pnl }) => pnl) as [number, number];
    expect(record.final_value).toBeCloseTo(10_000 + won + lost, 9);
    expect(record.max_drawdown_pct).toBeCloseTo((100 * -lost) / (10_000 + won), 6);
    // The same of an account of a hundredth of a cent.
    const tiny = await runFresh(job(events, votes, { settings: makeSettings({ initialBalance: 0.0001 }) }));
    const [{ max_drawdown_pct: fall }] = (await recordsOf(tiny.storage)) as [ChunkRecord];
    expect(fall).toBeCloseTo(record.max_drawdown_pct, 6);
  });

  test("has nothing of the next chunk, whose first tick is its end", async () => {
    const { storage } = await runFresh(job(events, votes, { chunkKind: "1d" }));
    const records = await recordsOf(storage);
    expect(records.slice(0, 9).map(({ counters, daily }) => [counters.ticks, daily.map(({ date }) => date)])).toEqual(
      [12, 24, 24, 24, 24, 24, 24, 24, 20].map((ticks, i) => [ticks, [`2021-01-0${i + 1}`]]),
    );
    expect(records.map(({ counters }) => counters.not_filled)).toEqual(records.map(() => 0));
    // Only the 5th and the 6th saw a fall.
    expect(records.map(({ max_drawdown_pct: fall }) => fall > 0)).toEqual(records.map((_, i) => i === 4 || i === 5));
    const chunks = (await outcomesOf(storage)).map(({ chunk }) => chunk);
    expect(chunks).toEqual(["2021-01-06_1d", "2021-01-06_1d"]);
    // A decision comes at the end of its tick: that of midnight belongs to the day before.
    expect((await decisionsOf(storage, "2021-01-06_1d")).map(({ timestamp }) => timestamp.slice(5, 16))).toEqual([
      "01-06T04:00",
      "01-06T08:00",
      "01-06T12:00",
      "01-06T16:00",
      "01-06T20:00",
      "01-07T00:00",
    ]);
  });
});

test("every tick is reported, with the end of its bars and the trades that closed", async () => {
  const ticks: [number, number][] = [];
  await runFresh(
    job(
      { 10: [100, 110, 99, 100] },
      { "AAA 2021-01-05T16:00": "BUY" },
      {
        onProgress: ({ simulatedMs, trades }) => void ticks.push([simulatedMs, trades]),
      },
    ),
  );
  expect(ticks).toEqual(Array.from({ length: 200 }, (_, i) => [START + (i + 1) * HOUR, i < 110 ? 0 : 1]));
});

describe("the loop lets events in", () => {
  /** Runs 3,000 ticks, which an event stops as soon as it gets a turn. Returns how many ticks it took. */
  async function ticksUntilStopped(
    storage: Storage,
    options: { votes?: Record<string, "BUY">; events?: Record<number, Prices>; controller?: AbortController } = {},
  ): Promise<number> {
    const { votes = {}, events = {}, controller = new AbortController() } = options;
    let ticks = 0;
    let stoppable = 0;
    const onProgress = ({ trades }: { trades: number }): void => {
      ticks += 1;
      // From the first tick on, or from the first trade on if there is one.
      if (stoppable === 0 && (trades > 0 || Object.keys(votes).length === 0)) {
        stoppable = ticks;
        setImmediate(() => controller.abort(new Error("stopped")));
      }
    };
    const period = { startMs: at("2021-01-01"), endMs: at("2021-07-01") };
    const long = job(events, votes, { bars: 3000, period, chunkKind: "200d", onProgress, signal: controller.signal });
    await expect(runOn(storage, long)).rejects.toThrow("stopped");
    return ticks - stoppable;
  }

  test("every 1,024 ticks of a chunk, so that Ctrl-C is heard", async () => {
    const ticks = await ticksUntilStopped(inMemoryStorage());
    expect(ticks).toBeGreaterThan(1000);
    expect(ticks).toBeLessThanOrEqual(1024);
  });

  test("every 16 ticks while an outcome is being written", async () => {
    const storage = inMemoryStorage();
    const controller = new AbortController();
    const stopped = new Promise((resolve) => controller.signal.addEventListener("abort", resolve));
    const slow = overrideCalls(storage, {
      createOnce: async (name, bytes) => {
        if (name.startsWith("outcome_")) await stopped;
        return storage.createOnce(name, bytes);
      },
    });
    const ticks = await ticksUntilStopped(slow, {
      votes: { "AAA 2021-01-05T16:00": "BUY" },
      events: { 10: [100, 110, 99, 100] },
      controller,
    });
    expect(ticks).toBeLessThanOrEqual(16);
    // What was being written when the run stopped is kept.
    expect(await outcomesOf(storage)).toHaveLength(1);
  });
});

test("a position that the end of the run closes belongs to the chunk of its asset's last bar, also if that is its first", async () => {
  // The bar that begins on the 7th at midnight.
  const series = new Map([
    ["AAA", seriesOf("AAA", barsOf(START, Array<Prices>(133).fill(CALM)))],
    ["BBB", seriesOf("BBB", barsOf(START, Array<Prices>(200).fill(CALM)))],
  ]);
  const votes = { "AAA 2021-01-06T16:00": "BUY" } as const;
  const settings = makeSettings({ assets: ["AAA", "BBB"] });
  const { storage } = await runFresh(job({}, votes, { series, settings, chunkKind: "1d" }));
  expect((await outcomesOf(storage)).map(({ chunk, exit_reason: reason }) => [chunk, reason])).toEqual([
    ["2021-01-07_1d", "end_of_run"],
  ]);
});

test("at most 64 outcomes are being written: then the loop waits", async () => {
  // A reversal every four hours: 80 trades. Nothing is written before 64 outcomes are on their way, and for a while after.
  const votes: Record<string, "BUY" | "SELL"> = {};
  for (let i = 0; i < 80; i++) {
    const time = new Date(at("2021-01-05T16:00") + i * 4 * HOUR).toISOString().slice(0, 16);
    votes[`AAA ${time}`] = i % 2 === 0 ? "BUY" : "SELL";
  }
  const storage = inMemoryStorage();
  let underWay = 0;
  let most = 0;
  const isFull = Promise.withResolvers<void>();
  const slow = overrideCalls(storage, {
    createOnce: async (name, bytes) => {
      if (!name.startsWith("outcome_")) return storage.createOnce(name, bytes);
      most = Math.max(most, (underWay += 1));
      if (underWay === 64) setTimeout(isFull.resolve, 50);
      await isFull.promise;
      underWay -= 1;
      return storage.createOnce(name, bytes);
    },
  });
  await runOn(slow, job({}, votes, { bars: 430 }));
  expect(await outcomesOf(storage)).toHaveLength(80);
  expect(most).toBe(64);
});
