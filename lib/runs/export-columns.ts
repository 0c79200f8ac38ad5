/** The tables of `export` (docs/FORMATS.md, "Exports"): their columns, and how each is read from a stored line. */
import type { DecisionRecord, Outcome, Vote } from "../types.ts";
import { directionOf } from "../memory/trade.ts";

/** `time` values are ISO 8601 texts; the others are what they are in JSON. */
export type ColumnType = "text" | "number" | "integer" | "boolean" | "time";
export type Value = string | number | boolean | null | undefined;

interface Column<Source> {
  readonly name: string;
  readonly type: ColumnType;
  readonly of: (source: Source) => Value;
}

/** A column without its source. */
export type ColumnHead = Omit<Column<never>, "of">;

/** A stored line, and the run and chunk that it belongs to. */
interface Placed<T> {
  readonly run_id: string;
  readonly chunk: string;
  readonly line: T;
}

/** A line of `<chunk>.equity.csv`, split. */
type EquityCells = readonly string[];

function column<Source>(type: ColumnType, name: string, of: (source: Source) => Value): Column<Source> {
  return { name, type, of };
}

/** Columns of one type that have the names of their fields. */
function fields<Source>(type: ColumnType, ...names: readonly (keyof Source & string)[]): readonly Column<Source>[] {
  return names.map((name) => column(type, name, (source) => source[name] as Value));
}

/** Moves columns of a line to those of a line with its place. */
function ofLine<T>(columns: readonly Column<T>[]): readonly Column<Placed<T>>[] {
  return columns.map(({ name, type, of }) => column(type, name, ({ line }) => of(line)));
}

function place<T>(): readonly Column<Placed<T>>[] {
  return [column("text", "run_id", (row) => row.run_id), column("text", "chunk", (row) => row.chunk)];
}

/** An imported outcome may lack any of them. */
const TRADES: readonly Column<Outcome>[] = [
  ...fields<Outcome>("text", "run_id", "chunk", "decision_id", "market", "asset_pair", "action"),
  ...fields<Outcome>("time", "decision_timestamp", "entry_timestamp", "exit_timestamp"),
  ...fields<Outcome>("number", "entry_price", "exit_price", "raw_entry_price", "raw_exit_price"),
  ...fields<Outcome>("number", "stop_price", "target_price", "position_size", "risk_per_unit"),
  ...fields<Outcome>("number", "realized_pnl", "pnl_percentage", "result_r"),
  ...fields<Outcome>("number", "fee_cost", "spread_cost", "slippage_cost", "holding_period_hours"),
  ...fields<Outcome>("text", "exit_reason"),
  ...fields<Outcome>("boolean", "was_profitable"),
  ...fields<Outcome>("number", "decision_confidence", "raw_confidence", "expected_r", "volatility"),
  ...fields<Outcome>("text", "price_trend", "regime"),
  column("text", "voted_for", (trade) => votersFor(trade).join(" ")),
];

function votersFor({ votes = [], action }: Partial<Outcome>): readonly string[] {
  if (action === undefined) return [];
  const direction = directionOf(action);
  return votes
    .filter((vote) => vote.action !== "HOLD" && directionOf(vote.action) === direction)
    .map(({ provider }) => provider);
}

const EQUITY: readonly Column<Placed<EquityCells>>[] = [
  ...place<EquityCells>(),
  column("time", "timestamp", ({ line }) => line[0]),
  column("number", "equity", ({ line }) => Number(line[1])),
  column("integer", "open_positions", ({ line }) => Number(line[2])),
];

type Situation = DecisionRecord["situation"];

