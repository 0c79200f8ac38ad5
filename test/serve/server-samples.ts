/** A server of memory in this process, and calls of it. */
import { parseConfig } from "../../lib/config/parse.ts";
import { hashingEmbedder } from "../../lib/embed/hashing.ts";
import { openMemory } from "../../lib/memory/store.ts";
import { MemoryServer } from "../../lib/serve/memory-server.ts";
import { MethodCalls } from "../../lib/serve/methods.ts";
import { inMemoryStorage } from "../../lib/storage/in-memory.ts";
import type { Storage } from "../../lib/storage/storage.ts";

export type Result = Record<string, unknown>;

export interface TestServer {
  readonly storage: Storage;
  /** Calls a method, and returns its result. */
  readonly call: (method: string, params?: object) => Promise<Result>;
  /** Ends as at the end of a process. */
  readonly stop: () => Promise<void>;
}

/** Opens a server on a storage. @param options `now`: its clock. */
export async function testServer(options: { storage?: Storage; now?: () => number } = {}): Promise<TestServer> {
  const { storage = inMemoryStorage(), now = () => Date.parse("2024-06-01") } = options;
  const memory = await openMemory(storage, { embedder: hashingEmbedder() });
  const config = await parseConfig("backtest:\n  assets: [BTCUSD]\n", { file: "config.yaml" });
  let names = 0;
  const calls = new MethodCalls(new MemoryServer({ memory, config, now, newName: () => `s-${++names}` }));
  return {
    storage,
    call: async (method, params = {}) => (await calls.call(method, params)) as Result,
    stop: async () => {
      await calls.stop();
      await memory.flush();
    },
  };
}

/** Opens a session of two providers, which begins with 2024. */
export async function openSession(
  server: { call: (method: string, params: object) => Promise<Result> },
  params: object = {},
): Promise<string> {
  const asked = { engine: "test", mode: "backtest", providers: ["up", "down"], start: "2024-01-01", ...params };
  return (await server.call("open_session", asked))["session"] as string;
}

/** The votes of both, opposite to each other. */
export const VOTES = [
  { provider: "up", action: "BUY", confidence: 70 },
  { provider: "down", action: "SELL", confidence: 55 },
] as const;

/** A trade of a day: from 100 with the stop at 90, so that an R is 10. */
export function tradeOf(session: string, day: string, exitPrice: number): Result {
  return {
    session,
    votes: VOTES,
    asset: "BTCUSD",
    action: "BUY",
    entry_timestamp: `${day}T01:00:00Z`,
    exit_timestamp: `${day}T05:00:00Z`,
    entry_price: 100,
    exit_price: exitPrice,
    position_size: 2,
    stop_price: 90,
    as_of: `${day}T06:00:00Z`,
  };
}
