import { dayTimeOf } from "../market/spacing.ts";
import type { Trade } from "../memory/trade.ts";
import { isBuiltIn } from "../providers/provider.ts";
import type { Chunk, ChunkCounters, DayRecord, EquityMark } from "../results/chunks.ts";
import { type CostFigures, sumCosts } from "../results/costs.ts";
import { type ExpectationSums, sumExpectations } from "../results/expectation.ts";
import { type DrawdownState, markDrawdown } from "../results/metrics.ts";
import type { Market, Outcome } from "../types.ts";
import { letEventsIn } from "../util/async.ts";
import { DAY_MS, isoDate } from "../util/time.ts";
import type { Broker, ClosedTrade } from "./broker.ts";
import { collectVotes, type DecideContext, decideOn } from "./decide.ts";
import { DecisionLog } from "./decision-log.ts";
import { type Feed, nextTick } from "./feed.ts";
import { outcomeOfTrade } from "./outcome.ts";
import type { PendingWrites } from "./pending-writes.ts";

/** What a run keeps from chunk to chunk. */
export interface LoopContext extends DecideContext {
  readonly drawdown: DrawdownState;
  readonly market: Market;
  readonly chunks: readonly Chunk[];
  /** Whether to keep the lines of decisions. */
  readonly keepDecisions: boolean;
  readonly writes: PendingWrites;
  /** Called after every tick. It may throw, to stop the run between two ticks. */
  readonly onTick: (tick: TickReport) => void;
}

/** What happened at a tick. */
interface TickReport {
  readonly chunk: string;
  /** The end of the tick's bars, epoch ms. */
  readonly knownMs: number;
  readonly equity: number;
  /** Trades that closed at this tick. */
  readonly closed: number;
}

/** What a chunk leaves behind. */
export interface ChunkResult extends Pick<CostFigures, "costs" | "costs_r"> {
  readonly recorded: readonly Trade[];
  /** The lines of `decisions.ndjson`. */
  readonly decisions: Uint8Array;
  readonly marks: readonly EquityMark[];
  readonly daily: readonly DayRecord[];
  readonly counters: ChunkCounters;
  readonly expectation: readonly ExpectationSums[];
  readonly maxDrawdownPct: number;
}

/** Ticks between two pauses. */
const TICKS_PER_PAUSE = 1024;
/** The same while something is being written, which takes longer than some ticks. */
const TICKS_PER_PAUSE_IN_WRITES = 16;

/**
 * Runs the ticks of one chunk (docs/RULES.md, "Time"). Each step is done for all assets that have a bar at the tick, in
 * config order, before the next step begins. When it returns, all outcomes of the chunk are durable.
 *
 * @param options `closes`: the run's bars end in this chunk, so that open positions are closed and waiting orders dropped at
 * its end.
 */
export async function runChunk(context: LoopContext, chunk: Chunk, options: { closes: boolean }): Promise<ChunkResult> {
  const { broker, feeds, settings, view } = context;
  const outcomes: Outcome[] = [];
  const recorded: Trade[] = [];
  const own = context.providers.filter((provider) => !isBuiltIn(provider)).map(({ name }) => name);
  const decisions = new DecisionLog(context.providers, { isRead: context.keepDecisions, own });
  const marks: EquityMark[] = [];
  const daily: DayRecord[] = [];
  const record = async (trades: readonly ClosedTrade[]): Promise<void> => {
    const made = trades.map((trade) => outcomeOf(trade, context, chunk));
    outcomes.push(...made);
    for (const outcome of made) recorded.push(await beginRecord(outcome, context));
  };

  for (let tick = nextTick(feeds); tick < chunk.endMs; tick = nextTick(feeds)) {
    const dueFeeds = feeds.filter((feed) => feed.nextTick === tick);
    const closed = stepBars(dueFeeds, broker, tick);
    await record(closed);
    const mark = markOf(broker, tick);
    const { equity } = mark;
    const knownMs = tick + settings.timeframeMs;
    const decidingFeeds = dueFeeds.filter((feed) => feed.isAtDecision(settings.decisionIntervalMs));
    if (decidingFeeds.length > 0) {
      const deciding = { ...context, equity, lessons: view.lessons(knownMs) };
      for (const ballot of await collectVotes(decidingFeeds, context)) decisions.add(decideOn(ballot, deciding));
    }
    marks.push(mark);
    const next = nextTick(feeds);
    const dayNumber = (ms: number): number => Math.floor(dayTimeOf(ms, settings.timeframeMs) / DAY_MS);
    if (next >= chunk.endMs || dayNumber(next) > dayNumber(tick)) daily.push(dayOf(mark, context));
    context.onTick({ chunk: chunk.name, knownMs, equity, closed: closed.length });
    await pauseAfter(marks.length, context);
  }

  const ticksExposed = marks.filter(({ openPositions }) => openPositions > 0).length;
  let notFilled = 0;
  if (options.closes) {
    notFilled = broker.dropOrders();
    await record(settings.assets.flatMap((asset) => broker.atEndOfRun(asset) ?? []));
    markAgain(marks, daily, context);
  }
  await context.writes.settle();
  return {
    recorded,
    decisions: decisions.bytes,
    marks,
    daily,
    counters: { ticks: marks.length, ticks_exposed: ticksExposed, ...decisionCounters(decisions, notFilled) },
    ...sumCosts(outcomes),
    expectation: sumExpectations(outcomes),
    maxDrawdownPct: drawdownOf(marks, context.drawdown),
  };
}

