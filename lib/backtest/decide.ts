import { assetFileName } from "../config/asset-name.ts";
import { describeDecision, describeSituation } from "../memory/description.ts";
import type { Lessons } from "../memory/lessons.ts";
import type { MemoryView } from "../memory/view.ts";
import { askProviders, isRead, type Provider } from "../providers/provider.ts";
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
import { type Broker, costsOf } from "./broker.ts";
import type { Feed } from "./feed.ts";
import { judge, judgedFields } from "./judge.ts";
import { correlation, costInR, positionSize, skipReason } from "./sizing.ts";

/** How far back the correlation of two assets looks at least. */
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
  const { situation, votes, recalled } = ballot;
  const { equity, lessons, runId, settings } = context;
  const riskPerUnit = settings.risk.stopAtr * situation.atr;
  const costR = costInR(costsOf(settings, situation.asset), { price: situation.close, riskPerUnit });
  const judged = judge({ situation, votes }, { lessons, costR });
  const { action, raw_confidence, confidence, expected_r, size_scale: scale } = judged;
  const placed = placeOrder({ ballot, action, figures: { raw_confidence, confidence, expected_r }, scale }, context);
  const toRecord = (): DecisionRecord => {
    const { asset, timestamp, ...stored } = situation;
    return {
      decision_id: decisionId(runId, situation),
      timestamp: new Date(timestamp).toISOString(),
      asset,
      situation: stored,
      votes,
      ...judgedFields({ judged, votes, recalled, equity }),
      ...placed,
    };
  };
  return { action, skipped: placed.skipped, votes, toRecord };
}

type Figures = Pick<Decision, "raw_confidence" | "confidence" | "expected_r">;
type Placed = Pick<DecisionRecord, "order" | "size" | "skipped">;

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
  const closes = held !== undefined;
  // If every provider abstained, nobody said to be flat.
  const isFlat = action === "HOLD" && votes.some(({ error }) => error === undefined);
  if (closes && isFlat && settings.risk.closeOnHold === true) {
    broker.place({ asset, closes, opens: null, exit_reason: "hold" });
    return { order: "close", size: null, skipped: null };
  }
  if (action === "HOLD" || held?.action === action) return { order: "none", size: null, skipped: null };

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
