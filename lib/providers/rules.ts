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

/**
 * Goes with a price that leaves the range of the 48 bars before: BUY above it, SELL below (Donchian's rule). Surer the
 * further it is out, in ATR.
 */
export function breakoutProvider(name: string): Provider {
  return {
    name,
    vote: ({ close, channel_high, channel_low, atr }) => {
      const above = close - channel_high;
      const below = channel_low - close;
      const confidence = Math.min(90, 60 + (atr > 0 ? (20 * Math.max(above, below)) / atr : 0));
      if (above > 0) return { action: "BUY", confidence, reason: "above the range of 48 bars" };
      if (below > 0) return { action: "SELL", confidence, reason: "below the range of 48 bars" };
      return { action: "HOLD", confidence: 50, reason: "inside its range" };
    },
  };
}
