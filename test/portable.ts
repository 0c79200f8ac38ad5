/**
 * Runs the library where there is no test runner and no permission: `bun test/portable.ts`, `node test/portable.ts`,
 * `deno run test/portable.ts`. All must print the same digest of all files that the runs have written.
 */
import {
  backtest,
  type BacktestOptions,
  type BacktestResult,
  breakout,
  CarryoverError,
  inMemoryStorage,
  openMemory,
  MemoryView,
  parseBarsCsv,
  type Provider,
  reversion,
  similarTrades,
  type Storage,
  syntheticBars,
  trend,
} from "../lib/mod.ts";
import { sha256OfBytes, sha256OfText } from "../lib/util/sha256.ts";

const END = "2018-04-01";
const MEMORY = { maxMemorySize: 1000, learningRate: 0.5, contextDays: 20 };

let checks = 0;
function check(what: string, isTrue: boolean): void {
  if (!isTrue) throw new Error(`not so: ${what}`);
  checks += 1;
}

/** What a user would write. */
const contrarian: Provider = {
  name: "contrarian",
  vote: ({ rsi }, { recent }) => {
    const confidence = recent.trades > 20 ? 70 : 60;
    if (rsi < 35) return { action: "BUY", confidence, reason: "oversold" };
    if (rsi > 65) return { action: "SELL", confidence, reason: "overbought" };
    return { action: "HOLD", confidence: 40 };
  },
};

async function run(storage: Storage, overrides: Partial<BacktestOptions> = {}): Promise<BacktestResult> {
  return backtest({
    bars: ["GOLD", "OIL"].map((asset) => syntheticBars({ asset, timeframe: "1h", seed: 3, end: END })),
    providers: [trend(), reversion(), breakout(), similarTrades(), contrarian],
    memory: await openMemory(storage),
    start: "2018-02-01",
    end: END,
    chunks: "month",
    maxPositions: 2,
    costs: { feeBps: 2, spreadBps: 1, slippageBps: 1 },
    memorySettings: MEMORY,
    onNote: () => {},
    ...overrides,
  });
}

/** A line for each file: its name and the hash of its bytes. */
async function linesOf(storage: Storage, folder?: string): Promise<string[]> {
  const { files, folders } = await storage.list(folder);
  const prefix = folder === undefined ? "" : `${folder}/`;
  const lines: string[] = [];
  for (const { name } of files) {
    const bytes = await storage.read(prefix + name, { maxBytes: 1 << 28 });
    lines.push(`${prefix}${name} ${await sha256OfBytes(new Uint8Array(bytes ?? []))}`);
  }
  for (const name of folders) lines.push(...(await linesOf(storage, prefix + name)));
  return lines;
}

// A run, from bars to memory.
const storage = inMemoryStorage();
const { summary, chunksRun } = await run(storage);
check("both months are run", chunksRun.join() === "2018-02,2018-03");
check("there are trades", summary.total_trades > 20);
check("every trade is remembered", summary.memory_persistence.outcomes_stored === summary.total_trades);
check("every trade has a vector", summary.memory_persistence.vectors_stored === summary.total_trades);
const money = summary.initial_balance + summary.total_pnl;
check("the money adds up", Math.abs(money - summary.final_balance) < 1e-6);
check("March begins with February's trades", (summary.quarterly_breakdown[1]?.remembered_at_start ?? 0) > 10);
const files = (await linesOf(storage)).join("\n");

// The same run again, and a run that is stopped in March and goes on.
check("a finished run is not run again", (await run(storage)).chunksRun.length === 0);
check("and changes no file", (await linesOf(storage)).join("\n") === files);
const resumed = inMemoryStorage();
const stop = new AbortController();
const stopped = await run(resumed, {
  signal: stop.signal,
  onProgress: ({ simulatedMs }) => {
    if (simulatedMs > Date.UTC(2018, 2, 11)) stop.abort(new Error("stopped"));
  },
}).then(
  () => "ran",
  (error: unknown) => (error instanceof Error ? error.message : "?"),
);
check("a run can be stopped", stopped === "stopped");
check("it goes on where it was", (await run(resumed)).chunksRun.join() === "2018-03");
check("and ends in the same bytes", (await linesOf(resumed)).join("\n") === files);

// A recall, as of a time.
const memory = await openMemory(storage);
const view = new MemoryView(memory, {
  market: "synthetic",
  startMs: Date.parse(END),
  providers: ["trend"],
  enabled: true,
  ...MEMORY,
});
const situation = {
  asset: "GOLD",
  timestamp: memory.trades[30]?.exitMs ?? 0,
  regime: "TRENDING",
  close: 100,
  atr: 2,
  volatility_pct: 2,
  volatility_rank: 0.5,
  rsi: 60,
  adx: 30,
  ema_fast: 101,
  ema_slow: 99,
  zscore: 1,
  channel_high: 104,
  channel_low: 95,
  return_pct: 2,
} as const;
const recalled = await view.recall(situation);
check("ten trades are recalled", recalled.similar.length === 10);
check(
  "none that closed then or later",
  recalled.similar.every((trade) => Date.parse(trade.exit_timestamp) < situation.timestamp),
);

// Bars that a user hands in, and what bad ones get.
const text = "timestamp,open,high,low,close\n2021-01-01T00:00:00Z,1,2,0.5,1.5\n";
const options = { asset: "GOLD", timeframe: "1h", file: "GOLD_1h.csv" };
check("bars come from CSV", parseBarsCsv(new TextEncoder().encode(text), options).bars[0]?.close === 1.5);
try {
  parseBarsCsv(new TextEncoder().encode(text.replace("0.5", "5")), options);
  check("bad bars are refused", false);
} catch (error) {
  check("bad bars are refused", error instanceof CarryoverError && error.code === "BAD_DATA");
}

const engine = globalThis as { Bun?: unknown; Deno?: unknown };
const runtime = engine.Bun !== undefined ? "bun" : engine.Deno !== undefined ? "deno" : "node";
console.log(`portable: ${checks} checks passed on ${runtime}, all files ${sha256OfText(files)}`);
