import { abstain, asBuiltIn, type Provider } from "./provider.ts";

/** With fewer remembered trades, or fewer similar ones with a result, it abstains. */
const MIN_REMEMBERED = 30;
const MIN_SIMILAR = 5;

/** Sum of similarities that a neutral prior counts for. It shrinks the mean toward 0. */
const PRIOR_WEIGHT = 3;

/** Absolute mean result, in R, below which it votes HOLD. */
const MIN_EDGE_R = 0.1;

/**
 * Votes as similar past trades suggest: the mean of direction x result_r, weighted by similarity and shrunk toward 0. It
 * abstains while memory holds too few trades, and earns its weight like any other provider.
 */
export function similarTrades(name = "memory"): Provider {
  return asBuiltIn({
    name,
    reads: ["remembered", "similar"],
    vote: (_situation, { remembered, similar }) => {
      if (remembered < MIN_REMEMBERED) return abstain(`only ${remembered} trades remembered`);
      let edge = 0;
      let weight = 0;
      let count = 0;
      for (const trade of similar) {
        if (trade.result_r === null || trade.similarity <= 0) continue;
        edge += trade.similarity * (trade.action === "BUY" ? trade.result_r : -trade.result_r);
        weight += trade.similarity;
        count += 1;
      }
      if (count < MIN_SIMILAR) return abstain(`only ${count} similar trades`);
      const meanR = edge / (weight + PRIOR_WEIGHT);
      const reason = `${count} similar trades say ${meanR.toFixed(2)} R long`;
      if (Math.abs(meanR) < MIN_EDGE_R) return { action: "HOLD", confidence: 50, reason };
      return { action: meanR > 0 ? "BUY" : "SELL", confidence: Math.min(90, 50 + 40 * Math.abs(meanR)), reason };
    },
  });
}
