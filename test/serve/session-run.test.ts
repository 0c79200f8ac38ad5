/** What a session leaves on disk, chunk by chunk, and what is durable when it answers. */
import { describe, expect, test } from "bun:test";
import { outcomesDigest, RunFiles, type StoredChunk } from "../../lib/backtest/run-files.ts";
import { outcomeFileName } from "../../lib/memory/outcome.ts";
import { inMemoryStorage } from "../../lib/storage/in-memory.ts";
import type { Storage } from "../../lib/storage/storage.ts";
import { outcomesOf } from "../backtest/world-samples.ts";
import { cachesOf, recount } from "../memory/folder-samples.ts";
import { overrideCalls } from "../storage/override-calls.ts";
import { textOf } from "../storage/storage-contract.ts";
import { openSession, type Result, testServer, type TestServer, tradeOf, VOTES } from "./server-samples.ts";

const MONTHS = { settings: { backtest: { chunks: "month" } } };

/** A call of a session's methods. */
type Step = (server: TestServer, session: string) => Promise<Result>;

const trade =
  (day: string, exitPrice: number): Step =>
  (server, session) =>
    server.call("record_outcome", tradeOf(session, day, exitPrice));
const decide =
  (as_of: string, votes: readonly object[] = VOTES): Step =>
  (server, session) =>
    server.call("decide", { session, asset: "BTCUSD", as_of, votes });

/** Removes the record of a chunk of the only session, which commits it. */
const loseRecord =
  (storage: Storage, chunk: string): Step =>
  async () => {
    const [run] = (await storage.list("runs")).folders;
    await storage.remove(`runs/${run}/${chunk}.json`);
    return {};
  };

/** Wins 20 in January, loses 20 in February, does nothing in March, wins 10 on a Tuesday of April. */
const STEPS: readonly Step[] = [
  trade("2024-01-09", 110),
  // The last moment of January.
  decide("2024-02-01", VOTES.slice(0, 1)),
  trade("2024-02-13", 90),
  decide("2024-02-20T12:00:00Z"),
  trade("2024-04-09", 105),
];

/** Takes the steps in one session that is closed, and stopped and opened again before the steps of these indices. */
async function play(
  steps: readonly Step[],
  options: { params?: object; stopBefore?: readonly number[]; storage?: Storage } = {},
): Promise<{ storage: Storage; closed: Result; files: RunFiles }> {
  const { params = MONTHS, stopBefore = [], storage = inMemoryStorage() } = options;
  let server = await testServer({ storage });
  let session = await openSession(server, params);
  for (const [i, step] of steps.entries()) {
    if (stopBefore.includes(i)) {
      await server.stop();
      server = await testServer({ storage });
      session = await openSession(server, { ...params, resume: true });
    }
    await step(server, session);
  }
  const closed = await server.call("close_session", { session });
  await server.stop();
  return { storage, closed, files: new RunFiles(storage, closed["run_id"] as string) };
}

const recordsOf = (files: RunFiles, ...chunks: string[]): Promise<(StoredChunk | undefined)[]> =>
  Promise.all(chunks.map((chunk) => files.readChunk(chunk)));

/** All files, by name. */
async function filesOf(storage: Storage, folder?: string): Promise<Record<string, string | undefined>> {
  const { files, folders } = await storage.list(folder);
  const at = (name: string): string => (folder === undefined ? name : `${folder}/${name}`);
  const found: Record<string, string | undefined> = {};
  for (const { name } of files)
    found[at(name)] = Buffer.from((await storage.read(at(name), { maxBytes: 1 << 24 }))!).toString("latin1");
  for (const name of folders) Object.assign(found, await filesOf(storage, at(name)));
  return found;
}

const slowly = (storage: Storage): Storage =>
  overrideCalls(storage, {
    replace: async (name, bytes) => {
      await Bun.sleep(5);
      await storage.replace(name, bytes);
    },
    createOnce: async (name, bytes) => {
      await Bun.sleep(5);
      return storage.createOnce(name, bytes);
    },
    appendAt: async (name, offset, bytes) => {
      await Bun.sleep(5);
      await storage.appendAt(name, offset, bytes);
    },
    remove: async (name) => {
      await Bun.sleep(5);
      await storage.remove(name);
    },
  });

