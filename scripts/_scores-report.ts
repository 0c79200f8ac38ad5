/** Rates with their errors, and how good the confidence was, as run-chunks and memory-stats show them. */
import type { Breakdown } from "../lib/backtest/breakdown.ts";
import type { ConfidenceScores } from "../lib/backtest/confidence.ts";
import type { ForecastScores } from "../lib/stats/scores.ts";
import { fixed, pct, scoreLine, table } from "./_render.ts";

/** A win rate and its standard error, percent; no decimal of it means anything. */
export function rateWithError(of: Pick<Breakdown, "win_rate" | "win_rate_error_pct">): string {
  return `${fixed(of.win_rate, 0)}${of.win_rate_error_pct === null ? "" : `±${fixed(of.win_rate_error_pct, 0)}`}`;
}

/** The same with the number of trades. */
export function winRateWithError(of: Pick<Breakdown, "win_rate" | "win_rate_error_pct" | "total_trades">): string {
  return `${rateWithError(of)} ${fixed(of.total_trades, 0)}`;
}

/**
 * What was claimed, and how often it came true: as the votes gave it, and as experience supported it where the two differ.
 *
 * @param options `scored`: with a line of scores below each table.
 */
export function confidenceTables(confidence: ConfidenceScores, options: { scored: boolean }): string {
  const { before_calibration: before, after_calibration: after } = confidence;
  const reliability = (scores: ForecastScores): string =>
    binsTable(scores) + (options.scored ? `${scoreLine(scores)}\n` : "");
  if (before === null || after === null) return "  too few trades: fewer than 30 say nothing\n";
  const isLearned = JSON.stringify(before) !== JSON.stringify(after);
  return isLearned
    ? `As the votes gave it\n${reliability(before)}As experience supported it\n${reliability(after)}`
    : reliability(after);
}

function binsTable({ bins }: ForecastScores): string {
  return table(
    ["confidence", "mean", "trades", "gained"].map((title) => ({ title })),
    bins.map((bin) => [
      `${bin.from} to ${bin.to}`,
      fixed(bin.mean_confidence, 1),
      fixed(bin.trades, 0),
      pct(bin.win_rate),
    ]),
  );
}
