import { knownTrendScore } from "../market/regime.ts";
import type { Market, Outcome, SimilarTrade, TradeAction, Vote } from "../types.ts";
import { isSameJson } from "../util/json.ts";
import { meanOf } from "../util/numbers.ts";
import { firstIndex } from "../util/sorted.ts";
import type { SessionOutcome } from "./session-outcome.ts";

const DIRECTIONS = { BUY: 1, SELL: -1, HOLD: 0 } as const;

/** Numbers beyond it are no prices or results. Of those within it no sum, square or product of three is infinite. */
export const MAX_NUMBER = 1e100;

/** How a provider voted on a trade. Abstentions are left out. */
export interface TradeVote {
  readonly provider: string;
  /** 1 for BUY, -1 for SELL, 0 for HOLD. */
  readonly direction: 1 | -1 | 0;
  /** 0..100. */
  readonly confidence: number;
}

/** A closed trade as memory holds it: what learning, recall and statistics use of an outcome. */
export interface Trade {
  readonly id: string;
  /** Size of its file. */
  readonly bytes: number;
  /** Checksum of its file; `null` for an imported outcome. */
  readonly crc32: string | null;
  /** `contentHash()` of its file. Empty in a sidecar of version 2, until the file is read. */
  contentHash: string;
  /** Empty for an imported outcome. */
  readonly runId: string;
  readonly chunk: string;
  readonly market: Market;
  readonly asset: string;
  readonly regime: string;
  readonly action: TradeAction;
  readonly entryMs: number;
  readonly exitMs: number;
  readonly exitReason: string;
  readonly won: boolean;
  /** Account currency. */
  readonly pnl: number;
  readonly pnlPct: number;
  readonly resultR: number | null;
  /** The decision's, 0..100. */
  readonly confidence: number;
  /** Before calibration. */
  readonly rawConfidence: number;
  /** How clearly the market trended at the decision, -1..1; `null` where the outcome does not say. */
  readonly trendScore: number | null;
  /** By provider name, each once. */
  readonly votes: readonly TradeVote[];
  /** Vector of its situation's sentence; absent until it is read or made. */
  vector?: Float32Array;
}

/** What is read of an outcome's file. */
export interface DecodedOutcome {
  readonly trade: Trade;
  readonly description: string;
}

/** A trade whose vector is known. */
export interface EmbeddedTrade extends Trade {
  readonly vector: Float32Array;
}

export function isEmbedded(trade: Trade): trade is EmbeddedTrade {
  return trade.vector !== undefined;
}

/** 1 for a long trade, -1 for a short one. */
export function directionOf(action: TradeAction): 1 | -1 {
  return DIRECTIONS[action];
}

/** A result in R, at most 3 either way: one freak bar must not teach more than many trades (docs/RULES.md). */
export function clippedR(r: number): number {
  return Math.max(-3, Math.min(3, r));
}

/** The order of trades everywhere: by exit, then id. */
export function compareTrades(a: Trade, b: Trade): number {
  if (a.exitMs !== b.exitMs) return a.exitMs - b.exitMs;
  if (a.id === b.id) return 0;
  return a.id < b.id ? -1 : 1;
}

/** Where to insert a trade among sorted ones: after a trade of the same exit and id. */
export function insertionIndex(sorted: readonly Trade[], trade: Trade): number {
  return firstIndex(sorted.length, (i) => compareTrades(sorted[i]!, trade) > 0);
}

/** The trade of an outcome that Carryover wrote. */
export function tradeOf(
  outcome: Outcome | SessionOutcome,
  file: { bytes: number; crc32: string; contentHash: string },
): Trade {
  return {
    id: outcome.decision_id,
    bytes: file.bytes,
    crc32: file.crc32,
    contentHash: file.contentHash,
    runId: outcome.run_id,
    chunk: outcome.chunk,
    market: outcome.market,
    asset: outcome.asset_pair,
    regime: outcome.regime,
    action: outcome.action,
    entryMs: Date.parse(outcome.entry_timestamp),
    exitMs: Date.parse(outcome.exit_timestamp),
    exitReason: outcome.exit_reason,
    won: outcome.was_profitable,
    pnl: outcome.realized_pnl,
    pnlPct: outcome.pnl_percentage,
    resultR: outcome.result_r,
    confidence: outcome.decision_confidence,
    // Outcomes of version 1 were not calibrated.
    rawConfidence: outcome.raw_confidence ?? outcome.decision_confidence,
    trendScore: knownTrendScore(outcome.situation),
    votes: tradeVotesOf(outcome.votes),
  };
}

