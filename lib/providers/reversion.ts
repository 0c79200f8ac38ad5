import type { Provider } from "./provider.ts";

/** Deviations from the mean of 20 closes beyond which a price is expected to come back. */
const STRETCHED = 1.8;

/**
 * Expects a stretched price to come back to its mean: BUY well below it, SELL well above, unless a strong trend carries it.
 * Surer the further it is stretched.
 */
export function reversionProvider(name: string): Provider {
  return {
    name,
    vote: ({ zscore, rsi, adx }) => {
      if (adx > 40) return { action: "HOLD", confidence: 50, reason: "the trend is too strong to lean against" };
      const confidence = Math.min(90, 35 + 15 * Math.abs(zscore));
      if (zscore <= -STRETCHED && rsi < 40) return { action: "BUY", confidence, reason: "stretched below its mean" };
      if (zscore >= STRETCHED && rsi > 60) return { action: "SELL", confidence, reason: "stretched above its mean" };
      return { action: "HOLD", confidence: 50, reason: "near its mean" };
    },
  };
}
