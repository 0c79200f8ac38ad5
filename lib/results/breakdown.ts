/** How trades fared, in all and chunk by chunk. */
import type { Trade } from "../memory/trade.ts";
import { deviationOf, meanOf, percentOf } from "./metrics.ts";

/** How something fared in one chunk. Rates are 0..100; `null` where there were no trades. */
export interface ChunkCell {
  readonly quarter: string;
  readonly total_trades: number;
  readonly winning_trades: number;
  readonly win_rate: number | null;
  /** Standard errors: of a proportion with one win and one loss added, in percentage points; deviation / sqrt(trades). */
  readonly win_rate_error_pct: number | null;
  readonly total_pnl: number;
  readonly mean_result_r: number | null;
  readonly mean_result_r_error: number | null;
}

/** The change of a win rate from the first to the last chunk with trades, in percentage points. */
export interface WinRateTrend {
  readonly change_pct: number;
  /** Of the difference of two independent proportions, each with one win and one loss added (Agresti and Caffo 2000). */
  readonly standard_error_pct: number;
}

/** How something fared in a whole run and chunk by chunk. */
export interface Breakdown<Cell extends ChunkCell = ChunkCell> extends Omit<ChunkCell, "quarter"> {
  /** `null` with fewer than two chunks with trades. */
  readonly trend: WinRateTrend | null;
  readonly by_quarter: readonly Cell[];
}

/** How trades fared in all and chunk by chunk; a trade belongs to the chunk that owns the bar it closed in. */
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
  const direction = trade.action === "BUY" ? 1 : -1;
  return trade.votes.some((vote) => vote.provider === provider && vote.direction === direction);
}

/** Adds trades up. */
export function tally(trades: readonly Trade[]): Omit<ChunkCell, "quarter"> {
  const wins = trades.filter((trade) => trade.won).length;
  const results = trades.flatMap((trade) => trade.resultR ?? []);
  const deviation = deviationOf(results);
  return {
    total_trades: trades.length,
    winning_trades: wins,
    win_rate: percentOf(wins, trades.length),
    win_rate_error_pct: trades.length === 0 ? null : 100 * Math.sqrt(rateVariance(wins, trades.length)),
    total_pnl: trades.reduce((sum, trade) => sum + trade.pnl, 0),
    mean_result_r: meanOf(results),
    mean_result_r_error: deviation === null ? null : deviation / Math.sqrt(results.length),
  };
}

/** Compares the first and the last chunk that have trades. */
function winRateTrend(cells: readonly ChunkCell[]): WinRateTrend | null {
  const traded = cells.filter((cell) => cell.total_trades > 0);
  const first = traded[0];
  const last = traded.at(-1);
  if (first === undefined || last === undefined || first === last) return null;
  const variance = ({ winning_trades: wins, total_trades: trades }: ChunkCell): number => rateVariance(wins, trades);
  return {
    change_pct: (last.win_rate ?? 0) - (first.win_rate ?? 0),
    standard_error_pct: 100 * Math.sqrt(variance(first) + variance(last)),
  };
}

/** One win and one loss are added (Agresti and Caffo 2000): without them three wins of three would leave no doubt. */
function rateVariance(wins: number, trades: number): number {
  const rate = (wins + 1) / (trades + 2);
  return (rate * (1 - rate)) / (trades + 2);
}
