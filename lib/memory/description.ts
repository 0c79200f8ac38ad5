import type { Action, Situation, Vote } from "../domain.ts";

/** A level's word, from a rising list of `[below, word]`. */
function wordFor(value: number, levels: readonly (readonly [number, string])[], above: string): string {
  for (const [below, word] of levels) if (value < below) return word;
  return above;
}

/**
 * Describes a situation in one sentence, as a person would: the numbers, and beside each a word for its level. The words
 * are what the hashing embedder sees; both embedders find alike what reads alike. Nothing in it is known only later.
 */
export function describeSituation(situation: Situation): string {
  const s = situation;
  const atrPct = s.volatility_pct;
  // A move is judged against what the asset moves anyway, so that "fast" means the same for a coin and a currency.
  const pace = atrPct > 0 ? s.return_pct / atrPct : 0;
  const move = wordFor(
    pace,
    [
      [-4, "falling fast"],
      [-1.5, "falling"],
      [1.5, "going nowhere"],
      [4, "rising"],
    ],
    "rising fast",
  );
  const trend = wordFor(
    atrPct > 0 ? (100 * (s.ema_fast - s.ema_slow)) / s.close / atrPct : 0,
    [
      [-2, "steep downtrend"],
      [-0.5, "downtrend"],
      [0.5, "sideways trend"],
      [2, "uptrend"],
    ],
    "steep uptrend",
  );
  const strength = wordFor(
    s.adx,
    [
      [15, "aimless"],
      [25, "hesitant"],
      [40, "directed"],
    ],
    "relentless",
  );
  const momentum = wordFor(
    s.rsi,
    [
      [30, "oversold"],
      [45, "soft"],
      [55, "balanced"],
      [70, "firm"],
    ],
    "overbought",
  );
  const volatility = wordFor(
    s.volatility_rank,
    [
      [0.2, "very calm"],
      [0.5, "calm"],
      [0.85, "lively"],
    ],
    "wild",
  );
  const stretch = wordFor(
    s.zscore,
    [
      [-1.5, "stretched below its mean"],
      [-0.5, "under its mean"],
      [0.5, "near its mean"],
      [1.5, "over its mean"],
    ],
    "stretched above its mean",
  );
  const width = s.channel_high - s.channel_low;
  const place = wordFor(
    width > 0 ? (s.close - s.channel_low) / width : 0.5,
    [
      [0, "broken down out of"],
      [0.25, "at the bottom of"],
      [0.75, "inside"],
      [1, "at the top of"],
    ],
    "broken up out of",
  );
  return (
    `${s.asset} is ${move} (${signed(s.return_pct)}% in 24 bars) in a ${s.regime.toLowerCase()} market: ${trend}, ` +
    `${strength} at ADX ${fixed(s.adx, 0)}, momentum ${momentum} at RSI ${fixed(s.rsi, 0)}, ` +
    `volatility ${volatility} at ${fixed(atrPct, 2)}% a bar, ${stretch} (${signed(s.zscore)} deviations), ` +
    `${place} its range of 48 bars.`
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

/** The sentence of a description that is embedded: the first, so that one query before the decision serves both directions. */
export function situationSentence(description: string): string {
  const end = description.indexOf(". ");
  return end === -1 ? description : description.slice(0, end + 1);
}

function fixed(value: number, decimals: number): string {
  return value.toFixed(decimals);
}

/** With its sign, but for what rounds to 0. */
function signed(value: number): string {
  const text = value.toFixed(1);
  if (Number(text) === 0) return "0.0";
  return value > 0 ? `+${text}` : text;
}
