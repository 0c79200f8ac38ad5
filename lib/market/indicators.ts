import type { Bar } from "../types.ts";

/** Period of Wilder's indicators. */
export const WILDER_PERIOD = 14;

/** Periods of the fast and the slow moving average. */
const EMA_PERIODS = { fast: 20, slow: 80 } as const;

/** The smoothed indicators of one asset, taken along bar by bar. */
export interface SmoothedIndicators {
  /** Takes the asset's next bar. */
  next(bar: Bar): void;
  /** ATR(14) in price units; NaN before the 14th bar. */
  readonly atr: number;
  /** RSI(14), 0..100; NaN before the 15th bar. 100 where no close was ever below the one before. */
  readonly rsi: number;
  /** ADX(14), 0..100; NaN before the 27th bar. */
  readonly adx: number;
  /** EMA(20) and EMA(80) of the close, both from the first close on. */
  readonly emaFast: number;
  readonly emaSlow: number;
}

/**
 * Starts with no bars. Only + - x / are used, so that every engine has the same numbers.
 *
 * ATR, RSI and ADX: Wilder, "New Concepts in Technical Trading Systems" (1978). The first true range is high - low, the
 * first directional movement 0; where high and low move outwards by the same distance, neither counts. An EMA starts at
 * the first close, then `prev + (close - prev) x 2/(n+1)`.
 *
 * The package trading-signals has the same ATR and RSI (the tests compare them), but counts both of two equal movements,
 * keeps an ADX of NaN after a start without any range, and costs a year of three assets 0.1 s.
 */
export function createSmoothedIndicators(): SmoothedIndicators {
  const trueRange = createWilderAverage();
  const gains = createWilderAverage();
  const losses = createWilderAverage();
  const movesUp = createWilderAverage();
  const movesDown = createWilderAverage();
  const directional = createWilderAverage();
  let previous: Bar | undefined;
  let emaFast = NaN;
  let emaSlow = NaN;
  return {
    next(bar) {
      const { high, low, close } = bar;
      if (previous === undefined) {
        trueRange.add(high - low);
        movesUp.add(0);
        movesDown.add(0);
        emaFast = close;
        emaSlow = close;
      } else {
        const change = close - previous.close;
        const up = high - previous.high;
        const down = previous.low - low;
        trueRange.add(Math.max(high, previous.close) - Math.min(low, previous.close));
        gains.add(change > 0 ? change : 0);
        losses.add(change < 0 ? -change : 0);
        movesUp.add(up > down && up > 0 ? up : 0);
        movesDown.add(down > up && down > 0 ? down : 0);
        emaFast += (close - emaFast) * (2 / (EMA_PERIODS.fast + 1));
        emaSlow += (close - emaSlow) * (2 / (EMA_PERIODS.slow + 1));
      }
      previous = bar;
      // The true range cancels out of DX = 100 x |+DI - -DI| / (+DI + -DI).
      const moves = movesUp.value + movesDown.value;
      if (moves >= 0) directional.add(moves === 0 ? 0 : (100 * Math.abs(movesUp.value - movesDown.value)) / moves);
    },
    get atr() {
      return trueRange.value;
    },
    get rsi() {
      return losses.value === 0 ? 100 : 100 - 100 / (1 + gains.value / losses.value);
    },
    get adx() {
      return directional.value;
    },
    get emaFast() {
      return emaFast;
    },
    get emaSlow() {
      return emaSlow;
    },
  };
}

/** Wilder's moving average: the plain mean of its first 14 values, then `prev + (x - prev)/14`; NaN before. */
function createWilderAverage(): { add(value: number): void; readonly value: number } {
  let count = 0;
  let sum = 0;
  let average = NaN;
  return {
    add(value) {
      if (count >= WILDER_PERIOD) {
        average += (value - average) / WILDER_PERIOD;
        return;
      }
      sum += value;
      count++;
      if (count === WILDER_PERIOD) average = sum / WILDER_PERIOD;
    },
    get value() {
      return average;
    },
  };
}
