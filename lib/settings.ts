/** Costs of one asset, in basis points of the price. */
export interface Costs {
  readonly feeBps: number;
  readonly spreadBps: number;
  readonly slippageBps: number;
}

/** How much a trade may risk, and what ends it. */
export interface Risk {
  /** Percent of equity that is lost when the stop is hit. */
  readonly perTradePct: number;
  /** Distances from the raw entry price, in ATR at the decision. */
  readonly stopAtr: number;
  readonly targetAtr: number;
  readonly maxHoldingMs: number;
  /** Whether a decision to HOLD closes an open position. @default false */
  readonly closeOnHold?: boolean;
  readonly leverage: number;
}

/** The settings of a backtest (docs/RULES.md). */
export interface BacktestSettings {
  /** Every step of a tick goes through the assets in this order. */
  readonly assets: readonly string[];
  readonly timeframeMs: number;
  readonly decisionIntervalMs: number;
  readonly initialBalance: number;
  readonly maxPositions: number;
  readonly correlationThreshold: number;
  /** By asset; every asset has an entry. */
  readonly costs: ReadonlyMap<string, Costs>;
  readonly risk: Risk;
}

/** What a decision may use of memory. */
export interface MemorySettings {
  readonly enabled: boolean;
  /** A decision sees at most this many outcomes, the newest. */
  readonly maxMemorySize: number;
  /** In (0, 1]; the prior of a provider counts for 6 / learningRate trades. */
  readonly learningRate: number;
  /** Days of recent history in a decision's context. */
  readonly contextDays: number;
  /** Features that the sentence of a situation names, so that recall compares them. @default none */
  readonly recallFeatures?: readonly string[] | undefined;
}

/** Every default, in the words and units of config.yaml. */
export const DEFAULTS = {
  portfolio_memory: { enabled: true, max_memory_size: 1000, learning_rate: 0.1, context_window: 20 },
  memory: {
    dir: "data/memory",
    embedder: "hashing",
    model_dir: "data/models/all-MiniLM-L6-v2",
    answers_dir: "data/answers",
  },
  backtest: {
    chunks: "quarter",
    seed: 1,
    assets: ["BTCUSD", "ETHUSD", "EURUSD"],
    data_dir: "data/market",
    features_dir: "data/features",
    timeframe: "1h",
    decision_interval: "4h",
    initial_balance: 10_000,
    max_positions: 3,
    correlation_threshold: 0.9,
    costs: { fee_bps: 5, spread_bps: 2, slippage_bps: 2 },
    asset_costs: { EURUSD: { fee_bps: 0, spread_bps: 1, slippage_bps: 0.5 } },
    risk: { per_trade_pct: 1, stop_atr: 3, target_atr: 4.5, max_holding: "5d", leverage: 1 },
  },
  providers: [
    { name: "trend", type: "trend" },
    { name: "reversion", type: "reversion" },
    { name: "breakout", type: "breakout" },
    { name: "memory", type: "memory" },
  ],
  command: { timeout: "60s", max_concurrency: 1 },
  llm: {
    api: "openai-compatible",
    temperature: 0,
    max_output_tokens: 2048,
    output: "json_schema",
    mask: false,
    timeout: "60s",
    max_retries: 3,
    patience: "5m",
    max_concurrency: 4,
  },
} as const;

/** The confidence of votes of a file that states none: above the 50 of a rule that holds. */
export const VOTE_CONFIDENCE = 60;

/** How many bars of its asset a provider may look at. */
export const PROVIDER_BARS = { default: 100, max: 2000 } as const;
