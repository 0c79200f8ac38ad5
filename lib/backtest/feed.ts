import { barColumns } from "../market/bar.ts";
import { type Features, featuresAt } from "../market/features.ts";
import { endOfBar, nearestTimeframes } from "../market/spacing.ts";
import { SituationTracker } from "../market/situation.ts";
import type { Bar, BarColumns, BarSeries, Situation } from "../types.ts";

/** The part of an asset's bars that a run steps through. */
export interface FeedOptions {
  /** Bars whose tick is before it are known from the start. */
  readonly startMs: number;
  /** Bars that start from here on do not belong to the run. */
  readonly endMs: number;
  /** See `SituationTracker`. */
  readonly regimesAdapt: boolean;
  /** Situations of these bars that are known already, by the number of bars known then. @default they are computed */
  readonly situations?: ReadonlyMap<number, Situation> | undefined;
  /** Of the asset. @default none */
  readonly features?: Features | undefined;
}

/**
 * One asset's bars as a run steps through them: `count` are known, `next` comes next. A bar's *tick* is its end less one timeframe, which is its
 * start unless clocks change in it (docs/RULES.md, "Time").
 */
export class Feed {
  readonly asset: string;
  readonly bars: readonly Bar[];
  readonly #timeframeMs: number;
  readonly #endMs: number;
  readonly #tracker: SituationTracker;
  readonly #features: Features | undefined;
  readonly #situations: FeedOptions["situations"];
  #count = 0;
  #nextTick = Infinity;
  #lastTick = -Infinity;
  /** Whole timeframes on the asset's own clock, at the start of the next bar and of the last one. */
  #nextClock = 0;
  #lastClock = 0;

  constructor(series: BarSeries, options: FeedOptions) {
    this.asset = series.asset;
    this.bars = series.bars;
    this.#timeframeMs = series.timeframeMs;
    this.#endMs = options.endMs;
    this.#tracker = new SituationTracker({ ...series, regimesAdapt: options.regimesAdapt });
    this.#situations = options.situations;
    this.#features = options.features;
    this.#nextClock = Math.floor((this.next?.timestamp ?? 0) / this.#timeframeMs);
    this.#nextTick = this.#tickOfNext();
    while (this.#nextTick < options.startMs) this.advance();
  }

  get count(): number {
    return this.#count;
  }

  get next(): Bar | undefined {
    const bar = this.bars[this.#count];
    return bar !== undefined && bar.timestamp < this.#endMs ? bar : undefined;
  }

  /** The tick of the next bar; infinite after the last. */
  get nextTick(): number {
    return this.#nextTick;
  }

  /** The newest known bar. */
  get last(): Bar | undefined {
    return this.bars[this.#count - 1];
  }

  /** The tick of the newest known bar. */
  get lastTick(): number {
    return this.#lastTick;
  }

  advance(): void {
    const { next } = this;
    if (next === undefined) throw new RangeError(`Cannot advance "${this.asset}": found no further bar`);
    if (this.#situations === undefined) this.#tracker.add(next, this.#nextTick + this.#timeframeMs);
    this.#lastTick = this.#nextTick;
    this.#lastClock = this.#nextClock;
    this.#count += 1;
    this.#nextTick = this.#tickOfNext();
    const after = this.next;
    if (after !== undefined) this.#nextClock += nearestTimeframes(after.timestamp - next.timestamp, this.#timeframeMs);
  }

  /** Whether the end of the newest known bar is a multiple of an interval on the asset's own clock. */
  isAtDecision(intervalMs: number): boolean {
    return ((this.#lastClock + 1) * this.#timeframeMs) % intervalMs === 0;
  }

  /** The newest known bars, at most `count`. */
  lastBars(count: number): BarColumns {
    return barColumns(this.bars.slice(Math.max(0, this.#count - count), this.#count));
  }

  /** The situation at the close of the newest known bar; `undefined` while there are too few bars. */
  situation(): Situation | undefined {
    const situation = this.#situations === undefined ? this.#tracker.situation() : this.#situations.get(this.#count);
    if (situation === undefined || this.#features === undefined) return situation;
    return { ...situation, ...featuresAt(this.#features, situation.timestamp) };
  }

  #tickOfNext(): number {
    const { next } = this;
    if (next === undefined) return Infinity;
    const after = this.bars[this.#count + 1];
    const afterMs = after !== undefined && after.timestamp < this.#endMs ? after.timestamp : undefined;
    return endOfBar(next.timestamp, afterMs, this.#timeframeMs) - this.#timeframeMs;
  }
}

/** The earliest tick of any feed's next bar; infinite after the last. */
export function nextTick(feeds: readonly Feed[]): number {
  return feeds.reduce((tick, feed) => Math.min(tick, feed.nextTick), Infinity);
}
