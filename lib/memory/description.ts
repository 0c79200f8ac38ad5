import { QUANTITIES, quantitiesOf, type QuantityName, wordFor } from "../embed/levels.ts";
import type { Action, Situation, Vote } from "../types.ts";

/**
 * Describes a situation in one sentence: the numbers, and beside each a word for its level. The hashing embedder reads it by the
 * same table of levels.
 */
export function describeSituation(situation: Situation): string {
  const s = situation;
  const quantities = quantitiesOf(situation);
  // A move is judged against what the asset moves anyway, so "fast" means the same for a coin and a currency.
  const word = (name: QuantityName): string => wordFor(QUANTITIES[name], quantities[name]);
  return (
    `${s.asset} is ${word("move")} (${signed(s.return_pct)}% in 24 bars) in a ${s.regime.toLowerCase()} market: ${word("trend")}, ` +
    `${word("adx")} at ADX ${fixed(s.adx, 0)}, momentum ${word("rsi")} at RSI ${fixed(s.rsi, 0)}, ` +
    `volatility ${word("volatility")} at ${fixed(s.volatility_pct, 2)}% a bar, ${word("zscore")} (${signed(s.zscore)} deviations), ` +
    `${word("channel")} its range of 48 bars.`
  );
}

/** Describes what the ensemble decided and who voted for it, in one sentence. */
export function describeDecision(
  decision: { readonly action: Action; readonly confidence: number },
  votes: readonly Vote[],
): string {
  const voters = (action: Action): string =>
    votes
      .filter((vote) => vote.error === undefined && vote.action === action)
      .map((vote) => `${vote.provider} (${fixed(vote.confidence, 0)})`)
      .join(", ");
  const others = (["BUY", "SELL", "HOLD"] as const)
    .filter((action) => action !== decision.action && voters(action) !== "")
    .map((action) => `${action} from ${voters(action)}`);
  const against = others.length === 0 ? "unopposed" : `over ${others.join(" and ")}`;
  const { action, confidence } = decision;
  return `Decided ${action} at confidence ${fixed(confidence, 0)} with ${voters(action)}, ${against}.`;
}

/** The sentence of a description that is embedded: the first, which says nothing of the decision. */
export function situationSentence(description: string): string {
  const end = description.indexOf(". ");
  return end === -1 ? description : description.slice(0, end + 1);
}

function fixed(value: number, decimals: number): string {
  return value.toFixed(decimals);
}

/** With its sign; without one if it rounds to 0. */
function signed(value: number): string {
  const text = value.toFixed(1);
  if (Number(text) === 0) return "0.0";
  return value > 0 ? `+${text}` : text;
}
