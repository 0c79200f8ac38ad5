import { providerPerformance, regimePerformance } from "../memory/statistics.ts";
import type { Trade } from "../memory/trade.ts";
import type { Gaps } from "../market/spacing.ts";
import type { Market } from "../types.ts";
import { meanOf } from "../util/numbers.ts";
import { isoDate } from "../util/time.ts";
import { providerEvidence, regretOf } from "./attribution.ts";
import { type Breakdown, breakdownOf, inChunk, tally, votedFor } from "./breakdown.ts";
import type { Baselines } from "./baselines.ts";
import type { Chunk, ChunkCounters, ChunkRecord, DayRecord } from "./chunks.ts";
import { confidenceScores } from "./confidence.ts";
import { costFigures } from "./costs.ts";
import { expectationBins, expectationTotal } from "./expectation.ts";
import {
  cagrPct,
  type DaysPerYear,
  lastOfDays,
  percentOf,
  profitFactor,
  sharpeRatio,
  simpleReturns,
  sortinoRatio,
} from "./metrics.ts";
import { sampleNoise } from "./sample-noise.ts";
import { quietNotes, quietProviderNotes } from "./quiet-notes.ts";
import type { Snapshot } from "./snapshot.ts";
import type { Summary, QuarterSummary } from "./summary-shape.ts";
import { tradingFigures } from "./trading.ts";

type AccountFigures = Pick<
  Summary,
  | "initial_balance"
  | "final_balance"
  | "total_return_pct"
  | "annualized_sharpe"
  | "annualized_sortino"
  | "cagr_pct"
  | "max_drawdown_pct"
  | "exposure_pct"
  | "turnover"
  | "profit_factor"
  | "total_trades"
  | "total_winning_trades"
  | "overall_win_rate"
  | "total_pnl"
  | "mean_result_r"
>;

/** What summaries and snapshots are made of. */
export interface SummaryInput {
  readonly runId: string;
  readonly period: { readonly startMs: number; readonly endMs: number };
  readonly chunkKind: string;
  readonly chunks: readonly Chunk[];
  readonly market: Market;
  readonly memoryEnabled: boolean;
  readonly assets: readonly string[];
  readonly barGaps: Readonly<Record<string, Gaps>>;
  /** By asset, from the start of its file to the end of the run. */
  readonly barCounts: Readonly<Record<string, number>>;
  readonly decisionIntervalMs: number;
  readonly initialBalance: number;
  readonly daysPerYear: DaysPerYear;
  readonly providers: readonly string[];
  /** How many bars a provider's context has, if it is known to have any. */
  readonly providerBars?: ReadonlyMap<string, number | undefined>;
  /** Of the job. */
  readonly notes: readonly string[];
  /** Of the chunks so far, in order. */
  readonly records: readonly ChunkRecord[];
  /** The run's own, in the order of (exit, id). */
  readonly trades: readonly Trade[];
}

/** Sums up a run from its chunk records and trades. */
export function summarize(
  input: SummaryInput,
  { baselines, persistence }: { baselines: Baselines; persistence: Summary["memory_persistence"] },
): Summary {
  const { records, trades, period } = input;
  const counters = records.map((record) => record.counters);
  const { total_trades, total_pnl } = tally(trades);
  const account = accountFigures(input);
  const expectations = records.map(({ expectation }) => expectation);
  return {
    run_id: input.runId,
    period: `${isoDate(period.startMs)}/${isoDate(period.endMs)}`,
    chunks: input.chunkKind,
    data: input.market,
    memory_enabled: input.memoryEnabled,
    assets: input.assets,
    bar_gaps: byName(input.assets, (asset) => input.barGaps[asset]!.missing),
    session_gaps: byName(input.assets, (asset) => input.barGaps[asset]!.closed),
    ...account,
    ...tradingFigures(trades),
    decisions: sumOf(counters, (c) => c.decisions),
    actions: {
      buy: sumOf(counters, (c) => c.buys),
      sell: sumOf(counters, (c) => c.decisions - c.holds - c.buys),
      hold: sumOf(counters, (c) => c.holds),
    },
    skipped: {
      max_positions: sumOf(counters, (c) => c.skipped.max_positions),
      correlation: sumOf(counters, (c) => c.skipped.correlation),
      size: sumOf(counters, (c) => c.skipped.size),
    },
    not_filled: sumOf(counters, (c) => c.not_filled),
    ...costFigures(records, total_pnl),
    ...baselines,
    quarterly_breakdown: records.map((record) => quarterOf(record, input)),
    ...breakdowns(input),
    regret: regretOf(trades, input.providers),
    confidence: confidenceScores(trades),
    expectation: expectationBins(expectations),
    expected_and_realized: expectationTotal(expectations),
    memory_persistence: persistence,
    notes: [
      ...input.notes,
      ...quietNotes({ ...input, counters, trades: total_trades, exposurePct: account.exposure_pct }),
      ...quietProviderNotes(input.providers, counters, input),
    ],
  };
}

function sumOf(counters: readonly ChunkCounters[], pick: (counters: ChunkCounters) => number): number {
  return counters.reduce((total, each) => total + pick(each), 0);
}

