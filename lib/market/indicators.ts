import type { Bar } from "../types.ts";

export const WILDER_PERIOD = 14;

/** Smoothing factors of the moving averages over 20 and 80 bars. */
const FAST_FACTOR = 2 / (20 + 1);
const SLOW_FACTOR = 2 / (80 + 1);

/**
 * The smoothed indicators of one asset, updated bar by bar. Only + - x / are used, so that every engine gets the same numbers.
 *
 * ATR, RSI and ADX: Wilder, "New Concepts in Technical Trading Systems" (1978). The first true range is high - low, the
 * first directional movement 0. Where high and low move outwards by the same distance, neither counts. An EMA starts at
 * the first close, then `prev + (close - prev) x 2/(n+1)`.
 *
 * The package trading-signals has the same ATR and RSI (the tests compare them). Its ADX counts both of two equal movements
 * and stays NaN after a start without any range, and it costs a year of three assets 0.1 s.
 */
export class Indicators {
  readonly #trueRange = new WilderAverage();
  readonly #gains = new WilderAverage();
  readonly #losses = new WilderAverage();
  readonly #movesUp = new WilderAverage();
  readonly #movesDown = new WilderAverage();
  readonly #directionalIndex = new WilderAverage();
  #previous: Bar | undefined;
  #emaFast = NaN;
  #emaSlow = NaN;

  add(bar: Bar): void {
    const { high, low, close } = bar;
    const previous = this.#previous;
    if (previous === undefined) {
      this.#trueRange.add(high - low);
      this.#movesUp.add(0);
      this.#movesDown.add(0);
      this.#emaFast = close;
      this.#emaSlow = close;
    } else {
      const change = close - previous.close;
      const up = high - previous.high;
      const down = previous.low - low;
      this.#trueRange.add(Math.max(high, previous.close) - Math.min(low, previous.close));
      this.#gains.add(change > 0 ? change : 0);
      this.#losses.add(change < 0 ? -change : 0);
      this.#movesUp.add(up > down && up > 0 ? up : 0);
      this.#movesDown.add(down > up && down > 0 ? down : 0);
      this.#emaFast += (close - this.#emaFast) * FAST_FACTOR;
      this.#emaSlow += (close - this.#emaSlow) * SLOW_FACTOR;
    }
    this.#previous = bar;
    // The true range cancels out of DX = 100 x |+DI - -DI| / (+DI + -DI).
    const up = this.#movesUp.value;
    const down = this.#movesDown.value;
    const moves = up + down;
    if (moves >= 0) this.#directionalIndex.add(moves === 0 ? 0 : (100 * Math.abs(up - down)) / moves);
  }

  /** ATR(14) in price units; NaN before the 14th bar. */
  get atr(): number {
    return this.#trueRange.value;
  }

  /** RSI(14), 0..100; NaN before the 15th bar. 100 where no close was ever below the one before. */
  get rsi(): number {
    const losses = this.#losses.value;
    return losses === 0 ? 100 : 100 - 100 / (1 + this.#gains.value / losses);
  }

  /** ADX(14), 0..100; NaN before the 27th bar. */
  get adx(): number {
    return this.#directionalIndex.value;
  }

  /** EMA(20) of the close, from the first close on. */
  get emaFast(): number {
    return this.#emaFast;
  }

  /** EMA(80) of the close, from the first close on. */
  get emaSlow(): number {
    return this.#emaSlow;
  }
}

/** Wilder's moving average: the plain mean of its first 14 values, then `prev + (x - prev)/14`; NaN before. */
class WilderAverage {
  value = NaN;
  #count = 0;
  #sum = 0;

  add(value: number): void {
    if (this.#count === WILDER_PERIOD) {
      this.value += (value - this.value) / WILDER_PERIOD;
      return;
    }
    this.#sum += value;
    this.#count++;
    if (this.#count === WILDER_PERIOD) this.value = this.#sum / WILDER_PERIOD;
  }
}
