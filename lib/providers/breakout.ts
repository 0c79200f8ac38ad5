import type { Provider } from "./provider.ts";

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
