import type { Bar, ExitReason, Position, SkipReason, TradeAction } from "../types.ts";
import type { BacktestSettings, Costs } from "../settings.ts";

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

/** Fewer common bars say nothing. */
const MIN_COMMON_BARS = 100;

/**
 * Pearson correlation of the simple returns between consecutive common bars of two assets, all inside a window.
 *
 * @param a Bars of one asset that are known, oldest first; `b` likewise.
 * @param options `from`: earliest start of a bar, epoch ms.
 * @returns In [-1, 1]; `null` with fewer than 100 common bars or where one does not vary.
 */
export function correlation(a: BarsUpTo, b: BarsUpTo, options: { from: number }): number | null {
  let i = a.count - 1;
  let j = b.count - 1;
  let next: { a: number; b: number } | undefined;
  let common = 0;
  let returns = 0;
  let meanX = 0;
  let meanY = 0;
  let squaresX = 0;
  let squaresY = 0;
  let products = 0;
  while (i >= 0 && j >= 0) {
    const barA = a.bars[i] as Bar;
    const barB = b.bars[j] as Bar;
    if (barA.timestamp < options.from || barB.timestamp < options.from) break;
    if (barA.timestamp > barB.timestamp) i--;
    else if (barB.timestamp > barA.timestamp) j--;
    else {
      common += 1;
      if (next !== undefined) {
        const x = next.a / barA.close - 1;
        const y = next.b / barB.close - 1;
        // Welford's update: a sum of squares would cancel.
        returns += 1;
        const deltaX = x - meanX;
        const deltaY = y - meanY;
        meanX += deltaX / returns;
        meanY += deltaY / returns;
        squaresX += deltaX * (x - meanX);
        squaresY += deltaY * (y - meanY);
        products += deltaX * (y - meanY);
      }
      next = { a: barA.close, b: barB.close };
      i--;
      j--;
    }
  }
  if (common < MIN_COMMON_BARS || squaresX === 0 || squaresY === 0) return null;
  return products / Math.sqrt(squaresX * squaresY);
}

/** The first `count` of an asset's bars: those that are known. */
export interface BarsUpTo {
  readonly bars: readonly Bar[];
  readonly count: number;
}
