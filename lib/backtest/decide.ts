import { assetFileName } from "../config/asset-name.ts";
import { describeDecision, describeSituation } from "../memory/description.ts";
import type { Lessons, ScaledPosition, WeighedVotes } from "../memory/lessons.ts";
import type { MemoryView } from "../memory/view.ts";
import { ACTIONS, askProviders, isRead, type Provider } from "../providers/provider.ts";
import { meanOf } from "../util/numbers.ts";
import type { BacktestSettings } from "../settings.ts";
import type {
  Action,
  BarColumns,
  Decision,
  DecisionRecord,
  MemoryContext,
  Situation,
  TradeAction,
  Vote,
} from "../types.ts";
import { sha256OfText } from "../util/sha256.ts";
import { DAY_MS } from "../util/time.ts";
import type { Broker } from "./broker.ts";
import type { Feed } from "./feed.ts";
import { correlation, costInR, positionSize, skipReason } from "./sizing.ts";

/** How far back the correlation of two assets looks. */
const CORRELATION_SPAN_MS = 30 * DAY_MS;

export interface DecideContext {
  readonly settings: BacktestSettings;
  readonly providers: readonly Provider[];
  /** As in `MemorySettings`. */
  readonly recallFeatures?: readonly string[] | undefined;
  readonly view: MemoryView;
  readonly broker: Broker;
  /** In config order. */
  readonly feeds: readonly Feed[];
  readonly runId: string;
  /** Stops the run, also while a provider is waited for. */
  readonly signal: AbortSignal | undefined;
}

/** A situation, what memory recalled of it, and how the providers voted on it. */
interface Ballot {
  readonly feed: Feed;
  readonly situation: Situation;
  readonly recalled: MemoryContext;
  readonly votes: readonly Vote[];
}

/** What was decided on an asset. */
export interface Decided extends Pick<DecisionRecord, "action" | "skipped" | "votes"> {
  /** Makes all that is stored of it, which takes longer than to decide. */
  readonly toRecord: () => DecisionRecord;
}

/**
 * Asks all providers about all assets at once: the first half of step 4 of a tick. No question depends on what is decided at
 * the same time, so the order of the answers does not matter.
 */
export async function collectVotes(feeds: readonly Feed[], context: DecideContext): Promise<readonly Ballot[]> {
  const { broker, providers, signal, view } = context;
  const positions = isRead("positions", providers) ? broker.openPositions() : [];
  const questions: Omit<Ballot, "votes">[] = [];
  for (const feed of feeds) {
    const situation = feed.situation();
    if (situation === undefined) continue;
    questions.push({ feed, situation, recalled: await view.recall(situation) });
  }
  return Promise.all(
    questions.map(async (question) => {
      const { feed, situation, recalled } = question;
      const lastBars = (count: number): BarColumns => feed.lastBars(count);
      const votes = await askProviders(providers, { situation, context: { ...recalled, positions }, lastBars, signal });
      return { ...question, votes };
    }),
  );
}

/**
 * Weighs the votes on one asset, decides, and places the order: the second half of step 4.
 *
 * @param context `equity` and `lessons` are the same for every asset of a tick; no lessons with memory disabled.
 */
export function decideOn(
  ballot: Ballot,
  context: DecideContext & { readonly equity: number; readonly lessons: Lessons | undefined },
): Decided {
  const { situation, votes } = ballot;
  const { equity, lessons, runId } = context;
  const weighed = lessons?.weigh(situation, votes) ?? equalWeights(votes);
  const { weights, confidences } = weighed;
  const calibrated = votes.map((vote, i) => ({ ...vote, confidence: confidences[i]! }));
  const { action, confidence: rawConfidence } = decide(calibrated, weights);
  const confidence = action === "HOLD" ? rawConfidence : (lessons?.calibrate(rawConfidence) ?? rawConfidence);
  const { expectedR, scale } = scaledPosition({ ballot, action, weighed }, context);
  const figures = { raw_confidence: rawConfidence, confidence, expected_r: expectedR };
  const placed = placeOrder({ ballot, action, figures, scale }, context);
  const toRecord = (): DecisionRecord =>
    recordOf(ballot, { ...figures, ...placed, runId, weighed, action, equity, size_scale: scale });
  return { action, skipped: placed.skipped, votes, toRecord };
}

type Figures = Pick<Decision, "raw_confidence" | "confidence" | "expected_r">;
type Placed = Pick<DecisionRecord, "order" | "size" | "skipped">;

function recordOf(
  { situation, recalled, votes }: Ballot,
  decided: Figures &
    Placed &
    Pick<DecisionRecord, "action" | "equity" | "size_scale"> & { runId: string; weighed: WeighedVotes },
): DecisionRecord {
  const { runId, weighed, action, raw_confidence, confidence, equity, expected_r, size_scale, order, size, skipped } =
    decided;
  const { asset, timestamp, ...stored } = situation;
  return {
    decision_id: decisionId(runId, situation),
    timestamp: new Date(timestamp).toISOString(),
    asset,
    situation: stored,
    votes,
    weights: byProvider(votes, weighed.weights),
    calibrated: byProvider(votes, weighed.confidences),
    context: { remembered: recalled.remembered, similar: summaryOf(recalled.similar), recent: recalled.recent },
    action,
    raw_confidence,
    confidence,
    equity,
    expected_r,
    size_scale,
    order,
    size,
    skipped,
  };
}

