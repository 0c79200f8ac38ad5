import type { BacktestSettings, Costs, MemorySettings } from "../settings.ts";
import type { Json } from "../util/json.ts";
import { durationMs, msOfTimeframe } from "../util/time.ts";

/** The `backtest.data_dir` of runs on synthetic bars. */
export const SYNTHETIC = "synthetic";

/** Costs as config.yaml has them. */
export interface CostsConfig {
  readonly fee_bps: number;
  readonly spread_bps: number;
  readonly slippage_bps: number;
}

/** A member of the ensemble as config.yaml has it. */
export type ProviderConfig =
  | { readonly name: string; readonly type: "trend" | "reversion" | "breakout" | "memory" }
  | VotesFileConfig
  | ModuleConfig
  | CommandConfig
  | LlmConfig;

/** What the greatest confidence is called; without it 100, and confidences of at most 1 throughout are refused. */
export type ConfidenceScale = 1 | 100;

/** A CSV of votes. */
export interface VotesFileConfig {
  readonly name: string;
  readonly type: "file";
  readonly path: string;
  /** The column of the actions. @default `action` or one of its other names */
  readonly column?: string;
  /** What a vote's timestamp is: when it was known, or the start of the bar at whose end it was. @default "known_at" */
  readonly stamp?: "known_at" | "bar_start";
  /** How long a bar of `stamp: bar_start` is, such as `1d`. @default the run's timeframe */
  readonly bar?: string;
  /** The zone of times that state none. @default UTC */
  readonly timezone?: string;
  readonly confidence_scale?: ConfidenceScale;
}

/** A TypeScript or JavaScript file that exports `vote(situation, context, params)`. */
export interface ModuleConfig {
  readonly name: string;
  readonly type: "module";
  readonly path: string;
  /** What its votes depend on, as the module defines it. @default none, and it gets an empty map */
  readonly params?: OpenSettings;
  /** How many bars of the asset it may look at. @default 100 */
  readonly bars?: number;
  readonly confidence_scale?: ConfidenceScale;
  /** Whether an error in every call stops the run. @default "stop" */
  readonly on_error?: "stop" | "abstain";
}

/** A program of the user's: one JSON situation a line on its stdin, one JSON vote a line on its stdout. */
export interface CommandConfig {
  readonly name: string;
  readonly type: "command";
  /** The program and its arguments, without a shell. It runs in the folder of config.yaml. */
  readonly command: readonly string[];
  /** Environment variables that it gets besides `PATH` and its like. */
  readonly env?: readonly string[];
  readonly timeout: string;
  readonly max_concurrency: number;
  /** How many bars of the asset it is sent. @default none */
  readonly bars?: number;
  readonly confidence_scale?: ConfidenceScale;
}

/** A language model. */
export interface LlmConfig {
  readonly name: string;
  readonly type: "llm";
  /**
   * How it is reached: `openai-compatible` for the servers that speak OpenAI's protocol, such as Ollama; one of the makers; or a
   * package of the AI SDK that the user has installed.
   */
  readonly api: "openai-compatible" | "openai" | "google" | "anthropic" | PackageApi;
  readonly model: string;
  /** The address of the server; required for `openai-compatible`. */
  readonly base_url?: string;
  /** The environment variable that has the key. */
  readonly api_key_env?: string;
  readonly temperature: number;
  readonly max_output_tokens: number;
  /** How often each question is asked; the majority votes. */
  readonly samples?: number;
  /** How long a model that thinks should think. */
  readonly reasoning_effort?: (typeof REASONING_EFFORTS)[number];
  /** Further headers and members of a request's body. */
  readonly headers?: OpenSettings;
  readonly extra_body?: OpenSettings;
  /** The format that the server is asked to enforce. */
  readonly output: "json_schema" | "json_object" | "text";
  readonly prompt_file?: string;
  /** How many bars of the asset stand for `{{bars}}` in the prompt. @default 100 */
  readonly bars?: number;
  /** Whether asset, dates and prices are kept from the model. */
  readonly mask: boolean;
  /** Of one request, such as `60s`. */
  readonly timeout: string;
  /** Further tries after failures that may be billed. */
  readonly max_retries: number;
  /** How long a server that does not answer, or not yet, is waited for, such as `5m`. */
  readonly patience: string;
  readonly max_concurrency: number;
  readonly requests_per_minute?: number;
  /** Dollars for a million tokens. */
  readonly price_per_mtok?: { readonly input: number; readonly output: number };
  /** The last day that the model has read about, `YYYY-MM-DD`. */
  readonly knowledge_cutoff?: string;
}

