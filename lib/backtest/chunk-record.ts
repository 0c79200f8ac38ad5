/** What a chunk leaves: its record, `<chunk>.json`, and the lines of `<chunk>.equity.csv`. */
import type { WeightMove } from "./learned.ts";
import type { BrokerState } from "./orders.ts";

/** Equity and P&L at the end of a UTC day. */
export interface DayRecord {
  /** `YYYY-MM-DD`. */
  readonly date: string;
  readonly equity: number;
  /** Realized and open P&L by asset, since the run's start. */
  readonly pnl: Readonly<Record<string, number>>;
}

/** What happened in a chunk, as numbers to add up. */
export interface ChunkCounters {
  readonly ticks: number;
  /** Ticks after which a position was open. */
  readonly ticks_exposed: number;
  readonly decisions: number;
  /** Positions that the rules did not let open. */
  readonly skipped: { readonly max_positions: number; readonly correlation: number; readonly size: number };
  /** Orders that the end of the run left waiting. */
  readonly not_filled: number;
  /** By provider: votes that were abstentions. */
  readonly abstentions: Readonly<Record<string, number>>;
}

/** `<chunk>.json`. */
export interface ChunkRecord {
  readonly run_id: string;
  readonly chunk: string;
  /** ISO 8601; the end is exclusive. */
  readonly start: string;
  readonly end: string;
  /** SHA-256 over a line `<id> <crc32>` for each of the run's outcomes so far, in order of id. */
  readonly outcomes_digest: string;
  readonly outcomes_so_far: number;
  /** Outcomes in the window at the chunk's start, and the providers' multipliers then and at its end. */
  readonly remembered_at_start: number;
  readonly multipliers_at_start: Readonly<Record<string, number>>;
  readonly multipliers_at_end: Readonly<Record<string, number>>;
  /** The five trades that moved the weights most; none with memory off. */
  readonly weight_moves: readonly WeightMove[];
  /** Equity at the borders. */
  readonly initial_balance: number;
  readonly final_value: number;
  readonly max_drawdown_pct: number;
  readonly counters: ChunkCounters;
  readonly daily: readonly DayRecord[];
  /** What the next chunk starts from. */
  readonly state: {
    readonly broker: BrokerState;
    /** Over all marks of the run so far. */
    readonly peak_equity: number;
    readonly max_drawdown_pct: number;
  };
}

/** An equity mark, after step 4 of a tick. */
export interface EquityMark {
  /** Start of the tick's bars, epoch ms. */
  readonly timestamp: number;
  readonly equity: number;
  readonly openPositions: number;
}
