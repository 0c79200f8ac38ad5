import { QUANTITIES, quantitiesOf, type Quantity, type QuantityName, wordFor } from "../embed/levels.ts";
import type { Action, Situation, Vote } from "../types.ts";
import type { SessionSituation } from "./session-outcome.ts";

/** Words for the rank of a feature among its own past. */
const FEATURE_LEVELS: Quantity = {
  bounds: [0.1, 0.35, 0.65, 0.9],
  words: ["very low", "low", "usual", "high", "very high"],
};

/**
 * Describes a situation in one sentence: the numbers, and beside each a word for its level. The hashing embedder reads it by the
 * same table of levels.
 *
 * @param features Names of features that it says as well, where they are known. @default none
 */
export function describeSituation(situation: Situation, features: readonly string[] = []): string {
  const s = situation;
  const quantities = quantitiesOf(situation);
  // A move is judged against what the asset moves anyway, so "fast" means the same for a coin and a currency.
  const word = (name: QuantityName): string => wordFor(QUANTITIES[name], quantities[name]);
  return (
    `${s.asset} is ${word("move")} (${signed(s.return_pct)}% in 24 bars) in a ${s.regime.toLowerCase()} market: ${word("trend")}, ` +
    `${word("adx")} at ADX ${fixed(s.adx, 0)}, momentum ${word("rsi")} at RSI ${fixed(s.rsi, 0)}, ` +
    `volatility ${word("volatility")} at ${fixed(s.volatility_pct, 2)}% a bar, ${word("zscore")} (${signed(s.zscore)} deviations), ` +
    `${word("channel")} its range of 48 bars${features.map((name) => describeFeature(situation, name)).join("")}.`
  );
}

function describeFeature(
  { features = {}, feature_ranks: ranks = {} }: Pick<Situation, "features" | "feature_ranks">,
  name: string,
): string {
  const value = Object.hasOwn(features, name) ? features[name] : null;
  if (value === null || value === undefined) return "";
  // A text could end the sentence.
  if (typeof value === "string") return `, ${name} ${value.replaceAll(/[^\w+-]+/g, "-")}`;
  const rank = ranks[name];
  const word = rank === undefined ? "" : ` ${wordFor(FEATURE_LEVELS, rank)}`;
  return `, ${name}${word} (${Number(value.toPrecision(4))})`;
}

/** The values that a quantity of a description is made of. */
const NEEDED: Readonly<Record<QuantityName, readonly (keyof SessionSituation)[]>> = {
  move: ["return_pct", "volatility_pct"],
  trend: ["ema_fast", "ema_slow", "close", "volatility_pct"],
  adx: ["adx"],
  rsi: ["rsi"],
  volatility: ["volatility_rank"],
  zscore: ["zscore"],
  channel: ["close", "channel_high", "channel_low"],
};

/**
 * Like `describeSituation()`, of a situation that may lack values: it says what is known, in the same words.
 *
 * @param features Names of features that it says as well.
 */
export function describeKnown(
  situation: SessionSituation & { readonly asset: string },
  features: readonly string[],
): string {
  const { asset, regime, adx, rsi, zscore } = situation;
  // What is missing makes no difference to the quantities that do not need it.
  const quantities = quantitiesOf(situation as unknown as Situation);
  const say = (name: QuantityName, text: (word: string) => string): readonly string[] =>
    NEEDED[name].every((value) => situation[value] !== undefined)
      ? [text(wordFor(QUANTITIES[name], quantities[name]))]
      : [];
  const said = [
    ...say("move", (word) => word),
    ...say("trend", (word) => word),
    ...say("adx", (word) => `${word} at ADX ${fixed(adx!, 0)}`),
    ...say("rsi", (word) => `momentum ${word} at RSI ${fixed(rsi!, 0)}`),
    ...say("volatility", (word) => `volatility ${word}`),
    ...say("zscore", (word) => `${word} (${signed(zscore!)} deviations)`),
    ...say("channel", (word) => `${word} its range`),
  ];
  const market =
    regime === "UNKNOWN" ? "in a market" : `in a ${regime.toLowerCase().replaceAll(/[^\w+-]+/g, "-")} market`;
  return `${[`${asset} is ${market}`, ...said].join(", ")}${features.map((name) => describeFeature(situation, name)).join("")}.`;
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