/** Settings of others, which are passed on as they are. A map `{ env: NAME }` stands for an environment variable, a secret. */
export type OpenSettings = Readonly<Record<string, Json>>;

/** A package of the AI SDK that makes models. */
export interface PackageApi {
  readonly package: string;
  /** The function that makes the package's provider, such as `createMistral`. */
  readonly export: string;
  readonly options?: OpenSettings;
}

/** How long a model may be asked to think. */
export const REASONING_EFFORTS = ["none", "minimal", "low", "medium", "high", "xhigh"] as const;

/** Whether a provider's answers are recorded, since they cost money or cannot be repeated. */
export function isRecorded(config: ProviderConfig): config is CommandConfig | LlmConfig {
  return config.type === "command" || config.type === "llm";
}

/** config.yaml, checked and with every default filled in; names and units as in the file. */
export interface Config {
  readonly portfolio_memory: {
    readonly enabled: boolean;
    readonly max_memory_size: number;
    readonly learning_rate: number;
    readonly context_window: number;
    /** Features that recall compares. */
    readonly recall_features?: readonly string[];
  };
  readonly memory: {
    readonly dir: string;
    readonly embedder: "hashing" | "onnx";
    readonly model_dir: string;
    readonly answers_dir: string;
  };
  readonly backtest: {
    /** First day and the day after the last, `YYYY-MM-DD`; both or neither. */
    readonly start?: string;
    readonly end?: string;
    readonly chunks: string;
    readonly seed: number;
    /** Dollars that all questions of a run may cost together. */
    readonly budget_usd?: number;
    readonly assets: readonly string[];
    /** A folder, or `synthetic`. */
    readonly data_dir: string;
    /** A folder with `<ASSET>.csv` of assets that have features. */
    readonly features_dir: string;
    /** The zone of features' times that state none. @default UTC */
    readonly features_timezone?: string;
    readonly timeframe: string;
    readonly decision_interval: string;
    readonly initial_balance: number;
    readonly max_positions: number;
    readonly correlation_threshold: number;
    readonly costs: CostsConfig;
    readonly asset_costs: Readonly<Record<string, Partial<CostsConfig>>>;
    readonly risk: {
      readonly per_trade_pct: number;
      readonly stop_atr: number;
      readonly target_atr: number;
      readonly max_holding: string;
      readonly leverage: number;
      /** Whether a decision to HOLD closes an open position. */
      readonly close_on_hold?: true;
    };
  };
  readonly providers: readonly ProviderConfig[];
}

/** The settings that a configuration stands for. */
export interface Settings {
  readonly backtest: BacktestSettings;
  readonly memory: MemorySettings;
}

/** Converts a configuration to the units of the library. */
export function toSettings({
  backtest,
  portfolio_memory: memory,
}: Pick<Config, "backtest" | "portfolio_memory">): Settings {
  const { risk } = backtest;
  return {
    backtest: {
      assets: backtest.assets,
      timeframeMs: msOfTimeframe(backtest.timeframe),
      decisionIntervalMs: msOfTimeframe(backtest.decision_interval),
      initialBalance: backtest.initial_balance,
      maxPositions: backtest.max_positions,
      correlationThreshold: backtest.correlation_threshold,
      costs: new Map(backtest.assets.map((asset) => [asset, costsOf(asset, backtest)])),
      risk: {
        perTradePct: risk.per_trade_pct,
        stopAtr: risk.stop_atr,
        targetAtr: risk.target_atr,
        maxHoldingMs: durationMs(risk.max_holding),
        leverage: risk.leverage,
        ...(risk.close_on_hold === undefined ? {} : { closeOnHold: risk.close_on_hold }),
      },
    },
    memory: {
      enabled: memory.enabled,
      maxMemorySize: memory.max_memory_size,
      learningRate: memory.learning_rate,
      contextDays: memory.context_window,
      ...(memory.recall_features === undefined ? {} : { recallFeatures: memory.recall_features }),
    },
  };
}

function costsOf(asset: string, { costs, asset_costs }: Pick<Config["backtest"], "costs" | "asset_costs">): Costs {
  // An asset may have the name of something that every object inherits.
  const ofAsset = Object.hasOwn(asset_costs, asset) ? asset_costs[asset] : undefined;
  const { fee_bps, spread_bps, slippage_bps } = { ...costs, ...ofAsset };
  return { feeBps: fee_bps, spreadBps: spread_bps, slippageBps: slippage_bps };
}
