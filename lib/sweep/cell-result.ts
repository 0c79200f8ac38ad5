/** What is kept of a cell: its figures, and the daily returns that cells are compared by. */
import type { RunKeyHead } from "../backtest/run-key.ts";
import { type Config, SYNTHETIC } from "../config/config.ts";
import { meanSizeOfRun } from "../results/expectation.ts";
import type { DailyReturns } from "../results/metrics.ts";
import type { Summary } from "../results/summary-shape.ts";
import type { Cell, CellKeys } from "./plan.ts";

/** Figures of a summary, by their names there. */
type SummaryFigures = Pick<
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

export interface CellFigures extends SummaryFigures {
  /** The mean part of the full size that memory gave trades, 0..1; `null` without trades. Results of before 1.0.0 have none. */
  readonly mean_size_scale?: number | null;
}

/** The figures that a sweep takes from a summary, in this order. */
export const CELL_FIGURES: readonly (keyof SummaryFigures)[] = [
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

/**
 * What the result of a cell depends on besides the plan, such as the version and the hashes of its bars, by name. In the cells of one
 * sweep, equal names have equal values.
 */
export type CellInputs = Readonly<Record<string, string>>;

/** A finished cell. */
export interface CellResult {
  readonly cell: number;
  readonly set: CellKeys;
  readonly run_id: string;
  readonly inputs: CellInputs;
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
  run: { summary: Summary; daily: DailyReturns; longestTradeDays: number; inputs: CellInputs },
): CellResult {
  const { summary, daily, longestTradeDays, inputs } = run;
  const figures = Object.fromEntries(CELL_FIGURES.map((name) => [name, summary[name]])) as unknown as SummaryFigures;
  return {
    cell,
    set,
    run_id: summary.run_id,
    inputs,
    period: summary.period,
    figures: { ...figures, mean_size_scale: meanSizeOfRun(summary) },
    longest_trade_days: longestTradeDays,
    days_per_year: daily.daysPerYear,
    dates: daily.dates,
    returns: daily.returns,
  };
}

/** Names the parts of a run's key that do not follow from the configuration. */
export function inputsOf({ backtest, memory }: Config, key: RunKeyHead): CellInputs {
  const { data_dir: dataDir, features_dir: featuresDir, seed, timeframe } = backtest;
  const source = dataDir === SYNTHETIC ? `the seed ${seed}` : dataDir;
  const [, end] = key.period.split("/");
  const named = (hashes: Readonly<Record<string, string>>, nameOf: (name: string) => string): CellInputs =>
    Object.fromEntries(Object.entries(hashes).map(([name, hash]) => [nameOf(name), hash]));
  return {
    Carryover: key.version,
    [`the embedder ${memory.embedder}`]: key.embedder,
    ...named(key.bars, (asset) => `the ${timeframe} bars of ${asset} before ${end} from ${source}`),
    ...named(key.features ?? {}, (asset) => `the features of ${asset} before ${end} from ${featuresDir}`),
    ...named(key.files, (path) => `the file ${path}`),
  };
}
