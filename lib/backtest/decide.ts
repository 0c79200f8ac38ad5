import { describeDecision, describeSituation } from "../memory/description.ts";
import type { Lessons, WeighedVotes } from "../memory/lessons.ts";
import { askProviders } from "../providers/provider.ts";
import type { Action, Decision, MemoryContext, OpenPosition, Situation, TradeAction, Vote } from "../types.ts";
import { DAY_MS } from "../util/time.ts";
import type { AssetFeed, LoopContext } from "./loop-context.ts";
import { decisionId } from "./run-key.ts";
import { correlation, directionOf, positionSize, skipReason } from "./sizing.ts";

/** How far back two assets are compared. */
const CORRELATION_SPAN_MS = 30 * DAY_MS;

/** What an asset's decision is made of. */
export interface Consulted {
  readonly feed: AssetFeed;
  readonly situation: Situation;
  readonly recalled: MemoryContext;
  readonly votes: readonly Vote[];
}

/**
 * The first half of step 4 of a tick: recalls and asks for all assets at once. What is asked depends on nothing that is
 * decided at the same time, so the answers do not depend on who is asked first.
 */
export async function consult(feeds: readonly AssetFeed[], context: LoopContext): Promise<readonly Consulted[]> {
  const positions = openPositions(context);
  const questions: Omit<Consulted, "votes">[] = [];
  for (const feed of feeds) {
    const situation = feed.tracker.situation();
    if (situation !== undefined) questions.push({ feed, situation, recalled: await context.memory.recall(situation) });
  }
  return Promise.all(
    questions.map(async (question) => {
      const { situation, recalled } = question;
      const told = { situation, context: { ...recalled, positions }, signal: context.signal };
      return { ...question, votes: await askProviders(context.providers, told) };
    }),
  );
}

function openPositions({ broker, feeds, settings }: LoopContext): readonly OpenPosition[] {
  return settings.assets.flatMap((asset) => {
    const position = broker.position(asset);
    const feed = feeds.find((each) => each.asset === asset);
    const bar = feed?.bars[feed.count - 1];
    if (position === undefined || bar === undefined) return [];
    const { action, entry_ms, entry_price, raw_entry_price, risk_per_unit } = position;
    const gross = directionOf(action) * (bar.close - raw_entry_price);
    const entry_timestamp = new Date(entry_ms).toISOString();
    return { asset, action, entry_timestamp, entry_price, open_r: risk_per_unit > 0 ? gross / risk_per_unit : null };
  });
}

/**
 * The second half, asset by asset: weigh, decide, and place the order.
 *
 * @param tick `equity` and `lessons` are the same for every asset; no lessons without memory.
 */
export function decideOn(
  { feed, situation, recalled, votes }: Consulted,
  tick: { equity: number; lessons: Lessons | undefined },
  context: LoopContext,
): Decision {
  const { equity, lessons } = tick;
  const { broker, settings } = context;
  const { asset } = feed;
  const { weights, confidences } = lessons?.weigh(situation, votes) ?? asVoted(votes);
  const counted = votes.map((vote, i) => ({ ...vote, confidence: confidences[i] ?? 0 }));
  const { action, confidence: rawConfidence } = decide(counted, weights);
  const confidence = action === "HOLD" ? rawConfidence : (lessons?.calibrate(rawConfidence) ?? rawConfidence);
  const scale = lessons?.sizeScale(situation.regime) ?? 1;
  const behind = {
    decision_id: decisionId(context.runId, asset, situation.timestamp),
    timestamp: new Date(situation.timestamp).toISOString(),
  };

  let order: Decision["order"] = "none";
  let size: number | null = null;
  let skipped: Decision["skipped"] = null;
  const position = broker.position(asset);
  if (action !== "HOLD" && position?.action !== action) {
    const closes = position !== undefined;
    const wanted = positionSize(settings, { equity, atr: situation.atr, close: situation.close, scale });
    const others = settings.assets.filter((other) => other !== asset);
    skipped = skipReason({
      otherPositions: others.filter((other) => broker.actionAfterOrders(other) !== undefined).length,
      maxPositions: settings.maxPositions,
      correlated: () => isCorrelated(feed, { action, asOf: situation.timestamp }, context),
      size: wanted,
    });
    if (skipped === null) {
      size = wanted;
      order = closes ? "reverse" : "open";
      const description = `${describeSituation(situation)} ${describeDecision({ action, confidence }, votes)}`;
      const decision = { ...behind, raw_confidence: rawConfidence, confidence, situation, votes, description };
      broker.place({ asset, closes, opens: { action, size, decision } });
    } else if (closes) {
      order = "close";
      broker.place({ asset, closes, opens: null });
    }
  }

  const { asset: _asset, timestamp: _timestamp, ...stored } = situation;
  return {
    ...behind,
    asset,
    situation: stored,
    votes,
    weights: byProvider(votes, weights),
    calibrated: byProvider(votes, confidences),
    context: { remembered: recalled.remembered, similar: summaryOf(recalled.similar), recent: recalled.recent },
    action,
    raw_confidence: rawConfidence,
    confidence,
    equity,
    size_scale: scale,
    order,
    size,
    skipped,
  };
}

