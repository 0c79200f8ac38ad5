/** What trades were expected to earn after costs, and what they earned. */
import { sizeFor } from "../memory/lessons.ts";
import type { Outcome } from "../types.ts";
import { standardErrorOfSums } from "./metrics.ts";
import type { Summary } from "./summary-shape.ts";

/** Borders of the bins of `expected_r`. A position gets its full size from 0.05 R on. */
const BORDERS = [null, 0, 0.05, 0.1, 0.2, null] as const;

/** Means over all trades that have an `expected_r`. */
export interface ExpectationTotal {
  readonly trades: number;
  readonly mean_expected_r: number;
  /** After costs. */
  readonly mean_realized_r: number;
  /** Of the realized mean; `null` with fewer than two trades. */
  readonly standard_error_r: number | null;
}

/** Sums over the trades whose `expected_r` lies in `[from, to)`, in R after costs. They add up over chunks. */
export interface ExpectationSums {
  readonly trades: number;
  readonly expected_r: number;
  readonly realized_r: number;
  readonly realized_r_squares: number;
}

/** Means over the trades of a bin. */
export interface ExpectationBin extends ExpectationTotal {
  /** `null` for no border. */
  readonly from: number | null;
  readonly to: number | null;
}

/** Sums by bin, over the trades that have an `expected_r`. */
export function sumExpectations(outcomes: readonly Outcome[]): readonly ExpectationSums[] {
  const sums = BORDERS.slice(1).map(() => ({ trades: 0, expected_r: 0, realized_r: 0, realized_r_squares: 0 }));
  for (const { expected_r: expected, realized_pnl, position_size, risk_per_unit } of outcomes) {
    if (expected === null || expected === undefined) continue;
    const realized = realized_pnl / (position_size * risk_per_unit);
    const bin = sums[BORDERS.findLastIndex((border, i) => i === 0 || (border !== null && expected >= border))]!;
    bin.trades += 1;
    bin.expected_r += expected;
    bin.realized_r += realized;
    bin.realized_r_squares += realized * realized;
  }
  return sums;
}

/** Adds up chunks. Bins without trades are left out. */
export function expectationBins(chunks: readonly (readonly ExpectationSums[])[]): readonly ExpectationBin[] {
  return BORDERS.slice(1).flatMap((to, i) => {
    const means = meansOf(chunks.map((bins) => bins[i]!));
    return means === null ? [] : { from: BORDERS[i]!, to, ...means };
  });
}

/** Adds up chunks and bins; `null` without trades. */
export function expectationTotal(chunks: readonly (readonly ExpectationSums[])[]): ExpectationTotal | null {
  return meansOf(chunks.flat());
}

/**
 * The mean part of the full size that trades got, 0.02..1; `null` without trades. It is that of each bin's mean, which counts a trade
 * that was expected to earn from 0 to 0.001 R by up to 0.02 too little.
 */
export function meanSize(bins: readonly ExpectationBin[]): number | null {
  const trades = bins.reduce((sum, bin) => sum + bin.trades, 0);
  const sizes = bins.reduce((sum, bin) => sum + bin.trades * sizeFor(bin.mean_expected_r), 0);
  return trades === 0 ? null : sizes / trades;
}

/** The same of a run. Without memory all of its trades have their full size. */
export function meanSizeOfRun(run: Pick<Summary, "expectation" | "memory_enabled" | "total_trades">): number | null {
  if (run.memory_enabled) return meanSize(run.expectation);
  return run.total_trades === 0 ? null : 1;
}

function meansOf(parts: readonly ExpectationSums[]): ExpectationTotal | null {
  const total = (key: keyof ExpectationSums): number => parts.reduce((sum, part) => sum + part[key], 0);
  const trades = total("trades");
  if (trades === 0) return null;
  return {
    trades,
    mean_expected_r: total("expected_r") / trades,
    mean_realized_r: total("realized_r") / trades,
    standard_error_r: standardErrorOfSums({
      count: trades,
      sum: total("realized_r"),
      squares: total("realized_r_squares"),
    }),
  };
}
