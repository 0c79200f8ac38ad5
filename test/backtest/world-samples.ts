/** Jobs, bars and files for tests of the backtest. */
import { createHash } from "node:crypto";
import type { BacktestJob } from "../../lib/backtest/job.ts";
import { runBacktest, type BacktestResult } from "../../lib/backtest/run.ts";
import type { BacktestSettings, Costs, MemorySettings } from "../../lib/settings.ts";
import type { Bar, BarSeries, DecisionRecord, Outcome } from "../../lib/types.ts";
import { hashingEmbedder } from "../../lib/embed/hashing.ts";
import { inMemoryStorage } from "../../lib/storage/in-memory.ts";
import type { Storage } from "../../lib/storage/storage.ts";
import { openMemory } from "../../lib/memory/store.ts";
import type { Provider } from "../../lib/providers/provider.ts";
import { useNativeFunctions } from "../../lib/util/native.node.ts";

// As on disk. test/portable.ts runs without them.
useNativeFunctions();

export const HOUR: number = 3_600_000;
export const DAY: number = 24 * HOUR;

/** Epoch ms of a time such as `2021-01-04T12:00`, UTC. */
export function at(text: string): number {
  return Date.parse(text.length === 10 ? text : `${text}Z`);
}

export const NO_COSTS: Costs = { feeBps: 0, spreadBps: 0, slippageBps: 0 };

/** Settings of the default configuration, with overrides. */
export function makeSettings(overrides: Partial<BacktestSettings> = {}, costs?: Costs): BacktestSettings {
  const assets = overrides.assets ?? ["AAA"];
  return {
    assets,
    timeframeMs: HOUR,
    decisionIntervalMs: 4 * HOUR,
    initialBalance: 10_000,
    maxPositions: 3,
    correlationThreshold: 0.9,
    costs: new Map(assets.map((asset) => [asset, costs ?? { feeBps: 5, spreadBps: 2, slippageBps: 2 }])),
    risk: { perTradePct: 1, stopAtr: 3, targetAtr: 4.5, maxHoldingMs: 5 * DAY, leverage: 1 },
    ...overrides,
  };
}

export const MEMORY_ON: MemorySettings = { enabled: true, maxMemorySize: 1000, learningRate: 0.1, contextDays: 20 };

export type Prices = readonly [open: number, high: number, low: number, close: number];

/** Hourly bars, one after the other. `null` is a missing bar. */
export function barsOf(startMs: number, prices: readonly (Prices | null)[]): Bar[] {
  return prices.flatMap((price, i) => {
    if (price === null) return [];
    const [open, high, low, close] = price;
    return [{ timestamp: startMs + i * HOUR, open, high, low, close, volume: 1 }];
  });
}

/** A bar of a market that stands still at 100 with an ATR of 2. */
export const CALM: Prices = [100, 101, 99, 100];

export function seriesOf(asset: string, bars: readonly Bar[], market: BarSeries["market"] = "bars"): BarSeries {
  return { asset, timeframeMs: HOUR, market, bars, gaps: 0 };
}

/** A provider that votes as scripted, by asset and decision time such as `AAA 2021-01-04T12:00`, else HOLD. */
export function scripted(votes: Record<string, "BUY" | "SELL">, name = "script"): Provider {
  return {
    name,
    vote: ({ asset, timestamp }) => {
      const action = votes[`${asset} ${new Date(timestamp).toISOString().slice(0, 16)}`];
      return { action: action ?? "HOLD", confidence: 60 };
    },
  };
}

export type JobParts = Omit<BacktestJob, "memory" | "key" | "market" | "memorySettings"> &
  Partial<Pick<BacktestJob, "key" | "market" | "memorySettings">>;

/** Opens the memory of a storage, under its lock, and runs a job there. */
export async function runOn(storage: Storage, parts: JobParts): Promise<BacktestResult> {
  const lock = await storage.lock({ pid: 1, command: "test", host: "test", since: "2021-01-01T00:00:00Z" });
  try {
    const memory = await openMemory(storage, { embedder: hashingEmbedder() });
    return await runBacktest({
      memorySettings: MEMORY_ON,
      market: "bars",
      key: { version: "test", seed: 1, files: {} },
      ...parts,
      memory,
    });
  } finally {
    await lock.release();
  }
}

/** Runs a job in a new storage. */
export async function runFresh(parts: JobParts): Promise<BacktestResult & { storage: Storage }> {
  const storage = inMemoryStorage();
  return { ...(await runOn(storage, parts)), storage };
}

/** The hashes of all files of a storage, by name. */
export async function filesOf(storage: Storage, folder?: string): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  const listing = await storage.list(folder);
  const prefix = folder === undefined ? "" : `${folder}/`;
  for (const { name } of listing.files) {
    const bytes = (await storage.read(prefix + name, { maxBytes: 1 << 28 }))!;
    files[prefix + name] = createHash("sha256").update(bytes).digest("hex");
  }
  for (const name of listing.folders) Object.assign(files, await filesOf(storage, prefix + name));
  return files;
}

/** A stored file as text. */
export async function textOf(storage: Storage, name: string): Promise<string> {
  const bytes = await storage.read(name, { maxBytes: 1 << 28 });
  if (bytes === undefined) throw new Error(`no ${name}`);
  return new TextDecoder().decode(bytes);
}

/** All outcomes in a storage, in order of exit and id. */
export async function outcomesOf(storage: Storage): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const { name } of (await storage.list()).files) {
    if (name.startsWith("outcome_")) outcomes.push(JSON.parse(await textOf(storage, name)));
  }
  return outcomes.toSorted((a, b) => (a.exit_timestamp + a.decision_id < b.exit_timestamp + b.decision_id ? -1 : 1));
}

/** The decisions of one chunk of the only run in a storage. */
export async function decisionsOf(storage: Storage, chunk: string): Promise<DecisionRecord[]> {
  const [runId] = (await storage.list("runs")).folders;
  const lines = await textOf(storage, `runs/${runId}/${chunk}.decisions.ndjson`);
  return lines
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
}