/** Without memory every provider weighs the same, abstaining or not. */
function asVoted(votes: readonly Vote[]): WeighedVotes {
  return { weights: votes.map(() => 1 / votes.length), confidences: votes.map(({ confidence }) => confidence) };
}

function byProvider(votes: readonly Vote[], values: readonly number[]): Record<string, number> {
  return Object.fromEntries(votes.map(({ provider }, i) => [provider, values[i] ?? 0]));
}

function summaryOf(similar: MemoryContext["similar"]): Decision["context"]["similar"] {
  let wins = 0;
  let sumR = 0;
  let countR = 0;
  for (const { won, result_r } of similar) {
    if (won) wins += 1;
    if (result_r === null) continue;
    sumR += result_r;
    countR += 1;
  }
  return {
    count: similar.length,
    wins,
    mean_r: countR === 0 ? null : sumR / countR,
    nearest: similar.map(({ decision_id, similarity }) => ({ decision_id, similarity })),
  };
}

/** Whether another asset is held in the same direction, or will be, and moves with this one. */
function isCorrelated(feed: AssetFeed, wanted: { action: TradeAction; asOf: number }, context: LoopContext): boolean {
  const { broker, feeds, settings } = context;
  return feeds.some((other) => {
    if (other.asset === feed.asset || broker.actionAfterOrders(other.asset) !== wanted.action) return false;
    const value = correlation(feed, other, { from: wanted.asOf - CORRELATION_SPAN_MS });
    return value !== null && value > settings.correlationThreshold;
  });
}

const ACTIONS: readonly Action[] = ["BUY", "SELL", "HOLD"];

/** Sums closer than this are a tie. */
const TIE = 1e-9;

/**
 * Turns votes into the ensemble's action (docs/RULES.md, "Votes and decision"): the greatest sum of weight x confidence/100
 * wins, HOLD competing like the others; a tie is HOLD with confidence 0.
 *
 * @param weights The weight of each vote's provider, in the order of `votes`.
 * @returns The action with a confidence of 0..100.
 */
export function decide(votes: readonly Vote[], weights: readonly number[]): { action: Action; confidence: number } {
  const sums = { BUY: 0, SELL: 0, HOLD: 0 };
  votes.forEach((vote, i) => {
    if (vote.error === undefined) sums[vote.action] += ((weights[i] ?? 0) * vote.confidence) / 100;
  });
  const best = Math.max(sums.BUY, sums.SELL, sums.HOLD);
  const winners = ACTIONS.filter((action) => best - sums[action] <= TIE);
  const [action] = winners;
  if (action === undefined || winners.length > 1 || best <= 0) return { action: "HOLD", confidence: 0 };

  const confidences = votes
    .filter((vote) => vote.error === undefined && vote.action === action)
    .map((vote) => vote.confidence);
  const mean = confidences.reduce((a, b) => a + b, 0) / confidences.length;
  const share = best / (sums.BUY + sums.SELL + sums.HOLD);
  return { action, confidence: Math.min(100, mean * (0.8 + 0.4 * share)) };
}
