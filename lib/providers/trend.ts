import type { Provider } from "./provider.ts";

/**
 * Follows a trend that has strength: BUY where the fast average lies above the slow one and the close above both, SELL
 * where below, in a market whose ADX says that it moves. Surer the stronger the trend.
 */
export function trendProvider(name: string): Provider {
  return {
    name,
    vote: ({ close, ema_fast, ema_slow, adx }) => {
      if (adx < 22) return { action: "HOLD", confidence: 50, reason: "no trend to follow" };
      const confidence = Math.min(90, 40 + adx);
      if (ema_fast > ema_slow && close > ema_fast)
        return { action: "BUY", confidence, reason: "uptrend with strength" };
      if (ema_fast < ema_slow && close < ema_fast)
        return { action: "SELL", confidence, reason: "downtrend with strength" };
      return { action: "HOLD", confidence: 50, reason: "averages and price disagree" };
    },
  };
}
