/** What is kept of a cell: its figures, and the daily returns that cells are compared by. */
import type { DailyReturns } from "../results/metrics.ts";
import type { Summary } from "../results/summary-shape.ts";
import type { Cell, CellKeys } from "./plan.ts";

/** Figures of a summary, by their names there. */
export type CellFigures = Pick<
  Summary,
  | "annualized_sharpe"
  | "annualized_sortino"
  | "total_return_pct"
  | "cagr_pct"
  | "max_drawdown_pct"
  | "profit_factor"
  | "exposure_pct"
  | "turnover"
  | "total_trades"
  | "overall_win_rate"
  | "mean_result_r"
  | "total_pnl"
  | "final_balance"
  | "decisions"
>;

/** The figures that a sweep shows, in this order. */
export const CELL_FIGURES: readonly (keyof CellFigures)[] = [
  "annualized_sharpe",
  "annualized_sortino",
  "total_return_pct",
  "cagr_pct",
  "max_drawdown_pct",
  "profit_factor",
  "exposure_pct",
  "turnover",
  "total_trades",
  "overall_win_rate",
  "mean_result_r",
  "total_pnl",
  "final_balance",
  "decisions",
];

/** A finished cell. */
export interface CellResult {
  readonly cell: number;
  readonly set: CellKeys;
  readonly run_id: string;
  /** `<start>/<end>`, the end exclusive. */
  readonly period: string;
  readonly figures: CellFigures;
  /** The longest that a trade may last. */
  readonly longest_trade_days: number;
  readonly days_per_year: number;
  /** `YYYY-MM-DD`, and the simple return of each day. */
  readonly dates: readonly string[];
  readonly returns: readonly number[];
}

/** A cell that could not be run. */
export interface CellFailure {
  readonly cell: number;
  readonly set: CellKeys;
  readonly error: string;
}

/** Keeps what a sweep needs of a run. */
export function cellResultOf(
  { cell, set }: Cell,
  run: { summary: Summary; daily: DailyReturns; longestTradeDays: number },
): CellResult {
  const { summary, daily, longestTradeDays } = run;
  return {
    cell,
    set,
    run_id: summary.run_id,
    period: summary.period,
    figures: Object.fromEntries(CELL_FIGURES.map((name) => [name, summary[name]])) as CellFigures,
    longest_trade_days: longestTradeDays,
    days_per_year: daily.daysPerYear,
    dates: daily.dates,
    returns: daily.returns,
  };
}
