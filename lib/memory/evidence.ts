import type { OutcomeRow } from "./outcome-row.ts";
import { createAging } from "./aging.ts";
import { confidenceBin, CONFIDENCE_BINS } from "./calibration.ts";

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
export function evidenceOf(row: OutcomeRow, provider: string): Evidence {
  const vote = row.votes.find((candidate) => candidate.provider === provider);
  if (vote === undefined || vote.direction === 0 || row.resultR === null) return NO_EVIDENCE;
  const agreed = (row.action === "BUY") === (vote.direction === 1);
  return { resultR: agreed ? row.resultR : -row.resultR, bin: confidenceBin(vote.confidence) };
}

/** The outcomes that a run sees, a column each, in the order of (exit, id): all that learning takes of them. */
export interface Experience {
  /** Epoch ms. */
  readonly exits: number[];
  /** In R; NaN where an outcome does not say. */
  readonly results: number[];
  /** How clearly the market trended at the decision, in [-1, 1]; NaN where an outcome does not say. */
  readonly trends: number[];
  readonly regimes: string[];
  /** The bin of the ensemble's uncalibrated confidence. */
  readonly bins: number[];
  /** For each provider. */
  readonly evidence: readonly { readonly resultR: number[]; readonly bin: number[] }[];
}

/** A half-life of 120 days of simulated time: 0.5 ** (1 / 120). */
const slowly = createAging(0.9942404238175473);

/** A half-life of 20 days: 0.5 ** (1 / 20). */
const quickly = createAging(0.9659363289248456);

/** What is known of one provider: sums over its evidence, each worth what its age leaves of it. */
export interface ProviderSums {
  count: number;
  sum: number;
  /** The same with the shorter half-life. */
  recentCount: number;
  recentSum: number;
  wins: number;
  /** Over evidence from trades with a trend: its count and sum, and those of x, x * x and x * evidence. */
  trendCount: number;
  trendSum: number;
  x: number;
  xx: number;
  xe: number;
  /** By bin of the vote's confidence. */
  readonly binCount: Float64Array;
  readonly binSum: Float64Array;
  readonly binWins: Float64Array;
}

/** What is known of the ensemble's trades. */
export interface TradeSums {
  count: number;
  sum: number;
  /** Of result * result. */
  squares: number;
  wins: number;
  readonly binCount: Float64Array;
  readonly binWins: Float64Array;
  readonly regimes: Map<string, { count: number; sum: number }>;
}

/** Sums up the outcomes of a window as of a time: the same outcomes give the same sums, whenever they became known. */
export function sumUp(
  experience: Experience,
  window: { asOf: number; from: number; to: number },
): { trades: TradeSums; providers: readonly ProviderSums[] } {
  const { exits, results, trends, regimes, bins } = experience;
  const { asOf, from, to } = window;
  const size = to - from;
  const slow = new Float64Array(size);
  const quick = new Float64Array(size);
  const trades: TradeSums = {
    count: 0,
    sum: 0,
    squares: 0,
    wins: 0,
    binCount: new Float64Array(CONFIDENCE_BINS),
    binWins: new Float64Array(CONFIDENCE_BINS),
    regimes: new Map(),
  };
  for (let i = 0; i < size; i++) {
    const age = asOf - (exits[from + i] as number);
    const factor = slowly(age);
    slow[i] = factor;
    quick[i] = quickly(age);
    const result = results[from + i] as number;
    if (Number.isNaN(result)) continue;
    const bin = bins[from + i] as number;
    trades.count += factor;
    trades.sum += factor * result;
    trades.squares += factor * result * result;
    add(trades.binCount, bin, factor);
    if (result > 0) {
      trades.wins += factor;
      add(trades.binWins, bin, factor);
    }
    const name = regimes[from + i] as string;
    let regime = trades.regimes.get(name);
    if (regime === undefined) trades.regimes.set(name, (regime = { count: 0, sum: 0 }));
    regime.count += factor;
    regime.sum += factor * result;
  }
  return {
    trades,
    providers: experience.evidence.map((column) => {
      const sums = noEvidence();
      const { binCount, binSum, binWins } = sums;
      for (let i = 0; i < size; i++) {
        const evidence = column.resultR[from + i] as number;
        if (Number.isNaN(evidence)) continue;
        const factor = slow[i] as number;
        const bin = column.bin[from + i] as number;
        const x = trends[from + i] as number;
        const worth = factor * evidence;
        sums.count += factor;
        sums.sum += worth;
        sums.recentCount += quick[i] as number;
        sums.recentSum += (quick[i] as number) * evidence;
        add(binCount, bin, factor);
        add(binSum, bin, worth);
        if (evidence > 0) {
          sums.wins += factor;
          add(binWins, bin, factor);
        }
        if (Number.isNaN(x)) continue;
        sums.trendCount += factor;
        sums.trendSum += worth;
        sums.x += factor * x;
        sums.xx += factor * x * x;
        sums.xe += worth * x;
      }
      return sums;
    }),
  };
}

function noEvidence(): ProviderSums {
  return {
    count: 0,
    sum: 0,
    recentCount: 0,
    recentSum: 0,
    wins: 0,
    trendCount: 0,
    trendSum: 0,
    x: 0,
    xx: 0,
    xe: 0,
    binCount: new Float64Array(CONFIDENCE_BINS),
    binSum: new Float64Array(CONFIDENCE_BINS),
    binWins: new Float64Array(CONFIDENCE_BINS),
  };
}

function add(sums: Float64Array, place: number, value: number): void {
  sums[place] = (sums[place] as number) + value;
}
