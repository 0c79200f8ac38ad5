import type { ProviderRecord } from "../types.ts";
import { DAY_MS } from "../util/time.ts";
import { CONFIDENCE_BIN_WIDTH, CONFIDENCE_BINS, confidenceBin } from "./calibration.ts";
import type { Trade } from "./trade.ts";

/** What one outcome says about one provider. */
export interface Evidence {
  /** In R; NaN for none. */
  readonly resultR: number;
  /** The bin of the vote's confidence. */
  readonly bin: number;
}

const NO_EVIDENCE: Evidence = { resultR: Number.NaN, bin: 0 };

/**
 * What a trade says about a provider: its result in R if the provider voted the trade's way, the opposite if it voted
 * against, none (NaN) for HOLD, an abstention, or a trade without a result in R.
 */
export function evidenceOf(trade: Trade, provider: string): Evidence {
  const vote = trade.votes.find((candidate) => candidate.provider === provider);
  if (vote === undefined || vote.direction === 0 || trade.resultR === null) return NO_EVIDENCE;
  const agreed = (trade.action === "BUY") === (vote.direction === 1);
  return { resultR: agreed ? trade.resultR : -trade.resultR, bin: confidenceBin(vote.confidence) };
}

/** The outcomes that a run sees, a column each, in the order of (exit, id): all that learning takes of them. */
export interface EvidenceColumns {
  /** Epoch ms. */
  readonly exits: number[];
  /** In R; NaN where an outcome does not say. */
  readonly results: number[];
  /** How clearly the market trended at the decision, in [-1, 1]; NaN where an outcome does not say. */
  readonly trends: number[];
  /** Of each, its place in `regimeNames`. */
  readonly regimes: number[];
  readonly regimeNames: string[];
  /** The bin of the ensemble's uncalibrated confidence. */
  readonly bins: number[];
  /** For each provider. */
  readonly evidence: readonly { readonly resultR: number[]; readonly bin: number[] }[];
}

/** A half-life of 120 days of simulated time: 0.5 ** (1 / 120). */
const slowDecay = exponentialDecay(0.9942404238175473);

/** A half-life of 20 days: 0.5 ** (1 / 20). */
const quickDecay = exponentialDecay(0.9659363289248456);

/** What is known of one provider: sums over its evidence, each worth what its age leaves of it. */
export interface ProviderSums {
  readonly count: number;
  readonly sum: number;
  /** The same with the shorter half-life. */
  readonly recentCount: number;
  readonly recentSum: number;
  readonly wins: number;
  /** Over evidence from trades with a trend: its count and sum, and those of x, x * x and x * evidence. */
  readonly trendCount: number;
  readonly trendSum: number;
  readonly x: number;
  readonly xx: number;
  readonly xe: number;
  /** By bin of the vote's confidence. */
  readonly binCount: Float64Array;
  readonly binSum: Float64Array;
  readonly binWins: Float64Array;
}

/** What is known of the ensemble's trades. */
export interface TradeSums {
  readonly count: number;
  readonly sum: number;
  /** Of result * result. */
  readonly squares: number;
  readonly wins: number;
  readonly binCount: Float64Array;
  readonly binWins: Float64Array;
  readonly regimes: ReadonlyMap<string, { readonly count: number; readonly sum: number }>;
}

/** Sums up the outcomes of a window as of a time: the same outcomes give the same sums, whenever they became known. */
export function sumEvidence(
  experience: EvidenceColumns,
  window: { asOf: number; from: number; to: number },
): { trades: TradeSums; providers: readonly ProviderSums[] } {
  const { exits, trends } = experience;
  const { asOf, from, to } = window;
  const size = to - from;
  const slow = new Float64Array(size);
  const quick = new Float64Array(size);
  for (let i = 0; i < size; i++) {
    const days = Math.floor((asOf - (exits[from + i] as number)) / DAY_MS);
    slow[i] = slowDecay(days);
    quick[i] = quickDecay(days);
  }
  return {
    trades: sumTrades(experience, { slow, from }),
    providers: experience.evidence.map((column) => sumsOf(column, { trends, slow, quick, from })),
  };
}

/** @param window `slow`: what each row from `from` on is worth. */
function sumTrades(experience: EvidenceColumns, window: { slow: Float64Array; from: number }): TradeSums {
  const { results, regimes, regimeNames, bins } = experience;
  const { slow, from } = window;
  const binCount = new Float64Array(CONFIDENCE_BINS);
  const binWins = new Float64Array(CONFIDENCE_BINS);
  const regimeCount = new Float64Array(regimeNames.length);
  const regimeSum = new Float64Array(regimeNames.length);
  let count = 0;
  let sum = 0;
  let squares = 0;
  let wins = 0;
  for (let i = 0; i < slow.length; i++) {
    const result = results[from + i] as number;
    if (Number.isNaN(result)) continue;
    const factor = slow[i] as number;
    const bin = bins[from + i] as number;
    const regime = regimes[from + i] as number;
    count += factor;
    sum += factor * result;
    squares += factor * result * result;
    add(binCount, bin, factor);
    add(regimeCount, regime, factor);
    add(regimeSum, regime, factor * result);
    if (result > 0) {
      wins += factor;
      add(binWins, bin, factor);
    }
  }
  const sums = regimeNames.map(
    (name, i) => [name, { count: regimeCount[i] as number, sum: regimeSum[i] as number }] as const,
  );
  return { count, sum, squares, wins, binCount, binWins, regimes: new Map(sums) };
}

