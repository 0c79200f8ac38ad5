import type { Bar, Situation } from "../types.ts";
import { classifyRegime, createUsualAdx, createVolatilityRank, USUAL_ADX } from "./regime.ts";
import { createSmoothedIndicators, WILDER_PERIOD } from "./indicators.ts";

/** An asset has situations, and so decisions, from this bar of its file on. */
export const WARM_UP_BARS = 100;

const ZSCORE_BARS = 20;
const CHANNEL_BARS = 48;
const RETURN_BARS = 24;

/** What is known about one asset, bar by bar. */
export interface SituationTracker {
  /** Takes the asset's next bar. */
  next(bar: Bar): void;
  /** How many bars were taken. */
  readonly barCount: number;
  /** The situation as of the last bar's end; `undefined` before the 100th bar. */
  situation(): Situation | undefined;
}

/**
 * Follows one asset. `next()` costs a microsecond or two; what needs a look back is computed in `situation()`.
 *
 * @param asset Its name, for the situations.
 * @param timeframeMs Length of its bars.
 * @param options `regimesAdapt`: the ADX that divides trends from ranges moves to the asset's own, as learning has it; else it
 * stays where it starts. Default: true.
 */
export function createSituationTracker(
  asset: string,
  timeframeMs: number,
  options: { regimesAdapt?: boolean } = {},
): SituationTracker {
  const { regimesAdapt = true } = options;
  const indicators = createSmoothedIndicators();
  const volatility = createVolatilityRank();
  const usualAdx = createUsualAdx();
  /** This bar and the 48 before it, the bar of number n (from 0) at n % length. */
  const recent: Bar[] = [];
  let barCount = 0;

  /** The bar `ago` bars before the last one. */
  function barAt(ago: number): Bar {
    const bar = recent[(barCount - 1 - ago) % (CHANNEL_BARS + 1)];
    if (bar === undefined) throw new RangeError(`Cannot look back ${ago} bars: there are ${barCount}`);
    return bar;
  }

  /** Of the last 20 closes, in order of time; two passes, for the sum of squares would cancel. */
  function zscore(): number {
    let sum = 0;
    let hasVaried = false;
    const { close } = barAt(0);
    for (let ago = ZSCORE_BARS - 1; ago >= 0; ago--) {
      sum += barAt(ago).close;
      if (barAt(ago).close !== close) hasVaried = true;
    }
    if (!hasVaried) return 0;
    const mean = sum / ZSCORE_BARS;
    let squares = 0;
    for (let ago = ZSCORE_BARS - 1; ago >= 0; ago--) {
      const deviation = barAt(ago).close - mean;
      squares += deviation * deviation;
    }
    return (close - mean) / Math.sqrt(squares / ZSCORE_BARS);
  }

  return {
    get barCount() {
      return barCount;
    },
    next(bar) {
      indicators.next(bar);
      recent[barCount % (CHANNEL_BARS + 1)] = bar;
      barCount++;
      if (barCount >= WILDER_PERIOD) volatility.add(indicators.atr / bar.close);
      if (!Number.isNaN(indicators.adx)) usualAdx.add(indicators.adx);
    },
    situation() {
      if (barCount < WARM_UP_BARS) return undefined;
      const { atr, rsi, adx, emaFast, emaSlow } = indicators;
      const { timestamp, close } = barAt(0);
      const rank = volatility.rank();
      let channelHigh = -Infinity;
      let channelLow = Infinity;
      for (let ago = 1; ago <= CHANNEL_BARS; ago++) {
        const { high, low } = barAt(ago);
        if (high > channelHigh) channelHigh = high;
        if (low < channelLow) channelLow = low;
      }
      const before = barAt(RETURN_BARS).close;
      return {
        asset,
        timestamp: timestamp + timeframeMs,
        regime: classifyRegime({ volatilityRank: rank, adx, usualAdx: regimesAdapt ? usualAdx.value : USUAL_ADX }),
        close,
        atr,
        volatility_pct: (100 * atr) / close,
        volatility_rank: rank,
        rsi,
        adx,
        ema_fast: emaFast,
        ema_slow: emaSlow,
        zscore: zscore(),
        channel_high: channelHigh,
        channel_low: channelLow,
        return_pct: (100 * (close - before)) / before,
      };
    },
  };
}