/** What became of the account, and the totals of its trades. */
function accountFigures(input: SummaryInput): AccountFigures {
  const { records, trades, period, initialBalance } = input;
  const counters = records.map((record) => record.counters);
  const last = records.at(-1);
  const finalBalance = last?.state.broker.balance ?? initialBalance;
  const totals = tally(trades);
  const ratios = ratiosOf(input);
  return {
    initial_balance: initialBalance,
    final_balance: finalBalance,
    total_return_pct: 100 * (finalBalance / initialBalance - 1),
    annualized_sharpe: ratios.sharpe,
    annualized_sortino: ratios.sortino,
    cagr_pct: cagrPct(initialBalance, finalBalance, { spanMs: period.endMs - period.startMs }),
    max_drawdown_pct: last?.state.max_drawdown_pct ?? 0,
    exposure_pct: percentOf(
      sumOf(counters, (c) => c.ticks_exposed),
      sumOf(counters, (c) => c.ticks),
    ),
    turnover: (last?.state.broker.turnover_notional ?? 0) / initialBalance,
    profit_factor: ratios.profitFactor,
    total_trades: totals.total_trades,
    total_winning_trades: totals.winning_trades,
    overall_win_rate: totals.win_rate,
    total_pnl: totals.total_pnl,
    mean_result_r: totals.mean_result_r,
  };
}

/** Records by provider, regime and asset. */
function breakdowns(input: SummaryInput): Pick<Summary, "providers" | "regimes" | "assets_breakdown"> {
  const { records, trades, chunks } = input;
  const counters = records.map((record) => record.counters);
  const among = (belongs: (trade: Trade) => boolean): Breakdown => breakdownOf(trades.filter(belongs), chunks);
  return {
    providers: byName(input.providers, (name) => ({
      ...among((trade) => votedFor(trade, name)),
      abstentions: sumOf(counters, (c) => c.abstentions[name] ?? 0),
      ...sampleNoise(counters.map(({ samples }) => samples?.[name])),
      evidence: providerEvidence(trades, name),
    })),
    regimes: byName([...new Set(trades.map(({ regime }) => regime))].toSorted(), (name) =>
      among(({ regime }) => regime === name),
    ),
    assets_breakdown: byName(input.assets, (asset) => assetBreakdown(asset, input)),
  };
}

/** Sums up a run as far as it has come. @throws {RangeError} Before its first chunk has ended. */
export function snapshotOf(input: SummaryInput): Snapshot {
  const { records, runId, trades } = input;
  const last = records.at(-1);
  if (last === undefined) throw new RangeError("Cannot take a snapshot: found no chunk, expected one or more");
  const { total_trades, winning_trades, win_rate, total_pnl } = tally(trades);
  const ratios = ratiosOf(input);
  const meanPnl = (some: readonly Trade[]): number | null => meanOf(some.map(({ pnl }) => Math.abs(pnl)));
  const providers = Object.entries(providerPerformance(trades, [])).map(([name, record]) => {
    const rate = percentOf(record.winning_trades, record.total_trades);
    return [name, { win_rate: rate, ...record, multiplier: last.multipliers_at_end[name] ?? null }] as const;
  });
  return {
    timestamp: last.end,
    run_id: runId,
    chunk: last.chunk,
    equity: last.final_value,
    total_trades,
    winning_trades,
    losing_trades: total_trades - winning_trades,
    win_rate,
    total_pnl,
    avg_win: meanPnl(trades.filter(({ won }) => won)),
    avg_loss: meanPnl(trades.filter(({ won }) => !won)),
    profit_factor: ratios.profitFactor,
    max_drawdown_pct: last.state.max_drawdown_pct,
    sharpe_ratio: ratios.sharpe,
    sortino_ratio: ratios.sortino,
    provider_stats: Object.fromEntries(providers),
    regime_performance: regimePerformance(trades),
  };
}

/** `Object.fromEntries` makes an own key even of `__proto__`. */
function byName<Value>(names: readonly string[], valueOf: (name: string) => Value): Record<string, Value> {
  return Object.fromEntries(names.map((name) => [name, valueOf(name)]));
}

/** The figures that need the daily equity or the P&L of each trade. */
function ratiosOf({ records, trades, initialBalance, daysPerYear }: SummaryInput): {
  sharpe: number | null;
  sortino: number | null;
  profitFactor: number | null;
} {
  const days = records.flatMap((record) => record.daily);
  const returns = simpleReturns(lastOfDays(days, daysPerYear), initialBalance);
  return {
    sharpe: sharpeRatio(returns, daysPerYear),
    sortino: sortinoRatio(returns, daysPerYear),
    profitFactor: profitFactor(trades.map(({ pnl }) => pnl)),
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
      // The asset's share of the account's daily return: the change of its P&L over the equity of the day before.
      const returns = days.map(({ equity, pnl }) => {
        const change = ((pnl[asset] ?? 0) - before.pnl) / before.equity;
        before = { equity, pnl: pnl[asset] ?? 0 };
        return change;
      });
      return { ...cell, sharpe_ratio: sharpeRatio(returns, input.daysPerYear) };
    }),
  };
}