describe("the chunks of a session", () => {
  test("are committed as its time passes them, each with its own trades, from the account of the one before", async () => {
    const { files, closed, storage } = await play(STEPS);
    expect(closed).toMatchObject({ chunks: 4, decisions: 5, outcomes: 3 });
    expect(await files.chunkNames()).toEqual(["2024-01", "2024-02", "2024-03", "2024-04"]);
    const records = await recordsOf(files, "2024-01", "2024-02", "2024-03", "2024-04");
    expect(
      records.map((record) => [
        record!.start,
        record!.end,
        record!.initial_balance,
        record!.final_value,
        record!.outcomes_so_far,
        record!.remembered_at_start,
        record!.counters.decisions,
      ]),
    ).toEqual([
      ["2024-01-01T00:00:00.000Z", "2024-02-01T00:00:00.000Z", 10_000, 10_020, 1, 0, 2],
      ["2024-02-01T00:00:00.000Z", "2024-03-01T00:00:00.000Z", 10_020, 10_000, 2, 1, 2],
      ["2024-03-01T00:00:00.000Z", "2024-04-01T00:00:00.000Z", 10_000, 10_000, 2, 2, 0],
      // To the end of the last day.
      ["2024-04-01T00:00:00.000Z", "2024-04-10T00:00:00.000Z", 10_000, 10_010, 3, 2, 1],
    ]);
    // Who sent no vote in January.
    expect(records.map((record) => record!.counters.abstentions)).toEqual([
      { up: 0, down: 1 },
      { up: 0, down: 0 },
      { up: 0, down: 0 },
      { up: 0, down: 0 },
    ]);
    const outcomes = (await outcomesOf(storage)) as unknown as { decision_id: string; crc32: string }[];
    const digest = outcomesDigest(outcomes.map(({ decision_id: id, crc32 }) => ({ id, crc32 })));
    expect(records[3]!.outcomes_digest).toBe(digest);
  });

  test("begin and end with the multipliers of then: providers are equal until a trade has closed", async () => {
    const { files } = await play(STEPS);
    const [january, february] = await recordsOf(files, "2024-01", "2024-02");
    expect(january!.multipliers_at_start).toEqual({ up: 1, down: 1 });
    expect(january!.multipliers_at_end["up"]).toBeGreaterThan(1);
    expect(january!.multipliers_at_end["up"]! + january!.multipliers_at_end["down"]!).toBeCloseTo(2, 12);
    expect(february!.multipliers_at_start).toEqual(january!.multipliers_at_end);
    expect(february!.multipliers_at_end["up"]).toBeLessThan(february!.multipliers_at_start["up"]!);
    expect(january!.weight_moves).toEqual([
      {
        exit_timestamp: "2024-01-09T05:00:00.000Z",
        trades: [expect.objectContaining({ asset: "BTCUSD", voted_for: ["up"], voted_against: ["down"] })],
        multipliers_before: { up: 1, down: 1 },
        multipliers_after: expect.objectContaining({ up: expect.any(Number) }),
      },
    ]);
    // Of its own trades.
    expect(february!.weight_moves.map((move) => move.exit_timestamp)).toEqual(["2024-02-13T05:00:00.000Z"]);
  });

  test("have equal multipliers and no moves of weights with memory off", async () => {
    const params = { settings: { ...MONTHS.settings, portfolio_memory: { enabled: false } } };
    const { files } = await play(STEPS, { params });
    expect((await recordsOf(files, "2024-01"))[0]).toMatchObject({
      multipliers_at_start: { up: 1, down: 1 },
      multipliers_at_end: { up: 1, down: 1 },
      weight_moves: [],
    });
  });

  test("leave a snapshot each, and a summary of all, which counts what is stored", async () => {
    const { files, storage, closed } = await play(STEPS);
    const snapshots = (await storage.list()).files
      .map(({ name }) => name)
      .filter((name) => name.startsWith("snapshot_"));
    expect(snapshots).toEqual([
      "snapshot_20240201_000000.json",
      "snapshot_20240301_000000.json",
      "snapshot_20240401_000000.json",
      "snapshot_20240410_000000.json",
    ]);
    expect(JSON.parse((await textOf(storage, snapshots[1]!))!)).toMatchObject({ chunk: "2024-02", total_trades: 2 });
    expect(await files.readSummary()).toMatchObject({
      run_id: closed["run_id"],
      period: "2024-01-01/2024-04-10",
      assets: ["BTCUSD"],
      decisions: 5,
      total_trades: 3,
      total_pnl: 10,
      final_balance: 10_010,
      memory_persistence: { outcomes_carried_in: 0, outcomes_stored: 3, snapshots_stored: 4, vectors_stored: 3 },
    });
    expect(await cachesOf(storage)).toEqual(await recount(storage));
  });

  test.each([
    ["2024-04-10T00:00:00.000Z", "2024-04-10T00:00:00.000Z"],
    ["2024-04-10T00:00:00.001Z", "2024-04-11T00:00:00.000Z"],
  ])("end with the day of the last call, to which its midnight belongs: at %s with %s", async (time, end) => {
    const { files } = await play([...STEPS, decide(time)]);
    expect((await recordsOf(files, "2024-04"))[0]!.end).toBe(end);
  });

  test("have what closed at the midnight before them behind them, and what closed a millisecond later in them", async () => {
    const closesAt =
      (exit: string): Step =>
      (server, session) => {
        const times = { entry_timestamp: "2024-01-31T01:00:00Z", exit_timestamp: exit, as_of: exit };
        return server.call("record_outcome", {
          ...tradeOf(session, "2024-01-31", 104),
          ...times,
          asset: `A${exit.at(-2)}`,
        });
      };
    const steps = [STEPS[0]!, closesAt("2024-02-01T00:00:00.000Z"), closesAt("2024-02-01T00:00:00.001Z"), STEPS[4]!];
    for (const stopBefore of [[], [3], [4]]) {
      const storage = inMemoryStorage();
      const all = stopBefore[0] === 4 ? steps.toSpliced(3, 0, loseRecord(storage, "2024-01")) : steps;
      const { files } = await play(all, { storage, stopBefore });
      const records = await recordsOf(files, "2024-01", "2024-02", "2024-03");
      expect(records.map((record) => record!.outcomes_so_far)).toEqual([2, 3, 3]);
      expect(records.map((record) => record!.remembered_at_start)).toEqual([0, 2, 3]);
      expect(records[0]!.multipliers_at_end).toEqual(records[1]!.multipliers_at_start);
    }
  });

  test("have no trades of another session, also of one with the same chunks", async () => {
    const storage = inMemoryStorage();
    await play(STEPS, { storage, params: { ...MONTHS, engine: "other" } });
    const { files } = await play(STEPS, { storage });
    const records = await recordsOf(files, "2024-01", "2024-02", "2024-03", "2024-04");
    expect(records.map((record) => record!.outcomes_so_far)).toEqual([1, 2, 2, 3]);
    expect((await files.readSummary())!.total_trades).toBe(3);
  });

  test("of a session without a trade or decision are the day on which it began", async () => {
    const { files } = await play([]);
    expect(await recordsOf(files, "2024-01")).toMatchObject([
      { start: "2024-01-01T00:00:00.000Z", end: "2024-01-02T00:00:00.000Z", counters: { decisions: 0 } },
    ]);
  });

  test("name every asset, also of decisions without a trade", async () => {
    const gold: Step = (server, session) =>
      server.call("decide", { session, asset: "GOLD", as_of: "2024-02-14", votes: VOTES });
    const { files } = await play([...STEPS.slice(0, 3), gold]);
    expect((await files.readSummary())!.assets).toEqual(["BTCUSD", "GOLD"]);
  });
});

