/** What a session sees of memory: all trades of its own, and each of the others once. */
import { distinctTrades, type Trade } from "../memory/trade.ts";
import type { MemoryViewOptions } from "../memory/view.ts";
import type { Market } from "../types.ts";
import { firstIndex } from "../util/sorted.ts";
import type { SessionFacts } from "./session-identity.ts";

/** @param session `runId`: absent before it is known. */
export function viewOptionsOf(
  session: Pick<SessionFacts, "params" | "settings" | "startMs"> & { readonly runId?: string },
): MemoryViewOptions {
  const { params, settings, startMs, runId } = session;
  const { mode, market, providers } = params;
  return {
    ...settings.memory,
    // A session's own sentences name them.
    recallFeatures: undefined,
    market,
    startMs: mode === "live" ? Infinity : startMs,
    providers,
    runId,
  };
}

/**
 * What a trade of another session changes for a live one: it is added, or left out as it repeats others or is of another market,
 * or it takes their place.
 *
 * @param session `trades`: all of memory, with this one.
 */
export function changeBy(
  trade: Trade,
  session: { readonly trades: readonly Trade[]; readonly market: Market; readonly runId: string },
): "added" | "left out" | "replaces" {
  const { trades, market, runId } = session;
  const { asset, action, entryMs } = trade;
  // Trades are in the order of their exits, and none is before its entry.
  const same = trades
    .slice(firstIndex(trades.length, (i) => trades[i]!.exitMs >= entryMs))
    .filter((each) => each.entryMs === entryMs && each.asset === asset && each.action === action)
    .filter((each) => each.market === market && each.runId !== runId);
  const now = new Set(distinctTrades(same));
  const before = distinctTrades(same.filter(({ id }) => id !== trade.id));
  if (!before.every((each) => now.has(each))) return "replaces";
  return now.has(trade) ? "added" : "left out";
}
