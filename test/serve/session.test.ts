import { describe, expect, test } from "bun:test";
import { checkMemory } from "../../lib/maintenance/check.ts";
import { ParamError } from "../../lib/serve/param-error.ts";
import { inMemoryStorage } from "../../lib/storage/in-memory.ts";
import { outcomesOf } from "../backtest/world-samples.ts";
import { openSession, type Result, testServer, type TestServer, tradeOf, VOTES } from "./server-samples.ts";

const DAY = "2024-01-02";

/** The field that a refused call names. */
async function refusedField(call: Promise<unknown>): Promise<string> {
  const error = await call.catch((thrown: unknown) => thrown);
  if (!(error instanceof ParamError)) throw new Error(`not refused: ${JSON.stringify(error)}`);
  return error.field;
}

describe("a decision", () => {
  test("weighs providers by the trades that closed before it", async () => {
    const server = await testServer();
    const session = await openSession(server);
    for (let day = 2; day <= 21; day++) {
      await server.call("record_outcome", tradeOf(session, `2024-01-${String(day).padStart(2, "0")}`, 110));
    }
    const at = { session, asset: "BTCUSD", votes: VOTES };
    const decided = await server.call("decide", { ...at, as_of: "2024-01-22" });
    expect(decided).toMatchObject({ action: "BUY", remembered: 20 });
    const weights = decided["weights"] as { up: number; down: number };
    expect(weights.up).toBeGreaterThan(weights.down);
    expect(weights.up + weights.down).toBeCloseTo(1, 12);
    expect(decided["records"]).toMatchObject({ up: { trades: 20, right: 20, mean_r: 1 }, down: { right: 0 } });
  });

  test("returns the same again, and refuses other votes under its id", async () => {
    const server = await testServer();
    const session = await openSession(server);
    const asked = { session, asset: "BTCUSD", as_of: "2024-01-05", votes: VOTES, situation: { adx: 30, mood: 0.3 } };
    const first = await server.call("decide", asked);
    await server.call("record_outcome", tradeOf(session, "2024-01-06", 110));
    expect(await server.call("decide", asked)).toEqual(first);
    expect(await refusedField(server.call("decide", { ...asked, votes: [] }))).toBe("decision_id");
    expect(await refusedField(server.call("decide", { ...asked, price: 100, stop: 90 }))).toBe("decision_id");
  });

  test("begins small where the risk is known, and at full size where it is not; the stop may be on either side", async () => {
    const server = await testServer();
    const session = await openSession(server);
    const scale = async (asset: string, risk: object): Promise<unknown> =>
      (await server.call("decide", { session, asset, as_of: DAY, votes: VOTES.slice(0, 1), ...risk }))["size_scale"];
    expect(await scale("A", {})).toBe(1);
    expect(await scale("B", { situation: { close: 100 } })).toBe(1);
    expect(await scale("C", { price: 100, stop: 98 })).toBe(0.02);
    // A fifth of the costs in R.
    expect(await scale("D", { price: 100, stop: 90 })).toBe(0.68);
    expect(await scale("E", { price: 100, stop: 110 })).toBe(0.68);
    expect(await scale("F", { situation: { close: 100 }, stop: 90 })).toBe(0.68);
  });

  test("refuses confidences that are shares at a provider's 50th vote, and takes small ones among others", async () => {
    const server = await testServer();
    const session = await openSession(server);
    const decide = (asset: string, up: number, down: number): Promise<unknown> => {
      const votes = [
        { provider: "up", action: "BUY", confidence: up },
        { provider: "down", action: "SELL", confidence: down },
      ];
      return server.call("decide", { session, asset, as_of: DAY, votes });
    };
    for (let i = 1; i < 50; i++) await decide(`A${i}`, i === 7 ? 2 : 0.7, 0.6);
    await expect(decide("A50", 0.7, 0.5)).rejects.toThrow(
      'Cannot decide: found 0.5, and none above 1 in 50 votes of "down" for votes[1].confidence, expected 0 to 100: 70 for a share of 0.7',
    );
    expect(await refusedField(decide("A51", 0.7, 0.5))).toBe("votes[1].confidence");
    await decide("A52", 0.7, 50);
  });

  test("lets a provider without a vote abstain", async () => {
    const server = await testServer();
    const session = await openSession(server);
    const decided = await server.call("decide", { session, asset: "BTCUSD", as_of: DAY, votes: VOTES.slice(0, 1) });
    expect(decided).toMatchObject({ action: "BUY", weights: { up: 0.5, down: 0.5 }, calibrated: { down: 0 } });
  });

  test.each([
    ["votes[0].provider", { votes: [{ provider: "upp", action: "BUY", confidence: 60 }] }],
    ["votes[1].provider", { votes: [VOTES[0], VOTES[0]] }],
    ["votes[0].confidence", { votes: [{ provider: "up", action: "BUY", confidence: 101 }] }],
    ["as_of", { as_of: "yesterday" }],
    ["as_of", { as_of: "2024-01-01T23:59:59Z" }],
    // A wrong year, over thousands of chunks.
    ["as_of", { as_of: "2204-01-02" }],
    ["params", { situation: { deep: JSON.parse(`${"[".repeat(50_000)}${"]".repeat(50_000)}`) as unknown } }],
    ["situation.adx", { situation: { adx: "high" } }],
    ["situation.deep", { situation: { deep: { er: 1 } } }],
    ["stop", { price: 100, stop: 100 }],
    ["stop", { price: 100 }],
    ["price", { stop: 90 }],
    ["price", { atr: 2.5 }],
    ["session", { session: "another" }],
    ["colour", { colour: 1 }],
  ])("names %s when it is refused", async (field, wrong) => {
    const server = await testServer();
    const session = await openSession(server);
    const asked = { session, asset: "BTCUSD", as_of: DAY, votes: VOTES };
    await server.call("decide", asked);
    expect(await refusedField(server.call("decide", { ...asked, asset: "ETHUSD", ...wrong }))).toBe(field);
  });
});

