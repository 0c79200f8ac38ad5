/** Refuses misspelt options of `backtest()`: TypeScript does not check those of an object that is spread. */
import type { Costs, MemorySettings } from "../settings.ts";
import type { BacktestOptions } from "./backtest.ts";

const OPTIONS: Record<keyof BacktestOptions, true> = {
  bars: true,
  features: true,
  providers: true,
  memory: true,
  start: true,
  end: true,
  chunks: true,
  decisionInterval: true,
  initialBalance: true,
  maxPositions: true,
  correlationThreshold: true,
  costs: true,
  assetCosts: true,
  risk: true,
  memorySettings: true,
  restart: true,
  onNote: true,
  onStart: true,
  onProgress: true,
  signal: true,
};

const RISK: Record<keyof NonNullable<BacktestOptions["risk"]>, true> = {
  perTradePct: true,
  stopAtr: true,
  targetAtr: true,
  maxHolding: true,
  leverage: true,
  closeOnHold: true,
};

const COSTS: Record<keyof Costs, true> = { feeBps: true, spreadBps: true, slippageBps: true };

const MEMORY: Record<keyof MemorySettings, true> = {
  enabled: true,
  maxMemorySize: true,
  learningRate: true,
  contextDays: true,
  recallFeatures: true,
};

/** @throws {RangeError} For an option that there is not. */
export function assertKnownOptions(options: BacktestOptions): void {
  assertKnown("", options, OPTIONS);
  assertKnown("costs.", options.costs, COSTS);
  assertKnown("risk.", options.risk, RISK);
  assertKnown("memorySettings.", options.memorySettings, MEMORY);
  for (const [asset, costs] of Object.entries(options.assetCosts ?? {}))
    assertKnown(`assetCosts.${asset}.`, costs, COSTS);
}

function assertKnown(group: string, options: object | undefined, names: Record<string, true>): void {
  const known = Object.keys(names);
  const unknown = Object.keys(options ?? {}).find((name) => !known.includes(name));
  if (unknown === undefined) return;
  throw new RangeError(
    `Cannot backtest: found the unknown option "${group}${unknown}", expected one of ${known.join(", ")}`,
  );
}
