/** The outcome of a trade that a program reports, and what one R of it is (docs/RULES.md, "Sessions"). */
import { priceTrend } from "../backtest/outcome.ts";
import { describeDecision } from "../memory/description.ts";
import type { RBasis, SessionDecision, SessionOutcome } from "../memory/session-outcome.ts";
import { clippedR, directionOf, type Trade } from "../memory/trade.ts";
import type { Market } from "../types.ts";
import { HOUR_MS } from "../util/time.ts";
import type { RecordOutcomeParams } from "./params.ts";

/** The asset's last trades whose results say how much its trades move, and how many it takes to say so. */
const DISPERSION_TRADES = 30;
const MIN_DISPERSION_TRADES = 10;

/** What a trade is recorded with. */
export interface TradeContext {
  readonly decision: SessionDecision;
  readonly runId: string;
  readonly chunk: string;
  readonly market: Market;
  /** `risk.stop_atr`: how many ATR an R is. */
  readonly stopAtr: number;
  /** The trades that had closed before this one. */
  readonly earlier: () => readonly Trade[];
}

export function outcomeOf(params: RecordOutcomeParams, context: TradeContext): SessionOutcome {
  const { decision, runId, chunk, market } = context;
  const { action, entry_price, exit_price, position_size: size, fees, exit_reason } = params;
  const { raw_entry_price: rawEntry = entry_price, raw_exit_price: rawExit = exit_price } = params;
  const { basis, riskPerUnit, stop } = riskOf(params, context);
  const direction = directionOf(action);
  const pnl = direction * (exit_price - entry_price) * size - fees;
  const { situation, votes } = decision;
  return {
    schema_version: 3,
    decision_id: decision.decision_id,
    run_id: runId,
    chunk,
    market,
    asset_pair: decision.asset,
    action,
    decision_timestamp: decision.timestamp,
    entry_timestamp: new Date(params.entry_timestamp).toISOString(),
    exit_timestamp: new Date(params.exit_timestamp).toISOString(),
    entry_price,
    exit_price,
    raw_entry_price: rawEntry,
    raw_exit_price: rawExit,
    stop_price: stop,
    target_price: params.target_price ?? null,
    position_size: size,
    risk_per_unit: riskPerUnit,
    realized_pnl: pnl,
    pnl_percentage: (100 * pnl) / (entry_price * size),
    result_r: riskPerUnit === null ? null : clippedR((direction * (rawExit - rawEntry)) / riskPerUnit),
    r_basis: basis,
    fee_cost: fees,
    // A fill that lies off the raw price does so by spread and slippage, which a program does not tell apart.
    slippage_cost: (Math.abs(entry_price - rawEntry) + Math.abs(exit_price - rawExit)) * size,
    spread_cost: 0,
    holding_period_hours: (params.exit_timestamp - params.entry_timestamp) / HOUR_MS,
    exit_reason,
    was_profitable: pnl > 0,
    hit_stop_loss: exit_reason === "stop",
    hit_take_profit: exit_reason === "target",
    ai_provider: "ensemble",
    ensemble_providers: votes.filter((vote) => vote.error === undefined).map((vote) => vote.provider),
    decision_confidence: decision.confidence,
    raw_confidence: decision.raw_confidence,
    expected_r: decision.expected_r,
    volatility: situation.volatility_pct ?? null,
    price_trend: priceTrend(situation),
    regime: situation.regime,
    situation,
    votes,
    description: `${decision.sentence} ${describeDecision(decision, votes)}`,
  };
}

interface RiskOfTrade {
  readonly basis: RBasis;
  readonly riskPerUnit: number | null;
  readonly stop: number | null;
}

/** The price distance of one R: the trade's stop, its ATR, those of the decision, or how much the asset's trades move. */
function riskOf(params: RecordOutcomeParams, { decision, stopAtr, earlier }: TradeContext): RiskOfTrade {
  const { entry_price, raw_entry_price: entry = entry_price, stop_price, atr } = params;
  const byStop = (stop: number): RiskOfTrade => ({ basis: "stop", riskPerUnit: Math.abs(entry - stop), stop });
  if (stop_price !== undefined) return byStop(stop_price);
  if (atr !== undefined) return { basis: "atr", riskPerUnit: stopAtr * atr, stop: null };
  if (decision.stop_price !== null) return byStop(decision.stop_price);
  if (decision.r_basis === "atr") return { basis: "atr", riskPerUnit: decision.risk_per_unit, stop: null };
  const dispersion = dispersionPct(earlier(), decision.asset);
  if (dispersion === null) return { basis: "none", riskPerUnit: null, stop: null };
  return { basis: "dispersion", riskPerUnit: (entry_price * dispersion) / 100, stop: null };
}

/**
 * How much an asset's trades move: the root mean square of their last results, in percent of the entry. `null` with fewer than
 * ten, or if none moved.
 */
function dispersionPct(trades: readonly Trade[], asset: string): number | null {
  const recent = trades.filter((trade) => trade.asset === asset).slice(-DISPERSION_TRADES);
  if (recent.length < MIN_DISPERSION_TRADES) return null;
  const squares = recent.reduce((sum, { pnlPct }) => sum + pnlPct * pnlPct, 0);
  return squares > 0 ? Math.sqrt(squares / recent.length) : null;
}
