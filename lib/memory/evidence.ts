/** What trades say about providers, in columns, and sums of it that fade with age (docs/RULES.md, "Learning"). */
import type { ProviderRecord } from "../types.ts";
import { NumberColumn } from "../util/number-column.ts";
import { DAY_MS } from "../util/time.ts";
import { CONFIDENCE_BIN_WIDTH, CONFIDENCE_BINS, confidenceBin, type HitCounts } from "./calibration.ts";
import { countedFrom, type ForgetMark } from "./forget.ts";
import { directionOf, type Trade } from "./trade.ts";

/** What one trade says about one provider. */
interface Evidence {
  /** In R; NaN for none. */
  readonly resultR: number;
  readonly bin: number;
}

const NO_EVIDENCE: Evidence = { resultR: Number.NaN, bin: 0 };

/**
 * The trade's result in R if the provider voted its way, the opposite if it voted against. None for HOLD, an abstention, or a
 * trade without a result in R.
 */
export function evidenceOf(trade: Trade, provider: string): Evidence {
  const vote = trade.votes.find((candidate) => candidate.provider === provider);
  if (vote === undefined || vote.direction === 0 || trade.resultR === null) return NO_EVIDENCE;
  const resultR = vote.direction === directionOf(trade.action) ? trade.resultR : -trade.resultR;
  return { resultR, bin: confidenceBin(vote.confidence) };
}

/** For each trade a result in R, NaN for none, and the bin of the confidence behind it. */
interface Results {
  readonly resultR: NumberColumn;
  readonly bin: NumberColumn;
}

function newResults(): Results {
  return { resultR: new NumberColumn(), bin: new NumberColumn() };
}

/** A part of the trades by index, `[from, to)`. */
export interface Window {
  readonly from: number;
  readonly to: number;
}

/** What learning uses of trades, a column per value, in the order of (exit, id). */
export class EvidenceColumns {
  /** Epoch ms. */
  readonly exits: NumberColumn = new NumberColumn();
  /** Of the trades themselves, with the ensemble's confidence before calibration. */
  readonly trades: Results = newResults();
  /** How clearly the market trended at the decision, -1..1; NaN where the outcome does not say. */
  readonly trends: NumberColumn = new NumberColumn();
  /** Indices into `regimeNames`. */
  readonly regimes: NumberColumn = new NumberColumn();
  readonly regimeNames: string[] = [];
  /** Evidence about each provider, in their order. */
  readonly providers: readonly (Results & { readonly name: string })[];
  readonly #countedFrom: (provider: string) => number;
  #decay = { slow: new Float64Array(), quick: new Float64Array() };

  /** @param options `marks`: what closed before a provider's mark does not count for it. */
  constructor(providers: readonly string[], options: { marks?: readonly ForgetMark[] } = {}) {
    this.providers = providers.map((name) => ({ name, ...newResults() }));
    this.#countedFrom = countedFrom(options.marks ?? []);
  }

  /** Makes room for a trade at an index, and sets its values. */
  insert(trade: Trade, index: number): void {
    const { exits, trades, trends, regimes, providers } = this;
    const results = [trades, ...providers].flatMap(({ resultR, bin }) => [resultR, bin]);
    for (const column of [exits, trends, regimes, ...results]) column.insert(0, index);
    this.replace(trade, index);
  }

  /** Sets the values of the trade at an index. */
  replace(trade: Trade, index: number): void {
    const { exits, trades, trends, regimes, providers } = this;
    exits.values[index] = trade.exitMs;
    trades.resultR.values[index] = trade.resultR ?? Number.NaN;
    trades.bin.values[index] = confidenceBin(trade.rawConfidence);
    trends.values[index] = trade.trendScore ?? Number.NaN;
    regimes.values[index] = this.#regimeIndex(trade.regime);
    for (const column of providers) {
      const { resultR, bin } = evidenceOf(trade, column.name);
      const counts = trade.exitMs >= this.#countedFrom(column.name);
      column.resultR.values[index] = counts ? resultR : Number.NaN;
      column.bin.values[index] = bin;
    }
  }

