/** Runs months, and lets recompute.py compute all trades and numbers again. It knows only docs/RULES.md. */
import { expect } from "bun:test";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runBacktest } from "../../lib/backtest/run.ts";
import type { Summary } from "../../lib/results/summary-shape.ts";
import type { BacktestSettings, MemorySettings } from "../../lib/settings.ts";
import type { BarSeries, ExitReason, SkipReason } from "../../lib/types.ts";
import { hashingEmbedder } from "../../lib/embed/hashing.ts";
import { diskStorage } from "../../lib/storage/disk.node.ts";
import { openMemory } from "../../lib/memory/store.ts";
import { parseVotesCsv } from "../../lib/providers/read-votes.ts";
import { votesFile } from "../../lib/providers/votes-file.ts";
import { abstain, type Provider } from "../../lib/providers/provider.ts";
import { PROJECT_DIR } from "../samples.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { defaultProviders, type Hours, randomVotesCsv, roughSeries, seriesAt } from "../backtest/market-samples.ts";
import { at, DAY, HOUR, makeSettings, MEMORY_ON } from "../backtest/world-samples.ts";

export const HAS_PYTHON: boolean = Bun.which("python3") !== null;
const RECOMPUTE = join(PROJECT_DIR, "test", "recompute", "recompute.py");

let root = "";

/** Makes the folder of the cases for the tests of a file. */
export function useFolder(): void {
  root = temporaryFolder("recompute");
}

/** A run that is recomputed. */
export interface Case {
  readonly name: string;
  readonly series: ReadonlyMap<string, BarSeries>;
  readonly settings: BacktestSettings;
  readonly period: { readonly startMs: number; readonly endMs: number };
  readonly chunkKind?: string;
  readonly memorySettings?: MemorySettings;
  readonly providers?: readonly Provider[];
  /** Positions must have been skipped for this reason, or the case is too easy. */
  readonly skips?: SkipReason;
  /** Likewise, trades must have ended so. */
  readonly exits?: ExitReason;
}

/** The settings as config.yaml would have them. */
function configOf({ settings, memorySettings = MEMORY_ON }: Case): object {
  const { risk, costs } = settings;
  return {
    portfolio_memory: {
      enabled: memorySettings.enabled,
      max_memory_size: memorySettings.maxMemorySize,
      learning_rate: memorySettings.learningRate,
      context_window: memorySettings.contextDays,
    },
    backtest: {
      assets: settings.assets,
      timeframe: `${settings.timeframeMs / HOUR}h`,
      decision_interval: `${settings.decisionIntervalMs / HOUR}h`,
      initial_balance: settings.initialBalance,
      max_positions: settings.maxPositions,
      correlation_threshold: settings.correlationThreshold,
      asset_costs: Object.fromEntries(
        [...costs].map(([asset, { feeBps, spreadBps, slippageBps }]) => [
          asset,
          { fee_bps: feeBps, spread_bps: spreadBps, slippage_bps: slippageBps },
        ]),
      ),
      risk: {
        per_trade_pct: risk.perTradePct,
        stop_atr: risk.stopAtr,
        target_atr: risk.targetAtr,
        max_holding: `${risk.maxHoldingMs / HOUR}h`,
        leverage: risk.leverage,
        close_on_hold: risk.closeOnHold,
      },
    },
  };
}

function csvOf({ bars }: BarSeries): string {
  const rows = bars.map(({ timestamp, open, high, low, close, volume }) =>
    [new Date(timestamp).toISOString(), open, high, low, close, volume].join(","),
  );
  return `timestamp,open,high,low,close,volume\n${rows.join("\n")}\n`;
}

