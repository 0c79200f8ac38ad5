import type { BacktestSettings, MemorySettings } from "./backtest/settings.ts";

/** Costs as config.yaml has them. */
export interface CostsConfig {
  readonly fee_bps: number;
  readonly spread_bps: number;
  readonly slippage_bps: number;
}

/** A member of the ensemble as config.yaml has it. */
export type ProviderConfig =
  | { readonly name: string; readonly type: "trend" | "reversion" | "breakout" | "memory" }
  /** `file`: a CSV of votes; `module`: a TypeScript or JavaScript file whose default export is a `Provider`-maker. */
  | { readonly name: string; readonly type: "file" | "module"; readonly path: string };

/** config.yaml, checked and with every default filled in; names and units as in the file. */
export interface Config {
  readonly portfolio_memory: {
    readonly enabled: boolean;
    readonly max_memory_size: number;
    readonly learning_rate: number;
    readonly context_window: number;
  };
  readonly memory: {
    readonly dir: string;
    readonly embedder: "hashing" | "onnx";
    readonly model_dir: string;
  };
  readonly backtest: {
    /** First and last day (exclusive), `YYYY-MM-DD`; both or neither. */
    readonly start?: string;
    readonly end?: string;
    readonly chunks: string;
    readonly seed: number;
    readonly assets: readonly string[];
    readonly data_dir: string;
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
    };
  };
  readonly providers: readonly ProviderConfig[];
}

/** A configuration and the parts of it that the backtest and memory take. */
export interface Settings {
  readonly backtest: BacktestSettings;
  readonly memory: MemorySettings;
}