/** Sums in locals: they are added to for every outcome, at every tick with decisions. */
function sumsOf(
  column: { readonly resultR: number[]; readonly bin: number[] },
  window: { trends: readonly number[]; slow: Float64Array; quick: Float64Array; from: number },
): ProviderSums {
  const { trends, slow, quick, from } = window;
  const { resultR, bin: bins } = column;
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
  for (let i = 0; i < slow.length; i++) {
    const evidence = resultR[from + i] as number;
    if (Number.isNaN(evidence)) continue;
    const factor = slow[i] as number;
    const recent = quick[i] as number;
    const bin = bins[from + i] as number;
    const x = trends[from + i] as number;
    const worth = factor * evidence;
    count += factor;
    sum += worth;
    recentCount += recent;
    recentSum += recent * evidence;
    add(binCount, bin, factor);
    add(binSum, bin, worth);
    if (evidence > 0) {
      wins += factor;
      add(binWins, bin, factor);
    }
    if (Number.isNaN(x)) continue;
    trendCount += factor;
    trendSum += worth;
    sumX += factor * x;
    xx += factor * x * x;
    xe += worth * x;
  }
  return { count, sum, recentCount, recentSum, wins, trendCount, trendSum, x: sumX, xx, xe, binCount, binSum, binWins };
}

function add(sums: Float64Array, place: number, value: number): void {
  sums[place] = (sums[place] as number) + value;
}

/**
 * What evidence is still worth, by its age: a literal factor for each whole day, because engines differ in `Math.pow`.
 *
 * @param dailyFactor What a day leaves of it, in (0, 1].
 * @returns The factor for an age in whole days.
 */
export function exponentialDecay(dailyFactor: number): (days: number) => number {
  /** `factors[n]` is for n whole days. */
  const factors: number[] = [1];
  return (days) => {
    for (let day = factors.length; day <= days; day++) factors.push((factors[day - 1] as number) * dailyFactor);
    return factors[days] as number;
  };
}

/**
 * Counts what each provider's votes came to in one regime, and by confidence in all.
 *
 * @param window The rows `[from, to)` of `experience`, and the names of its providers in their order.
 * @returns Frozen, by provider: all decisions on the same window are told the same one.
 */
export function recordsIn(
  regime: string,
  window: { experience: EvidenceColumns; from: number; to: number; providers: readonly string[] },
): Readonly<Record<string, ProviderRecord>> {
  const { experience, from, to, providers } = window;
  const here = experience.regimeNames.indexOf(regime);
  return Object.freeze(
    Object.fromEntries(
      experience.evidence.map(
        (column, p) => [providers[p] ?? "", recordOf(column, { regimes: experience.regimes, here, from, to })] as const,
      ),
    ),
  );
}

function recordOf(
  column: EvidenceColumns["evidence"][number],
  window: { regimes: readonly number[]; here: number; from: number; to: number },
): ProviderRecord {
  const { regimes, here } = window;
  const binTrades = new Float64Array(CONFIDENCE_BINS);
  const binRight = new Float64Array(CONFIDENCE_BINS);
  let trades = 0;
  let right = 0;
  let sumR = 0;
  for (let i = window.from; i < window.to; i++) {
    const r = column.resultR[i] as number;
    if (Number.isNaN(r)) continue;
    const bin = column.bin[i] as number;
    const isRight = r > 0 ? 1 : 0;
    binTrades[bin] = (binTrades[bin] as number) + 1;
    binRight[bin] = (binRight[bin] as number) + isRight;
    if (regimes[i] !== here) continue;
    trades += 1;
    sumR += r;
    right += isRight;
  }
  const calibration: ProviderRecord["calibration"][number][] = [];
  binTrades.forEach((count, bin) => {
    if (count === 0) return;
    const from = CONFIDENCE_BIN_WIDTH * bin;
    const to = CONFIDENCE_BIN_WIDTH * (bin + 1);
    calibration.push(Object.freeze({ from, to, trades: count, right: binRight[bin] as number }));
  });
  const mean_r = trades === 0 ? null : sumR / trades;
  return Object.freeze({ trades, right, mean_r, calibration: Object.freeze(calibration) });
}
