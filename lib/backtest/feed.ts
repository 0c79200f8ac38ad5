import { SituationTracker } from "../market/situation.ts";
import type { Bar, BarSeries, Situation } from "../types.ts";

/** One asset's bars as a run steps through them: `count` are known, `next` comes next. */
export class Feed {
  readonly asset: string;
  readonly bars: readonly Bar[];
  readonly #tracker: SituationTracker;
  #count = 0;

  /** Starts with the bars before `startMs` known. */
  constructor(series: BarSeries, options: { startMs: number; regimesAdapt: boolean }) {
    this.asset = series.asset;
    this.bars = series.bars;
    this.#tracker = new SituationTracker({ ...series, regimesAdapt: options.regimesAdapt });
    while ((this.next?.timestamp ?? Infinity) < options.startMs) this.advance();
  }

  get count(): number {
    return this.#count;
  }

  get next(): Bar | undefined {
    return this.bars[this.#count];
  }

  /** The newest known bar. */
  get last(): Bar | undefined {
    return this.bars[this.#count - 1];
  }

  advance(): void {
    const { next } = this;
    if (next === undefined) throw new RangeError(`Cannot advance "${this.asset}": found no further bar`);
    this.#tracker.add(next);
    this.#count += 1;
  }

  /** The situation at the close of the newest known bar; `undefined` while there are too few bars. */
  situation(): Situation | undefined {
    return this.#tracker.situation();
  }
}

/** The earliest start of any feed's next bar; infinite after the last. */
export function nextTick(feeds: readonly Feed[]): number {
  return feeds.reduce((tick, { next }) => Math.min(tick, next?.timestamp ?? tick), Infinity);
}
