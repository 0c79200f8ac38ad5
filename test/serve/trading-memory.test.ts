import { expect, test } from "bun:test";
import { join } from "node:path";
import { openTradingMemory, recall } from "../../lib/mod.node.ts";
import { readRun } from "../../lib/report/run-data.ts";
import { listRuns } from "../../lib/runs/list.node.ts";
import { diskStorage } from "../../lib/storage/disk.node.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { VOTES } from "./server-samples.ts";

const base = temporaryFolder("trading-memory");
const SESSION = { engine: "test", mode: "backtest", providers: ["up", "down"], start: "2024-01-01" } as const;
/** From 100 with the stop at 90, so that an R is 10. */
const TRADE = {
  asset: "BTCUSD",
  action: "BUY",
  votes: VOTES,
  entry_timestamp: "2024-01-02T01:00:00Z",
  exit_timestamp: "2024-01-02T05:00:00Z",
  entry_price: 100,
  exit_price: 115,
  position_size: 2,
  stop_price: 90,
  as_of: "2024-01-02T06:00:00Z",
} as const;

test("a program decides, records a trade and recalls it in its own process, with typed results", async () => {
  const folder = join(base, "one");
  const memory = await openTradingMemory(folder);
  const { session } = await memory.call("open_session", SESSION);
  const { result_r, realized_pnl } = await memory.call("record_outcome", { session, ...TRADE });
  expect([result_r, realized_pnl]).toEqual([1.5, 30]);
  const later = { session, as_of: "2024-01-03", asset: "BTCUSD", votes: VOTES, price: 100, stop: 90 };
  const { remembered, similar, weights } = await memory.call("decide", later);
  expect([remembered, similar.length]).toEqual([1, 1]);
  expect(weights["up"]! + weights["down"]!).toBeCloseTo(1, 12);
  const { trades } = await memory.call("recall_trades", { query: "BTCUSD", as_of: "2024-01-03" });
  expect(trades.map(({ sentence }) => sentence)).toEqual([expect.stringMatching(/^BTCUSD .*\.$/)]);
  const { chunks, outcomes } = await memory.call("close_session", { session });
  expect([chunks, outcomes]).toEqual([1, 1]);
  await memory.close();
  const found = await recall({ memoryDir: folder, sentence: "BTCUSD in a market", k: 3 });
  expect(found.similar).toMatchObject([{ result_r: 1.5, won: true, sentence: trades[0]!.sentence! }]);
});

test("a session is listed as open with its trades, and reported once it is closed", async () => {
  const folder = join(base, "open");
  const memory = await openTradingMemory(folder);
  const { session } = await memory.call("open_session", SESSION);
  await memory.call("record_outcome", { session, ...TRADE });
  const [open] = await listRuns(folder);
  expect(open).toMatchObject({ state: "open", stopped_in: null, total_trades: 1 });
  const reading = readRun(diskStorage(folder), open!.run_id);
  await expect(reading).rejects.toThrow(
    "found an open session, expected a closed one: the method close_session ends it",
  );
  await memory.call("close_session", { session });
  expect(await listRuns(folder)).toMatchObject([{ run_id: open!.run_id, state: "finished", total_trades: 1 }]);
  expect((await readRun(diskStorage(folder), open!.run_id)).records.length).toBe(1);
  await memory.close();
});

test("the folder has one writer until it is closed", async () => {
  const folder = join(base, "two");
  const memory = await openTradingMemory(folder);
  expect(await openTradingMemory(folder).catch((error: unknown) => error)).toMatchObject({ code: "LOCKED" });
  await memory.close();
  await (await openTradingMemory(folder)).close();
});

test("a parameter that is refused is named, and the next call is answered", async () => {
  const memory = await openTradingMemory(join(base, "three"));
  // @ts-expect-error -- times are numbers, text or a Date
  const refused = memory.call("provider_weights", { as_of: true });
  expect(await refused.catch((error: unknown) => error)).toMatchObject({ code: "BAD_USAGE", field: "as_of" });
  const wrong = memory.call("provider_weights", { as_of: new Date("never") });
  expect(await wrong.catch((error: unknown) => error)).toMatchObject({ code: "BAD_USAGE", field: "as_of" });
  for (const as_of of ["2024-01-01", new Date("2024-01-01")])
    expect(await memory.call("provider_weights", { as_of })).toMatchObject({ remembered: 0 });
  await memory.close();
});