/** The votes of a decision by provider name, without abstentions. */
export function tradeVotesOf(votes: readonly Vote[]): TradeVote[] {
  return votes
    .filter((vote) => vote.error === undefined)
    .map(({ provider, action, confidence }) => ({ provider, direction: DIRECTIONS[action], confidence }))
    .toSorted((a, b) => (a.provider < b.provider ? -1 : 1));
}

/** Names of the providers that voted on any of the trades, sorted. */
export function votersOf(trades: readonly Trade[]): readonly string[] {
  const names = new Set<string>();
  for (const { votes } of trades) for (const { provider } of votes) names.add(provider);
  return [...names].toSorted();
}

/**
 * Drops repetitions: of trades with equal asset, action and entry that several runs made, those of one run count, the run of the smallest id.
 *
 * Exits do not tell runs apart. Those with other stops end at one target, but not at one stop, so that losses would count more often.
 * Imported trades, which no run made, are told apart by their exits.
 *
 * @param trades In the order of (exit, id), which is kept.
 */
export function distinctTrades<T extends Trade>(trades: readonly T[]): readonly T[] {
  const runs = new Map<string, string>();
  const repeated = new Set<string>();
  const entries = trades.map(({ asset, action, entryMs, runId }) => {
    const entry = `${asset} ${action} ${entryMs}`;
    const known = runs.get(entry);
    if (known !== undefined) repeated.add(entry);
    if (known === undefined || known === "" || (runId !== "" && runId < known)) runs.set(entry, runId);
    return entry;
  });
  if (repeated.size === 0) return trades;
  const seen = new Set<string>();
  return trades.filter(({ runId, exitMs }, i) => {
    const entry = entries[i]!;
    if (!repeated.has(entry)) return true;
    if (runId !== "" && runId !== runs.get(entry)) return false;
    // Another system, or a session, may leave one position in parts.
    const key = `${entry} ${exitMs}`;
    return !seen.has(key) && seen.add(key);
  });
}

/**
 * The trades that statistics of a whole folder count: its distinct ones on real bars, or on synthetic bars if there are no
 * others. Totals over both would mean nothing.
 *
 * @param trades In the order of (exit, id), which is kept.
 */
export function countedTrades(trades: readonly Trade[]): {
  readonly market: Market;
  readonly trades: readonly Trade[];
} {
  const market = trades.length > 0 && trades.every((trade) => trade.market === "synthetic") ? "synthetic" : "bars";
  return { market, trades: distinctTrades(trades.filter((trade) => trade.market === market)) };
}

/** How trades fared. Money in account currency. */
export interface PerformanceRecord {
  readonly total_trades: number;
  readonly winning_trades: number;
  readonly total_pnl: number;
  /** `null` where no trade has a result in R. */
  readonly mean_result_r: number | null;
}

/** Adds trades up, in their order: sums of floats depend on it. */
export function performanceOf(trades: readonly Trade[]): PerformanceRecord {
  return {
    total_trades: trades.length,
    winning_trades: trades.filter((trade) => trade.won).length,
    total_pnl: trades.reduce((sum, trade) => sum + trade.pnl, 0),
    mean_result_r: meanOf(trades.map((trade) => trade.resultR)),
  };
}

/** The exits of trades that were recalled, ISO 8601: the same trades are recalled again and again. */
const exitTimestamps = new WeakMap<Trade, string>();

/** A trade as recall shows it. */
export function similarTrade(trade: Trade, similarity: number): SimilarTrade {
  return {
    decision_id: trade.id,
    similarity,
    asset: trade.asset,
    regime: trade.regime,
    action: trade.action,
    exit_timestamp: exitTimestamp(trade),
    won: trade.won,
    pnl_pct: trade.pnlPct,
    result_r: trade.resultR,
    ...(trade.crc32 === null ? { imported: true } : {}),
  };
}

function exitTimestamp(trade: Trade): string {
  let text = exitTimestamps.get(trade);
  if (text === undefined) exitTimestamps.set(trade, (text = new Date(trade.exitMs).toISOString()));
  return text;
}

/** Whether two trades are the same but for their vectors. */
export function isSameTrade(a: EmbeddedTrade, b: EmbeddedTrade): boolean {
  return isSameJson({ ...a, vector: null }, { ...b, vector: null });
}
