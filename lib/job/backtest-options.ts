/** The names of the options of `backtest()`. */
import type { Costs, MemorySettings } from "../settings.ts";
import { assertKnownOptions } from "../util/option-names.ts";
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
export function assertBacktestOptions(options: BacktestOptions): void {
  const check = (given: object | undefined, names: Readonly<Record<string, true>>, group = ""): void =>
    assertKnownOptions(given, names, { tried: "Cannot backtest", group });
  check(options, OPTIONS);
  check(options.costs, COSTS, "costs.");
  check(options.risk, RISK, "risk.");
  check(options.memorySettings, MEMORY, "memorySettings.");
  for (const [asset, costs] of Object.entries(options.assetCosts ?? {})) check(costs, COSTS, `assetCosts.${asset}.`);
}