describe("the result in R of a trade", () => {
  /** A trade from 100 to 105, without anything that says what it risked. */
  const bare = (session: string): object => ({ ...tradeOf(session, "2024-03-01", 105), stop_price: undefined });

  test("is by its stop, else its ATR, else those of its decision", async () => {
    const server = await testServer();
    const session = await openSession(server);
    const record = async (params: object): Promise<unknown> => {
      const { result_r, r_basis } = await server.call("record_outcome", { ...bare(session), ...params });
      return [r_basis, result_r];
    };
    // 5 of 20; 5 of 3 x 2.5; 5 of 12.5; 5 of 3 x 5.
    expect(await record({ decision_id: "a", stop_price: 80, atr: 2.5 })).toEqual(["stop", 0.25]);
    expect(await record({ decision_id: "b", atr: 2.5 })).toEqual(["atr", 5 / 7.5]);
    for (const [id, risk] of [
      ["c", { price: 101, stop: 87.5 }],
      ["d", { situation: { close: 100, atr: 5 } }],
    ] as const) {
      const as_of = "2024-03-01T06:00:00Z";
      await server.call("decide", { session, decision_id: id, as_of, asset: "BTCUSD", votes: VOTES, ...risk });
    }
    const late = {
      entry_timestamp: "2024-03-01T07:00:00Z",
      exit_timestamp: "2024-03-01T08:00:00Z",
      as_of: "2024-03-02",
    };
    expect(await record({ decision_id: "c", votes: undefined, ...late })).toEqual(["stop", 0.4]);
    expect(await record({ decision_id: "d", votes: undefined, ...late })).toEqual(["atr", 1 / 3]);
  });

  test("is by how much the asset's trades move from the tenth on, and unknown before", async () => {
    const server = await testServer();
    const session = await openSession(server);
    for (let day = 1; day <= 10; day++) {
      const trade = tradeOf(session, `2024-02-${String(day).padStart(2, "0")}`, day % 2 === 0 ? 104 : 96);
      const { r_basis } = await server.call("record_outcome", { ...trade, stop_price: undefined });
      expect(r_basis).toBe("none");
    }
    // All moved by 4 percent, so an R is 4 and a trade of 5 is 1.25 R.
    const moved = await server.call("record_outcome", bare(session));
    expect(moved["r_basis"]).toBe("dispersion");
    expect(moved["result_r"]).toBeCloseTo(1.25, 12);
    const records = (await server.call("provider_records", { as_of: "2024-04-01" }))["records"];
    expect(records).toMatchObject({ up: { trades: 1, right: 1 } });
  });

  test("is before costs, which the P&L is after", async () => {
    const server = await testServer();
    const trade = tradeOf(await openSession(server), DAY, 104);
    const prices = { raw_entry_price: 99.5, raw_exit_price: 104.5, fees: 3 };
    const { result_r, realized_pnl } = await server.call("record_outcome", { ...trade, ...prices });
    // (104.5 - 99.5) of the 9.5 from 99.5 to the stop at 90; (104 - 100) x 2 - 3.
    expect([result_r, realized_pnl]).toEqual([5 / 9.5, 5]);
  });
});