  /** Room for what age leaves of each trade, with either half-life. To make it for each sum takes longer than to fill it. */
  get decay(): { readonly slow: Float64Array; readonly quick: Float64Array } {
    const { length } = this.exits.values;
    if (this.#decay.slow.length < length)
      this.#decay = { slow: new Float64Array(length), quick: new Float64Array(length) };
    return this.#decay;
  }

  #regimeIndex(name: string): number {
    const known = this.regimeNames.indexOf(name);
    return known === -1 ? this.regimeNames.push(name) - 1 : known;
  }
}

/** Sums over the ensemble's trades, each multiplied by what its age leaves of it. */
export interface TradeSums extends HitCounts {
  readonly sum: number;
  /** Of result * result. */
  readonly squares: number;
  readonly regimes: ReadonlyMap<string, { readonly count: number; readonly sum: number }>;
}

/** Sums over the evidence about a provider, likewise. */
export interface ProviderSums extends HitCounts {
  readonly sum: number;
  /** With the shorter half-life. */
  readonly recentCount: number;
  readonly recentSum: number;
  /** Over evidence e from trades with a trend x: the count, and the sums of e, x, x * x and x * e. */
  readonly trendCount: number;
  readonly trendSum: number;
  readonly x: number;
  readonly xx: number;
  readonly xe: number;
  readonly binSum: Float64Array;
}

/** A half-life of 120 days: 0.5 ** (1 / 120). */
const slowDecay = exponentialDecay(0.9942404238175473);

/** A half-life of 10 days: 0.5 ** (1 / 10). */
const quickDecay = exponentialDecay(0.9330329915368074);

/** Decay by age in whole days. The factor of a day is multiplied out, because engines differ in `Math.pow`. */
function exponentialDecay(dailyFactor: number): (days: number) => number {
  /** `factors[n]` is for n days. */
  const factors = [1];
  return (days) => {
    for (let day = factors.length; day <= days; day++) factors.push(factors[day - 1]! * dailyFactor);
    return factors[days]!;
  };
}

/** Sums up a window as of a time, from nothing else: the order in which trades became known does not matter. */
export function sumEvidence(
  columns: EvidenceColumns,
  window: Window & { asOf: number },
): { trades: TradeSums; providers: readonly ProviderSums[] } {
  const { asOf, from, to } = window;
  const exits = columns.exits.values;
  const { slow, quick } = columns.decay;
  let days = Infinity;
  let slowFactor = 0;
  let quickFactor = 0;
  for (let i = from; i < to; i++) {
    const age = asOf - exits[i]!;
    // Ages fall, and most trades have the days of the one before.
    if (age < days * DAY_MS) {
      days = Math.floor(age / DAY_MS);
      slowFactor = slowDecay(days);
      quickFactor = quickDecay(days);
    }
    slow[i] = slowFactor;
    quick[i] = quickFactor;
  }
  return {
    trades: sumTrades(columns, window),
    providers: columns.providers.map((results) => sumProvider(results, columns, window)),
  };
}

function sumTrades(columns: EvidenceColumns, { from, to }: Window): TradeSums {
  const { trades, regimeNames } = columns;
  const { slow } = columns.decay;
  const [resultR, bins, regimes] = [trades.resultR.values, trades.bin.values, columns.regimes.values];
  const binCount = new Float64Array(CONFIDENCE_BINS);
  const binWins = new Float64Array(CONFIDENCE_BINS);
  const regimeCount = new Float64Array(regimeNames.length);
  const regimeSum = new Float64Array(regimeNames.length);
  let count = 0;
  let sum = 0;
  let squares = 0;
  let wins = 0;
  for (let i = from; i < to; i++) {
    const result = resultR[i]!;
    if (Number.isNaN(result)) continue;
    const factor = slow[i]!;
    const faded = factor * result;
    const bin = bins[i]!;
    const regime = regimes[i]!;
    count += factor;
    sum += faded;
    squares += faded * result;
    binCount[bin]! += factor;
    regimeCount[regime]! += factor;
    regimeSum[regime]! += faded;
    if (result > 0) {
      wins += factor;
      binWins[bin]! += factor;
    }
  }
  const byRegime = regimeNames.map((name, i) => [name, { count: regimeCount[i]!, sum: regimeSum[i]! }] as const);
  return { count, sum, squares, wins, binCount, binWins, regimes: new Map(byRegime) };
}

