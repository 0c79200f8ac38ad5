/**
 * How long the server takes to answer, and to store.
 *
 *     bun bench/serve.ts
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadConfig } from "../lib/config/load.node.ts";
import { hashingEmbedder } from "../lib/embed/hashing.ts";
import { encodeOutcome } from "../lib/memory/outcome.ts";
import { openMemory } from "../lib/memory/store.ts";
import { breakout, reversion, trend } from "../lib/providers/rules.ts";
import { serveHttp } from "../lib/serve/http.node.ts";
import { MemoryServer } from "../lib/serve/memory-server.ts";
import { MethodCalls } from "../lib/serve/methods.ts";
import { openServer, type OpenServer } from "../lib/serve/open.node.ts";
import { inMemoryStorage } from "../lib/storage/in-memory.ts";
import { HAS_REAL_BARS, PROJECT_DIR, REAL_BARS_DIR } from "../test/samples.ts";
import { playLoop } from "../test/serve/loop-player.ts";
import { startServer } from "../test/serve/rpc-child.ts";
import { defaultJob } from "./support/default-job.ts";
import { embedderOf } from "./support/embedders.ts";
import {
  asMs,
  elapsed,
  median,
  quantile,
  renderReport,
  runProcess,
  temporaryFolder,
  type BenchReport,
  type BenchRow,
} from "./support/measure.ts";
import { makeMemory, outcomesLikeReal, situationAt, writeDurably } from "./support/memory-folders.ts";
import { missingFor, python } from "./support/python.ts";

/** Goals: of a decision, of a message there and back, of a record against a bare durable write, and of a year from Python. */
const MAX_DECIDE_MS = 0.15;
const MAX_TRANSPORT_MS = 0.06;
const MAX_RECORD_RATIO = 1.3;
const MAX_HTTP_P99_MS = 50;
const MAX_YEAR_MS = 1500;

const PROVIDERS = ["trend", "reversion", "breakout"];
const PIPELINED = 64;

export interface ServeOptions {
  readonly outcomes?: number;
  /** Calls of each kind. */
  readonly calls?: number;
  /** HTTP clients at once, and requests of each. */
  readonly clients?: number;
  readonly requests?: number;
  /** Of the session from Python: midnights UTC, the end exclusive, and how often it is played. */
  readonly start?: string;
  readonly end?: string;
  readonly rounds?: number;
}