describe("a trade", () => {
  test("is recorded once: the same again is fine, and another one under its id is refused", async () => {
    const server = await testServer();
    const session = await openSession(server);
    const trade = tradeOf(session, DAY, 110);
    const first = await server.call("record_outcome", trade);
    await server.call("record_outcome", tradeOf(session, "2024-05-02", 90));
    expect(await server.call("record_outcome", trade)).toEqual({ ...first, already_recorded: true });
    expect(await refusedField(server.call("record_outcome", { ...trade, exit_price: 111 }))).toBe("decision_id");
    expect(await outcomesOf(server.storage)).toHaveLength(2);
  });

  test.each([
    ["exit_timestamp", { exit_timestamp: "2024-01-02T00:00:00Z" }],
    ["exit_timestamp", { as_of: "2024-01-02T04:00:00Z" }],
    ["stop_price", { stop_price: 100 }],
    ["entry_timestamp", { entry_timestamp: "2023-12-31T00:00:00Z" }],
    ["decision_id", { votes: undefined }],
    ["decision_id", { votes: undefined, decision_id: "nobody-made-it" }],
    ["position_size", { position_size: 0 }],
    ["entry_price", { entry_price: Number.NaN }],
  ])("names %s when it is refused, and nothing of it is stored", async (field, wrong) => {
    const server = await testServer();
    const session = await openSession(server);
    expect(await refusedField(server.call("record_outcome", { ...tradeOf(session, DAY, 110), ...wrong }))).toBe(field);
    expect(await outcomesOf(server.storage)).toEqual([]);
  });
});

describe("a trade that memory refuses", () => {
  test("leaves no decision either, and its id is free", async () => {
    const server = await testServer();
    const session = await openSession(server);
    const trade = { ...tradeOf(session, DAY, 110), decision_id: "huge" };
    // Each number is allowed, but not their product.
    const refused = server.call("record_outcome", { ...trade, position_size: 1e100, exit_price: 1e100 });
    await expect(refused).rejects.toThrow("realized_pnl");
    await server.call("record_outcome", { ...trade, votes: VOTES.slice(0, 1) });
    expect(await server.call("close_session", { session })).toMatchObject({ decisions: 1, outcomes: 1 });
  });
});

