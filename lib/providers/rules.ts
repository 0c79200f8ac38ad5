import { asBuiltIn, type Provider } from "./provider.ts";

/** ADX below which a market has no trend to follow. */
const MIN_TREND_ADX = 22;

/** ADX above which a trend is too strong to bet against. */
const MAX_REVERSION_ADX = 40;

/** Standard deviations from the mean of 20 closes at which a price counts as stretched. */
const STRETCHED = 1.8;

/**
 * Trend following: BUY where the fast average lies above the slow one and the close above both, SELL where below, provided
 * the ADX shows a trend. The confidence grows with the ADX.
 */
export function trend(name = "trend"): Provider {
  return asBuiltIn({
    name,
    reads: [],
    vote: ({ close, ema_fast, ema_slow, adx }) => {
      if (adx < MIN_TREND_ADX) return { action: "HOLD", confidence: 50, reason: "no trend to follow" };
      const confidence = Math.min(90, 40 + adx);
      if (ema_fast > ema_slow && close > ema_fast)
        return { action: "BUY", confidence, reason: "uptrend with strength" };
      if (ema_fast < ema_slow && close < ema_fast)
        return { action: "SELL", confidence, reason: "downtrend with strength" };
      return { action: "HOLD", confidence: 50, reason: "averages and price disagree" };
    },
  });
}

/**
 * Mean reversion: BUY well below the mean, SELL well above it, unless a strong trend carries the price. The confidence grows
 * with the distance from the mean.
 */
export function reversion(name = "reversion"): Provider {
  return asBuiltIn({
    name,
    reads: [],
    vote: ({ zscore, rsi, adx }) => {
      if (adx > MAX_REVERSION_ADX)
        return { action: "HOLD", confidence: 50, reason: "the trend is too strong to lean against" };
      const confidence = Math.min(90, 35 + 15 * Math.abs(zscore));
      if (zscore <= -STRETCHED && rsi < 40) return { action: "BUY", confidence, reason: "stretched below its mean" };
      if (zscore >= STRETCHED && rsi > 60) return { action: "SELL", confidence, reason: "stretched above its mean" };
      return { action: "HOLD", confidence: 50, reason: "near its mean" };
    },
  });
}

/**
 * Breakout of the Donchian channel: BUY above the range of the last 48 bars, SELL below it. The confidence grows with the
 * distance from the range in ATR.
 */
export function breakout(name = "breakout"): Provider {
  return asBuiltIn({
    name,
    reads: [],
    vote: ({ close, channel_high, channel_low, atr }) => {
      const above = close - channel_high;
      const below = channel_low - close;
      const confidence = Math.min(90, 60 + (atr > 0 ? (20 * Math.max(above, below)) / atr : 0));
      if (above > 0) return { action: "BUY", confidence, reason: "above the range of 48 bars" };
      if (below > 0) return { action: "SELL", confidence, reason: "below the range of 48 bars" };
      return { action: "HOLD", confidence: 50, reason: "inside its range" };
    },
  });
}
