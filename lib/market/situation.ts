import type { Bar, Situation } from "../types.ts";
import { Indicators, WILDER_PERIOD } from "./indicators.ts";
import { classifyRegime, TYPICAL_ADX, UsualAdx, VolatilityRank } from "./regime.ts";

/** An asset has situations, and so decisions, from this bar of its file on. */
export const WARM_UP_BARS = 100;

const ZSCORE_BARS = 20;
const CHANNEL_BARS = 48;
const RETURN_BARS = 24;

/**
 * What is known about one asset, bar by bar. `add()` takes a microsecond or two; whatever looks back is computed in
 * `situation()`.
 */
export class SituationTracker {
  readonly #asset: string;
  readonly #timeframeMs: number;
  readonly #regimesAdapt: boolean;
  readonly #indicators = new Indicators();
  readonly #volatility = new VolatilityRank();
  readonly #usualAdx = new UsualAdx();
  /** The last bar and the 48 before it; bar n (from 0) is at n % length. */
  readonly #recent: Bar[] = [];
  #barCount = 0;
  /** Of the last bar. */
  #endMs = NaN;

  /**
   * @param options `regimesAdapt`: the ADX that separates trends from ranges moves to the asset's own. Without it, as in a
   * run that learns nothing, it stays at 25. Default: true.
   */
  constructor(options: { asset: string; timeframeMs: number; regimesAdapt?: boolean }) {
    this.#asset = options.asset;
    this.#timeframeMs = options.timeframeMs;
    this.#regimesAdapt = options.regimesAdapt ?? true;
  }

  /** How many bars have been added. */
  get barCount(): number {
    return this.#barCount;
  }

  /** Adds the asset's next bar. @param endMs When it ends. @default a timeframe after its start */
  add(bar: Bar, endMs: number = bar.timestamp + this.#timeframeMs): void {
    this.#endMs = endMs;
    const indicators = this.#indicators;
    indicators.add(bar);
    this.#recent[this.#barCount % (CHANNEL_BARS + 1)] = bar;
    this.#barCount++;
    if (this.#barCount >= WILDER_PERIOD) this.#volatility.add(indicators.atr / bar.close);
    if (!Number.isNaN(indicators.adx)) this.#usualAdx.add(indicators.adx);
  }

  /** The situation as of the last bar's end; `undefined` before the 100th bar. */
  situation(): Situation | undefined {
    if (this.#barCount < WARM_UP_BARS) return undefined;
    const { atr, rsi, adx, emaFast, emaSlow } = this.#indicators;
    const { close } = this.#barAt(0);
    const volatilityRank = this.#volatility.rank();
    const usualAdx = this.#regimesAdapt ? this.#usualAdx.value : TYPICAL_ADX;
    const earlier = this.#barAt(RETURN_BARS).close;
    return {
      asset: this.#asset,
      timestamp: this.#endMs,
      regime: classifyRegime({ volatilityRank, adx, usualAdx }),
      close,
      atr,
      volatility_pct: (100 * atr) / close,
      volatility_rank: volatilityRank,
      rsi,
      adx,
      ema_fast: emaFast,
      ema_slow: emaSlow,
      zscore: this.#zscore(),
      ...this.#channel(),
      return_pct: (100 * (close - earlier)) / earlier,
    };
  }

  /** The bar `ago` bars before the last one, up to 48. */
  #barAt(ago: number): Bar {
    return this.#recent[(this.#barCount - 1 - ago) % (CHANNEL_BARS + 1)]!;
  }

  /** Of the last 20 closes, in order of time; in two passes, as a sum of squares would cancel. */
  #zscore(): number {
    let sum = 0;
    let hasVaried = false;
    const { close } = this.#barAt(0);
    for (let ago = ZSCORE_BARS - 1; ago >= 0; ago--) {
      sum += this.#barAt(ago).close;
      if (this.#barAt(ago).close !== close) hasVaried = true;
    }
    if (!hasVaried) return 0;
    const mean = sum / ZSCORE_BARS;
    let squares = 0;
    for (let ago = ZSCORE_BARS - 1; ago >= 0; ago--) {
      const deviation = this.#barAt(ago).close - mean;
      squares += deviation * deviation;
    }
    return (close - mean) / Math.sqrt(squares / ZSCORE_BARS);
  }

  /** Highest high and lowest low of the 48 bars before the last one. */
  #channel(): { channel_high: number; channel_low: number } {
    let high = -Infinity;
    let low = Infinity;
    for (let ago = 1; ago <= CHANNEL_BARS; ago++) {
      const bar = this.#barAt(ago);
      if (bar.high > high) high = bar.high;
      if (bar.low < low) low = bar.low;
    }
    return { channel_high: high, channel_low: low };
  }
}
