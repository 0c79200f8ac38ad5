import type { Trade, TradeVote } from "../../lib/memory/trade.ts";

/** A trade with this P&L that the provider `trend` voted for, unless `rest` says otherwise. */
export function trade(chunk: string, pnl: number, rest: Partial<Trade> = {}): Trade {
  return {
    id: `id-${chunk}-${pnl}`,
    bytes: 1,
    crc32: "00000000",
    contentHash: "",
    runId: "r",
    chunk,
    market: "bars",
    asset: "AAA",
    regime: "TRENDING",
    action: "BUY",
    entryMs: 0,
    exitMs: 0,
    exitReason: "stop",
    won: pnl > 0,
    pnl,
    pnlPct: pnl / 10,
    resultR: pnl / 100,
    confidence: 60,
    rawConfidence: 60,
    trendScore: 0,
    votes: [vote("trend", 1)],
    ...rest,
  };
}

/** A vote at a confidence of 60. */
export function vote(provider: string, direction: 1 | -1 | 0): TradeVote {
  return { provider, direction, confidence: 60 };
}
