/**
 * How long the server takes to answer, and to store.
 *
 *     bun bench/serve.ts
 */
import { join } from "node:path";
import { loadConfig } from "../lib/config/load.node.ts";
import { encodeOutcome } from "../lib/memory/outcome.ts";
import { serveHttp } from "../lib/serve/http.node.ts";
import { openServer, type OpenServer } from "../lib/serve/open.node.ts";
import { PROJECT_DIR } from "../test/samples.ts";
import { startServer } from "../test/serve/rpc-child.ts";
import { embedderOf } from "./support/embedders.ts";
import {
  asMs,
  elapsed,
  median,
  quantile,
  renderReport,
  temporaryFolder,
  type BenchReport,
  type BenchRow,
} from "./support/measure.ts";
import { makeMemory, outcomesLikeReal, situationAt, writeDurably } from "./support/memory-folders.ts";

/** Goals: of a decision, of a message there and back, and of a record against a bare durable write. */
const MAX_DECIDE_MS = 0.15;
const MAX_TRANSPORT_MS = 0.06;
const MAX_RECORD_RATIO = 1.3;
const MAX_HTTP_P99_MS = 50;

const PROVIDERS = ["trend", "reversion", "breakout"];
const PIPELINED = 64;

export interface ServeOptions {
  readonly outcomes?: number;
  /** Calls of each kind. */
  readonly calls?: number;
  /** HTTP clients at once, and requests of each. */
  readonly clients?: number;
  readonly requests?: number;
}

export async function serving(options: ServeOptions = {}): Promise<BenchReport> {
  const { outcomes = 1000, calls = 1000, clients = 200, requests = 20 } = options;
  using folder = temporaryFolder();
  const dir = join(folder.path, "memory");
  await makeMemory(dir, { outcomes, embedder: embedderOf(128) });
  const transport = await transportRow(join(folder.path, "empty"), calls);
  const server = await openMemoryServer(dir);
  try {
    return {
      title: "Serving memory",
      notes: [
        `A memory of ${outcomes.toLocaleString("en")} outcomes, a session of ${PROVIDERS.length} providers. Medians of ${calls.toLocaleString("en")} calls.`,
        "decide(): each as of another hour, with a whole situation. Transport: a call that has nothing to look up, to another process and back.",
        "record_outcome: against a bare loop in the same folder (write, fsync, rename, fsync the folder), in turns.",
      ],
      rows: [
        await decideRow(server, calls),
        transport,
        ...(await recordRows(server, { dir, calls: Math.ceil(calls / 4) })),
        await httpRow(server, { clients, requests }),
      ],
    };
  } finally {
    await server.close();
  }
}

async function openMemoryServer(dir: string): Promise<OpenServer> {
  const { config } = await loadConfig(join(PROJECT_DIR, "config.yaml"));
  const { signal } = new AbortController();
  return openServer({ config, memory: { ...config.memory, dir }, onNote: () => {}, signal });
}

async function openSession({ calls }: OpenServer, mode: "backtest" | "live"): Promise<string> {
  const params = { engine: "bench", mode, providers: PROVIDERS, ...(mode === "live" ? {} : { start: "2023-01-01" }) };
  return ((await calls.call("open_session", params)) as { session: string }).session;
}

function decision(session: string, i: number): object {
  const { asset, timestamp, ...situation } = situationAt(i, Date.UTC(2023, 0, 1) + i * 3_600_000);
  const votes = PROVIDERS.map((provider, n) => ({
    provider,
    action: ["BUY", "SELL", "HOLD"][(i + n) % 3],
    confidence: 50 + ((i * 7) % 40),
  }));
  return { session, as_of: new Date(timestamp).toISOString(), asset, votes, situation };
}

async function decideRow(server: OpenServer, calls: number): Promise<BenchRow> {
  const session = await openSession(server, "backtest");
  const times: number[] = [];
  for (let i = 0; i < calls; i++) {
    const params = decision(session, i);
    times.push(await elapsed(() => server.calls.call("decide", params)));
  }
  const middle = median(times);
  return {
    what: "decide, in the server",
    ours: `${asMs(middle)}, p99 ${asMs(quantile(times, 0.99))}`,
    goal: `at most ${asMs(MAX_DECIDE_MS)}`,
    met: middle <= MAX_DECIDE_MS,
  };
}

