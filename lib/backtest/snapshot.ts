import type { OutcomeRow } from "../memory/outcome-row.ts";
import { providerPerformance, regimePerformance } from "../memory/performance.ts";
import { meanOf, percentOf } from "./metrics.ts";
import { totalsOf, type SummaryInput } from "./summary.ts";

/** `snapshot_<YYYYMMDD_HHMMSS>.json`: a run's metrics from its start to the end of a chunk. Keys in this order. */
export interface Snapshot {
  /** The chunk's end, simulated time. */
  readonly timestamp: string;
  readonly run_id: string;
  readonly chunk: string;
  readonly equity: number;
  readonly total_trades: number;
  readonly winning_trades: number;
  readonly losing_trades: number;
  readonly win_rate: number | null;
  readonly total_pnl: number;
  /** Mean P&L of the trades that won, and of the others, the latter as a positive number. */
  readonly avg_win: number | null;
  readonly avg_loss: number | null;
  readonly profit_factor: number | null;
  readonly max_drawdown_pct: number;
  readonly sharpe_ratio: number | null;
  readonly sortino_ratio: number | null;
  readonly provider_stats: Readonly<Record<string, unknown>>;
  readonly regime_performance: Readonly<Record<string, unknown>>;
}

/** Sums up a run as far as it has come. */
export function snapshotOf(input: SummaryInput): Snapshot {
  const totals = totalsOf(input);
  const record = input.records.at(-1);
  if (record === undefined) throw new RangeError("Cannot take a snapshot: found no chunk, expected one or more");
  const mean = (rows: readonly OutcomeRow[]): number | null => meanOf(rows.map((row) => Math.abs(row.pnl)));
  const noMarks: ReadonlyMap<string, number> = new Map();
  const providers = Object.entries(providerPerformance(input.rows, noMarks)).map(
    ([name, { total_trades, winning_trades, total_pnl, mean_result_r }]) =>
      [
        name,
        {
          win_rate: percentOf(winning_trades, total_trades),
          total_trades,
          winning_trades,
          total_pnl,
          mean_result_r,
          multiplier: record.multipliers_at_end[name] ?? null,
        },
      ] as const,
  );
  return {
    timestamp: record.end,
    run_id: input.runId,
    chunk: record.chunk,
    equity: record.final_value,
    total_trades: totals.total_trades,
    winning_trades: totals.total_winning_trades,
    losing_trades: totals.total_trades - totals.total_winning_trades,
    win_rate: totals.overall_win_rate,
    total_pnl: totals.total_pnl,
    avg_win: mean(input.rows.filter((row) => row.won)),
    avg_loss: mean(input.rows.filter((row) => !row.won)),
    profit_factor: totals.profit_factor,
    max_drawdown_pct: totals.max_drawdown_pct,
    sharpe_ratio: totals.annualized_sharpe,
    sortino_ratio: totals.annualized_sortino,
    provider_stats: Object.fromEntries(providers),
    regime_performance: regimePerformance(input.rows),
  };
}
