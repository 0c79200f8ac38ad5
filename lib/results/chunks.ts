/** The chunks of a run, and what each leaves: its record, `<chunk>.json`, and the lines of `<chunk>.equity.csv`. */
import type { Order, Position } from "../types.ts";
import { DAY_MS, isoDate, parseDuration } from "../util/time.ts";
import type { WeightMove } from "./attribution.ts";
import type { TradeCosts } from "./costs.ts";
import type { ExpectationSums } from "./expectation.ts";
import type { SamplePairs } from "./sample-noise.ts";

/** A half-open span of simulated time `[startMs, endMs)`: a unit of commit and report. */
export interface Chunk {
  /** `2021`, `2021Q1`, `2021-03`, `2021W14` or `2021-01-01_90d`. */
  readonly name: string;
  readonly startMs: number;
  readonly endMs: number;
}

/**
 * Cuts a run's period into chunks. Years, quarters, months and ISO weeks follow the calendar and end at the period's borders.
 * Days are counted from its start.
 *
 * @param period Both at midnight UTC, the end exclusive.
 * @param kind `year`, `quarter`, `month`, `week` or `<n>d`.
 * @throws {RangeError} For another kind, or a period that is empty or not of whole days.
 */
export function planChunks(period: { startMs: number; endMs: number }, kind: string): readonly Chunk[] {
  const isSpan = period.startMs < period.endMs && period.startMs % DAY_MS === 0 && period.endMs % DAY_MS === 0;
  if (!isSpan) {
    const found = `${period.startMs} to ${period.endMs}`;
    throw new RangeError(
      `Cannot cut into chunks: found the period ${found}, expected midnights, the end after the start`,
    );
  }
  const calendar = calendarOf(kind, period.startMs);
  const chunks: Chunk[] = [];
  for (let startMs = period.startMs; startMs < period.endMs;) {
    const { name, nextMs } = calendar(startMs);
    const endMs = Math.min(nextMs, period.endMs);
    chunks.push({ name, startMs, endMs });
    startMs = endMs;
  }
  return chunks;
}

/** Nothing is looked for beyond a century. */
const MAX_DAYS = 36_525;

/**
 * The chunks from a start through the last of some names, where nobody knows the period's end. The last one may be cut.
 *
 * @param startMs Midnight UTC.
 */
export function chunksThrough(startMs: number, kind: string, names: ReadonlySet<string>): readonly Chunk[] {
  for (let days = 100; ; days *= 4) {
    const chunks = planChunks({ startMs, endMs: startMs + days * DAY_MS }, kind);
    const found = chunks.filter(({ name }) => names.has(name)).length;
    if (found === names.size || days > MAX_DAYS)
      return chunks.slice(0, 1 + chunks.findLastIndex(({ name }) => names.has(name)));
  }
}

/** For the start of a chunk: its name, and where the next one starts. */
type Calendar = (startMs: number) => { name: string; nextMs: number };

function calendarOf(kind: string, periodStartMs: number): Calendar {
  if (kind === "year") {
    return (startMs) => {
      const year = new Date(startMs).getUTCFullYear();
      return { name: String(year), nextMs: Date.UTC(year + 1, 0, 1) };
    };
  }
  if (kind === "quarter" || kind === "month") {
    const months = kind === "quarter" ? 3 : 1;
    return (startMs) => {
      const date = new Date(startMs);
      const year = date.getUTCFullYear();
      const index = Math.floor(date.getUTCMonth() / months);
      const name = kind === "quarter" ? `${year}Q${index + 1}` : `${year}-${String(index + 1).padStart(2, "0")}`;
      return { name, nextMs: Date.UTC(year, (index + 1) * months, 1) };
    };
  }
  if (kind === "week") return isoWeek;
  const spanMs = parseDuration(kind);
  if (spanMs === undefined || spanMs % DAY_MS !== 0) {
    throw new RangeError(`Cannot cut into chunks: found "${kind}", expected year, quarter, month, week or <n>d`);
  }
  return (startMs) => {
    const nextMs = startMs + spanMs - ((startMs - periodStartMs) % spanMs);
    return { name: `${isoDate(startMs)}_${spanMs / DAY_MS}d`, nextMs };
  };
}

/** ISO 8601 weeks start on Monday and belong to the year of their Thursday. */
function isoWeek(startMs: number): { name: string; nextMs: number } {
  const weekday = (new Date(startMs).getUTCDay() + 6) % 7;
  const mondayMs = startMs - weekday * DAY_MS;
  const thursday = new Date(mondayMs + 3 * DAY_MS);
  const year = thursday.getUTCFullYear();
  const week = 1 + Math.floor((thursday.getTime() - Date.UTC(year, 0, 1)) / (7 * DAY_MS));
  return { name: `${year}W${String(week).padStart(2, "0")}`, nextMs: mondayMs + 7 * DAY_MS };
}

/** Equity and P&L at the end of a UTC day. */
export interface DayRecord {
  /** `YYYY-MM-DD`. */
  readonly date: string;
  readonly equity: number;
  /** Realized and open P&L by asset since the run's start. */
  readonly pnl: Readonly<Record<string, number>>;
}

/** Counts of a chunk, which add up over a run. */
export interface ChunkCounters {
  readonly ticks: number;
  /** Ticks that left a position open. */
  readonly ticks_exposed: number;
  readonly decisions: number;
  /** Decisions of HOLD, and of BUY. The rest are of SELL. */
  readonly holds: number;
  readonly buys: number;
  /** Positions that were not opened, by reason. */
  readonly skipped: { readonly max_positions: number; readonly correlation: number; readonly size: number };
  /** Orders that were still waiting at the end of the run. */
  readonly not_filled: number;
  /** By provider. */
  readonly abstentions: Readonly<Record<string, number>>;
  /** By provider of one's own that abstained, or voted neither BUY nor SELL in the chunk; not there if none did. */
  readonly quiet?: Readonly<Record<string, QuietProvider>>;
  /** By provider that was asked each question several times; not there if none was. */
  readonly samples?: Readonly<Record<string, SamplePairs>>;
}

/** What a provider's votes in a chunk were like where they were no help. */
export interface QuietProvider {
  /** Votes of BUY or SELL. */
  readonly directed: number;
  /** The last error; the last reason of one that only held. */
  readonly last: string;
}

/** The account as the next chunk finds it. */
export interface BrokerState {
  readonly balance: number;
  readonly positions: readonly Position[];
  readonly orders: readonly Order[];
  /** Realized P&L by asset. */
  readonly realized_pnl: Readonly<Record<string, number>>;
  /** Notional of all fills. */
  readonly turnover_notional: number;
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
  /** Trades in the window at the chunk's start. */
  readonly remembered_at_start: number;
  readonly multipliers_at_start: Readonly<Record<string, number>>;
  readonly multipliers_at_end: Readonly<Record<string, number>>;
  /** The largest moves of weights; none with memory off. */
  readonly weight_moves: readonly WeightMove[];
  /** Equity at the chunk's start and end. */
  readonly initial_balance: number;
  readonly final_value: number;
  readonly max_drawdown_pct: number;
  readonly counters: ChunkCounters;
  readonly costs: TradeCosts;
  readonly costs_r: TradeCosts;
  /** By bin of `expected_r`: see expectation.ts. */
  readonly expectation: readonly ExpectationSums[];
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