const DECISIONS: readonly Column<Placed<DecisionRecord>>[] = [
  ...place<DecisionRecord>(),
  ...ofLine<DecisionRecord>([
    ...fields<DecisionRecord>("text", "decision_id"),
    ...fields<DecisionRecord>("time", "timestamp"),
    ...fields<DecisionRecord>("text", "asset", "action"),
    ...fields<DecisionRecord>("number", "raw_confidence", "confidence", "equity", "expected_r", "size_scale"),
    ...fields<DecisionRecord>("text", "order"),
    ...fields<DecisionRecord>("number", "size"),
    ...fields<DecisionRecord>("text", "skipped"),
    ...fields<Situation>("text", "regime").map(ofSituation),
    ...fields<Situation>("number", "close", "atr", "volatility_pct", "volatility_rank", "rsi", "adx").map(ofSituation),
    ...fields<Situation>("number", "ema_fast", "ema_slow", "zscore", "channel_high", "channel_low", "return_pct").map(
      ofSituation,
    ),
    column("integer", "remembered", ({ context }) => context.remembered),
    column("integer", "similar_count", ({ context }) => context.similar.count),
    column("integer", "similar_wins", ({ context }) => context.similar.wins),
    column("number", "similar_mean_r", ({ context }) => context.similar.mean_r),
    column("text", "nearest_id", ({ context }) => context.similar.nearest[0]?.decision_id),
    column("number", "nearest_similarity", ({ context }) => context.similar.nearest[0]?.similarity),
    column("integer", "recent_trades", ({ context }) => context.recent.trades),
    column("integer", "recent_wins", ({ context }) => context.recent.wins),
    column("number", "recent_mean_r", ({ context }) => context.recent.mean_r),
  ]),
];

function ofSituation({ name, type, of }: Column<Situation>): Column<DecisionRecord> {
  return column(type, name, ({ situation }) => of(situation));
}

interface VoteLine {
  readonly decision: DecisionRecord;
  readonly vote: Vote;
}

const VOTES: readonly Column<Placed<VoteLine>>[] = [
  ...place<VoteLine>(),
  ...ofLine<VoteLine>([
    column("text", "decision_id", ({ decision }) => decision.decision_id),
    column("time", "timestamp", ({ decision }) => decision.timestamp),
    column("text", "asset", ({ decision }) => decision.asset),
    column("text", "provider", ({ vote }) => vote.provider),
    column("text", "action", ({ vote }) => vote.action),
    column("number", "confidence", ({ vote }) => vote.confidence),
    column("number", "calibrated", ({ decision, vote }) => decision.calibrated[vote.provider]),
    column("number", "weight", ({ decision, vote }) => decision.weights[vote.provider]),
    column("text", "reason", ({ vote }) => vote.reason),
    column("text", "error", ({ vote }) => vote.error),
  ]),
];

export const TABLES = ["trades", "equity", "decisions", "votes"] as const;
export type TableName = (typeof TABLES)[number];

/** A table's columns, and the rows of what is stored. */
export interface Table<Source> {
  readonly columns: readonly ColumnHead[];
  readonly rowsOf: (source: Source) => readonly (readonly Value[])[];
}

function tableOf<Source, Row>(
  columns: readonly Column<Row>[],
  split: (source: Source) => readonly Row[],
): Table<Source> {
  const readers = columns.map(({ of }) => of);
  return { columns, rowsOf: (source) => split(source).map((row) => readers.map((read) => read(row))) };
}

export const TRADES_TABLE: Table<Outcome> = tableOf(TRADES, (outcome: Outcome) => [outcome]);

/** Tables of the lines of a chunk's file. */
export const LINE_TABLES: Readonly<Record<Exclude<TableName, "trades">, Table<Placed<string>>>> = {
  equity: tableOf(EQUITY, ({ line, ...placed }) => [{ ...placed, line: line.split(",") }]),
  decisions: tableOf(DECISIONS, ({ line, ...placed }) => [{ ...placed, line: JSON.parse(line) as DecisionRecord }]),
  votes: tableOf(VOTES, ({ line, ...placed }) => {
    const decision = JSON.parse(line) as DecisionRecord;
    return decision.votes.map((vote) => ({ ...placed, line: { decision, vote } }));
  }),
};
