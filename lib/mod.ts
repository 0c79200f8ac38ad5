/**
 * Carryover: backtests an ensemble chunk by chunk and remembers every closed trade, so that later decisions are weighted and
 * informed by earlier ones. This is the library: pure but for the `Storage` that is passed in, the same on every engine.
 *
 * @example A provider of your own, a quarter of synthetic bars, and what was learned from it.
 * ```ts
 * import { hashingEmbedder, inMemoryStorage, openMemory, runBacktest, syntheticBars, trend } from "carryover";
 * import type { Provider } from "carryover";
 *
 * const HOUR = 3_600_000;
 * const period = { startMs: Date.UTC(2024, 0, 1), endMs: Date.UTC(2024, 3, 1) };
 * const contrarian: Provider = {
 *   name: "contrarian",
 *   vote: ({ rsi }) => {
 *     if (rsi < 35) return { action: "BUY", confidence: 70, reason: "oversold" };
 *     if (rsi > 65) return { action: "SELL", confidence: 70, reason: "overbought" };
 *     return { action: "HOLD", confidence: 40 };
 *   },
 * };
 *
 * const storage = inMemoryStorage();
 * const { summary } = await runBacktest({
 *   settings: {
 *     assets: ["GOLD"],
 *     timeframeMs: HOUR,
 *     decisionIntervalMs: 4 * HOUR,
 *     initialBalance: 10_000,
 *     maxPositions: 1,
 *     correlationThreshold: 0.9,
 *     costs: new Map([["GOLD", { feeBps: 1, spreadBps: 1, slippageBps: 1 }]]),
 *     risk: { perTradePct: 1, stopAtr: 3, targetAtr: 4.5, maxHoldingMs: 120 * HOUR, leverage: 1 },
 *   },
 *   memorySettings: { enabled: true, maxMemorySize: 1000, learningRate: 0.1, contextDays: 20 },
 *   period,
 *   chunkKind: "month",
 *   series: new Map([["GOLD", syntheticBars({ asset: "GOLD", timeframe: "1h", seed: 1, end: period.endMs })]]),
 *   market: "synthetic",
 *   providers: [trend(), contrarian],
 *   memory: await openMemory(storage, { embedder: hashingEmbedder() }),
 *   storage,
 *   key: { version: "1", seed: 1, files: {} },
 * });
 *
 * for (const { quarter, total_trades, remembered_at_start, provider_multipliers } of summary.quarterly_breakdown) {
 *   const learned = Object.entries(provider_multipliers).map(([name, times]) => `${name} ${times.toFixed(2)}x`);
 *   console.log(`${quarter}: ${total_trades} trades, began with ${remembered_at_start}, learned ${learned.join(", ")}`);
 * }
 * // 2024-01: 21 trades, began with 0, learned trend 1.90x, contrarian 0.10x
 * // 2024-02: 30 trades, began with 21, learned trend 1.90x, contrarian 0.10x
 * // 2024-03: 32 trades, began with 51, learned trend 1.93x, contrarian 0.07x
 * ```
 *
 * @module
 */
export type {
  Action,
  Answer,
  Bar,
  BarSeries,
  DecisionRecord,
  DecisionContext,
  ExitReason,
  Market,
  MemoryContext,
  OpenPosition,
  Outcome,
  ProviderRecord,
  RecentRecord,
  Regime,
  SimilarTrade,
  Situation,
  SkipReason,
  TradeAction,
  Vote,
} from "./types.ts";
export { CarryoverError, type ErrorCode } from "./errors.ts";

export type { Listing, Lock, LockHolder, Storage, StoredFile } from "./storage/storage.ts";
export type { Json } from "./util/json.ts";
export { inMemoryStorage } from "./storage/in-memory.ts";

export { SeriesBuilder } from "./market/bar.ts";
export { parseBarsCsv } from "./market/csv.ts";
export { SituationTracker } from "./market/situation.ts";
export { parseBarsParquet } from "./market/parquet.ts";
export { SYNTHETIC_START, syntheticBars } from "./market/synthetic.ts";

export { abstain, type Provider } from "./providers/provider.ts";
export { breakout, reversion, trend } from "./providers/rules.ts";
export { similarTrades } from "./providers/similar-trades.ts";
export { parseVotesCsv, votesFile, type FileVote, type FileVotes } from "./providers/votes-file.ts";

export type { Embedder } from "./embed/embedder.ts";
export { hashingEmbedder } from "./embed/hashing.ts";

export { openMemory, type Memory } from "./memory/store.ts";
export type { Trade, TradeVote } from "./memory/trade.ts";
export { readMemory, type MemoryReading } from "./memory/load.ts";
export { openMemoryView, type MemoryView, type MemoryViewOptions } from "./memory/view.ts";

export type { Breakdown, ChunkCell, WinRateTrend } from "./results/breakdown.ts";
export { planChunks, type Chunk } from "./results/chunks.ts";
export type { BacktestJob, Progress } from "./backtest/job.ts";
export { runBacktest, type BacktestResult } from "./backtest/run.ts";
export type { BacktestSettings, Costs, MemorySettings, Risk } from "./settings.ts";
export type { QuarterSummary, Summary } from "./results/summary.ts";
