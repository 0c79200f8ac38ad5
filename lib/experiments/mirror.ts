/** The same market with its prices inverted: what rose falls. A vote that follows the data turns round with it. */
import { SituationTracker } from "../market/situation.ts";
import type { Action, Answer, Bar, BarColumns, BarSeries, DecisionContext, Situation, TradeAction } from "../types.ts";

/** Situations of inverted prices, p to 1/p: rises and falls are the same in percent of their mean, and exchanged. */
export class MirroredMarket {
  readonly #series: ReadonlyMap<string, BarSeries>;
  readonly #trackers = new Map<string, SituationTracker>();
  readonly #regimesAdapt: boolean;

  /** @param options `regimesAdapt`: see `SituationTracker`. */
  constructor(series: ReadonlyMap<string, BarSeries>, options: { regimesAdapt: boolean }) {
    this.#series = series;
    this.#regimesAdapt = options.regimesAdapt;
  }

  /**
   * The mirror image of a situation: every indicator is computed from the inverted bars, and all prices are scaled so that the
   * close is the same. Situations of an asset must come in the order of time.
   */
  situation(plain: Situation): Situation {
    const series = this.#series.get(plain.asset);
    if (series === undefined) throw new RangeError(`Cannot mirror: found no bars of "${plain.asset}"`);
    const { asset, bars, timeframeMs } = series;
    let tracker = this.#trackers.get(asset);
    if (tracker === undefined) {
      tracker = new SituationTracker({ asset, timeframeMs, regimesAdapt: this.#regimesAdapt });
      this.#trackers.set(asset, tracker);
    }
    while ((bars[tracker.barCount]?.timestamp ?? Infinity) + timeframeMs <= plain.timestamp)
      tracker.add(inverted(bars[tracker.barCount]!));
    const mirrored = tracker.situation();
    if (mirrored === undefined || mirrored.timestamp !== plain.timestamp)
      throw new RangeError(`Cannot mirror: found a situation of "${asset}" that is not at the end of a bar`);
    const scale = plain.close / mirrored.close;
    return {
      ...mirrored,
      ...(plain.features === undefined ? {} : { features: plain.features, feature_ranks: plain.feature_ranks ?? {} }),
      close: plain.close,
      atr: mirrored.atr * scale,
      ema_fast: mirrored.ema_fast * scale,
      ema_slow: mirrored.ema_slow * scale,
      channel_high: mirrored.channel_high * scale,
      channel_low: mirrored.channel_low * scale,
    };
  }
}

function inverted({ open, high, low, close, ...rest }: Bar): Bar {
  return { ...rest, open: 1 / open, high: 1 / low, low: 1 / high, close: 1 / close };
}

/**
 * What memory says in the mirror: the same trades with the same results, in the other direction. Records count right and wrong
 * votes, which stay as they are.
 *
 * @param close The close at the decision, around which entry prices are inverted.
 */
export function mirroredContext(context: DecisionContext, close: number): DecisionContext {
  const { remembered, similar, recent, records, positions } = context;
  return {
    get bars() {
      return mirroredBars(context.bars, close);
    },
    remembered,
    recent,
    records,
    similar: similar.map((trade) => ({ ...trade, action: turned(trade.action) })),
    positions: positions.map((position) => ({
      ...position,
      action: turned(position.action),
      entry_price: (close * close) / position.entry_price,
    })),
  };
}

function mirroredBars({ timestamp, open, high, low, close, volume }: BarColumns, around: number): BarColumns {
  const mirrored = (prices: readonly number[]): number[] => prices.map((price) => (around * around) / price);
  return {
    timestamp,
    open: mirrored(open),
    high: mirrored(low),
    low: mirrored(high),
    close: mirrored(close),
    volume,
  };
}

/** A vote in the mirror, as a vote on the market itself. */
export function turnedBack(answer: Answer): Answer {
  return { ...answer, action: turned(answer.action) };
}

function turned<Turned extends Action>(action: Turned): Turned extends TradeAction ? TradeAction : Action;
function turned(action: Action): Action {
  if (action === "HOLD") return action;
  return action === "BUY" ? "SELL" : "BUY";
}