/** What a chunk's decisions came to, and the orders that the end of the run left waiting. */
function decisionCounters(
  { count, holds, buys, skipped, abstentions, quiet, samples }: DecisionLog,
  notFilled: number,
): Omit<ChunkCounters, "ticks" | "ticks_exposed"> {
  return { decisions: count, holds, buys, skipped, not_filled: notFilled, abstentions, ...quiet, ...samples };
}

/** Steps 1 and 2 of a tick: orders, time-outs, stops and targets. From here on the bars are known. */
function stepBars(dueFeeds: readonly Feed[], broker: Broker, tick: number): readonly ClosedTrade[] {
  const due = dueFeeds.map((feed) => ({ feed, bar: feed.next! }));
  const atOpen = due.map(({ feed, bar }) => broker.atOpen(feed.asset, bar, tick));
  const inside = due.map(({ feed, bar }) => broker.insideBar(feed.asset, bar, tick));
  for (const feed of dueFeeds) feed.advance();
  return [...atOpen, ...inside].filter((trade) => trade !== undefined);
}

/** Makes a trade visible to the next decision while its outcome is still being written. */
async function beginRecord(outcome: Outcome, { view, writes }: LoopContext): Promise<Trade> {
  await writes.makeRoom();
  const { trade, durable } = await view.beginRecord(outcome);
  writes.add(durable);
  return trade;
}

/** Now and then lets events in. */
async function pauseAfter(ticks: number, { writes }: LoopContext): Promise<void> {
  if (ticks % (writes.isEmpty ? TICKS_PER_PAUSE : TICKS_PER_PAUSE_IN_WRITES) > 0) return;
  await letEventsIn();
}

function markOf(broker: Broker, timestamp: number): EquityMark {
  return { timestamp, equity: broker.equity(), openPositions: broker.openCount };
}

/** Replaces the last mark and its day: what was open then is closed. */
function markAgain(marks: EquityMark[], daily: DayRecord[], context: LoopContext): void {
  const last = marks.pop();
  if (last === undefined) return;
  const mark = markOf(context.broker, last.timestamp);
  marks.push(mark);
  daily[daily.length - 1] = dayOf(mark, context);
}

function dayOf({ timestamp, equity }: EquityMark, { broker, settings }: LoopContext): DayRecord {
  const pnl = Object.fromEntries(settings.assets.map((asset) => [asset, broker.pnl(asset)]));
  return { date: isoDate(dayTimeOf(timestamp, settings.timeframeMs)), equity, pnl };
}

/** The chunk's own max drawdown. That of the run is followed as well. */
function drawdownOf(marks: readonly EquityMark[], ofRun: DrawdownState): number {
  const ofChunk: DrawdownState = { peak: 0, maxPct: 0 };
  for (const { equity } of marks) {
    markDrawdown(ofChunk, equity);
    markDrawdown(ofRun, equity);
  }
  return ofChunk.maxPct;
}

function outcomeOf(trade: ClosedTrade, context: LoopContext, chunk: Chunk): Outcome {
  // At the end of the run, a position of an asset whose bars stop early closes in the chunk of its last bar.
  const owner = context.chunks.find(({ startMs, endMs }) => trade.exitTickMs >= startMs && trade.exitTickMs < endMs);
  const { settings, runId, market } = context;
  return outcomeOfTrade(trade, { settings, runId, market, chunk: (owner ?? chunk).name });
}