describe("a session's days a year", () => {
  /** The Sharpe ratio by the daily returns of the records. */
  const sharpeOf = async (files: RunFiles, daysPerYear: number): Promise<number> => {
    const days = (await recordsOf(files, "2024-01")).flatMap((record) => record!.daily);
    const kept = daysPerYear === 365 ? days : days.filter(({ date }) => new Date(date).getUTCDay() !== 0);
    const equities = [10_000, ...kept.map(({ equity }) => equity)];
    const returns = equities.slice(1).map((equity, i) => equity / equities[i]! - 1);
    const mean = returns.reduce((sum, value) => sum + value, 0) / returns.length;
    const variance = returns.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (returns.length - 1);
    return (mean / Math.sqrt(variance)) * Math.sqrt(daysPerYear);
  };

  test.each([
    ["252 if nothing happens on a Saturday", [], 252],
    ["365 if a decision is of a Saturday", [decide("2024-01-13T12:00:00Z")], 365],
    ["365 if a trade closes on a Saturday", [trade("2024-01-13", 100)], 365],
  ] as const)("are %s", async (_what, steps, daysPerYear) => {
    // Monday the 15th is the last day.
    const all = [trade("2024-01-09", 110), ...steps, trade("2024-01-15", 95)];
    for (const stopBefore of [[], [all.length - 1]]) {
      const { files } = await play(all, { stopBefore });
      expect((await files.readSummary())!.annualized_sharpe).toBeCloseTo(await sharpeOf(files, daysPerYear), 9);
    }
  });
});

