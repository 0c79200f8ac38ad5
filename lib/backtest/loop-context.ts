import { createSituationTracker, type SituationTracker } from "../market/situation.ts";
import type { MemoryView } from "../memory/view.ts";
import type { Provider } from "../providers/provider.ts";
import type { Chunk } from "../results/chunks.ts";
import type { DrawdownState } from "../results/metrics.ts";
import type { BacktestSettings } from "../settings.ts";
import type { Bar, BarSeries, Market } from "../types.ts";
import type { Broker } from "./broker.ts";

/** What stays the same, or goes on, from chunk to chunk. */
export interface LoopContext {
  readonly settings: BacktestSettings;
  readonly providers: readonly Provider[];
  readonly memory: MemoryView;
  readonly broker: Broker;
  /** In config order. */
  readonly feeds: readonly AssetFeed[];
  readonly drawdown: DrawdownState;
  readonly runId: string;
  readonly market: Market;
  readonly chunks: readonly Chunk[];
  /** Stops the run, also while a provider is being waited for. */
  readonly signal: AbortSignal | undefined;
  /** Called after every tick; it may throw to stop the run between two ticks. */
  readonly onTick: (tick: TickReport) => void;
}

/** What a tick came to. */
export interface TickReport {
  readonly chunk: string;
  /** The end of the tick's bars, epoch ms. */
  readonly knownMs: number;
  readonly equity: number;
  /** Trades that closed at this tick. */
  readonly closed: number;
}

/** An asset's bars on the way through time: what is known of them, and which comes next. */
export interface AssetFeed {
  readonly asset: string;
  readonly bars: readonly Bar[];
  readonly tracker: SituationTracker;
  /** How many bars are known; `bars[count]` is the next. */
  count: number;
}

/** Opens a feed that knows the bars that start before `startMs`. */
export function openFeed(series: BarSeries, options: { startMs: number; regimesAdapt: boolean }): AssetFeed {
  const { asset, bars, timeframeMs } = series;
  const { startMs, regimesAdapt } = options;
  const tracker = createSituationTracker(asset, timeframeMs, { regimesAdapt });
  const feed: AssetFeed = { asset, bars, tracker, count: 0 };
  while ((bars[feed.count]?.timestamp ?? startMs) < startMs) advance(feed);
  return feed;
}

/** Makes the next bar known. */
export function advance(feed: AssetFeed): void {
  const bar = feed.bars[feed.count];
  if (bar === undefined) throw new RangeError(`Cannot advance "${feed.asset}": found no further bar`);
  feed.tracker.next(bar);
  feed.count += 1;
}

/** The earliest start of a bar that is not known yet; infinite at the end of all. */
export function nextTick(feeds: readonly AssetFeed[]): number {
  let tick = Number.POSITIVE_INFINITY;
  for (const feed of feeds) tick = Math.min(tick, feed.bars[feed.count]?.timestamp ?? tick);
  return tick;
}
