import { abstain, type Provider } from "./provider.ts";

/** With fewer remembered outcomes, or fewer similar ones with a result, it has nothing to say. */
const MIN_REMEMBERED = 30;
const MIN_SIMILAR = 5;

/** Similarities that a neutral neighbour counts for: it pulls the vote toward nothing. */
const SHRINKAGE = 3;

/** Mean result in R, shrunk, below which neighbours do not speak for a direction. */
const MIN_EDGE_R = 0.1;

/**
 * Votes what similar past trades say: their direction x result_r, weighted by similarity and shrunk toward nothing. It
 * abstains while too little is remembered, and earns its weight like any other provider.
 */
export function memoryProvider(name: string): Provider {
  return {
    name,
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
      const meanR = edge / (weight + SHRINKAGE);
      const reason = `${count} similar trades say ${meanR.toFixed(2)} R long`;
      if (Math.abs(meanR) < MIN_EDGE_R) return { action: "HOLD", confidence: 50, reason };
      return { action: meanR > 0 ? "BUY" : "SELL", confidence: Math.min(90, 50 + 40 * Math.abs(meanR)), reason };
    },
  };
}