async function transportRow(dir: string, calls: number): Promise<BenchRow> {
  const child = startServer(dir);
  const times: number[] = [];
  // Nothing is to be looked up in a session that has not begun.
  const { session } = await child.call("open_session", { engine: "bench", mode: "backtest", providers: PROVIDERS });
  const params = { session, as_of: "2024-01-01" };
  for (let i = 0; i < calls; i++) times.push(await elapsed(() => child.call("provider_records", params)));
  await child.end();
  const middle = median(times);
  return {
    what: "a message there and back, over stdin and stdout",
    ours: `${asMs(middle)}, p99 ${asMs(quantile(times, 0.99))}`,
    goal: `at most ${asMs(MAX_TRANSPORT_MS)}`,
    met: middle <= MAX_TRANSPORT_MS,
  };
}

async function recordRows(
  server: OpenServer,
  { dir, calls }: { dir: string; calls: number },
): Promise<readonly BenchRow[]> {
  const session = await openSession(server, "backtest");
  const trade = (i: number): object => {
    const at = new Date(Date.UTC(2023, 0, 2) + i * 60_000).toISOString();
    const [asset, votes] = ["BTCUSD", PROVIDERS.map((provider) => ({ provider, action: "BUY", confidence: 60 }))];
    const times = { entry_timestamp: at, exit_timestamp: at, as_of: at };
    const prices = { entry_price: 100, exit_price: 101, stop_price: 95, position_size: 1 };
    return { session, decision_id: `bench-${i}`, asset, action: "BUY", votes, ...times, ...prices };
  };
  const { bytes } = encodeOutcome(outcomesLikeReal(1)[0]!);
  const [alone, floor, together]: [number[], number[], number[]] = [[], [], []];
  let n = 0;
  for (let i = 0; i < calls; i++) {
    floor.push(await elapsed(() => writeDurably(dir, `.tmp-floor-${i}`, bytes)));
    const params = trade(n++);
    alone.push(await elapsed(() => server.calls.call("record_outcome", params)));
  }
  for (let i = 0; i < Math.max(1, calls / PIPELINED); i++) {
    const many = Array.from({ length: PIPELINED }, () => trade(n++));
    const ms = await elapsed(() => Promise.all(many.map((params) => server.calls.call("record_outcome", params))));
    together.push(ms / PIPELINED);
  }
  const ratio = median(alone) / median(floor);
  return [
    {
      what: "record_outcome",
      ours: `${asMs(median(alone))}, p99 ${asMs(quantile(alone, 0.99))}`,
      peer: asMs(median(floor)),
      ratio: ratio.toFixed(2),
      goal: `at most ${MAX_RECORD_RATIO}`,
      met: ratio <= MAX_RECORD_RATIO,
    },
    {
      what: `record_outcome, ${PIPELINED} pipelined, each`,
      ours: asMs(median(together)),
      peer: `${asMs(median(alone))}, alone`,
      ratio: (median(together) / median(alone)).toFixed(2),
    },
  ];
}

async function httpRow(server: OpenServer, load: { clients: number; requests: number }): Promise<BenchRow> {
  const { clients, requests } = load;
  const session = await openSession(server, "live");
  const token = "bench";
  const call = (method: string, params: unknown): Promise<unknown> => server.calls.call(method, params);
  const http = await serveHttp({ host: "127.0.0.1", port: 0, token, call, onBug: console.error });
  const times: number[] = [];
  let failed = 0;
  const params = { session, as_of: "2024-01-01" };
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "provider_weights", params });
  const client = async (): Promise<void> => {
    for (let i = 0; i < requests; i++) {
      const start = performance.now();
      const headers = { authorization: `Bearer ${token}` };
      const answer = await fetch(`${http.url}/rpc`, { method: "POST", headers, body }).catch(() => undefined);
      if (!(await answer?.text())?.includes('"result"')) failed += 1;
      times.push(performance.now() - start);
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  await http.close();
  const p99 = quantile(times, 0.99);
  return {
    what: `${clients} HTTP clients at once, ${requests} requests each`,
    ours: `${asMs(median(times))}, p99 ${asMs(p99)}; ${failed} failed`,
    goal: `p99 at most ${MAX_HTTP_P99_MS} ms, none failed`,
    met: p99 <= MAX_HTTP_P99_MS && failed === 0,
  };
}

if (import.meta.main) console.log(renderReport(await serving()));
