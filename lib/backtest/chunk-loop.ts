import type { Bar, Decision, Market, Outcome, Situation } from "../domain.ts";
import { describeDecision, describeSituation } from "../memory/description.ts";
import type { OutcomeRow } from "../memory/outcome-row.ts";
import type { RunMemory } from "../memory/run-memory.ts";
import type { Provider } from "../providers/provider.ts";
import { askProviders } from "./ask-providers.ts";
import { advance, nextTick, type AssetFeed } from "./asset-feed.ts";
import { positionSize, skipReason, type Broker, type ClosedTrade, type Order } from "./broker.ts";
import { isoDate, type Chunk } from "./chunks.ts";
import { correlation } from "./correlation.ts";
import { decide } from "./ensemble.ts";
import { markDrawdown, type DrawdownState } from "./metrics.ts";
import { decisionId } from "./run-key.ts";
import type { ChunkCounters, DayRecord, EquityMark } from "./run-store.ts";
import type { BacktestSettings } from "./settings.ts";
import { outcomeOfTrade } from "./trade-outcome.ts";

/** How far back two assets are compared. */
const CORRELATION_SPAN_MS = 30 * 86_400_000;

/** Ticks between two looks at the clock of the machine: for progress, and for a Ctrl-C to be heard. */
const TICKS_PER_BREATH = 128;

/** What stays the same, or goes on, from chunk to chunk. */
export interface LoopContext {
  readonly settings: BacktestSettings;
  readonly providers: readonly Provider[];
  readonly memory: RunMemory;
  readonly broker: Broker;
  /** In config order. */
  readonly feeds: readonly AssetFeed[];
  readonly drawdown: DrawdownState;
  readonly runId: string;
  readonly market: Market;
  readonly chunks: readonly Chunk[];
  /** Called now and then; it may throw to stop the run between two ticks. */
  readonly onBreath: (breath: { chunk: string; simulatedMs: number; ticks: number; equity: number }) => Promise<void>;
}

