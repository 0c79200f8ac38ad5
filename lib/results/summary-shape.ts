/** What `summary.json` holds, and what `run-chunks --json` prints. */
import type { Market } from "../types.ts";
import type { ProviderEvidence, Regret, WeightMove } from "./attribution.ts";
import type { Baselines } from "./baselines.ts";
import type { Breakdown, ChunkCell } from "./breakdown.ts";
import type { ChunkCounters } from "./chunks.ts";
import type { ConfidenceScores } from "./confidence.ts";
import type { CostFigures } from "./costs.ts";
import type { ExpectationBin, ExpectationTotal } from "./expectation.ts";
import type { SampleNoise } from "./sample-noise.ts";
import type { TradingFigures } from "./trading.ts";

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
  /** Trades that the chunk's first decision could see. */
  readonly remembered_at_start: number;
  readonly provider_multipliers_at_start: Readonly<Record<string, number>>;
  /** As of the chunk's end. */
  readonly provider_multipliers: Readonly<Record<string, number>>;
  /** The trades that moved the multipliers most, largest move first. */
  readonly weight_moves: readonly WeightMove[];
}

/** The figures of a run in a list of runs. */
export type SummaryHead = Pick<
  Summary,
  "run_id" | "total_return_pct" | "annualized_sharpe" | "max_drawdown_pct" | "total_trades"
>;

/** `summary.json`, and what `run-chunks --json` prints. */
export interface Summary extends Baselines, CostFigures, TradingFigures {
  readonly run_id: string;
  /** `<start>/<end>`, the end exclusive. */
  readonly period: string;
  readonly chunks: string;
  readonly data: Market;
  readonly memory_enabled: boolean;
  readonly assets: readonly string[];
  /** By asset: gaps between the run's bars. */
  readonly bar_gaps: Readonly<Record<string, number>>;
  /** By asset: how often its market was closed between two bars of the run, as at night. */
  readonly session_gaps: Readonly<Record<string, number>>;
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
  /** The same by action. */
  readonly actions: { readonly buy: number; readonly sell: number; readonly hold: number };
  readonly skipped: ChunkCounters["skipped"];
  readonly not_filled: number;
  readonly quarterly_breakdown: readonly QuarterSummary[];
  readonly providers: Readonly<
    Record<
      string,
      Breakdown & { readonly abstentions: number; readonly samples?: SampleNoise; readonly evidence: ProviderEvidence }
    >
  >;
  readonly regimes: Readonly<Record<string, Breakdown>>;
  readonly assets_breakdown: Readonly<Record<string, Breakdown<ChunkCell & { readonly sharpe_ratio: number | null }>>>;
  readonly regret: Regret | null;
  readonly confidence: ConfidenceScores;
  /** What trades were expected to earn, and what they earned; empty without memory. */
  readonly expectation: readonly ExpectationBin[];
  /** Over all trades; `null` without memory. */
  readonly expected_and_realized: ExpectationTotal | null;
  readonly memory_persistence: {
    /** Trades that the run started with. */
    readonly outcomes_carried_in: number;
    readonly outcomes_stored: number;
    readonly snapshots_stored: number;
    readonly vectors_stored: number;
  };
  /** What the user should know, a sentence each: votes that know the future, why the run hardly traded. */
  readonly notes: readonly string[];
}