/** `<YYYYMMDDTHHMM>-<asset>-<8 hex>`: the same run decides under the same ids again. */
export function decisionId(runId: string, { asset, timestamp }: Pick<Situation, "asset" | "timestamp">): string {
  const iso = new Date(timestamp).toISOString();
  const minute = iso.slice(0, 4) + iso.slice(5, 7) + iso.slice(8, 13) + iso.slice(14, 16);
  const hash = sha256OfText(`${runId} ${asset} ${timestamp}`);
  return `${minute}-${assetFileName(asset)}-${hash.slice(0, 8)}`;
}

/** Places the order that a decision leads to, if any, and says what became of it. */
function placeOrder(
  decided: { ballot: Ballot; action: Action; figures: Figures; scale: number },
  context: DecideContext & { readonly equity: number },
): Placed {
  const { ballot, action, figures, scale } = decided;
  const { feed, situation, votes } = ballot;
  const { broker, settings, equity, runId } = context;
  const { asset, atr, close, timestamp } = situation;
  const held = broker.position(asset);
  if (action === "HOLD" || held?.action === action) return { order: "none", size: null, skipped: null };

  const closes = held !== undefined;
  const size = positionSize(settings, { equity, atr, close, scale });
  const others = settings.assets.filter((other) => other !== asset);
  const skipped = skipReason({
    otherPositions: others.filter((other) => broker.actionAfterOrders(other) !== undefined).length,
    maxPositions: settings.maxPositions,
    isCorrelated: () => movesWithAnother(feed, { action, asOf: timestamp }, context),
    size,
  });
  if (skipped !== null) {
    if (closes) broker.place({ asset, closes, opens: null });
    return { order: closes ? "close" : "none", size: null, skipped };
  }
  const decision: Decision = {
    decision_id: decisionId(runId, situation),
    timestamp: new Date(timestamp).toISOString(),
    ...figures,
    situation,
    votes,
    description: `${describeSituation(situation, context.recallFeatures)} ${describeDecision({ action, confidence: figures.confidence }, votes)}`,
  };
  broker.place({ asset, closes, opens: { action, size, decision } });
  return { order: closes ? "reverse" : "open", size, skipped };
}

/** Whether an asset moves with another one that is held in the same direction, or will be. */
function movesWithAnother(
  feed: Feed,
  wanted: { action: TradeAction; asOf: number },
  { broker, feeds, settings }: DecideContext,
): boolean {
  return feeds.some((other) => {
    if (other === feed || broker.actionAfterOrders(other.asset) !== wanted.action) return false;
    const value = correlation(feed, other, { from: wanted.asOf - CORRELATION_SPAN_MS });
    return value !== null && value > settings.correlationThreshold;
  });
}

/** Without memory every provider weighs the same, confidences count as voted, and nothing is expected. */
export function equalWeights(votes: readonly Vote[]): WeighedVotes {
  return {
    weights: votes.map(() => 1 / votes.length),
    confidences: votes.map(({ confidence }) => confidence),
    expectedR: votes.map(() => 0),
  };
}

/** What memory expects of a decision, and the part of the full size that it gets. */
function scaledPosition(
  { ballot, action, weighed }: { ballot: Ballot; action: Action; weighed: WeighedVotes },
  { lessons, settings }: Pick<DecideContext, "settings"> & { lessons: Lessons | undefined },
): ScaledPosition {
  if (lessons === undefined || action === "HOLD") return { expectedR: null, scale: 1 };
  const { situation, votes } = ballot;
  let votesR = 0;
  votes.forEach((vote, i) => {
    if (vote.error !== undefined || vote.action === "HOLD") return;
    votesR += vote.action === action ? weighed.expectedR[i]! : -weighed.expectedR[i]!;
  });
  return lessons.scale({ regime: situation.regime, votesR, costR: costInR(settings, situation) });
}

function byProvider(votes: readonly Vote[], values: readonly number[]): Record<string, number> {
  return Object.fromEntries(votes.map(({ provider }, i) => [provider, values[i]!]));
}

function summaryOf(similar: MemoryContext["similar"]): DecisionRecord["context"]["similar"] {
  let wins = 0;
  for (const { won } of similar) if (won) wins += 1;
  return {
    count: similar.length,
    wins,
    mean_r: meanOf(similar.map(({ result_r }) => result_r)),
    nearest: similar.map(({ decision_id, similarity }) => ({ decision_id, similarity })),
  };
}

/** Sums closer than this are a tie. */
const TIE = 1e-9;

/**
 * Turns votes into the ensemble's action (docs/RULES.md, "Votes and decision"). The action with the greatest sum of
 * weight x confidence/100 wins, HOLD included. A tie is HOLD with confidence 0.
 *
 * @param weights Of each vote's provider, in the order of `votes`.
 * @returns The action and its confidence, 0..100.
 */
export function decide(votes: readonly Vote[], weights: readonly number[]): { action: Action; confidence: number } {
  const sums = { BUY: 0, SELL: 0, HOLD: 0 };
  votes.forEach((vote, i) => {
    if (vote.error === undefined) sums[vote.action] += (weights[i]! * vote.confidence) / 100;
  });
  const best = Math.max(sums.BUY, sums.SELL, sums.HOLD);
  const winners = ACTIONS.filter((action) => best - sums[action] <= TIE);
  const [action] = winners;
  if (action === undefined || winners.length > 1 || best <= 0) return { action: "HOLD", confidence: 0 };

  let confidence = 0;
  let voters = 0;
  for (const vote of votes) {
    if (vote.error !== undefined || vote.action !== action) continue;
    confidence += vote.confidence;
    voters += 1;
  }
  const share = best / (sums.BUY + sums.SELL + sums.HOLD);
  return { action, confidence: Math.min(100, (confidence / voters) * (0.8 + 0.4 * share)) };
}
