import { type ReadOptions, type Source, sourceOf } from "../../lib/import/findings.ts";
import type { System } from "../../lib/import/foreign-trade.ts";
import { type ReadOutcomes, readOutcomes } from "../../lib/import/import-outcomes.ts";

/** A file with a text, or with a value as JSON. */
export function source(name: string, content: unknown): Source {
  const text = typeof content === "string" ? content : JSON.stringify(content);
  return sourceOf({ name, bytes: new TextEncoder().encode(text) });
}

/** The fields of the outcomes that files give, and what was left out. */
export function importOf(
  sources: readonly Source[],
  options: ReadOptions & { from?: System } = {},
): ReadOutcomes & { readonly fields: readonly Record<string, unknown>[] } {
  const read = readOutcomes(sources, options);
  return { ...read, fields: read.outcomes.map(({ bytes }) => JSON.parse(new TextDecoder().decode(bytes))) };
}

/** An outcome as the original system writes it. */
export const FFE_OUTCOME = {
  decision_id: "trade-001",
  asset_pair: "BTCUSD",
  action: "BUY",
  entry_timestamp: "2025-11-12T19:23:54",
  exit_timestamp: "2025-11-13T19:23:54",
  entry_price: 50000,
  exit_price: 52000,
  position_size: 0.1,
  realized_pnl: 200,
  pnl_percentage: 4,
  holding_period_hours: 24,
  ai_provider: "local",
  ensemble_providers: null,
  decision_confidence: 75,
  market_sentiment: "Bullish",
  volatility: 5,
  price_trend: "bullish",
  was_profitable: true,
  hit_stop_loss: false,
  hit_take_profit: true,
};