/** Runs a case on disk. `said` is the last line of the Python program. */
async function recompute(run: Case): Promise<{ said: string; summary: Summary }> {
  const folder = mkdtempSync(join(root, "case-"));
  const [bars, memoryDir] = [join(folder, "bars"), join(folder, "memory")];
  mkdirSync(bars);
  for (const [asset, series] of run.series)
    writeFileSync(join(bars, `${asset}_${run.settings.timeframeMs / HOUR}h.csv`), csvOf(series));
  const config = join(folder, "config.json");
  writeFileSync(config, JSON.stringify(configOf(run)));

  const storage = diskStorage(memoryDir);
  const { summary } = await runBacktest({
    chunkKind: "month",
    providers: defaultProviders(),
    memorySettings: MEMORY_ON,
    ...run,
    market: "bars",
    memory: await openMemory(storage, { embedder: hashingEmbedder() }),
    key: { version: "test", seed: 1, files: {} },
  });

  const chunks = join(memoryDir, "runs", summary.run_id);
  const [start, end] = [run.period.startMs, run.period.endMs].map((ms) => new Date(ms).toISOString());
  const files = ["--decisions", join(chunks, "*.decisions.ndjson"), "--outcomes", memoryDir, "--chunks", chunks];
  const python = Bun.spawn(
    ["python3", RECOMPUTE, "--bars", bars, "--config", config, "--start", start!, "--end", end!, ...files].concat([
      "--run-id",
      summary.run_id,
      "--summary",
      join(chunks, "summary.json"),
      "--weights",
      "--metrics",
    ]),
    { stdout: "pipe", stderr: "pipe" },
  );
  const [said, metrics] = [await new Response(python.stdout).text(), await new Response(python.stderr).text()];
  expect(await python.exited, said + metrics).toBe(0);
  const { exposure_pct, turnover, cagr_pct, sortino_ratio, profit_factor, not_filled, ...others } = JSON.parse(metrics);
  expect(others.skipped).toEqual(summary.skipped);
  expect(not_filled).toBe(summary.not_filled);
  const numbers = { exposure_pct, turnover, cagr_pct, annualized_sortino: sortino_ratio, profit_factor };
  for (const [name, expected] of Object.entries(numbers)) {
    const found = summary[name as keyof typeof numbers];
    if (expected === null || found === null) expect(found).toBe(expected);
    else expect(Math.abs(found - expected)).toBeLessThanOrEqual(1e-6 * Math.max(1, Math.abs(expected)));
  }
  return { said: said.trim(), summary };
}

/** Expects the Python program to find the same, in a case that has enough in it. */
export async function expectRecomputed(run: Case, { minTrades }: { minTrades: number }): Promise<void> {
  const { said, summary } = await recompute(run);
  expect(said).toEndWith("all equal");
  expect(Number(/^(\d+) decisions/.exec(said)![1])).toBeGreaterThan(15);
  expect(summary.total_trades).toBeGreaterThanOrEqual(minTrades);
  if (run.skips !== undefined) expect(summary.skipped[run.skips]).toBeGreaterThan(10);
  if (run.exits !== undefined) expect(summary.exits[run.exits]).toBeGreaterThan(10);
}

const ROUGH = { startMs: at("2018-02-01"), endMs: at("2018-03-21") };
const ROUGH_ASSETS = ["AAA", "BBB", "CCC"];
const rough = (seed: number): Map<string, BarSeries> => roughSeries({ ...ROUGH, seed });
const roughPeriod = { startMs: at("2018-02-08"), endMs: at("2018-03-21") };
const roughSettings = (overrides: Partial<BacktestSettings> = {}): BacktestSettings =>
  makeSettings({ assets: ROUGH_ASSETS, ...overrides });

function votesOf(seed: number, name: string, of = { assets: ROUGH_ASSETS, ...roughPeriod }): Provider {
  const csv = randomVotesCsv({ ...of, seed });
  return votesFile(parseVotesCsv(new TextEncoder().encode(csv), { file: "votes.csv" }), name);
}

