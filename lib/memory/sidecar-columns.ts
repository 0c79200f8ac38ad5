import type { Market, TradeAction } from "../domain.ts";
import { isRecord } from "../files/json-file.ts";
import type { OutcomeRow, RowVote } from "./outcome-row.ts";

/** The rows of a sidecar as its file has them: a column each, of one value a row. */
interface Columns {
  readonly ids: string[];
  readonly bytes: number[];
  readonly crc32: (string | null)[];
  readonly run_id: string[];
  readonly chunk: string[];
  readonly market: Market[];
  readonly asset: string[];
  readonly regime: string[];
  readonly action: TradeAction[];
  readonly entry_ms: number[];
  readonly exit_ms: number[];
  readonly exit_reason: string[];
  readonly won: boolean[];
  readonly pnl: number[];
  readonly pnl_pct: number[];
  readonly result_r: (number | null)[];
  readonly confidence: number[];
  readonly raw_confidence: number[];
  readonly trend_score: (number | null)[];
}

/** A provider's votes: direction 1, -1 or 0, and confidence; `null` where it did not vote. */
interface VoteColumns {
  readonly direction: (RowVote["direction"] | null)[];
  readonly confidence: (number | null)[];
}

const COLUMN_NAMES = Object.keys(columnsOfValues([]));

/** The rows as columns, the form that the sidecar has. Providers stand in order of their names. */
export function columnsOf(rows: readonly OutcomeRow[]): object {
  const votes = new Map<string, VoteColumns>();
  rows.forEach((row, i) => {
    for (const vote of row.votes) {
      let byProvider = votes.get(vote.provider);
      if (byProvider === undefined) {
        byProvider = { direction: rows.map(() => null), confidence: rows.map(() => null) };
        votes.set(vote.provider, byProvider);
      }
      byProvider.direction[i] = vote.direction;
      byProvider.confidence[i] = vote.confidence;
    }
  });
  // By name: any order of appearance would depend on which rows were here before.
  const sorted = [...votes].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return { ...columnsOfValues(rows), votes: Object.fromEntries(sorted) };
}

/**
 * The rows that columns say. The file's checksum says that `columnsOf()` made them, so the values are not looked at one by
 * one.
 *
 * @param count How many rows there are.
 * @returns `undefined` if a column is missing or of another length.
 */
export function rowsOf(columns: unknown, count: number): OutcomeRow[] | undefined {
  if (!isRecord(columns) || !isRecord(columns["votes"])) return undefined;
  const isColumn = (value: unknown): boolean => Array.isArray(value) && value.length === count;
  const byProvider = Object.entries(columns["votes"]) as [string, VoteColumns][];
  const all = byProvider.flatMap(([, { direction, confidence }]) => [direction, confidence]);
  if (!COLUMN_NAMES.every((name) => isColumn(columns[name])) || !all.every(isColumn)) return undefined;

  const votes: RowVote[][] = Array.from({ length: count }, () => []);
  for (const [provider, { direction, confidence }] of byProvider) {
    for (let i = 0; i < count; i++) {
      const way = direction[i] ?? null;
      if (way !== null) votes[i]?.push({ provider, direction: way, confidence: confidence[i] as number });
    }
  }
  const c = columns as unknown as Columns;
  return votes.map((rowVotes, i) => ({
    id: c.ids[i] as string,
    bytes: c.bytes[i] as number,
    crc32: c.crc32[i] as string | null,
    runId: c.run_id[i] as string,
    chunk: c.chunk[i] as string,
    market: c.market[i] as Market,
    asset: c.asset[i] as string,
    regime: c.regime[i] as string,
    action: c.action[i] as TradeAction,
    entryMs: c.entry_ms[i] as number,
    exitMs: c.exit_ms[i] as number,
    exitReason: c.exit_reason[i] as string,
    won: c.won[i] as boolean,
    pnl: c.pnl[i] as number,
    pnlPct: c.pnl_pct[i] as number,
    resultR: c.result_r[i] as number | null,
    confidence: c.confidence[i] as number,
    rawConfidence: c.raw_confidence[i] as number,
    trendScore: c.trend_score[i] as number | null,
    votes: rowVotes,
  }));
}

function columnsOfValues(rows: readonly OutcomeRow[]): Columns {
  return {
    ids: rows.map((row) => row.id),
    bytes: rows.map((row) => row.bytes),
    crc32: rows.map((row) => row.crc32),
    run_id: rows.map((row) => row.runId),
    chunk: rows.map((row) => row.chunk),
    market: rows.map((row) => row.market),
    asset: rows.map((row) => row.asset),
    regime: rows.map((row) => row.regime),
    action: rows.map((row) => row.action),
    entry_ms: rows.map((row) => row.entryMs),
    exit_ms: rows.map((row) => row.exitMs),
    exit_reason: rows.map((row) => row.exitReason),
    won: rows.map((row) => row.won),
    pnl: rows.map((row) => row.pnl),
    pnl_pct: rows.map((row) => row.pnlPct),
    result_r: rows.map((row) => row.resultR),
    confidence: rows.map((row) => row.confidence),
    raw_confidence: rows.map((row) => row.rawConfidence),
    trend_score: rows.map((row) => row.trendScore),
  };
}
