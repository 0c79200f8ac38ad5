import type { ExitReason, Situation, SkipReason, TradeAction, Vote } from "../domain.ts";
import type { BacktestSettings, Costs } from "./settings.ts";

/** What an outcome tells of the decision behind a trade. */
export interface DecisionBehind {
  readonly decision_id: string;
  /** ISO 8601. */
  readonly timestamp: string;
  readonly raw_confidence: number;
  readonly confidence: number;
  readonly situation: Situation;
  readonly votes: readonly Vote[];
  readonly description: string;
}

/** An open position. */
export interface Position {
  readonly asset: string;
  readonly action: TradeAction;
  readonly decision: DecisionBehind;
  /** Units. */
  readonly size: number;
  readonly entry_ms: number;
  readonly raw_entry_price: number;
  readonly entry_price: number;
  readonly stop_price: number;
  readonly target_price: number;
  readonly risk_per_unit: number;
}

/** An order that waits for its asset's next bar. */
export interface Order {
  readonly asset: string;
  /** Whether the open position, which goes the other way, is closed. */
  readonly closes: boolean;
  /** The new position; `null` where it was skipped and only the old one is closed. */
  readonly opens: { readonly action: TradeAction; readonly size: number; readonly decision: DecisionBehind } | null;
}

/** A position that was closed, and how. */
export interface ClosedTrade {
  readonly position: Position;
  readonly exitReason: ExitReason;
  readonly exitMs: number;
  /** Start of the bar it closed in. */
  readonly exitBarMs: number;
  readonly rawExitPrice: number;
  readonly exitPrice: number;
  readonly feeCost: number;
  readonly realizedPnl: number;
}

/** All that the next chunk starts from. */
export interface BrokerState {
  readonly balance: number;
  readonly positions: readonly Position[];
  readonly orders: readonly Order[];
  /** Realized P&L by asset. */
  readonly realized_pnl: Readonly<Record<string, number>>;
  /** Notional of all fills. */
  readonly turnover_notional: number;
}

/** 1 for long, -1 for short. */
export function directionOf(action: TradeAction): 1 | -1 {
  return action === "BUY" ? 1 : -1;
}

/** The costs of an asset. */
export function costsOf(settings: BacktestSettings, asset: string): Costs {
  const costs = settings.costs.get(asset);
  if (costs === undefined)
    throw new RangeError(`Cannot trade "${asset}": found no costs, expected them in the settings`);
  return costs;
}

/** Why a new position is not opened; the first that fails, in the order of the rules. */
export function skipReason(checks: {
  readonly otherPositions: number;
  readonly maxPositions: number;
  readonly correlated: () => boolean;
  readonly size: number;
}): SkipReason | null {
  if (checks.otherPositions >= checks.maxPositions) return "max_positions";
  if (checks.correlated()) return "correlation";
  return checks.size > 0 ? null : "size";
}

/**
 * Units of a new position: what loses `per_trade_pct` of equity at the stop, at most an equal share of the leverage, of which
 * learning leaves `scale`. Without an ATR the risk cannot be measured, and the size is 0.
 */
export function positionSize(
  settings: BacktestSettings,
  input: { equity: number; atr: number; close: number; scale: number },
): number {
  const { risk, maxPositions } = settings;
  const { equity, atr, close, scale } = input;
  if (!(atr > 0)) return 0;
  const byRisk = (equity * risk.perTradePct) / 100 / (risk.stopAtr * atr);
  return scale * Math.min(byRisk, (equity * risk.leverage) / maxPositions / close);
}
