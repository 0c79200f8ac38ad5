/** A session after a write that failed. The fault is in the storage: one write is refused, an append after half of its bytes. */
import { describe, expect, test } from "bun:test";
import { fail } from "../../lib/errors.ts";
import { checkMemory } from "../../lib/maintenance/check.ts";
import { inMemoryStorage } from "../../lib/storage/in-memory.ts";
import type { Storage } from "../../lib/storage/storage.ts";
import { letEventsIn, withResolvers } from "../../lib/util/async.ts";
import { outcomesOf } from "../backtest/world-samples.ts";
import { overrideCalls } from "../storage/override-calls.ts";
import { openSession, type Result, testServer, type TestServer, tradeOf, VOTES } from "./server-samples.ts";

const LIVE = { mode: "live", start: undefined, settings: { backtest: { chunks: "month" } } };
const BACKTEST = { ...LIVE, mode: "backtest", start: "2024-01-01" };

type Step = (session: string) => readonly [method: string, params: Result];
const decide =
  (as_of: string): Step =>
  (session) => ["decide", { session, asset: "BTCUSD", as_of, votes: VOTES, situation: { mood: 0.3 } }];
const trade =
  (day: string, exitPrice: number): Step =>
  (session) => ["record_outcome", tradeOf(session, day, exitPrice)];

/** Over two months, the second of which commits the first. */
const STEPS: readonly Step[] = [
  decide("2024-01-05"),
  trade("2024-01-09", 110),
  decide("2024-01-20"),
  trade("2024-02-13", 90),
  decide("2024-02-20"),
  decide("2024-02-21"),
];

const diskFull = (): Error => fail("IO", "Cannot write", { found: "ENOSPC", expected: "free space" });

interface FaultyDisk {
  readonly storage: Storage;
  /** How many writes are done before one is refused. */
  left: number;
  isFull: boolean;
}

function faultyDisk(stored: Storage): FaultyDisk {
  const isRefused = (): boolean => disk.left-- === 0 || disk.isFull;
  const storage = overrideCalls(stored, {
    createOnce: (name, bytes) => (isRefused() ? Promise.reject(diskFull()) : stored.createOnce(name, bytes)),
    replace: (name, bytes) => (isRefused() ? Promise.reject(diskFull()) : stored.replace(name, bytes)),
    appendAt: async (name, offset, bytes) => {
      const half = isRefused();
      await stored.appendAt(name, offset, half ? bytes.subarray(0, bytes.length / 2) : bytes);
      if (half) throw diskFull();
    },
  });
  const disk: FaultyDisk = { storage, left: Infinity, isFull: false };
  return disk;
}

async function filesOf(storage: Storage, folder?: string): Promise<Record<string, string>> {
  const { files, folders } = await storage.list(folder);
  const found: Record<string, string> = {};
  const at = (name: string): string => (folder === undefined ? name : `${folder}/${name}`);
  for (const { name } of files)
    found[at(name)] = Buffer.from((await storage.read(at(name), { maxBytes: 1 << 24 }))!).toString("latin1");
  for (const name of folders) Object.assign(found, await filesOf(storage, at(name)));
  return found;
}

/** A live session, as a program that asks again what failed. */
async function playLive(writes: number): Promise<{ closed: Result; files: Record<string, string>; left: number }> {
  const stored = inMemoryStorage();
  const disk = faultyDisk(stored);
  let today = "2024-01-01";
  const server = await testServer({ storage: disk.storage, now: () => Date.parse(today) });
  const retry = async <T>(work: () => Promise<T>): Promise<T> => {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        expect(error).toMatchObject({ code: "IO" });
      }
    }
  };
  disk.left = writes;
  const session = await retry(() => openSession(server, LIVE));
  today = "2024-06-01";
  for (const [method, params] of STEPS.map((step) => step(session))) {
    if (method === "record_outcome") {
      const { entry_timestamp: as_of, votes } = params;
      const asked = {
        session,
        decision_id: params["exit_price"] === 110 ? "won" : "lost",
        asset: "BTCUSD",
        as_of,
        votes,
      };
      await retry(() => server.call("decide", asked));
      await retry(() => server.call(method, { ...params, votes: undefined, decision_id: asked.decision_id }));
    } else await retry(() => server.call(method, params));
  }
  const closed = await retry(() => server.call("close_session", { session }));
  await retry(() => server.stop());
  return { closed, files: await filesOf(stored), left: disk.left };
}