/** The same votes, but an abstention on every Wednesday. */
function silentOnWednesdays(votes: Provider): Provider {
  return {
    ...votes,
    vote: (situation, context) =>
      new Date(situation.timestamp).getUTCDay() === 3 ? abstain("Wednesday") : votes.vote(situation, context),
  };
}

/** Markets with gaps, jumps and missing bars. */
export const ROUGH_CASES: readonly Case[] = [
  { name: "the default rules", series: rough(1), settings: roughSettings(), period: roughPeriod },
  {
    name: "one position at a time, in weeks",
    series: rough(2),
    settings: roughSettings({ maxPositions: 1 }),
    period: roughPeriod,
    chunkKind: "week",
    providers: [votesOf(2, "votes")],
    skips: "max_positions",
  },
  {
    name: "random votes of two files beside the rules, hourly decisions, and correlated assets skipped",
    series: rough(3),
    settings: roughSettings({ decisionIntervalMs: HOUR, correlationThreshold: 0.3 }),
    period: roughPeriod,
    chunkKind: "10d",
    providers: [...defaultProviders(), votesOf(3, "one"), votesOf(4, "two")],
    skips: "correlation",
  },
  {
    name: "high costs, narrow levels, high leverage, and a small memory that learns fast",
    series: rough(5),
    settings: roughSettings({
      costs: new Map([
        ["AAA", { feeBps: 30, spreadBps: 20, slippageBps: 10 }],
        ["BBB", { feeBps: 0, spreadBps: 0, slippageBps: 0 }],
        ["CCC", { feeBps: 1, spreadBps: 4, slippageBps: 0.5 }],
      ]),
      risk: { perTradePct: 5, stopAtr: 0.7, targetAtr: 1.1, maxHoldingMs: 9 * HOUR, leverage: 3 },
    }),
    period: roughPeriod,
    memorySettings: { enabled: true, maxMemorySize: 40, learningRate: 1, contextDays: 5 },
    providers: [...defaultProviders(), votesOf(5, "votes")],
  },
  {
    name: "positions that a HOLD closes, of two files that both say nothing on Wednesdays",
    series: rough(9),
    settings: roughSettings({ maxPositions: 2, risk: { ...makeSettings().risk, closeOnHold: true } }),
    period: roughPeriod,
    chunkKind: "week",
    providers: [votesOf(10, "one"), votesOf(11, "two")].map(silentOnWednesdays),
    exits: "hold",
  },
  {
    name: "without memory",
    series: rough(6),
    settings: roughSettings(),
    period: roughPeriod,
    memorySettings: { ...MEMORY_ON, enabled: false },
    providers: [votesOf(6, "one"), votesOf(7, "two"), ...defaultProviders()],
  },
  {
    name: "an asset that opens on Sunday evenings, in weeks, beyond the end of its bars",
    series: new Map([["CCC", rough(8).get("CCC")!]]),
    settings: makeSettings({ assets: ["CCC"], correlationThreshold: 0.1 }),
    period: roughPeriod,
    chunkKind: "week",
    providers: [votesOf(8, "votes")],
  },
];

const WEEKDAYS = [1, 2, 3, 4, 5];
const EVERY_DAY = [0, 1, 2, 3, 4, 5, 6];
/** Clocks change in it in New York, London, Sydney and Auckland. */
const CHANGES = { startMs: at("2020-12-01"), endMs: at("2021-05-01") };

/** Assets of exchanges whose bars lie off the UTC grid. */
function offGrid(
  hours: Readonly<Record<string, Hours>>,
  run: {
    timeframeMs: number;
    decisionIntervalMs: number;
    startMs?: number;
    chunkKind: string;
    correlationThreshold?: number;
  },
): Omit<Case, "name"> {
  const { timeframeMs, decisionIntervalMs, startMs = CHANGES.startMs, chunkKind, correlationThreshold = 0.3 } = run;
  const assets = Object.keys(hours);
  const span = { ...CHANGES, startMs };
  return {
    series: new Map(assets.map((asset, i) => [asset, seriesAt(asset, hours[asset]!, { ...span, seed: i + 1 })])),
    settings: makeSettings({ assets, timeframeMs, decisionIntervalMs, correlationThreshold, maxPositions: 2 }),
    period: { startMs: at("2021-01-01"), endMs: CHANGES.endMs },
    chunkKind,
  };
}

