/** Honest votes: each is made at a bar's close from bars up to it. */
import { Indicators } from "../../lib/market/indicators.ts";
import type { FileVotes } from "../../lib/providers/votes-file.ts";
import type { Bar, BarSeries } from "../../lib/types.ts";

/** What a strategy says at each bar's close: direction x confidence, -1..1; NaN while it has too few bars. */
export type Signal = Float64Array;

interface Strategy {
  readonly name: string;
  readonly signal: (bars: readonly Bar[]) => Signal;
}

const CONFIDENCE = 0.6;

/** Trend, reversion and breakout with many parameters, and two that have nothing to do with prices. */
export const STRATEGIES: readonly Strategy[] = [
  ...[
    [1, 5],
    [1, 20],
    [1, 50],
    [2, 5],
    [3, 10],
    [5, 20],
    [10, 40],
    [20, 80],
    [50, 200],
  ].map(([fast, slow]) => strategy(`averages ${fast}/${slow}`, (bars) => crossing(bars, fast!, slow!))),
  ...[1, 2, 3, 6, 12, 24, 48, 168].map((span) => strategy(`momentum ${span}`, (bars) => momentum(bars, span, 1))),
  ...[1, 2, 3, 6, 12, 24].map((span) => strategy(`contrarian ${span}`, (bars) => momentum(bars, span, -1))),
  ...[10, 20, 50, 100].flatMap((span) =>
    [1, 1.5, 2, 2.5].map((width) => strategy(`bands ${span} x ${width}`, (bars) => bands(bars, span, width))),
  ),
  ...[10, 20, 50].map((span) => strategy(`distance ${span}`, (bars) => distance(bars, span))),
  ...[6, 12, 24, 48, 96].flatMap((span) => [
    strategy(`breakout ${span}, held`, (bars) => breakout(bars, span, true)),
    strategy(`breakout ${span}`, (bars) => breakout(bars, span, false)),
  ]),
  ...[30, 40].map((low) => strategy(`RSI below ${low}`, (bars) => relativeStrength(bars, low))),
  ...[
    [12, 26, 9],
    [5, 35, 5],
    [24, 52, 18],
  ].map((spans) => strategy(`MACD ${spans.join("/")}`, (bars) => macd(bars, spans))),
  strategy("hour of the day", (bars) =>
    Float64Array.from(bars, ({ timestamp }) => ((new Date(timestamp).getUTCHours() % 3) - 1) * CONFIDENCE),
  ),
];

/**
 * Votes from a signal.
 *
 * @param shift Bars that the votes are early: 0 counts each from the close at which it was made, 1 from the start of its bar.
 */
export function votesOf(series: readonly BarSeries[], signal: (series: BarSeries) => Signal, shift: number): FileVotes {
  return new Map(
    series.map((each) => {
      const { asset, bars, timeframeMs } = each;
      const votes = [...signal(each)].flatMap((value, i) => {
        if (Number.isNaN(value)) return [];
        const at = i + 1 - shift;
        const timestamp = bars[at]?.timestamp ?? bars.at(-1)!.timestamp + timeframeMs;
        const action = value > 0 ? ("BUY" as const) : value < 0 ? ("SELL" as const) : ("HOLD" as const);
        return at < 0 ? [] : [{ timestamp, answer: { action, confidence: 100 * Math.abs(value) } }];
      });
      return [asset, votes];
    }),
  );
}

function strategy(name: string, signal: (bars: readonly Bar[]) => Signal): Strategy {
  return { name, signal };
}

function signalOf(bars: readonly Bar[], from: number, valueAt: (i: number) => number): Signal {
  return Float64Array.from(bars, (_, i) => (i < from ? Number.NaN : valueAt(i)));
}

/** Mean and deviation of the last `span` closes. */
function closesBefore(bars: readonly Bar[], span: number, i: number): { mean: number; deviation: number } {
  let [sum, squares] = [0, 0];
  for (let j = i - span + 1; j <= i; j++) sum += bars[j]!.close;
  const mean = sum / span;
  for (let j = i - span + 1; j <= i; j++) squares += (bars[j]!.close - mean) ** 2;
  return { mean, deviation: Math.sqrt(squares / span) };
}

export function crossing(bars: readonly Bar[], fast: number, slow: number): Signal {
  return signalOf(bars, slow - 1, (i) => {
    return Math.sign(closesBefore(bars, fast, i).mean - closesBefore(bars, slow, i).mean) * CONFIDENCE;
  });
}

export function momentum(bars: readonly Bar[], span: number, sign: 1 | -1): Signal {
  return signalOf(bars, span, (i) => sign * Math.sign(bars[i]!.close - bars[i - span]!.close) * CONFIDENCE);
}

export function bands(bars: readonly Bar[], span: number, width: number): Signal {
  return signalOf(bars, span - 1, (i) => {
    const { mean, deviation } = closesBefore(bars, span, i);
    const away = bars[i]!.close - mean;
    return Math.abs(away) > width * deviation ? -Math.sign(away) * CONFIDENCE : 0;
  });
}

/** Against the distance from the mean, with a confidence that grows with it. */
function distance(bars: readonly Bar[], span: number): Signal {
  return signalOf(bars, span - 1, (i) => {
    const { mean, deviation } = closesBefore(bars, span, i);
    const away = deviation > 0 ? (bars[i]!.close - mean) / deviation : 0;
    return -Math.max(-0.9, Math.min(0.9, away / 3));
  });
}

export function breakout(bars: readonly Bar[], span: number, isHeld: boolean): Signal {
  let held = 0;
  return signalOf(bars, span, (i) => {
    let [high, low] = [0, Infinity];
    for (let j = i - span; j < i; j++) {
      high = Math.max(high, bars[j]!.high);
      low = Math.min(low, bars[j]!.low);
    }
    const { close } = bars[i]!;
    const now = close > high ? CONFIDENCE : close < low ? -CONFIDENCE : 0;
    if (now !== 0) held = now;
    return isHeld ? held : now;
  });
}

function relativeStrength(bars: readonly Bar[], low: number): Signal {
  const indicators = new Indicators();
  return signalOf(bars, 0, (i) => {
    indicators.add(bars[i]!);
    const { rsi } = indicators;
    return rsi < low ? CONFIDENCE : rsi > 100 - low ? -CONFIDENCE : 0;
  });
}

function macd(bars: readonly Bar[], [fast = 12, slow = 26, smooth = 9]: readonly number[]): Signal {
  let [fastMean, slowMean, signal] = [bars[0]?.close ?? 0, bars[0]?.close ?? 0, 0];
  return signalOf(bars, 0, (i) => {
    const { close } = bars[i]!;
    fastMean += ((close - fastMean) * 2) / (fast + 1);
    slowMean += ((close - slowMean) * 2) / (slow + 1);
    signal += ((fastMean - slowMean - signal) * 2) / (smooth + 1);
    return Math.sign(fastMean - slowMean - signal) * CONFIDENCE;
  });
}
