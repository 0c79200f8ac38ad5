import type { Trade } from "../memory/trade.ts";
import { type Chunk, type ChunkCounters, type DayRecord, type EquityMark } from "../results/chunks.ts";
import { DAY_MS, isoDate } from "../util/time.ts";
import { type DrawdownState, markDrawdown } from "../results/metrics.ts";
import type { Bar, Decision, Outcome } from "../types.ts";
import { consult, decideOn } from "./decide.ts";
import { advance, type AssetFeed, type LoopContext, nextTick } from "./loop-context.ts";
import { outcomeOfTrade } from "./outcome.ts";
import type { ClosedTrade } from "./sizing.ts";

/** Ticks between two pauses. */
const TICKS_PER_PAUSE = 1024;

/** What a chunk leaves behind. */
export interface ChunkResult {
  readonly recorded: readonly Trade[];
  readonly decisions: readonly Decision[];
  readonly marks: readonly EquityMark[];
  readonly daily: readonly DayRecord[];
  readonly counters: ChunkCounters;
  readonly maxDrawdownPct: number;
}

/**
 * Runs the ticks of one chunk (docs/RULES.md, "Time"). Each step is done for all assets that have a bar at the tick, in
 * config order, before the next step begins.
 *
 * @param options `closes`: no bar comes after this chunk, so that its end is the end of the run: open positions are closed and
 * waiting orders dropped.
 */
export async function runChunk(context: LoopContext, chunk: Chunk, options: { closes: boolean }): Promise<ChunkResult> {
  const { broker, feeds, settings, memory } = context;
  const recorded: Trade[] = [];
  const decisions: Decision[] = [];
  const marks: EquityMark[] = [];
  const daily: DayRecord[] = [];

  const record = async (trades: readonly (ClosedTrade | undefined)[]): Promise<void> => {
    for (const trade of trades) {
      if (trade !== undefined) recorded.push(await memory.record(outcomeOf(trade, context, chunk)));
    }
  };
  const dayOf = ({ timestamp, equity }: EquityMark): DayRecord => {
    const pnl = Object.fromEntries(settings.assets.map((asset) => [asset, broker.pnl(asset)]));
    return { date: isoDate(timestamp), equity, pnl };
  };

  for (let tick = nextTick(feeds); tick < chunk.endMs;) {
    const dueFeeds = feeds.filter((feed) => feed.bars[feed.count]?.timestamp === tick);
    const atOpen = dueFeeds.map((feed) => broker.atOpen(feed.asset, nextBar(feed)));
    const inside = dueFeeds.map((feed) => broker.insideBar(feed.asset, nextBar(feed)));
    dueFeeds.forEach(advance);
    const recordedBefore = recorded.length;
    await record([...atOpen, ...inside]);

    const equity = broker.equity();
    const knownMs = tick + settings.timeframeMs;
    if (knownMs % settings.decisionIntervalMs === 0) {
      const lessons = memory.lessons(knownMs);
      for (const consulted of await consult(dueFeeds, context)) {
        decisions.push(decideOn(consulted, { equity, lessons }, context));
      }
    }
    const mark = { timestamp: tick, equity, openPositions: broker.openPositions() };
    marks.push(mark);
    const next = nextTick(feeds);
    if (next >= chunk.endMs || Math.floor(next / DAY_MS) > Math.floor(tick / DAY_MS)) daily.push(dayOf(mark));
    tick = next;

    context.onTick({ chunk: chunk.name, knownMs, equity, closed: recorded.length - recordedBefore });
    if (marks.length % TICKS_PER_PAUSE === 0) await pause();
  }

  const ticksExposed = marks.filter((mark) => mark.openPositions > 0).length;
  let notFilled = 0;
  if (options.closes) {
    notFilled = broker.dropOrders();
    await record(settings.assets.map((asset) => broker.atEndOfRun(asset)));
    const last = marks.pop();
    if (last !== undefined) {
      const mark = { ...last, equity: broker.equity(), openPositions: broker.openPositions() };
      marks.push(mark);
      daily.splice(-1, 1, dayOf(mark));
    }
  }
  return {
    recorded,
    decisions,
    marks,
    daily,
    counters: countersOf(decisions, { context, ticks: marks.length, ticksExposed, notFilled }),
    maxDrawdownPct: drawdownOf(marks, context.drawdown),
  };
}

/** Lets signals of the operating system in: a loop of settled promises never would. */
function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

function countersOf(
  decisions: readonly Decision[],
  counted: { context: LoopContext; ticks: number; ticksExposed: number; notFilled: number },
): ChunkCounters {
  const skipped = { max_positions: 0, correlation: 0, size: 0 };
  const abstentions = counted.context.providers.map(() => 0);
  for (const decision of decisions) {
    if (decision.skipped !== null) skipped[decision.skipped] += 1;
    decision.votes.forEach(({ error }, i) => {
      if (error !== undefined) abstentions[i] = (abstentions[i] ?? 0) + 1;
    });
  }
  return {
    ticks: counted.ticks,
    ticks_exposed: counted.ticksExposed,
    decisions: decisions.length,
    skipped,
    not_filled: counted.notFilled,
    abstentions: Object.fromEntries(counted.context.providers.map(({ name }, i) => [name, abstentions[i] ?? 0])),
  };
}

/** The chunk's own max drawdown; the run's goes on. */
function drawdownOf(marks: readonly EquityMark[], ofRun: DrawdownState): number {
  const ofChunk: DrawdownState = { peak: 0, maxPct: 0 };
  for (const { equity } of marks) {
    markDrawdown(ofChunk, equity);
    markDrawdown(ofRun, equity);
  }
  return ofChunk.maxPct;
}

function outcomeOf(trade: ClosedTrade, context: LoopContext, chunk: Chunk): Outcome {
  // At the end of the run a position of an asset whose bars stop early closes in an earlier chunk.
  const owner = context.chunks.find(({ startMs, endMs }) => trade.exitBarMs >= startMs && trade.exitBarMs < endMs);
  const { settings, runId, market } = context;
  return outcomeOfTrade(trade, { settings, runId, market, chunk: (owner ?? chunk).name });
}

function nextBar(feed: AssetFeed): Bar {
  const bar = feed.bars[feed.count];
  if (bar === undefined) throw new RangeError(`Cannot step "${feed.asset}": found no further bar`);
  return bar;
}
