/**
 * The part of Carryover that needs a machine: disks, programs, language models. It uses only what Bun, Node and Deno share.
 *
 * @example A backtest on real bars that remembers on disk.
 * ```ts
 * import { backtest, reversion, trend } from "carryover";
 * import { loadBars, openMemoryFolder } from "carryover/node";
 *
 * const bars = await loadBars({ dataDir: "data/market", assets: ["BTCUSD", "ETHUSD"], timeframe: "1h" });
 * const { memory, close } = await openMemoryFolder("data/memory");
 * const { summary } = await backtest({ bars, memory, providers: [trend(), reversion()] }).finally(close);
 * console.log(summary.overall_win_rate);
 * ```
 *
 * @example The run of a config.yaml.
 * ```ts
 * import { loadConfig, runConfig } from "carryover/node";
 *
 * const { summary } = await runConfig(await loadConfig("config.yaml"));
 * ```
 *
 * @module
 */
export { loadConfig, type LoadConfigOptions, type LoadedConfig } from "./config/load.node.ts";
export { parseConfig } from "./config/parse.ts";
export type { CommandConfig, Config, CostsConfig, LlmConfig, ProviderConfig } from "./config/config.ts";
export { runConfig, type RunOptions, type RunOutcome } from "./job/run.node.ts";
export { openJob, type OpenJob, type OpenJobOptions } from "./job/open.node.ts";

export { loadBars, type BarFolder } from "./market/load.node.ts";
export { diskStorage } from "./storage/disk.node.ts";
export { s3OptionsFromEnvironment } from "./storage/s3-environment.node.ts";
export { loadEmbedder, type EmbedderConfig } from "./embed/load.node.ts";
export { importOutcomes, type ImportOutcomesOptions, type ImportOutcomesResult } from "./import/import.node.ts";
export type { RecalledTrade, RecallQuestion, RecallResult } from "./memory/recall.ts";
export { openMemoryFolder, recall, type OpenMemoryFolder, type RecallOptions } from "./memory/open.node.ts";

export {
  openTradingMemory,
  type TradingMemory,
  type TradingMemoryMethods,
  type TradingMemoryOptions,
} from "./serve/trading-memory.node.ts";

export {
  commandProvider,
  llmProvider,
  openRecording,
  type CommandProviderOptions,
  type LlmProviderOptions,
  type RecordingOptions,
} from "./job/recording.node.ts";
export type { Recording } from "./providers/recorded/recording.ts";

export type { QuestionCounts } from "./providers/recorded/recorder-reports.ts";

export { createBackup, type CreateBackupOptions, type CreatedBackup } from "./backup/create.node.ts";
export { listBackups, type BackupInfo } from "./backup/list.node.ts";
export {
  pruneBackups,
  type KeepRules,
  type KeptBackup,
  type PruneOptions,
  type PruneResult,
} from "./backup/prune.node.ts";
export { restoreBackup, type RestoreOptions } from "./backup/restore.node.ts";
export { verifyBackup, verifyBackups, type VerifiedBackup } from "./backup/verify.node.ts";
export { bucketBackups, type BucketBackupsOptions } from "./backup/bucket-place.node.ts";
export type { BackupDir } from "./backup/open-place.node.ts";
export type { BackupPlace, BackupProblem } from "./backup/place.ts";