const SESSION = [9.5, 10.5, 11.5, 12.5, 13.5, 14.5, 15.5];
const daily = (zone: string, days = WEEKDAYS): Hours => ({ zone, timeframeMs: DAY, starts: [0], days });
/** Bars off the UTC grid. */
export const OFF_GRID_CASES: readonly Case[] = [
  {
    name: "stocks of New York at :30 beside a coin, every four hours",
    ...offGrid(
      {
        AAPL: { zone: "America/New_York", timeframeMs: HOUR, starts: SESSION, days: WEEKDAYS },
        MSFT: { zone: "America/New_York", timeframeMs: HOUR, starts: [9.5, 10, 11, 12, 13, 14, 15], days: WEEKDAYS },
        COIN: { zone: "UTC", timeframeMs: HOUR, starts: Array.from({ length: 24 }, (_, i) => i), days: EVERY_DAY },
      },
      { timeframeMs: HOUR, decisionIntervalMs: 4 * HOUR, chunkKind: "month" },
    ),
  },
  {
    name: "days of five midnights whose clocks change",
    ...offGrid(
      {
        SPY: daily("America/New_York"),
        FTSE: daily("Europe/London"),
        NIKKEI: daily("Asia/Tokyo"),
        NZX: daily("Pacific/Auckland"),
        COIN: daily("Europe/London", EVERY_DAY),
      },
      { timeframeMs: DAY, decisionIntervalMs: DAY, startMs: at("2020-06-01"), chunkKind: "week" },
    ),
  },
  {
    name: "days whose correlations are those of the newest hundred, also during the first hundred",
    ...offGrid(
      { AAA: daily("UTC", EVERY_DAY), BBB: daily("UTC", EVERY_DAY), CCC: daily("UTC") },
      {
        timeframeMs: DAY,
        decisionIntervalMs: DAY,
        startMs: at("2020-11-01"),
        chunkKind: "month",
        correlationThreshold: -0.05,
      },
    ),
    providers: [votesOf(12, "votes", { assets: ["AAA", "BBB", "CCC"], ...CHANGES })],
    skips: "correlation",
  },
  {
    name: "days of New York's midnight, every second one",
    ...offGrid(
      { SPY: daily("America/New_York", EVERY_DAY), FTSE: daily("Europe/London", EVERY_DAY) },
      { timeframeMs: DAY, decisionIntervalMs: 2 * DAY, startMs: at("2020-06-01"), chunkKind: "10d" },
    ),
  },
  {
    name: "four hours from five in the afternoon in New York on",
    ...offGrid(
      {
        EURUSD: {
          zone: "America/New_York",
          timeframeMs: 4 * HOUR,
          starts: [1, 5, 9, 13, 17, 21],
          days: [0, ...WEEKDAYS],
        },
        COIN: { zone: "America/New_York", timeframeMs: 4 * HOUR, starts: [1, 5, 9, 13, 17, 21], days: EVERY_DAY },
      },
      { timeframeMs: 4 * HOUR, decisionIntervalMs: 8 * HOUR, chunkKind: "month" },
    ),
  },
  {
    name: "weeks from Monday on",
    ...offGrid(
      { SPY: { zone: "America/New_York", timeframeMs: 7 * DAY, starts: [0], days: [1] } },
      { timeframeMs: 7 * DAY, decisionIntervalMs: 7 * DAY, startMs: at("2018-01-01"), chunkKind: "quarter" },
    ),
    providers: [votesOf(9, "votes", { assets: ["SPY"], ...CHANGES })],
  },
];