describe("a live session", () => {
  test("leaves the bytes of one whose disk never failed, whichever write is refused, when its program asks again", async () => {
    const whole = await playLive(Infinity);
    expect(whole.closed).toMatchObject({ chunks: 2, decisions: 6, outcomes: 2 });
    for (let writes = 0; ; writes++) {
      const { left, ...played } = await playLive(writes);
      expect(played).toEqual({ closed: whole.closed, files: whole.files });
      if (left >= 0) break;
    }
  });

  test("has all that it answered and nothing twice, whichever write of calls that were sent together is refused", async () => {
    for (let writes = 0; ; writes++) {
      const stored = inMemoryStorage();
      const disk = faultyDisk(stored);
      const server = await testServer({ storage: disk.storage });
      const session = await openSession(server, LIVE);
      disk.left = writes;
      const answers = await Promise.allSettled(STEPS.map((step) => server.call(...step(session))));
      const { left } = disk;
      disk.left = Infinity;
      const failed = STEPS.filter((_step, i) => answers[i]!.status === "rejected");
      for (const step of failed) await server.call(...step(session));
      expect(await server.call("close_session", { session })).toMatchObject({ decisions: 6, outcomes: 2 });
      await server.stop();
      expect(await outcomesOf(stored)).toHaveLength(2);
      expect((await checkMemory(stored)).findings).toEqual([]);
      if (left >= 0) break;
    }
  });

  test("answers the same question again only when the first answer is stored, whenever its write is refused", async () => {
    for (let ticks = 0; ticks <= 40; ticks++) {
      const stored = inMemoryStorage();
      const appendAt = async (): Promise<void> => {
        for (let i = 0; i < ticks; i++) await Promise.resolve();
        throw diskFull();
      };
      const server = await testServer({ storage: overrideCalls(stored, { appendAt }) });
      const session = await openSession(server, LIVE);
      const ask = (): Promise<Result> => server.call(...decide("2024-01-05")(session));
      const answers = await Promise.allSettled([ask(), ask(), ask()]);
      expect(answers.map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
    }
  });

  test("ends with its server without an error, as all that it answered is stored", async () => {
    const disk = faultyDisk(inMemoryStorage());
    const server = await testServer({ storage: disk.storage });
    const session = await openSession(server, LIVE);
    disk.isFull = true;
    await expect(server.call(...decide("2024-01-05")(session))).rejects.toThrow("ENOSPC");
    disk.isFull = false;
    await server.stop();
  });

  test("has its writes behind it when its server has ended", async () => {
    const stored = inMemoryStorage();
    const [gate, order] = [withResolvers<void>(), [] as string[]];
    const storage = overrideCalls(stored, {
      appendAt: (name, offset, bytes) =>
        name.includes("2024-02") ? Promise.reject(diskFull()) : stored.appendAt(name, offset, bytes),
      replace: async (name, bytes) => {
        const isOfChunk = name.includes("2024-01");
        if (isOfChunk) await gate.promise;
        await stored.replace(name, bytes);
        if (isOfChunk) order.push("written");
      },
    });
    let today = "2024-01-01";
    const server = await testServer({ storage, now: () => Date.parse(today) });
    const session = await openSession(server, LIVE);
    today = "2024-06-01";
    await server.call(...decide("2024-01-05")(session));
    // Begins to commit the first month.
    await expect(server.call(...decide("2024-02-05")(session))).rejects.toThrow("ENOSPC");
    expect(order).toEqual([]);
    const stopped = server.stop().then(() => order.push("stopped"));
    await letEventsIn();
    gate.resolve();
    await stopped;
    await letEventsIn();
    expect(order.slice(-2)).toEqual(["written", "stopped"]);
  });

  test("sees no trade of another one that could not be stored", async () => {
    const disk = faultyDisk(inMemoryStorage());
    const server = await testServer({ storage: disk.storage });
    const [one, two] = [await openSession(server, LIVE), await openSession(server, { ...LIVE, engine: "two" })];
    const backtest = await openSession(server, BACKTEST);
    const remembered = async (params: object): Promise<unknown> =>
      (await server.call("provider_weights", { as_of: "2024-05-01", ...params }))["remembered"];
    disk.isFull = true;
    for (const session of [one, backtest])
      await expect(server.call(...trade("2024-01-09", 110)(session))).rejects.toThrow("ENOSPC");
    expect(await Promise.all([{}, { session: one }, { session: two }].map(remembered))).toEqual([0, 0, 0]);
    disk.isFull = false;
    await server.call(...trade("2024-01-09", 110)(one));
    expect(await Promise.all([{}, { session: one }, { session: two }].map(remembered))).toEqual([1, 1, 1]);
  });
});

test("a live session keeps its trade, whenever the one of another is refused meanwhile", async () => {
  for (let ticks = 0; ticks <= 60; ticks++) {
    const stored = inMemoryStorage();
    let isFirst = true;
    const createOnce = async (name: string, bytes: Uint8Array): Promise<boolean> => {
      if (!name.startsWith("outcome_") || !isFirst) return stored.createOnce(name, bytes);
      isFirst = false;
      for (let i = 0; i < ticks; i++) await Promise.resolve();
      throw diskFull();
    };
    const server = await testServer({ storage: overrideCalls(stored, { createOnce }) });
    const [one, two] = [await openSession(server, LIVE), await openSession(server, { ...LIVE, engine: "two" })];
    const refused = server.call(...trade("2024-01-09", 110)(one));
    const kept = server.call(...trade("2024-01-10", 110)(two));
    await expect(refused).rejects.toThrow("ENOSPC");
    await kept;
    for (const session of [undefined, one, two])
      expect(await server.call("provider_records", { as_of: "2024-05-01", session })).toMatchObject({ remembered: 1 });
  }
});

describe("a session that is opened while a trade is stored", () => {
  test.each([LIVE, { ...BACKTEST, start: "2024-03-01" }])("sees nothing of it if that fails: %p", async (params) => {
    const stored = inMemoryStorage();
    const gate = withResolvers<void>();
    const createOnce = async (name: string, bytes: Uint8Array): Promise<boolean> => {
      if (name.startsWith("outcome_")) await gate.promise;
      return stored.createOnce(name, bytes);
    };
    const server = await testServer({ storage: overrideCalls(stored, { createOnce }) });
    const one = await openSession(server, LIVE);
    const recorded = server.call(...trade("2024-01-09", 110)(one));
    const opened = openSession(server, { ...params, engine: "two" });
    await letEventsIn();
    gate.reject(diskFull());
    await expect(recorded).rejects.toThrow("ENOSPC");
    for (const session of [undefined, one, await opened]) {
      expect(await server.call("provider_records", { as_of: "2024-05-01", session })).toMatchObject({ remembered: 0 });
    }
  });
});

describe("a backtest", () => {
  /** A session whose first chunk could not be committed. */
  async function failedBacktest(params: object = BACKTEST): Promise<{ server: TestServer; session: string }> {
    const disk = faultyDisk(inMemoryStorage());
    const server = await testServer({ storage: disk.storage });
    const session = await openSession(server, params);
    await server.call(...decide("2024-01-05")(session));
    disk.isFull = true;
    await server.call(...decide("2024-02-05")(session));
    disk.isFull = false;
    await expect(server.call(...decide("2024-02-06")(session))).rejects.toThrow("ENOSPC");
    return { server, session };
  }

  test("whose chunk could not be stored says so until it is opened again, as it has lost decisions", async () => {
    const { server, session } = await failedBacktest();
    for (const step of [decide("2024-02-06"), trade("2024-02-09", 110)]) {
      await expect(server.call(...step(session))).rejects.toMatchObject({
        code: "READ_ONLY",
        message: expect.stringContaining(
          "an earlier write failed (Cannot write: found ENOSPC, expected free space), expected a new open_session",
        ),
      });
    }
    const again = await openSession(server, { ...BACKTEST, resume: true });
    await expect(server.call(...decide("2024-02-06")(session))).rejects.toMatchObject({ code: "NOT_FOUND" });
    for (const step of STEPS) await server.call(...step(again));
    expect(await server.call("close_session", { session: again })).toMatchObject({ decisions: 6, outcomes: 2 });
    expect((await checkMemory(server.storage)).findings).toEqual([]);
  });

  test("whose chunk could not be stored is closed once that was said, also after another attempt", async () => {
    const { server, session } = await failedBacktest();
    const again = await openSession(server, BACKTEST);
    await server.call("close_session", { session: again });
    const close = (): Promise<Result> => server.call("close_session", { session });
    await expect(close()).rejects.toMatchObject({ code: "READ_ONLY" });
    expect(await server.call("memory_stats")).toMatchObject({ open_sessions: 0 });
    await expect(close()).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  test("whose chunk could not be stored ends with its server without an error", async () => {
    const { server } = await failedBacktest();
    await server.stop();
    expect((await checkMemory(server.storage)).findings).toEqual([]);
  });

  test("that begins with its first call is opened again, too", async () => {
    const params = { ...BACKTEST, start: undefined };
    const { server } = await failedBacktest(params);
    const again = await openSession(server, { ...params, resume: true });
    await server.call(...decide("2024-01-05")(again));
  });
});
