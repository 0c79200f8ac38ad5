import type { Market } from "../types.ts";
import type { Trade } from "../memory/trade.ts";
import { breakdownOf, inChunk, tally, votedFor, type Breakdown, type ChunkCell } from "./breakdown.ts";
import { type Chunk, type ChunkRecord, type DayRecord } from "./chunks.ts";
import { isoDate } from "../util/time.ts";
import { confidenceScores, type ConfidenceScores } from "./confidence.ts";
import { providerEvidence, regretOf, type ProviderEvidence, type Regret, type WeightMove } from "./attribution.ts";
import {
  cagrPct,
  lastOfDays,
  percentOf,
  profitFactor,
  sharpeRatio,
  simpleReturns,
  sortinoRatio,
  type DaysPerYear,
} from "./metrics.ts";

/** One chunk of `quarterly_breakdown`. Keys keep the field's names, whatever the chunks are. */
export interface QuarterSummary {
  readonly quarter: string;
  readonly start_date: string;
  /** Exclusive. */
  readonly end_date: string;
  readonly initial_balance: number;
  readonly final_value: number;
  readonly return_pct: number;
  readonly sharpe_ratio: number | null;
  readonly max_drawdown_pct: number;
  readonly total_trades: number;
  readonly winning_trades: number;
  readonly win_rate: number | null;
  readonly total_pnl: number;
  /** Outcomes that the chunk's first decision could see. */
  readonly remembered_at_start: number;
  readonly provider_multipliers_at_start: Readonly<Record<string, number>>;
  /** As of the chunk's end. */
  readonly provider_multipliers: Readonly<Record<string, number>>;
  /** The trades that moved them most, largest move first. */
  readonly weight_moves: readonly WeightMove[];
}

/** `summary.json`, and what `run-chunks --json` prints. */
export interface Summary {
  readonly run_id: string;
  /** `<start>/<end>`, the end exclusive. */
  readonly period: string;
  readonly chunks: string;
  readonly data: Market;
  readonly memory_enabled: boolean;
  readonly assets: readonly string[];
  /** Where an asset's bars start later than the bar before ended, in the run. */
  readonly bar_gaps: Readonly<Record<string, number>>;
  readonly initial_balance: number;
  readonly final_balance: number;
  readonly total_return_pct: number;
  readonly annualized_sharpe: number | null;
  readonly annualized_sortino: number | null;
  readonly cagr_pct: number | null;
  readonly max_drawdown_pct: number;
  readonly exposure_pct: number | null;
  /** Notional of all fills / initial balance. */
  readonly turnover: number;
  readonly profit_factor: number | null;
  readonly total_trades: number;
  readonly total_winning_trades: number;
  readonly overall_win_rate: number | null;
  readonly total_pnl: number;
  readonly mean_result_r: number | null;
  readonly decisions: number;
  readonly skipped: { readonly max_positions: number; readonly correlation: number; readonly size: number };
  readonly not_filled: number;
  readonly quarterly_breakdown: readonly QuarterSummary[];
  readonly providers: Readonly<
    Record<string, Breakdown & { readonly abstentions: number; readonly evidence: ProviderEvidence }>
  >;
  readonly regimes: Readonly<Record<string, Breakdown>>;
  readonly assets_breakdown: Readonly<Record<string, Breakdown<ChunkCell & { readonly sharpe_ratio: number | null }>>>;
  readonly regret: Regret | null;
  readonly confidence: ConfidenceScores;
  readonly memory_persistence: {
    /** Outcomes of earlier runs in the window when the run started. */
    readonly outcomes_carried_in: number;
    readonly outcomes_stored: number;
    readonly snapshots_stored: number;
    readonly vectors_stored: number;
  };
}

/** What a summary is made of. */
export interface SummaryInput {
  readonly runId: string;
  readonly period: { readonly startMs: number; readonly endMs: number };
  readonly chunkKind: string;
  readonly chunks: readonly Chunk[];
  readonly market: Market;
  readonly memoryEnabled: boolean;
  readonly assets: readonly string[];
  readonly barGaps: Readonly<Record<string, number>>;
  readonly initialBalance: number;
  readonly daysPerYear: DaysPerYear;
  readonly providers: readonly string[];
  /** One for each chunk, in order. */
  readonly records: readonly ChunkRecord[];
  /** The run's outcomes, in the order of (exit, id). */
  readonly trades: readonly Trade[];
}

/** The numbers of a run as far as its records go. */
export type Totals = Pick<
  Summary,
  | "annualized_sharpe"
  | "annualized_sortino"
  | "max_drawdown_pct"
  | "profit_factor"
  | "total_trades"
  | "total_winning_trades"
  | "overall_win_rate"
  | "total_pnl"
  | "mean_result_r"
>;

/** Works the totals out from chunk records and outcomes. */
export function totalsOf(input: SummaryInput): Totals {
  const { records, trades, initialBalance, daysPerYear } = input;
  const days = records.flatMap((record) => record.daily);
  const returns = simpleReturns(lastOfDays(days, daysPerYear), initialBalance);
  const whole = tally(trades);
  return {
    annualized_sharpe: sharpeRatio(returns, daysPerYear),
    annualized_sortino: sortinoRatio(returns, daysPerYear),
    max_drawdown_pct: records.at(-1)?.state.max_drawdown_pct ?? 0,
    profit_factor: profitFactor(trades.map((trade) => trade.pnl)),
    total_trades: whole.total_trades,
    total_winning_trades: whole.winning_trades,
    overall_win_rate: whole.win_rate,
    total_pnl: whole.total_pnl,
    mean_result_r: whole.mean_result_r,
  };
}