describe("a session that is stopped and goes on", () => {
  /** Three trades that have closed at one time, in an order that is not that of their ids. */
  const TOGETHER = ["ETHUSD", "BTCUSD", "EURUSD"].map((asset, i): Step => {
    const changes = { asset, exit_price: 100 + 0.05 * (i + 1) };
    return (server, session) => server.call("record_outcome", { ...tradeOf(session, "2024-04-16", 0), ...changes });
  });
  const ALL = [...STEPS, ...TOGETHER, decide("2024-04-17")];

  test.each([[[1]], [[3]], [[4]], [[6]], [[8]], [ALL.keys().toArray()]])(
    "leaves the bytes of one that never stopped: before step %j",
    async (stopBefore) => {
      const whole = await play(ALL);
      const stopped = await play(ALL, { stopBefore });
      expect(stopped.closed).toEqual(whole.closed);
      expect(await filesOf(stopped.storage)).toEqual(await filesOf(whole.storage));
    },
  );

  test("commits a chunk again whose record is gone", async () => {
    const whole = await play(STEPS);
    const storage = inMemoryStorage();
    // A chunk later, so that January is not the one that is open.
    const steps = STEPS.toSpliced(4, 0, loseRecord(storage, "2024-01"));
    await play(steps, { storage, stopBefore: [5] });
    expect(await filesOf(storage)).toEqual(await filesOf(whole.storage));
  });

  test("has the trades that were answered, though a crash took their decisions", async () => {
    const storage = inMemoryStorage();
    const crashed = await testServer({ storage });
    await STEPS[0]!(crashed, await openSession(crashed, MONTHS));
    const server = await testServer({ storage });
    const session = await openSession(server, { ...MONTHS, resume: true });
    const closed = await server.call("close_session", { session });
    expect(closed).toMatchObject({ chunks: 1, decisions: 0, outcomes: 1 });
    const summary = await new RunFiles(storage, closed["run_id"] as string).readSummary();
    expect(summary).toMatchObject({ assets: ["BTCUSD"], total_trades: 1, final_balance: 10_020 });
  });

  test("counts its trades once, and knows their chunks", async () => {
    const [first] = STEPS as readonly [Step];
    const again: Step = async (server, session) => {
      expect(await first(server, session)).toMatchObject({ already_recorded: true });
      return {};
    };
    const whole = await play(STEPS);
    const stopped = await play([...STEPS, again], { stopBefore: [5] });
    expect(await filesOf(stopped.storage)).toEqual(await filesOf(whole.storage));
  });

  test("goes on from the time to which it had come", async () => {
    const late = decide("2024-02-20T11:00:00Z");
    await expect(play([...STEPS.slice(0, 4), late], { stopBefore: [4] })).rejects.toThrow("as_of");
  });

  test("sizes by the balance to which it had come", async () => {
    const steps = [...STEPS, decide("2024-04-20")];
    const equityOf = async (stopBefore: readonly number[]): Promise<unknown> => {
      const { files } = await play(steps, { stopBefore });
      const lines = (await Array.fromAsync(files.readOpenDecisions("2024-04"))).flat();
      return (JSON.parse(lines.at(-1)!) as { equity: number }).equity;
    };
    expect(await equityOf([])).toBe(10_010);
    expect(await equityOf([5])).toBe(10_010);
  });

  test("takes out its record and its summary before it goes on, when it was closed", async () => {
    const { storage, files } = await play(STEPS);
    const server = await testServer({ storage: slowly(storage) });
    await openSession(server, { ...MONTHS, resume: true });
    expect(await files.readSummary()).toBeUndefined();
    expect(await files.chunkNames()).toEqual(["2024-01", "2024-02", "2024-03"]);
  });
});

