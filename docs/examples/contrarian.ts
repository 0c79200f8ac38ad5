/** A provider of the type `module`: `vote` gets an asset's situation and what memory recalled, and returns a vote. */
import type { Answer, DecisionContext, Situation } from "../../lib/mod.ts";

export function vote(situation: Situation, context: DecisionContext): Answer {
  const { trades, mean_r } = context.recent;
  if (trades > 0 && mean_r! < -0.5) return { action: "HOLD", confidence: 50, reason: "losing lately" };
  // At most ten past trades of all assets, most alike first; none before the first trade has closed.
  const alike = context.similar.filter(({ asset }) => asset === situation.asset);
  if (alike.length >= 5 && !alike.some(({ won }) => won))
    return { action: "HOLD", confidence: 50, reason: "lost before" };
  if (situation.rsi < 25) return { action: "BUY", confidence: 65, reason: "oversold" };
  if (situation.rsi > 75) return { action: "SELL", confidence: 65, reason: "overbought" };
  // A vote against trading. With confidence 0 it would have no say.
  return { action: "HOLD", confidence: 50 };
}
