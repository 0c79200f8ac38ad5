import type { Regime } from "../domain.ts";

/** How many values of ATR/close the newest one is measured against, itself included: 90 days of hours. */
export const VOLATILITY_WINDOW = 2160;

/** Where one regime ends and the next begins. */
export interface RegimeThresholds {
  /** `VOLATILE` from this share of lower values of ATR/close on, 0..1. */
  readonly volatileRank: number;
  /** Else `TRENDING` from this ADX on, 0..100. */
  readonly trendingAdx: number;
}

/** The thresholds of docs/RULES.md. */
const REGIME_THRESHOLDS: RegimeThresholds = { volatileRank: 0.85, trendingAdx: 25 };

/**
 * How the market behaves.
 *
 * @param measured `volatilityRank` is the share of the asset's recent values of ATR/close below this one, 0..1.
 * @param thresholds Where the regimes begin. @default REGIME_THRESHOLDS
 */
export function classifyRegime(
  measured: { volatilityRank: number; adx: number },
  thresholds: RegimeThresholds = REGIME_THRESHOLDS,
): Regime {
  if (measured.volatilityRank >= thresholds.volatileRank) return "VOLATILE";
  return measured.adx >= thresholds.trendingAdx ? "TRENDING" : "RANGING";
}

/** Ranks an asset's newest value of ATR/close among its last 2,160. */
export interface VolatilityRank {
  /** Takes the value of the asset's next bar. */
  add(volatility: number): void;
  /** The share of the last 2,160 values, those there are, that lie strictly below the newest one, 0..1. */
  rank(): number;
}

/** Starts without values. The rank is counted when it is asked for, in a microsecond or two. */
export function createVolatilityRank(): VolatilityRank {
  /** The last values in any order: only their rank is asked for. */
  const values = new Float64Array(VOLATILITY_WINDOW);
  let count = 0;
  let newest = NaN;
  return {
    add(volatility) {
      newest = volatility;
      values[count % VOLATILITY_WINDOW] = volatility;
      count++;
    },
    rank() {
      const size = Math.min(count, VOLATILITY_WINDOW);
      let below = 0;
      for (let index = 0; index < size; index++) if ((values[index] ?? NaN) < newest) below++;
      return below / size;
    },
  };
}
