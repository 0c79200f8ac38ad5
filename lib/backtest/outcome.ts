import { HOUR_MS } from "../util/time.ts";
import type { KnownTrend } from "../market/regime.ts";
import type { Market, Outcome } from "../types.ts";
import type { BacktestSettings } from "../settings.ts";
import { clippedR, directionOf } from "../memory/trade.ts";
import { type ClosedTrade, costsOf } from "./broker.ts";

/** The outcome of a closed trade (docs/RULES.md, "Costs and money"). */
export function outcomeOfTrade(
  trade: ClosedTrade,
  context: { settings: BacktestSettings; runId: string; chunk: string; market: Market },
): Outcome {
  const { position, exitReason, rawExitPrice } = trade;
  const { decision, size } = position;
  const { spreadBps, slippageBps } = costsOf(context.settings, position.asset);
  const direction = directionOf(position.action);
  const rawSum = position.raw_entry_price + rawExitPrice;
  const grossR = (direction * (rawExitPrice - position.raw_entry_price)) / position.risk_per_unit;
  const { asset: _asset, timestamp: _timestamp, ...situation } = decision.situation;
  return {
    schema_version: 3,
    decision_id: decision.decision_id,
    run_id: context.runId,
    chunk: context.chunk,
    market: context.market,
    asset_pair: position.asset,
    action: position.action,
    decision_timestamp: decision.timestamp,
    entry_timestamp: new Date(position.entry_ms).toISOString(),
    exit_timestamp: new Date(trade.exitMs).toISOString(),
    entry_price: position.entry_price,
    exit_price: trade.exitPrice,
    raw_entry_price: position.raw_entry_price,
    raw_exit_price: rawExitPrice,
    stop_price: position.stop_price,
    target_price: position.target_price,
    position_size: size,
    risk_per_unit: position.risk_per_unit,
    realized_pnl: trade.realizedPnl,
    pnl_percentage: (100 * trade.realizedPnl) / (position.entry_price * size),
    result_r: clippedR(grossR),
    fee_cost: trade.feeCost,
    slippage_cost: (slippageBps / 10_000) * rawSum * size,
    spread_cost: (spreadBps / 2 / 10_000) * rawSum * size,
    holding_period_hours: (trade.exitMs - position.entry_ms) / HOUR_MS,
    exit_reason: exitReason,
    was_profitable: trade.realizedPnl > 0,
    hit_stop_loss: exitReason === "stop",
    hit_take_profit: exitReason === "target",
    ai_provider: "ensemble",
    ensemble_providers: decision.votes.filter((vote) => vote.error === undefined).map((vote) => vote.provider),
    decision_confidence: decision.confidence,
    raw_confidence: decision.raw_confidence,
    expected_r: decision.expected_r,
    volatility: situation.volatility_pct,
    price_trend: priceTrend(decision.situation),
    regime: situation.regime,
    situation,
    votes: decision.votes,
    description: decision.description,
  };
}

/** Bullish where the fast average lies more than half an ATR above the slow one, bearish where below. */
export function priceTrend({ ema_fast: fast = 0, ema_slow: slow = 0, atr = 0 }: KnownTrend): Outcome["price_trend"] {
  const distance = fast - slow;
  if (distance > atr / 2) return "bullish";
  return distance < -atr / 2 ? "bearish" : "neutral";
}
