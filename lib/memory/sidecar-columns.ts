import { isRecord } from "../files/json-file.ts";
import type { OutcomeRow, RowVote } from "./outcome-row.ts";

/** Columns of one value a row, each under its name in the file. */
const COLUMNS = {
  ids: "id",
  bytes: "bytes",
  crc32: "crc32",
  run_id: "runId",
  chunk: "chunk",
  market: "market",
  asset: "asset",
  regime: "regime",
  action: "action",
  entry_ms: "entryMs",
  exit_ms: "exitMs",
  exit_reason: "exitReason",
  won: "won",
  pnl: "pnl",
  pnl_pct: "pnlPct",
  result_r: "resultR",
  confidence: "confidence",
} as const satisfies Record<string, keyof OutcomeRow>;

/** A provider's votes: direction 1, -1 or 0, and confidence; `null` where it did not vote. */
interface VoteColumns {
  readonly direction: (1 | -1 | 0 | null)[];
  readonly confidence: (number | null)[];
}

/** The rows as columns, the form that the sidecar has. Providers stand in order of their first vote. */
export function columnsOf(rows: readonly OutcomeRow[]): Record<string, unknown> {
  const votes = new Map<string, VoteColumns>();
  rows.forEach((row, i) => {
    for (const vote of row.votes) {
      let columns = votes.get(vote.provider);
      if (columns === undefined) {
        columns = { direction: rows.map(() => null), confidence: rows.map(() => null) };
        votes.set(vote.provider, columns);
      }
      columns.direction[i] = vote.direction;
      columns.confidence[i] = vote.confidence;
    }
  });
  const columns = Object.entries(COLUMNS).map(([name, key]) => [name, rows.map((row) => row[key])] as const);
  return { ...Object.fromEntries(columns), votes: Object.fromEntries(votes) };
}

/**
 * The rows that columns say.
 *
 * @param count How many rows there are.
 * @returns `undefined` if a column is missing or of another length.
 */
export function rowsOf(columns: unknown, count: number): OutcomeRow[] | undefined {
  if (!isRecord(columns)) return undefined;
  const isColumn = (value: unknown): value is unknown[] => Array.isArray(value) && value.length === count;
  const entries = Object.entries(COLUMNS);
  if (!entries.every(([name]) => isColumn(columns[name])) || !isRecord(columns["votes"])) return undefined;

  const votes: RowVote[][] = Array.from({ length: count }, () => []);
  for (const [provider, byProvider] of Object.entries(columns["votes"])) {
    if (!isRecord(byProvider)) return undefined;
    const { direction, confidence } = byProvider;
    if (!isColumn(direction) || !isColumn(confidence)) return undefined;
    direction.forEach((value, i) => {
      // The file's checksum says that these columns are what columnsOf() made.
      if (value !== null) votes[i]?.push({ provider, direction: value, confidence: confidence[i] } as RowVote);
    });
  }
  return votes.map((rowVotes, i) => {
    const fields = entries.map(([name, key]) => [key, (columns[name] as unknown[])[i]] as const);
    return { ...Object.fromEntries(fields), votes: rowVotes } as unknown as OutcomeRow;
  });
}
