/** Settings of a run, as its key has them. */
import type { RunKey } from "../backtest/run-key.ts";
import type { CostsConfig, ProviderConfig } from "../config/config.ts";
import { DAY_MS, durationMs } from "../util/time.ts";

/** The name of the line of all assets with equal shares. */
export const ALL_HELD = "all held, equal shares";

/** The name of the line of one asset. */
export function heldName(asset: string): string {
  return `${asset} held`;
}

interface KeyConfig {
  readonly providers: readonly Pick<ProviderConfig, "name" | "type">[];
  readonly backtest: {
    readonly timeframe: string;
    readonly costs: CostsConfig;
    readonly asset_costs?: Readonly<Record<string, CostsConfig>>;
    readonly risk: { readonly max_holding: string };
  };
}

/** What a report needs of the settings. They were checked before the run began. */
export function backtestOf({ config }: RunKey): {
  timeframe: string;
  longestTradeDays: number;
  costsOf: (asset: string) => CostsConfig;
  providers: KeyConfig["providers"];
} {
  const { backtest, providers } = config as unknown as KeyConfig;
  return {
    timeframe: backtest.timeframe,
    longestTradeDays: durationMs(backtest.risk.max_holding) / DAY_MS,
    costsOf: (asset) => backtest.asset_costs?.[asset] ?? backtest.costs,
    providers,
  };
}
