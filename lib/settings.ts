/** Costs of one asset, in basis points of the price. */
export interface Costs {
  readonly feeBps: number;
  readonly spreadBps: number;
  readonly slippageBps: number;
}

/** How much a trade may risk and how it ends. */
export interface Risk {
  /** Percent of equity between entry and stop. */
  readonly perTradePct: number;
  /** Distances from the raw entry price, in ATR of the decision. */
  readonly stopAtr: number;
  readonly targetAtr: number;
  readonly maxHoldingMs: number;
  readonly leverage: number;
}

/** What the rules of docs/RULES.md need to know. */
export interface BacktestSettings {
  /** In config order, which is the order of every step of a tick. */
  readonly assets: readonly string[];
  readonly timeframeMs: number;
  readonly decisionIntervalMs: number;
  readonly initialBalance: number;
  readonly maxPositions: number;
  readonly correlationThreshold: number;
  /** Costs of every asset. */
  readonly costs: ReadonlyMap<string, Costs>;
  readonly risk: Risk;
}

/** What a decision may use of memory. */
export interface MemorySettings {
  readonly enabled: boolean;
  /** Newest outcomes that a decision can see. */
  readonly maxMemorySize: number;
  /** In (0, 1]; the prior of a provider counts for 6 / learningRate trades. */
  readonly learningRate: number;
  /** Days of recent history in a decision's context. */
  readonly contextDays: number;
}
