/** Whether a new position is opened, and how large (docs/RULES.md). */
import type { BacktestSettings, Costs } from "../settings.ts";
import type { SkipReason } from "../types.ts";
import type { Feed } from "./feed.ts";

/** Why a new position is not opened: the first check that fails. */
export function skipReason(checks: {
  readonly otherPositions: number;
  readonly maxPositions: number;
  readonly isCorrelated: () => boolean;
  readonly size: number;
}): SkipReason | null {
  if (checks.otherPositions >= checks.maxPositions) return "max_positions";
  if (checks.isCorrelated()) return "correlation";
  return checks.size > 0 ? null : "size";
}

/**
 * Units of a new position: those that lose `risk.perTradePct` of the equity at the stop, but no more than an equal share of
 * the leverage buys, times `scale`. Without an ATR the risk cannot be measured, and the size is 0.
 *
 * @param input `scale`: the part of the full size that learning leaves, 0..1.
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

/**
 * What fees, spread and slippage of a trade take, in R; 0 where the risk cannot be measured.
 *
 * @param trade `riskPerUnit`: the price distance of one R.
 */
export function costInR(costs: Costs, { price, riskPerUnit }: { price: number; riskPerUnit: number }): number {
  if (!(riskPerUnit > 0)) return 0;
  const { feeBps, spreadBps, slippageBps } = costs;
  return (((2 * feeBps + spreadBps + 2 * slippageBps) / 10_000) * price) / riskPerUnit;
}

/** The known bars of an asset are the first `count`. */
type KnownBars = Pick<Feed, "bars" | "count">;

/** With fewer common bars a correlation means nothing. A month of daily bars has fewer. */
const MIN_COMMON_BARS = 100;

/**
 * Pearson correlation of two assets' simple returns between consecutive common bars.
 *
 * @param options `from`: bars that start before it do not count, epoch ms, except that the newest 100 common ones always do.
 * @returns In [-1, 1]. `null` with fewer than 100 common bars, or where one asset does not vary.
 */
export function correlation(a: KnownBars, b: KnownBars, options: { from: number }): number | null {
  let i = a.count - 1;
  let j = b.count - 1;
  /** Closes of the common bar that comes next in time, as the walk goes backwards. */
  let next: { a: number; b: number } | undefined;
  let common = 0;
  let returns = 0;
  let meanX = 0;
  let meanY = 0;
  let squaresX = 0;
  let squaresY = 0;
  let products = 0;
  while (i >= 0 && j >= 0) {
    const barA = a.bars[i]!;
    const barB = b.bars[j]!;
    const isBefore = barA.timestamp < options.from || barB.timestamp < options.from;
    // Assets whose bars never meet would be searched to their beginning.
    if (isBefore && (common === 0 || common >= MIN_COMMON_BARS)) break;
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