/** The sums are locals: every trade of the window is added to them at every tick with decisions. */
function sumProvider(results: Results, columns: EvidenceColumns, { from, to }: Window): ProviderSums {
  const [resultR, bins, trends] = [results.resultR.values, results.bin.values, columns.trends.values];
  const { slow, quick } = columns.decay;
  const binCount = new Float64Array(CONFIDENCE_BINS);
  const binSum = new Float64Array(CONFIDENCE_BINS);
  const binWins = new Float64Array(CONFIDENCE_BINS);
  let count = 0;
  let sum = 0;
  let recentCount = 0;
  let recentSum = 0;
  let wins = 0;
  let trendCount = 0;
  let trendSum = 0;
  let sumX = 0;
  let xx = 0;
  let xe = 0;
  for (let i = from; i < to; i++) {
    const result = resultR[i]!;
    if (Number.isNaN(result)) continue;
    const factor = slow[i]!;
    const recent = quick[i]!;
    const bin = bins[i]!;
    const x = trends[i]!;
    const faded = factor * result;
    count += factor;
    sum += faded;
    recentCount += recent;
    recentSum += recent * result;
    binCount[bin]! += factor;
    binSum[bin]! += faded;
    if (result > 0) {
      wins += factor;
      binWins[bin]! += factor;
    }
    if (Number.isNaN(x)) continue;
    trendCount += factor;
    trendSum += faded;
    sumX += factor * x;
    xx += factor * x * x;
    xe += faded * x;
  }
  return { count, sum, recentCount, recentSum, wins, trendCount, trendSum, x: sumX, xx, xe, binCount, binSum, binWins };
}

/**
 * Counts how each provider's votes turned out: in one regime, and by confidence in all regimes.
 *
 * @param regime `undefined` for all.
 */
export function recordsIn(
  regime: string | undefined,
  columns: EvidenceColumns,
  window: Window,
): Readonly<Record<string, ProviderRecord>> {
  const regimeIndex = regime === undefined ? undefined : columns.regimeNames.indexOf(regime);
  const regimes = columns.regimes.values;
  const isHere = (i: number): boolean => regimeIndex === undefined || regimes[i] === regimeIndex;
  return Object.fromEntries(columns.providers.map((results) => [results.name, recordOf(results, window, isHere)]));
}

function recordOf(results: Results, window: Window, isHere: (i: number) => boolean): ProviderRecord {
  const [resultR, bins] = [results.resultR.values, results.bin.values];
  const binTrades = new Float64Array(CONFIDENCE_BINS);
  const binRight = new Float64Array(CONFIDENCE_BINS);
  let trades = 0;
  let right = 0;
  let sumR = 0;
  for (let i = window.from; i < window.to; i++) {
    const result = resultR[i]!;
    if (Number.isNaN(result)) continue;
    const bin = bins[i]!;
    const isRight = result > 0 ? 1 : 0;
    binTrades[bin]! += 1;
    binRight[bin]! += isRight;
    if (!isHere(i)) continue;
    trades += 1;
    sumR += result;
    right += isRight;
  }
  const calibration: ProviderRecord["calibration"][number][] = [];
  binTrades.forEach((count, bin) => {
    if (count === 0) return;
    const from = CONFIDENCE_BIN_WIDTH * bin;
    const to = CONFIDENCE_BIN_WIDTH * (bin + 1);
    calibration.push({ from, to, trades: count, right: binRight[bin]! });
  });
  const mean_r = trades === 0 ? null : sumR / trades;
  return { trades, right, mean_r, calibration };
}