describe("what sessions see", () => {
  const remembered = async (server: TestServer, session: string): Promise<unknown> =>
    (await server.call("provider_weights", { as_of: "2024-05-01", session }))["remembered"];

  test("live ones see all trades, backtests only what had closed by their start and their own", async () => {
    const server = await testServer();
    const live = { mode: "live", start: undefined };
    const [one, two] = [await openSession(server, { ...live, engine: "one" }), await openSession(server, live)];
    const [three, four] = [await openSession(server), await openSession(server, { start: "2024-02-01" })];
    await server.call("record_outcome", tradeOf(one, DAY, 110));
    await server.call("record_outcome", tradeOf(three, DAY, 110));
    // Two sessions made the same trade. Only the live one of them sees both.
    expect(await Promise.all([one, two, three, four].map((name) => remembered(server, name)))).toEqual([2, 1, 1, 0]);
    await server.call("record_outcome", tradeOf(three, "2024-01-10", 110));
    expect(await Promise.all([one, two, three, four].map((name) => remembered(server, name)))).toEqual([3, 2, 2, 0]);
    expect(await remembered(server, await openSession(server, { start: "2024-02-01" }))).toBe(2);
  });

  test("a recall says that numbers of one's own are compared only with a session and an asset", async () => {
    const server = await testServer();
    const session = await openSession(server);
    await server.call("record_outcome", tradeOf(session, DAY, 110));
    const noteOn = async (params: object): Promise<unknown> =>
      (await server.call("recall_trades", { as_of: "2024-05-01", ...params }))["note"];
    const situation = { regime: "TRENDING", roc72: 0.05 };
    expect(await noteOn({ situation, asset: "BTCUSD" })).toBe(
      "roc72 is not compared: numbers of your own are, by their rank, with a session and an asset",
    );
    expect(await noteOn({ situation, asset: "BTCUSD", session })).toBeUndefined();
    expect(await noteOn({ situation: { regime: "TRENDING", rsi: 60 }, asset: "BTCUSD" })).toBeUndefined();
  });

  const openLive = (server: TestServer, settings: object = {}): Promise<Result[]> =>
    Promise.all(
      ["one", "two", "three"].map((engine) =>
        server.call("open_session", { engine, mode: "live", providers: ["up", "down"], settings }),
      ),
    );

  /** How many trades each sees, and their ids. */
  const seenByAll = (server: TestServer, sessions: Result[], asOf = "2024-05-01"): Promise<unknown[]> =>
    Promise.all(
      sessions.map(async ({ session }) => {
        const asked = { session, as_of: asOf };
        const { remembered: count } = await server.call("provider_weights", asked);
        const { trades } = await server.call("recall_trades", { ...asked, query: "BTCUSD rising" });
        return [count, (trades as Result[]).map(({ decision_id: id }) => id).toSorted()];
      }),
    );

  test("a live one sees its own trade and one of others' with its entry, while it runs, after a restart and a forget mark", async () => {
    // Its run has the smallest id, so that its trade takes the place of others.
    const backtest = { engine: "five", mode: "backtest", providers: ["up", "down"], start: "2024-01-01" };
    // Whichever of them is the first to record its trade.
    for (let first = 0; first < 4; first++) {
      const storage = inMemoryStorage();
      const before = await testServer({ storage });
      const live = await openLive(before);
      const all = [...live, await before.call("open_session", backtest)];
      for (let i = first; i < first + all.length; i++) {
        const { session, run_id: id } = all[i % all.length]!;
        const exit_timestamp = `${DAY}T05:${10 + (i % all.length)}:00Z`;
        const trade = { ...tradeOf(session as string, DAY, 110), exit_timestamp, decision_id: `of-${id as string}` };
        await before.call("record_outcome", trade);
      }
      const ids = all.map(({ run_id: id }) => `of-${id as string}`);
      const both = (own: string): string[] => [own, ids.filter((id) => id !== own).toSorted()[0]!].toSorted();
      const expected = ids.slice(0, live.length).map((own) => [2, both(own)]);
      expect(await seenByAll(before, all)).toEqual([...expected, [1, ids.slice(-1)]]);
      await before.call("forget_provider", { provider: "up", before: "1999-01-01" });
      expect(await seenByAll(before, all)).toEqual([...expected, [1, ids.slice(-1)]]);
      await before.stop();
      const after = await testServer({ storage });
      expect(await seenByAll(after, await openLive(after))).toEqual(expected);
      // A later run takes them for one.
      expect(await remembered(after, await openSession(after, { start: "2024-02-01" }))).toBe(1);
    }
  });

  test("a live one looks back on the newest trades of then, while it runs, after a restart and a forget mark", async () => {
    const settings = { portfolio_memory: { max_memory_size: 2 } };
    const storage = inMemoryStorage();
    const before = await testServer({ storage });
    const live = await openLive(before, settings);
    const backtest = await openSession(before);
    for (const day of ["2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05", "2024-01-06"])
      await before.call("record_outcome", { ...tradeOf(backtest, day, 110), decision_id: `of-${day}` });
    const expected = live.map(() => [2, ["of-2024-01-03", "of-2024-01-04"]]);
    expect(await seenByAll(before, live, "2024-01-05")).toEqual(expected);
    await before.call("forget_provider", { provider: "up", before: "1999-01-01" });
    expect(await seenByAll(before, live, "2024-01-05")).toEqual(expected);
    await before.stop();
    const after = await testServer({ storage });
    expect(await seenByAll(after, await openLive(after, settings), "2024-01-05")).toEqual(expected);
  });

  test("the clock bounds a live session's time", async () => {
    const server = await testServer({ now: () => Date.parse("2024-06-01") });
    const session = await openSession(server, { mode: "live", start: undefined });
    const asked = { session, asset: "BTCUSD", votes: VOTES };
    expect(await refusedField(server.call("decide", { ...asked, as_of: "2024-06-01T00:00:02Z" }))).toBe("as_of");
    await server.call("decide", { ...asked, as_of: "2024-06-01" });
    // It may look back.
    await server.call("decide", { ...asked, as_of: "2024-05-01" });
  });
});

