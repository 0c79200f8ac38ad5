/** How trades fared in total and chunk by chunk. */
import { directionOf, performanceOf, type PerformanceRecord, type Trade } from "../memory/trade.ts";
import { percentOf, standardErrorOf } from "./metrics.ts";

/** How trades fared in one chunk. Rates are 0..100; `null` without trades. */
export interface ChunkCell extends PerformanceRecord {
  readonly quarter: string;
  readonly win_rate: number | null;
  /** Standard error of a proportion with one win and one loss added, in percentage points. */
  readonly win_rate_error_pct: number | null;
  /** Standard error of the mean. */
  readonly mean_result_r_error: number | null;
}

/** How a win rate changes from one chunk to the next, in percentage points: the slope over all chunks with trades. */
export interface WinRateTrend {
  readonly slope_pct: number;
  readonly standard_error_pct: number;
}

/** How trades fared in a whole run and chunk by chunk. */
export interface Breakdown<Cell extends ChunkCell = ChunkCell> extends Omit<ChunkCell, "quarter"> {
  /** `null` with fewer than two chunks with trades. */
  readonly trend: WinRateTrend | null;
  readonly by_quarter: readonly Cell[];
}

export function breakdownOf(trades: readonly Trade[], chunks: readonly { readonly name: string }[]): Breakdown {
  const cells = chunks.map(({ name }) => ({ quarter: name, ...tally(inChunk(trades, name)) }));
  return { ...tally(trades), trend: winRateTrend(cells), by_quarter: cells };
}

/** The trades that closed in a chunk. */
export function inChunk(trades: readonly Trade[], chunk: string): readonly Trade[] {
  return trades.filter((trade) => trade.chunk === chunk);
}

/** Whether a provider voted a trade's way. */
export function votedFor(trade: Trade, provider: string): boolean {
  const direction = directionOf(trade.action);
  return trade.votes.some((vote) => vote.provider === provider && vote.direction === direction);
}

export function tally(trades: readonly Trade[]): Omit<ChunkCell, "quarter"> {
  const { total_trades, winning_trades, total_pnl, mean_result_r } = performanceOf(trades);
  const error = Math.sqrt(rateVariance(winning_trades, total_trades));
  return {
    total_trades,
    winning_trades,
    win_rate: percentOf(winning_trades, total_trades),
    win_rate_error_pct: total_trades === 0 ? null : 100 * error,
    total_pnl,
    mean_result_r,
    mean_result_r_error: standardErrorOf(trades.map(({ resultR }) => resultR).filter((resultR) => resultR !== null)),
  };
}

/**
 * Weighted least squares: each chunk's rate weighs as much as the inverse of its variance, which is known from its trades (Cochran 1954, "Some
 * methods for strengthening the common chi-squared tests").
 */
function winRateTrend(cells: readonly ChunkCell[]): WinRateTrend | null {
  const points = cells.flatMap(({ win_rate: rate, winning_trades: wins, total_trades: trades }, chunk) =>
    rate === null ? [] : [{ chunk, rate, weight: 1 / rateVariance(wins, trades) }],
  );
  if (points.length < 2) return null;
  const total = (value: (point: (typeof points)[number]) => number): number =>
    points.reduce((sum, point) => sum + point.weight * value(point), 0);
  const meanChunk = total(({ chunk }) => chunk) / total(() => 1);
  const spread = total(({ chunk }) => (chunk - meanChunk) * (chunk - meanChunk));
  return {
    slope_pct: total(({ chunk, rate }) => (chunk - meanChunk) * rate) / spread,
    standard_error_pct: 100 / Math.sqrt(spread),
  };
}

/** One win and one loss are added (Agresti and Caffo 2000): without them three wins of three would leave no doubt. */
function rateVariance(wins: number, trades: number): number {
  const rate = (wins + 1) / (trades + 2);
  return (rate * (1 - rate)) / (trades + 2);
}
