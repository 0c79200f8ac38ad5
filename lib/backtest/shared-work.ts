import { hashBars } from "../market/hash-bars.ts";
import type { BarSeries, Situation } from "../types.ts";
import { Feed, type FeedOptions } from "./feed.ts";

/** What is computed of a series once. */
interface OfSeries {
  readonly situations: Map<string, ReadonlyMap<number, Situation>>;
  readonly hashes: Map<number, Promise<string>>;
}

/** What runs on the same bars compute once. Nobody may change the bars meanwhile. */
export class SharedWork {
  readonly #known = new WeakMap<BarSeries, OfSeries>();

  /**
   * The situations in which a feed of these bars decides, by the number of bars known then. They depend on the bars, and on whether
   * regimes adapt, but on nothing that is remembered.
   */
  situationsOf(
    series: BarSeries,
    { decisionIntervalMs, ...options }: FeedOptions & { decisionIntervalMs: number },
  ): ReadonlyMap<number, Situation> {
    const { startMs, endMs, regimesAdapt } = options;
    const { situations } = this.#of(series);
    const key = `${startMs} ${endMs} ${regimesAdapt} ${decisionIntervalMs}`;
    let found = situations.get(key);
    if (found === undefined) situations.set(key, (found = computeSituations(series, options, decisionIntervalMs)));
    return found;
  }

  /** As `hashBars()`. */
  hashOf(series: BarSeries, endMs: number): Promise<string> {
    const { hashes } = this.#of(series);
    let hash = hashes.get(endMs);
    if (hash === undefined) hashes.set(endMs, (hash = hashBars(series, endMs)));
    return hash;
  }

  #of(series: BarSeries): OfSeries {
    let known = this.#known.get(series);
    if (known === undefined) this.#known.set(series, (known = { situations: new Map(), hashes: new Map() }));
    return known;
  }
}

function computeSituations(
  series: BarSeries,
  options: FeedOptions,
  intervalMs: number,
): ReadonlyMap<number, Situation> {
  const feed = new Feed(series, options);
  const situations = new Map<number, Situation>();
  while (feed.next !== undefined) {
    feed.advance();
    const situation = feed.isAtDecision(intervalMs) ? feed.situation() : undefined;
    if (situation !== undefined) situations.set(feed.count, situation);
  }
  return situations;
}