/** Sums up a run from its chunk records and outcomes, and from nothing else. */
export function summarize(input: SummaryInput, persistence: Summary["memory_persistence"]): Summary {
  const { records, trades, period, initialBalance } = input;
  const last = records.at(-1);
  const finalBalance = last?.state.broker.balance ?? initialBalance;
  const totals = totalsOf(input);
  const counters = records.map((record) => record.counters);
  const sum = (pick: (counter: ChunkRecord["counters"]) => number): number =>
    counters.reduce((total, counter) => total + pick(counter), 0);
  const regimes = [...new Set(trades.map((trade) => trade.regime))].toSorted();
  return {
    run_id: input.runId,
    period: `${isoDate(period.startMs)}/${isoDate(period.endMs)}`,
    chunks: input.chunkKind,
    data: input.market,
    memory_enabled: input.memoryEnabled,
    assets: input.assets,
    bar_gaps: input.barGaps,
    initial_balance: initialBalance,
    final_balance: finalBalance,
    total_return_pct: 100 * (finalBalance / initialBalance - 1),
    annualized_sharpe: totals.annualized_sharpe,
    annualized_sortino: totals.annualized_sortino,
    cagr_pct: cagrPct(initialBalance, finalBalance, { spanMs: period.endMs - period.startMs }),
    max_drawdown_pct: totals.max_drawdown_pct,
    exposure_pct: percentOf(
      sum((c) => c.ticks_exposed),
      sum((c) => c.ticks),
    ),
    turnover: (last?.state.broker.turnover_notional ?? 0) / initialBalance,
    profit_factor: totals.profit_factor,
    total_trades: totals.total_trades,
    total_winning_trades: totals.total_winning_trades,
    overall_win_rate: totals.overall_win_rate,
    total_pnl: totals.total_pnl,
    mean_result_r: totals.mean_result_r,
    decisions: sum((c) => c.decisions),
    skipped: {
      max_positions: sum((c) => c.skipped.max_positions),
      correlation: sum((c) => c.skipped.correlation),
      size: sum((c) => c.skipped.size),
    },
    not_filled: sum((c) => c.not_filled),
    quarterly_breakdown: records.map((record) => quarterOf(record, input)),
    providers: Object.fromEntries(
      input.providers.map((name) => {
        const own = trades.filter((trade) => votedFor(trade, name));
        const abstentions = sum((c) => c.abstentions[name] ?? 0);
        return [name, { ...breakdownOf(own, input.chunks), abstentions, evidence: providerEvidence(trades, name) }];
      }),
    ),
    regimes: Object.fromEntries(
      regimes.map((regime) => {
        const own = trades.filter((trade) => trade.regime === regime);
        return [regime, breakdownOf(own, input.chunks)];
      }),
    ),
    assets_breakdown: Object.fromEntries(input.assets.map((asset) => [asset, assetBreakdown(asset, input)])),
    regret: regretOf(trades, input.providers),
    confidence: confidenceScores(trades),
    memory_persistence: persistence,
  };
}

function quarterOf(record: ChunkRecord, input: SummaryInput): QuarterSummary {
  const { total_trades, winning_trades, win_rate, total_pnl } = tally(inChunk(input.trades, record.chunk));
  const returns = simpleReturns(lastOfDays(record.daily, input.daysPerYear), record.initial_balance);
  return {
    quarter: record.chunk,
    start_date: record.start.slice(0, 10),
    end_date: record.end.slice(0, 10),
    initial_balance: record.initial_balance,
    final_value: record.final_value,
    return_pct: 100 * (record.final_value / record.initial_balance - 1),
    sharpe_ratio: sharpeRatio(returns, input.daysPerYear),
    max_drawdown_pct: record.max_drawdown_pct,
    total_trades,
    winning_trades,
    win_rate,
    total_pnl,
    remembered_at_start: record.remembered_at_start,
    provider_multipliers_at_start: record.multipliers_at_start,
    provider_multipliers: record.multipliers_at_end,
    weight_moves: record.weight_moves,
  };
}

function assetBreakdown(asset: string, input: SummaryInput): Summary["assets_breakdown"][string] {
  const trades = input.trades.filter((trade) => trade.asset === asset);
  const { by_quarter: cells, ...whole } = breakdownOf(trades, input.chunks);
  let before: { equity: number; pnl: number } = { equity: input.initialBalance, pnl: 0 };
  return {
    ...whole,
    by_quarter: cells.map((cell, i) => {
      const days = lastOfDays<DayRecord>(input.records[i]?.daily ?? [], input.daysPerYear);
      // The asset's part in the account's daily return: the change of its P&L over the equity of the day before.
      const returns = days.map(({ equity, pnl }) => {
        const change = ((pnl[asset] ?? 0) - before.pnl) / before.equity;
        before = { equity, pnl: pnl[asset] ?? 0 };
        return change;
      });
      return { ...cell, sharpe_ratio: sharpeRatio(returns, input.daysPerYear) };
    }),
  };
}