describe("when a session answers", () => {
  const LIVE = { mode: "live", start: undefined };

  test("its manifest is there after open_session", async () => {
    const storage = inMemoryStorage();
    const server = await testServer({ storage: slowly(storage) });
    await openSession(server);
    const [run] = (await storage.list("runs")).folders;
    expect(await new RunFiles(storage, run!).readManifest({ verify: true })).toMatchObject({ attempt: 0 });
  });

  test("a live decision is in its file", async () => {
    const storage = inMemoryStorage();
    const server = await testServer({ storage: slowly(storage) });
    const session = await openSession(server, LIVE);
    const [run] = (await storage.list("runs")).folders;
    // Two at once share an append.
    const ids = await Promise.all(
      ["2024-05-01", "2024-05-02", "2024-05-03"].map((day) => decide(day)(server, session)),
    );
    const lines = (await Array.fromAsync(new RunFiles(storage, run!).readOpenDecisions("2024Q2"))).flat();
    expect(lines.map((line) => (JSON.parse(line) as { decision_id: string }).decision_id)).toEqual(
      ids.map(({ decision_id: id }) => id as string),
    );
  });

  test("a trade is in its file", async () => {
    const storage = inMemoryStorage();
    const server = await testServer({ storage: slowly(storage) });
    const { decision_id: id } = await trade("2024-05-01", 110)(server, await openSession(server, LIVE));
    expect(await textOf(storage, outcomeFileName(id as string))).toBeDefined();
  });

  test("all of it is there after close_session", async () => {
    const whole = await play(STEPS);
    const storage = inMemoryStorage();
    const server = await testServer({ storage: slowly(storage) });
    const session = await openSession(server, MONTHS);
    for (const step of STEPS) await step(server, session);
    await server.call("close_session", { session });
    expect(await filesOf(storage)).toEqual(await filesOf(whole.storage));
  });

  test("all that was decided and committed is there after the server's end", async () => {
    const storage = inMemoryStorage();
    const server = await testServer({ storage: slowly(storage) });
    const session = await openSession(server, MONTHS);
    for (const step of STEPS) await step(server, session);
    await server.stop();
    const [run] = (await storage.list("runs")).folders;
    const files = new RunFiles(storage, run!);
    expect(await files.chunkNames()).toEqual(["2024-01", "2024-02", "2024-03"]);
    expect((await Array.fromAsync(files.readOpenDecisions("2024-04"))).flat()).toHaveLength(1);
  });

  test("a chunk is committed only when its trades are on disk, while the session goes on", async () => {
    const stored = inMemoryStorage();
    let release = (): void => {};
    const isReleased = new Promise<void>((resolve) => (release = resolve));
    const createOnce: Storage["createOnce"] = async (name, bytes) => {
      await isReleased;
      return stored.createOnce(name, bytes);
    };
    const server = await testServer({ storage: overrideCalls(stored, { createOnce }) });
    const session = await openSession(server, MONTHS);
    const recorded = trade("2024-01-09", 110)(server, session);
    await decide("2024-02-20")(server, session);
    await Bun.sleep(20);
    const [run] = (await stored.list("runs")).folders;
    const files = new RunFiles(stored, run!);
    expect(await files.chunkNames()).toEqual([]);
    release();
    await recorded;
    await server.stop();
    expect(await files.chunkNames()).toEqual(["2024-01"]);
  });

  test("a chunk's record comes after all else of it, and the summary after all records, whatever takes long", async () => {
    const stored = inMemoryStorage();
    const done: string[] = [];
    const replace: Storage["replace"] = async (name, bytes) => {
      const waits = { snapshot: 20, equity: 10, "2024-02.json": 30 };
      await Bun.sleep(Object.entries(waits).find(([part]) => name.includes(part))?.[1] ?? 1);
      await stored.replace(name, bytes);
      done.push(name.slice(name.lastIndexOf("/") + 1));
    };
    await play(STEPS.slice(0, 3), { storage: overrideCalls(stored, { replace }) });
    expect(done.filter((name) => /2024-?02|summary/.test(name))).toEqual([
      // January's, at its end.
      "snapshot_20240201_000000.json",
      "2024-02.decisions.ndjson",
      "2024-02.equity.csv",
      "snapshot_20240214_000000.json",
      "2024-02.json",
      "summary.json",
    ]);
  });
});