export async function serving(options: ServeOptions = {}): Promise<BenchReport> {
  const { outcomes = 1000, calls = 1000, clients = 200, requests = 20 } = options;
  const { start = "2021-01-01", end = "2022-01-01", rounds = 5 } = options;
  using folder = temporaryFolder();
  const dir = join(folder.path, "memory");
  await makeMemory(dir, { outcomes, embedder: embedderOf(128) });
  const transport = await transportRow(join(folder.path, "empty"), calls);
  const year = await pythonRows(folder.path, { start, end, rounds });
  const server = await openMemoryServer(dir);
  try {
    return {
      title: "Serving memory",
      notes: [
        `A memory of ${outcomes.toLocaleString("en")} outcomes, a session of ${PROVIDERS.length} providers. Medians of ${calls.toLocaleString("en")} calls after as many others, as programs are compiled while they run; of records a quarter.`,
        "decide(): each as of another hour, with a whole situation. Transport: a call that has nothing to look up, to another process and back; peer: the same bytes to cat and back.",
        "record_outcome: against a bare loop in the same folder (write, fsync, rename, fsync the folder), in turns.",
        "The clients over HTTP are one process, each with a connection of its own, after 1,000 requests of a single one.",
        `From Python: python/carryover.py plays the default rules on three assets by the hour, ${start} to ${end}, ${HAS_REAL_BARS ? "real bars" : "bars of the sample"}: all of its calls, and the start and end of the server; medians of ${rounds}, in turns. Together: decide_all() on the assets of a time.`,
      ],
      rows: [
        ...(await decideRows(server, calls)),
        transport,
        ...(await recordRows(server, { dir, calls: Math.ceil(calls / 4) })),
        await httpRow(server, { clients, requests }),
        ...year,
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

async function openSession({ calls }: Pick<OpenServer, "calls">, mode: "backtest" | "live"): Promise<string> {
  const params = { engine: "bench", mode, providers: PROVIDERS, ...(mode === "live" ? {} : { start: "2023-01-01" }) };
  return ((await calls.call("open_session", params)) as { session: string }).session;
}

interface Asked {
  readonly as_of: string;
  readonly asset: string;
  readonly votes: readonly object[];
  readonly situation: object;
}

/** The parameters of decision `i`, one every `minutes`. */
function decision(session: string, i: number, minutes = 60): Asked & { readonly session: string } {
  const { asset, timestamp, ...situation } = situationAt(i, Date.UTC(2023, 0, 2) + i * minutes * 60_000);
  const votes = PROVIDERS.map((provider, n) => ({
    provider,
    action: ["BUY", "SELL", "HOLD"][(i + n) % 3],
    confidence: 50 + ((i * 7) % 40),
  }));
  return { session, as_of: new Date(timestamp).toISOString(), asset, votes, situation };
}

async function decideRows(server: OpenServer, calls: number): Promise<readonly BenchRow[]> {
  const session = await openSession(server, "backtest");
  const times: number[] = [];
  for (let i = 0; i < 2 * calls; i++) {
    const params = decision(session, i);
    times.push(await elapsed(() => server.calls.call("decide", params)));
  }
  const [first, later] = [times.slice(0, calls), times.slice(calls)];
  const middle = median(later);
  return [
    {
      what: "decide, in the server",
      ours: `${asMs(middle)}, p99 ${asMs(quantile(later, 0.99))}`,
      goal: `at most ${asMs(MAX_DECIDE_MS)}`,
      met: middle <= MAX_DECIDE_MS,
    },
    { what: `decide, the first ${calls.toLocaleString("en")} of the process`, ours: asMs(median(first)) },
  ];
}

async function transportRow(dir: string, calls: number): Promise<BenchRow> {
  const child = startServer(dir);
  const cat = Bun.spawn(["cat"], { stdin: "pipe", stdout: "pipe" });
  const echoes = cat.stdout.getReader();
  const echo = async (line: string): Promise<void> => {
    cat.stdin.write(line);
    void cat.stdin.flush();
    await echoes.read();
  };
  const [ours, peer]: [number[], number[]] = [[], []];
  // Nothing is to be looked up in a session that has not begun.
  const { session } = await child.call("open_session", { engine: "bench", mode: "backtest", providers: PROVIDERS });
  const params = { session, as_of: "2024-01-01" };
  const line = `${JSON.stringify({ jsonrpc: "2.0", id: 1, method: "provider_records", params })}\n`;
  for (let i = 0; i < 2 * calls; i++) {
    ours.push(await elapsed(() => child.call("provider_records", params)));
    peer.push(await elapsed(() => echo(line)));
  }
  await child.end();
  await cat.stdin.end();
  const later = ours.slice(calls);
  const middle = median(later);
  return {
    what: "a message there and back, over stdin and stdout",
    ours: `${asMs(middle)}, p99 ${asMs(quantile(later, 0.99))}`,
    peer: asMs(median(peer.slice(calls))),
    goal: `at most ${asMs(MAX_TRANSPORT_MS)}`,
    met: middle <= MAX_TRANSPORT_MS,
  };
}

async function recordRows(
  server: OpenServer,
  { dir, calls }: { dir: string; calls: number },
): Promise<readonly BenchRow[]> {
  const session = await openSession(server, "backtest");
  const { bytes } = encodeOutcome(outcomesLikeReal(1)[0]!);
  const times = { floor: [] as number[], decided: [] as number[], voted: [] as number[], together: [] as number[] };
  let n = 0;
  const decided = async (): Promise<object> => {
    const params = decision(session, n++, 1);
    const { decision_id } = (await server.calls.call("decide", params)) as { decision_id: string };
    return { decision_id, ...tradeAfter(params) };
  };
  const voted = (): object => {
    const { votes, situation, ...params } = decision(session, n++, 1);
    return { ...tradeAfter(params), decision_id: `bench-${n}`, votes, situation };
  };
  const record = (params: object): Promise<unknown> => server.calls.call("record_outcome", { session, ...params });
  // Forth and back: what a disk still does for one write is part of the time of the next.
  const turns = [
    async (i: number) => times.floor.push(await elapsed(() => writeDurably(dir, `.tmp-floor-${i}`, bytes))),
    async () => {
      const params = await decided();
      times.decided.push(await elapsed(() => record(params)));
    },
    async () => {
      const params = voted();
      times.voted.push(await elapsed(() => record(params)));
    },
  ];
  for (let i = 0; i < 2 * calls; i++) {
    const order = i % 2 === 0 ? turns : turns.toReversed();
    for (const turn of order) await turn(i);
  }
  for (let i = 0; i < Math.max(1, calls / PIPELINED); i++) {
    const many: object[] = [];
    while (many.length < PIPELINED) many.push(await decided());
    const { as_of } = decision(session, n, 1);
    const recordAll = (): unknown => Promise.all(many.map((params) => record({ ...params, as_of })));
    times.together.push((await elapsed(recordAll)) / PIPELINED);
  }
  const [floor, alone, voting] = [times.floor, times.decided, times.voted].map((all) => all.slice(calls));
  const ratio = median(alone!) / median(floor!);
  return [
    {
      what: "record_outcome",
      ours: `${asMs(median(alone!))}, p99 ${asMs(quantile(alone!, 0.99))}`,
      peer: asMs(median(floor!)),
      ratio: ratio.toFixed(2),
      goal: `at most ${MAX_RECORD_RATIO}`,
      met: ratio <= MAX_RECORD_RATIO,
    },
    {
      what: "record_outcome with votes, which decides, too",
      ours: asMs(median(voting!)),
      peer: asMs(median(floor!)),
      ratio: (median(voting!) / median(floor!)).toFixed(2),
    },
    {
      what: `record_outcome, ${PIPELINED} pipelined, each`,
      ours: asMs(median(times.together)),
      peer: `${asMs(median(alone!))}, alone`,
      ratio: (median(times.together) / median(alone!)).toFixed(2),
    },
  ];
}

/** A trade of a minute's decision. */
function tradeAfter({ as_of: at, asset }: { as_of: string; asset: string }): object {
  const times = { entry_timestamp: at, exit_timestamp: at, as_of: at };
  return { asset, action: "BUY", ...times, entry_price: 100, exit_price: 101, stop_price: 95, position_size: 1 };
}

async function httpRow(server: OpenServer, load: { clients: number; requests: number }): Promise<BenchRow> {
  const { clients, requests } = load;
  const session = await openSession(server, "live");
  const token = "bench";
  const call = (method: string, params: unknown): Promise<unknown> => server.calls.call(method, params);
  const http = await serveHttp({ host: "127.0.0.1", port: 0, token, call, onBug: console.error });
  const params = { session, as_of: "2024-01-01" };
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "provider_weights", params });
  const script = join(PROJECT_DIR, "bench/processes/http-clients.ts");
  const args = [http.url, token, body, String(clients), String(requests)];
  const child = Bun.spawn([process.execPath, script, ...args], { stdout: "pipe", stderr: "inherit" });
  const answers = await new Response(child.stdout).json();
  await http.close();
  const { times, failed } = answers as { times: readonly number[]; failed: number };
  const p99 = quantile(times, 0.99);
  return {
    what: `${clients} HTTP clients at once, ${requests} requests each`,
    ours: `${asMs(median(times))}, p99 ${asMs(p99)}; ${failed} failed`,
    goal: `p99 at most ${MAX_HTTP_P99_MS} ms, none failed`,
    met: p99 <= MAX_HTTP_P99_MS && failed === 0,
  };
}

/** What a session adds to a backtest in Python that has bars and votes already. */
async function pythonRows(
  folder: string,
  { start, end, rounds }: { start: string; end: string; rounds: number },
): Promise<readonly BenchRow[]> {
  const calls = await callsOfSession({ start, end });
  const count = (wanted: string): string => calls.filter(([method]) => method === wanted).length.toLocaleString("en");
  const what = `from Python: ${count("decide")} decisions, ${count("record_outcome")} trades`;
  const goal = `at most ${MAX_YEAR_MS / 1000} s`;
  const missing = missingFor([]);
  if (missing !== undefined) return [{ what, ours: `skipped: ${missing}`, goal }];
  const file = join(folder, "calls.json");
  writeFileSync(file, JSON.stringify(calls));
  const script = join(PROJECT_DIR, "bench/processes/session_from_python.py");
  const command = [process.execPath, join(PROJECT_DIR, "scripts/serve.ts")];
  const times = { alone: [] as number[], together: [] as number[] };
  for (let round = 0; round < rounds; round++) {
    for (const how of ["alone", "together"] as const) {
      const memoryDir = join(folder, `python-${how}-${round}`);
      times[how].push(Number(runProcess([python(), script, memoryDir, file, how, ...command]).stdout));
    }
  }
  const [alone, together] = [median(times.alone), median(times.together)];
  return [
    { what, ours: asMs(alone), goal, met: alone <= MAX_YEAR_MS },
    { what: "from Python, the assets of a time together", ours: asMs(together) },
  ];
}

/** The calls of a program that plays the default rules. The same calls in a fresh folder get the same answers, ids of decisions too. */
async function callsOfSession(period: { start: string; end: string }): Promise<readonly (readonly [string, object])[]> {
  const dataDir = HAS_REAL_BARS ? REAL_BARS_DIR : join(PROJECT_DIR, "data/sample");
  const { settings, series, market, period: played } = await defaultJob({ ...period, dataDir });
  const { config } = await loadConfig(join(PROJECT_DIR, "config.yaml"));
  const memory = await openMemory(inMemoryStorage(), { embedder: hashingEmbedder() });
  const server = new MethodCalls(new MemoryServer({ memory, config, now: () => Date.now(), newName: () => "played" }));
  const calls: (readonly [string, object])[] = [];
  const rules = [trend(), reversion(), breakout()];
  await playLoop({ settings, series: [...series.values()], market, rules, period: played }, (method, params) => {
    calls.push([method, params]);
    return server.call(method, params);
  });
  return calls;
}

if (import.meta.main) console.log(renderReport(await serving()));
