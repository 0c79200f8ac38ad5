/**
 * A program that plays the built-in loop outside: it reads the bars, computes the rules' votes, fills orders and counts money by
 * itself, and asks a session what memory makes of the votes (docs/RULES.md, "Time").
 */
import { Broker, type ClosedTrade } from "../../lib/backtest/broker.ts";
import { Feed, nextTick } from "../../lib/backtest/feed.ts";
import { correlation, positionSize, skipReason } from "../../lib/backtest/sizing.ts";
import type { Provider } from "../../lib/providers/provider.ts";
import type { BacktestSettings } from "../../lib/settings.ts";
import type { BarSeries, DecisionRecord, DecisionContext, Market, Situation } from "../../lib/types.ts";
import { DAY } from "../backtest/world-samples.ts";

/** What of a decision is compared. */
export type PlayedDecision = Pick<
  DecisionRecord,
  | "timestamp"
  | "asset"
  | "action"
  | "weights"
  | "calibrated"
  | "raw_confidence"
  | "confidence"
  | "expected_r"
  | "size_scale"
  | "size"
> & { readonly remembered: number; readonly similarities: readonly number[] };

export type Call = (method: string, params: object) => Promise<unknown>;

interface Answered extends Omit<PlayedDecision, "timestamp" | "asset" | "size" | "similarities"> {
  readonly decision_id: string;
  readonly similar: readonly { readonly similarity: number }[];
}

export interface Game {
  readonly settings: BacktestSettings;
  readonly series: readonly BarSeries[];
  readonly market: Market;
  readonly rules: readonly Provider[];
  readonly period: { readonly startMs: number; readonly endMs: number };
}

/** Plays a period, and returns its decisions in order. */
export async function playLoop(game: Game, call: Call): Promise<readonly PlayedDecision[]> {
  const { settings, rules, period, market } = game;
  const start = iso(period.startMs);
  const providers = rules.map(({ name }) => name);
  const opened = await call("open_session", { engine: "player", mode: "backtest", market, providers, start });
  const { session } = opened as { session: string };
  const broker = new Broker(settings);
  const feeds = game.series.map((each) => new Feed(each, { ...period, regimesAdapt: true }));
  for (const feed of feeds) if (feed.last !== undefined) broker.setLastBar(feed.asset, feed.last, feed.lastTick);
  const played: PlayedDecision[] = [];
  const record = async (trades: readonly ClosedTrade[], asOf: number): Promise<void> => {
    for (const trade of trades) await call("record_outcome", { session, ...closed(trade), as_of: iso(asOf) });
  };
  for (let tick = nextTick(feeds); tick < period.endMs; tick = nextTick(feeds)) {
    const due = feeds.filter((feed) => feed.nextTick === tick);
    const bars = due.map((feed) => feed.next!);
    const atOpen = due.map(({ asset }, i) => broker.atOpen(asset, bars[i]!, tick));
    const inside = due.map(({ asset }, i) => broker.insideBar(asset, bars[i]!, tick));
    for (const feed of due) feed.advance();
    const knownMs = tick + settings.timeframeMs;
    await record(
      [...atOpen, ...inside].filter((trade) => trade !== undefined),
      knownMs,
    );
    const equity = broker.equity();
    for (const feed of due.filter((each) => each.isAtDecision(settings.decisionIntervalMs))) {
      const situation = feed.situation();
      if (situation === undefined) continue;
      const answer = await ask(situation, { rules, session, call });
      played.push({
        ...compared(answer, situation),
        size: place(answer, { feed, situation, feeds, broker, settings, equity }),
      });
    }
  }
  broker.dropOrders();
  await record(
    settings.assets.flatMap((asset) => broker.atEndOfRun(asset) ?? []),
    period.endMs,
  );
  await call("close_session", { session });
  return played;
}

async function ask(
  { asset, timestamp, ...values }: Situation,
  { rules, session, call }: { rules: readonly Provider[]; session: string; call: Call },
): Promise<Answered> {
  const situation = { asset, timestamp, ...values };
  // The rules read nothing but the situation.
  const votes = rules.map((rule) => ({
    provider: rule.name,
    ...(rule.vote(situation, {} as DecisionContext) as object),
  }));
  return (await call("decide", { session, as_of: iso(timestamp), asset, votes, situation: values })) as Answered;
}

/** Places the order of a decision. @returns The size of a new position. */
function place(
  { decision_id, action, size_scale: scale }: Answered,
  at: {
    feed: Feed;
    situation: Situation;
    feeds: readonly Feed[];
    broker: Broker;
    settings: BacktestSettings;
    equity: number;
  },
): number | null {
  const { feed, situation, feeds, broker, settings, equity } = at;
  const { asset, atr, close, timestamp } = situation;
  const held = broker.position(asset);
  if (action === "HOLD" || held?.action === action) return null;
  const size = positionSize(settings, { equity, atr, close, scale });
  const others = feeds.filter((other) => other !== feed && broker.actionAfterOrders(other.asset) !== undefined);
  const skipped = skipReason({
    otherPositions: others.length,
    maxPositions: settings.maxPositions,
    isCorrelated: () =>
      others.some(
        (other) =>
          broker.actionAfterOrders(other.asset) === action &&
          (correlation(feed, other, { from: timestamp - 30 * DAY }) ?? 0) > settings.correlationThreshold,
      ),
    size,
  });
  const closes = held !== undefined;
  if (skipped !== null && closes) broker.place({ asset, closes, opens: null });
  if (skipped !== null) return null;
  const decision = { decision_id, timestamp: iso(timestamp), raw_confidence: 0, confidence: 0, expected_r: null };
  broker.place({
    asset,
    closes,
    opens: { action, size, decision: { ...decision, situation, votes: [], description: "" } },
  });
  return size;
}

function closed({ position, exitMs, exitPrice, rawExitPrice, feeCost, exitReason }: ClosedTrade): object {
  return {
    decision_id: position.decision.decision_id,
    asset: position.asset,
    action: position.action,
    entry_timestamp: iso(position.entry_ms),
    exit_timestamp: iso(exitMs),
    entry_price: position.entry_price,
    exit_price: exitPrice,
    raw_entry_price: position.raw_entry_price,
    raw_exit_price: rawExitPrice,
    position_size: position.size,
    fees: feeCost,
    target_price: position.target_price,
    exit_reason: exitReason,
  };
}

function compared(answer: Answered, { asset, timestamp }: Situation): Omit<PlayedDecision, "size"> {
  const { decision_id: _id, similar, action, weights, calibrated, raw_confidence, confidence } = answer;
  const { expected_r, size_scale, remembered } = answer;
  const similarities = similar.map(({ similarity }) => similarity);
  const figures = { action, weights, calibrated, raw_confidence, confidence, expected_r, size_scale };
  return { timestamp: iso(timestamp), asset, ...figures, remembered, similarities };
}

/** The same of a decision that a run made. */
export function comparedOfRun(decision: DecisionRecord): PlayedDecision {
  const { timestamp, asset, action, weights, calibrated, raw_confidence, confidence, expected_r, size_scale } =
    decision;
  const { remembered, similar } = decision.context;
  const similarities = similar.nearest.map(({ similarity }) => similarity);
  const figures = { action, weights, calibrated, raw_confidence, confidence, expected_r, size_scale };
  return { timestamp, asset, ...figures, size: decision.size, remembered, similarities };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
