import type { Market, Outcome, TradeAction, Vote, SimilarTrade } from "../types.ts";
import { trendScore } from "../market/regime.ts";

const DIRECTIONS = { BUY: 1, SELL: -1, HOLD: 0 } as const;

/** Which way a provider voted on a trade; abstentions are not among them. */
export interface TradeVote {
  readonly provider: string;
  /** 1 for BUY, -1 for SELL, 0 for HOLD. */
  readonly direction: 1 | -1 | 0;
  /** 0..100. */
  readonly confidence: number;
}

/** What memory keeps of an outcome at hand: all that learning, recall and statistics use. */
export interface Trade {
  readonly id: string;
  /** Size and checksum of its file; an imported one has no checksum. */
  readonly bytes: number;
  readonly crc32: string | null;
  /** Empty for an imported outcome. */
  readonly runId: string;
  readonly chunk: string;
  readonly market: Market;
  readonly asset: string;
  readonly regime: string;
  readonly action: TradeAction;
  /** Epoch ms. */
  readonly entryMs: number;
  readonly exitMs: number;
  readonly exitReason: string;
  readonly won: boolean;
  /** Account currency. */
  readonly pnl: number;
  readonly pnlPct: number;
  readonly resultR: number | null;
  /** Of the decision, 0..100. */
  readonly confidence: number;
  /** The same before it was calibrated. */
  readonly rawConfidence: number;
  /** How clearly the market trended at the decision, -1..1; `null` for an imported outcome. */
  readonly trendScore: number | null;
  /** By provider name, each once. */
  readonly votes: readonly TradeVote[];
  /** Of its situation's sentence. Absent until it is read or made; the file of vectors has it, not the sidecar. */
  vector?: Float32Array;
}

/** A trade whose vector is at hand. */
export interface EmbeddedTrade extends Trade {
  readonly vector: Float32Array;
}

/** Whether a trade's vector is at hand. */
export function isEmbedded(trade: Trade): trade is EmbeddedTrade {
  return trade.vector !== undefined;
}

/** The one order of outcomes: by exit, then id. */
export function compareTrades(a: Trade, b: Trade): number {
  if (a.exitMs !== b.exitMs) return a.exitMs - b.exitMs;
  if (a.id === b.id) return 0;
  return a.id < b.id ? -1 : 1;
}

/** What memory keeps of an outcome of ours. */
export function tradeOf(outcome: Outcome, file: { bytes: number; crc32: string }): Trade {
  return {
    id: outcome.decision_id,
    bytes: file.bytes,
    crc32: file.crc32,
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
    // Version 1 knew no calibration.
    rawConfidence: outcome.raw_confidence ?? outcome.decision_confidence,
    trendScore: trendScore(outcome.situation),
    votes: tradeVotesOf(outcome.votes),
  };
}

/** The votes of a decision that learning takes: who abstained is left out; sorted, as a row of the sidecar has them. */
export function tradeVotesOf(votes: readonly Vote[]): TradeVote[] {
  return votes
    .filter((vote) => vote.error === undefined)
    .map(({ provider, action, confidence }) => ({ provider, direction: DIRECTIONS[action], confidence }))
    .toSorted((a, b) => (a.provider < b.provider ? -1 : 1));
}

/**
 * The trades without repetitions: a trade that several runs remember (equal asset, action, entry and exit, as when the same
 * year was run twice) counts once, under the smallest id.
 *
 * @param trades In the order of (exit, id), which is kept.
 */
export function distinctTrades(trades: readonly Trade[]): readonly Trade[] {
  const seen = new Set<string>();
  return trades.filter(({ asset, action, entryMs, exitMs }) => {
    const trade = `${asset} ${action} ${entryMs} ${exitMs}`;
    return !seen.has(trade) && seen.add(trade);
  });
}

/**
 * What statistics of a whole folder count: its distinct trades on real bars, or on synthetic ones where there are no others.
 * Added up they would say nothing.
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

/** A remembered trade as recall tells of it. */
export function similarTrade(trade: Trade, similarity: number): SimilarTrade {
  return {
    decision_id: trade.id,
    similarity,
    asset: trade.asset,
    regime: trade.regime,
    action: trade.action,
    exit_timestamp: new Date(trade.exitMs).toISOString(),
    won: trade.won,
    pnl_pct: trade.pnlPct,
    result_r: trade.resultR,
  };
}
