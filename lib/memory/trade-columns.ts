/** Trades as columns, a list of values for each field: what `vectors.meta.json.gz` has. */
import { isRecord } from "../util/json.ts";
import type { Trade, TradeVote } from "./trade.ts";

type Check = (value: unknown) => boolean;

const isText: Check = (value) => typeof value === "string";
const isBoolean: Check = (value) => typeof value === "boolean";
/** JSON can say 1e999, which is read as infinite. */
const isNumber: Check = (value) => Number.isFinite(value);
/** The range of `Date`. */
const isTime: Check = (value) => typeof value === "number" && Math.abs(value) <= 8.64e15;
const orNull =
  (check: Check): Check =>
  (value) =>
    value === null || check(value);
const oneOf =
  (...values: readonly unknown[]): Check =>
  (value) =>
    values.includes(value);

const column = <Value>(of: (trade: Trade) => Value, check: Check): { of: (trade: Trade) => Value; check: Check } => ({
  of,
  check,
});

/** The columns of one value per trade: their names in the file, where the values come from, and what they may be. */
const COLUMNS = {
  ids: column((trade) => trade.id, isText),
  bytes: column((trade) => trade.bytes, isNumber),
  crc32: column((trade) => trade.crc32, orNull(isText)),
  content_hash: column((trade) => trade.contentHash, isText),
  run_id: column((trade) => trade.runId, isText),
  chunk: column((trade) => trade.chunk, isText),
  market: column((trade) => trade.market, oneOf("bars", "synthetic")),
  asset: column((trade) => trade.asset, isText),
  regime: column((trade) => trade.regime, isText),
  action: column((trade) => trade.action, oneOf("BUY", "SELL")),
  entry_ms: column((trade) => trade.entryMs, isTime),
  exit_ms: column((trade) => trade.exitMs, isTime),
  exit_reason: column((trade) => trade.exitReason, isText),
  won: column((trade) => trade.won, isBoolean),
  pnl: column((trade) => trade.pnl, isNumber),
  pnl_pct: column((trade) => trade.pnlPct, isNumber),
  result_r: column((trade) => trade.resultR, orNull(isNumber)),
  confidence: column((trade) => trade.confidence, isNumber),
  raw_confidence: column((trade) => trade.rawConfidence, isNumber),
  trend_score: column((trade) => trade.trendScore, orNull(isNumber)),
};

type Columns = { readonly [Name in keyof typeof COLUMNS]: readonly ReturnType<(typeof COLUMNS)[Name]["of"]>[] };

/** A provider's votes; both `null` where it did not vote. */
interface VoteColumns {
  readonly direction: (TradeVote["direction"] | null)[];
  readonly confidence: (number | null)[];
}

const isDirection = orNull(oneOf(1, -1, 0));
const isConfidence = orNull(isNumber);

/** The columns of the file, one after the other: all at once take as much memory as the trades. */
export function* columnsOf(trades: readonly Trade[]): Generator<readonly [name: string, values: unknown]> {
  for (const [name, { of }] of Object.entries(COLUMNS)) yield [name, trades.map<unknown>(of)];
  yield ["votes", voteColumnsOf(trades)];
}

/** All columns at once. */
export function toColumns(trades: readonly Trade[]): object {
  return Object.fromEntries(columnsOf(trades));
}

function voteColumnsOf(trades: readonly Trade[]): Readonly<Record<string, VoteColumns>> {
  const votes = new Map<string, VoteColumns>();
  trades.forEach((trade, i) => {
    for (const vote of trade.votes) {
      let ofProvider = votes.get(vote.provider);
      if (ofProvider === undefined) {
        ofProvider = { direction: trades.map(() => null), confidence: trades.map(() => null) };
        votes.set(vote.provider, ofProvider);
      }
      ofProvider.direction[i] = vote.direction;
      ofProvider.confidence[i] = vote.confidence;
    }
  });
  // By name: the order of appearance would depend on which trades were here before.
  return Object.fromEntries([...votes].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/**
 * Makes trades of columns. Every value is checked: the checksum shows that no bit was flipped, but not who wrote the file, and
 * a wrong value would fail far from here.
 *
 * @returns `undefined` if a column is missing, does not have `count` values, or has a wrong one.
 */
export function fromColumns(columns: unknown, count: number): Trade[] | undefined {
  if (!isRecord(columns) || !isRecord(columns["votes"])) return undefined;
  const isColumn = (value: unknown, check: Check): boolean =>
    Array.isArray(value) && value.length === count && value.every(check);
  if (!Object.entries(COLUMNS).every(([name, { check }]) => isColumn(columns[name], check))) return undefined;

  const votes: TradeVote[][] = Array.from({ length: count }, () => []);
  for (const [provider, ofProvider] of Object.entries(columns["votes"])) {
    if (!isRecord(ofProvider) || !isColumn(ofProvider["direction"], isDirection)) return undefined;
    if (!isColumn(ofProvider["confidence"], isConfidence)) return undefined;
    const { direction: directions, confidence: confidences } = ofProvider as unknown as VoteColumns;
    const sharedVote = shareVotes(provider);
    for (let i = 0; i < count; i++) {
      const direction = directions[i]!;
      const confidence = confidences[i]!;
      if ((direction === null) !== (confidence === null)) return undefined;
      if (direction !== null && confidence !== null) votes[i]!.push(sharedVote(direction, confidence));
    }
  }
  const c = columns as unknown as Columns;
  const runIds = new Map(c.run_id.map((id) => [id, id]));
  // A literal, which engines make ten times as fast as an object that grows key by key.
  return votes.map((ofTrade, i) => ({
    id: c.ids[i]!,
    bytes: c.bytes[i]!,
    crc32: c.crc32[i]!,
    contentHash: c.content_hash[i]!,
    runId: runIds.get(c.run_id[i]!)!,
    chunk: c.chunk[i]!,
    market: c.market[i]!,
    asset: c.asset[i]!,
    regime: c.regime[i]!,
    action: c.action[i]!,
    entryMs: c.entry_ms[i]!,
    exitMs: c.exit_ms[i]!,
    exitReason: c.exit_reason[i]!,
    won: c.won[i]!,
    pnl: c.pnl[i]!,
    pnlPct: c.pnl_pct[i]!,
    resultR: c.result_r[i]!,
    confidence: c.confidence[i]!,
    rawConfidence: c.raw_confidence[i]!,
    trendScore: c.trend_score[i]!,
    votes: ofTrade,
  }));
}

/** Makes each vote of a provider once: most trades have votes that others have too. */
function shareVotes(provider: string): (direction: TradeVote["direction"], confidence: number) => TradeVote {
  const votes = new Map<TradeVote["direction"], Map<number, TradeVote>>();
  return (direction, confidence) => {
    let ofDirection = votes.get(direction);
    if (ofDirection === undefined) votes.set(direction, (ofDirection = new Map()));
    let vote = ofDirection.get(confidence);
    if (vote === undefined) ofDirection.set(confidence, (vote = { provider, direction, confidence }));
    return vote;
  };
}