describe("a session that is open already", () => {
  const LIVE = { engine: "bot", mode: "live", providers: ["up", "down"] };

  test("is given back if it is live, to a program that lost its id", async () => {
    const server = await testServer();
    const first = await server.call("open_session", LIVE);
    expect(first).toMatchObject({ resumed: false });
    await server.call("record_outcome", tradeOf(first["session"] as string, DAY, 110));
    for (const resume of [undefined, true])
      expect(await server.call("open_session", { ...LIVE, resume })).toEqual({ ...first, resumed: true });
    expect(await server.call("memory_stats")).toMatchObject({ open_sessions: 1 });
    expect(await server.call("close_session", { session: first["session"] })).toMatchObject({ outcomes: 1 });
  });

  test("is refused by its id otherwise, and its files stay", async () => {
    const server = await testServer();
    const backtest = { settings: { backtest: { chunks: "month" } } };
    const session = await openSession(server, backtest);
    await server.call("record_outcome", tradeOf(session, DAY, 110));
    await server.call("decide", { session, asset: "BTCUSD", as_of: "2024-02-02", votes: VOTES });
    const live = await server.call("open_session", LIVE);
    for (const [params, name] of [
      [{ ...backtest, resume: true }, session],
      // In the same millisecond.
      [{ ...LIVE, resume: false, start: undefined }, live["session"]],
    ] as const) {
      const refused = openSession(server, params);
      await expect(refused).rejects.toMatchObject({
        code: "CONFLICT",
        message: expect.stringContaining(`as "${name}"`),
      });
    }
    await server.call("close_session", { session });
    expect((await checkMemory(server.storage)).findings).toEqual([]);
  });
});

test("of a thousand open sessions one is given back and one begins, and a new one is refused before it is stored", async () => {
  const server = await testServer();
  const live = { mode: "live", start: undefined };
  const one = await openSession(server, live);
  let last = "";
  for (let i = 1; i < 1000; i++) last = await openSession(server, { start: undefined });
  expect(await openSession(server, live)).toBe(one);
  for (const params of [{ ...live, engine: "another" }, {}, { start: undefined }])
    await expect(openSession(server, params)).rejects.toThrow("found 1000 open sessions");
  await server.call("decide", { session: last, asset: "BTCUSD", as_of: DAY, votes: VOTES });
  expect((await server.storage.list("runs")).folders).toHaveLength(2);
});

describe("a session that stopped", () => {
  test.each(["backtest", "live"])("%s: goes on with its trades and chunks, and its files are intact", async (mode) => {
    const storage = inMemoryStorage();
    const now = (): number => Date.parse("2024-06-01");
    const params = mode === "live" ? { mode, start: undefined } : { mode };
    const before = await testServer({ storage, now });
    const first = await openSession(before, params);
    const trades = ["2024-02-02", "2024-04-20", "2024-05-02"].map((day) => (name: string) => tradeOf(name, day, 108));
    for (const trade of trades) await before.call("record_outcome", trade(first));
    await before.stop();
    expect((await checkMemory(storage)).findings).toEqual([]);

    const after = await testServer({ storage, now });
    const again = await openSession(after, { ...params, resume: true });
    expect(await after.call("record_outcome", trades[0]!(again))).toMatchObject({ already_recorded: true });
    await after.call("record_outcome", tradeOf(again, "2024-05-20", 95));
    const closed = await after.call("close_session", { session: again });
    expect(closed).toMatchObject({ decisions: 4, outcomes: 4, chunks: mode === "live" ? 1 : 2 });
    await after.stop();
    expect((await storage.list("runs")).folders).toEqual([closed["run_id"] as string]);
    expect((await checkMemory(storage)).findings).toEqual([]);
    expect(await outcomesOf(storage)).toHaveLength(4);
  });
});
