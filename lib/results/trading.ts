/** How a run traded: long or short, how long, and what ended its trades. */
import type { Trade } from "../memory/trade.ts";
import { meanOf } from "../util/numbers.ts";
import { HOUR_MS } from "../util/time.ts";
import { type ChunkCell, tally } from "./breakdown.ts";

type SideFigures = Omit<ChunkCell, "quarter">;

export interface TradingFigures {
  readonly sides: { readonly long: SideFigures; readonly short: SideFigures };
  /** Trades by what ended them, the most frequent first; a reason without trades is left out. */
  readonly exits: Readonly<Record<string, number>>;
  /** From entry to exit, nights and weekends included; `null` without trades. */
  readonly mean_holding_hours: number | null;
}

export function tradingFigures(trades: readonly Trade[]): TradingFigures {
  const exits = new Map<string, number>();
  for (const { exitReason } of trades) exits.set(exitReason, (exits.get(exitReason) ?? 0) + 1);
  return {
    sides: {
      long: tally(trades.filter(({ action }) => action === "BUY")),
      short: tally(trades.filter(({ action }) => action === "SELL")),
    },
    exits: Object.fromEntries([...exits].toSorted(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))),
    mean_holding_hours: meanOf(trades.map(({ entryMs, exitMs }) => (exitMs - entryMs) / HOUR_MS)),
  };
}
