/**
 * Carryover backtests an ensemble chunk by chunk and remembers every closed trade, so that later decisions are weighted and
 * informed by earlier ones. This library is pure: it touches only the `Storage` that it is given, and runs on every engine.
 * What needs a disk is in `carryover/node`.
 *
 * @example A provider of your own, a quarter of synthetic bars, and what was learned from it.
 * ```ts
 * import { backtest, inMemoryStorage, openMemory, syntheticBars, trend } from "carryover";
 * import type { Provider } from "carryover";
 *
 * const contrarian: Provider = {
 *   name: "contrarian",
 *   version: "1", // change it with the rules, so that the memory's finished run is not taken for the new one
 *   vote: ({ rsi }) => {
 *     if (rsi < 35) return { action: "BUY", confidence: 70, reason: "oversold" };
 *     if (rsi > 65) return { action: "SELL", confidence: 70, reason: "overbought" };
 *     return { action: "HOLD", confidence: 40 };
 *   },
 * };
 *
 * const { summary } = await backtest({
 *   bars: [syntheticBars({ asset: "GOLD", timeframe: "1h", seed: 1, end: "2024-04-01" })],
 *   providers: [trend(), contrarian],
 *   memory: await openMemory(inMemoryStorage()),
 *   start: "2024-01-01",
 *   end: "2024-04-01",
 *   chunks: "month",
 * });
 *
 * for (const { quarter, total_trades, provider_multipliers } of summary.quarterly_breakdown) {
 *   const weights = Object.entries(provider_multipliers).map(([name, weight]) => `${name} ${weight.toFixed(2)}x`);
 *   console.log(`${quarter}: ${total_trades} trades, then ${weights.join(", ")}`);
 * }
 * // 2024-01: 21 trades, then trend 1.54x, contrarian 0.46x
 * // 2024-02: 32 trades, then trend 1.56x, contrarian 0.44x
 * // 2024-03: 33 trades, then trend 1.71x, contrarian 0.29x
 * ```
 *
 * @module
 */
export { backtest, type BacktestOptions } from "./job/backtest.ts";
export type { BacktestResult } from "./backtest/run.ts";
export type { Progress } from "./backtest/job.ts";
export type { Costs, MemorySettings, Risk } from "./settings.ts";
export { CarryoverError, type ErrorCode } from "./errors.ts";

export type { Bar, BarColumns, BarSeries, Market } from "./types.ts";
export type { BarFile } from "./market/bar.ts";
export { barSeries } from "./market/series-builder.ts";
export { parseBarsCsv } from "./market/csv.ts";
export { parseBarsParquet } from "./market/parquet.ts";
export { parseFeaturesCsv, type Features, type FeatureValue } from "./market/features.ts";
export { syntheticBars, type SyntheticBarsOptions } from "./market/synthetic.ts";

export type {
  Action,
  Answer,
  DecisionContext,
  MemoryContext,
  OpenPosition,
  ProviderRecord,
  RecentRecord,
  Regime,
  SimilarTrade,
  Situation,
  TradeAction,
  Vote,
} from "./types.ts";
export { abstain, type Provider } from "./providers/provider.ts";
export { breakout, reversion, trend } from "./providers/rules.ts";
export { similarTrades } from "./providers/similar-trades.ts";
export { parseVotes, parseVotesCsv, type VotesFileOptions } from "./providers/read-votes.ts";
export { votesFile, type FileVote, type FileVotes } from "./providers/votes-file.ts";

export type { Listing, Lock, LockHolder, Storage, StoredFile } from "./storage/storage.ts";
export { inMemoryStorage } from "./storage/in-memory.ts";
export type { Bucket, BucketListing } from "./storage/bucket.ts";
export { openObjectStore, type ObjectStoreOptions } from "./storage/object-store.ts";
export { durableObjectBucket, type DurableObjectSql } from "./storage/durable-object-bucket.ts";
export { indexedDbBucket } from "./storage/indexed-db-bucket.ts";
export { r2Bucket, type R2Binding } from "./storage/r2-bucket.ts";
export { s3Bucket, type S3Options } from "./storage/s3-bucket.ts";
export type { Embedder } from "./embed/embedder.ts";
export { hashingEmbedder } from "./embed/hashing.ts";
export { openMemory, type BegunRecord, type Memory, type OpenMemoryOptions } from "./memory/store.ts";
export type { OnEmbedded } from "./memory/embed-missing.ts";
export type { EmbeddedTrade, PerformanceRecord, Trade, TradeVote } from "./memory/trade.ts";
export type { ForgetMark } from "./memory/forget.ts";
export type { DamagedFile } from "./storage/damaged-file.ts";
export type { Lessons, WeighedVotes } from "./memory/lessons.ts";
export { SituationTracker } from "./market/situation.ts";
export { MemoryView, type MemoryViewOptions } from "./memory/view.ts";

export type { DecisionRecord, ExitReason, Outcome, SkipReason } from "./types.ts";
export type { Breakdown, ChunkCell, WinRateTrend } from "./results/breakdown.ts";
export type { ProviderEvidence, Regret, WeightMove } from "./results/attribution.ts";
export type { ConfidenceScores } from "./results/confidence.ts";
export type { ForecastScores, ReliabilityBin } from "./stats/forecast-scores.ts";
export type { QuarterSummary, Summary } from "./results/summary-shape.ts";