/** What a chunk leaves behind. */
export interface ChunkResult {
  readonly recorded: readonly OutcomeRow[];
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
 * @param options `isLast`: after the last tick, open positions are closed and waiting orders dropped.
 */
export async function runChunk(context: LoopContext, chunk: Chunk, options: { isLast: boolean }): Promise<ChunkResult> {
  const { broker, feeds, settings } = context;
  const recorded: OutcomeRow[] = [];
  const decisions: Decision[] = [];
  const marks: EquityMark[] = [];
  const daily = new Map<string, DayRecord>();
  const drawdown: DrawdownState = { peak: 0, maxPct: 0 };
  let ticksExposed = 0;

  const record = async (trades: readonly ClosedTrade[]): Promise<void> => {
    for (const trade of trades) recorded.push(await context.memory.record(outcomeOf(trade, context, chunk)));
  };
  const mark = (tick: number): void => {
    const equity = broker.equity();
    marks.push({ timestamp: tick, equity, openPositions: broker.openPositions() });
    const date = isoDate(tick);
    daily.set(date, {
      date,
      equity,
      pnl: Object.fromEntries(settings.assets.map((asset) => [asset, broker.pnl(asset)])),
    });
  };

  for (let tick = nextTick(feeds); tick < chunk.endMs; tick = nextTick(feeds)) {
    const due = feeds.filter((feed) => feed.bars[feed.count]?.timestamp === tick);
    const atOpen = due.map((feed) => broker.atOpen(feed.asset, nextBar(feed)));
    const inside = due.map((feed) => broker.insideBar(feed.asset, nextBar(feed)));
    due.forEach(advance);
    await record([...atOpen, ...inside].filter((trade) => trade !== undefined));

    const knownMs = tick + settings.timeframeMs;
    if (knownMs % settings.decisionIntervalMs === 0) {
      const equity = broker.equity();
      for (const feed of due) {
        const situation = feed.tracker.situation();
        if (situation !== undefined) decisions.push(await decideOn(feed, { situation, equity, context }));
      }
    }
    mark(tick);
    if (broker.openPositions() > 0) ticksExposed += 1;
    if (marks.length % TICKS_PER_BREATH === 0) {
      await context.onBreath({
        chunk: chunk.name,
        simulatedMs: knownMs,
        ticks: TICKS_PER_BREATH,
        equity: broker.equity(),
      });
    }
  }

  let notFilled = 0;
  if (options.isLast) {
    notFilled = broker.dropOrders();
    await record(settings.assets.map((asset) => broker.atEndOfRun(asset)).filter((trade) => trade !== undefined));
    const last = marks.pop();
    if (last !== undefined) mark(last.timestamp);
  }
  for (const { equity } of marks) {
    markDrawdown(drawdown, equity);
    markDrawdown(context.drawdown, equity);
  }
  return {
    recorded,
    decisions,
    marks,
    daily: [...daily.values()],
    counters: {
      ticks: marks.length,
      ticks_exposed: ticksExposed,
      decisions: decisions.length,
      skipped: {
        max_positions: decisions.filter((decision) => decision.skipped === "max_positions").length,
        correlation: decisions.filter((decision) => decision.skipped === "correlation").length,
        size: decisions.filter((decision) => decision.skipped === "size").length,
      },
      not_filled: notFilled,
      abstentions: Object.fromEntries(
        context.providers.map(({ name }, i) => [
          name,
          decisions.filter((decision) => decision.votes[i]?.error !== undefined).length,
        ]),
      ),
    },
    maxDrawdownPct: drawdown.maxPct,
  };
}

/** Step 4 for one asset: recall, ask, weigh, decide, and place the order. */
async function decideOn(
  feed: AssetFeed,
  input: { situation: Situation; equity: number; context: LoopContext },
): Promise<Decision> {
  const { situation, equity, context } = input;
  const { broker, settings, providers, memory } = context;
  const { asset } = feed;
  const asOf = situation.timestamp;
  const recalled = await memory.recall(situation);
  const votes = await askProviders(providers, { situation, context: recalled });
  const weights = memory.weights(asOf);
  const { action, confidence } = decide(votes, weights);
  const behind = { decision_id: decisionId(context.runId, asset, asOf), timestamp: new Date(asOf).toISOString() };

  let order: Decision["order"] = "none";
  let size: number | null = null;
  let skipped: Decision["skipped"] = null;
  const position = broker.position(asset);
  if (action !== "HOLD" && position?.action !== action) {
    const closes = position !== undefined;
    const others = settings.assets.filter((other) => other !== asset);
    const wanted = positionSize(settings, { equity, atr: situation.atr, close: situation.close });
    skipped = skipReason({
      otherPositions: others.filter((other) => broker.actionAfterOrders(other) !== undefined).length,
      maxPositions: settings.maxPositions,
      correlated: () =>
        others.some(
          (other) =>
            broker.actionAfterOrders(other) === action &&
            isCorrelated(
              feed,
              context.feeds.find((candidate) => candidate.asset === other),
              { asOf, settings },
            ),
        ),
      size: wanted,
    });
    const description = `${describeSituation(situation)} ${describeDecision({ action, confidence }, votes)}`;
    const opens: Order["opens"] =
      skipped === null
        ? { action, size: wanted, decision: { ...behind, confidence, situation, votes, description } }
        : null;
    if (opens !== null) size = wanted;
    if (closes || opens !== null) broker.place({ asset, closes, opens });
    order = closes ? (opens === null ? "close" : "reverse") : opens === null ? "none" : "open";
  }

  const { asset: _asset, timestamp: _timestamp, ...stored } = situation;
  const results = recalled.similar.flatMap((trade) => trade.result_r ?? []);
  return {
    ...behind,
    asset,
    situation: stored,
    votes,
    weights: Object.fromEntries(providers.map(({ name }, i) => [name, weights[i] ?? 0])),
    context: {
      remembered: recalled.remembered,
      similar: {
        count: recalled.similar.length,
        wins: recalled.similar.filter((trade) => trade.won).length,
        mean_r: results.length === 0 ? null : results.reduce((a, b) => a + b, 0) / results.length,
        nearest: recalled.similar.map(({ decision_id, similarity }) => ({ decision_id, similarity })),
      },
      recent: recalled.recent,
    },
    action,
    confidence,
    equity,
    order,
    size,
    skipped,
  };
}

function isCorrelated(
  feed: AssetFeed,
  other: AssetFeed | undefined,
  options: { asOf: number; settings: BacktestSettings },
): boolean {
  if (other === undefined) return false;
  const value = correlation(feed, other, { from: options.asOf - CORRELATION_SPAN_MS });
  return value !== null && value > options.settings.correlationThreshold;
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
