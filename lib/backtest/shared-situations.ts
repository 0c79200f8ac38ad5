import type { BarSeries, Situation } from "../types.ts";
import { Feed, type FeedOptions } from "./feed.ts";

/**
 * The situations of decisions, for runs on the same bars: they depend on the bars, and on whether regimes adapt, but on nothing
 * that is remembered.
 */
export class SharedSituations {
  readonly #known = new WeakMap<BarSeries, Map<string, ReadonlyMap<number, Situation>>>();

  /** The situations in which a feed of these bars decides, by the number of bars known then. */
  of(
    series: BarSeries,
    { decisionIntervalMs, ...options }: FeedOptions & { decisionIntervalMs: number },
  ): ReadonlyMap<number, Situation> {
    const { startMs, endMs, regimesAdapt } = options;
    const ofSeries = this.#known.get(series) ?? new Map<string, ReadonlyMap<number, Situation>>();
    this.#known.set(series, ofSeries);
    const key = `${startMs} ${endMs} ${regimesAdapt} ${decisionIntervalMs}`;
    let situations = ofSeries.get(key);
    if (situations === undefined) ofSeries.set(key, (situations = situationsOf(series, options, decisionIntervalMs)));
    return situations;
  }
}

function situationsOf(series: BarSeries, options: FeedOptions, intervalMs: number): ReadonlyMap<number, Situation> {
  const feed = new Feed(series, options);
  const situations = new Map<number, Situation>();
  while (feed.next !== undefined) {
    feed.advance();
    const situation = feed.isAtDecision(intervalMs) ? feed.situation() : undefined;
    if (situation !== undefined) situations.set(feed.count, situation);
  }
  return situations;
}
