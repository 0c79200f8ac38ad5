/** A provider of the type `module`: `vote` gets an asset's situation, what memory recalled, and `params` of config.yaml. It returns a vote. */
import type { Answer, DecisionContext, Situation } from "../../lib/mod.ts";

export function vote(situation: Situation, context: DecisionContext, { low = 25 }: { low?: number }): Answer {
  const { trades, mean_r } = context.recent;
  if (trades > 0 && mean_r! < -0.5) return { action: "HOLD", confidence: 50, reason: "losing lately" };
  // At most ten past trades of all assets, most alike first; none before the first trade has closed.
  const alike = context.similar.filter(({ asset }) => asset === situation.asset);
  if (alike.length >= 5 && !alike.some(({ won }) => won))
    return { action: "HOLD", confidence: 50, reason: "lost before" };
  if (situation.rsi < low) return { action: "BUY", confidence: 65, reason: "oversold" };
  if (situation.rsi > 100 - low) return { action: "SELL", confidence: 65, reason: "overbought" };
  // A vote against trading. With confidence 0 it would have no say.
  return { action: "HOLD", confidence: 50 };
}
