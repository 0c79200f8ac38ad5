import type { Outcome } from "../types.ts";

/** What trades cost, in account currency or in R. */
export interface TradeCosts {
  readonly fees: number;
  readonly spread: number;
  readonly slippage: number;
}

/** What a run's trades cost, and how much they can bear. */
export interface CostFigures {
  readonly costs: TradeCosts;
  /** The same in R: each trade's costs over what it risked. */
  readonly costs_r: TradeCosts;
  /** The multiple of their costs at which the same trades would have made 0; `null` if they lose before costs, or cost nothing. */
  readonly break_even_cost_multiple: number | null;
}

/** Sums over trades, in account currency and in R. */
export function sumCosts(outcomes: readonly Outcome[]): Pick<CostFigures, "costs" | "costs_r"> {
  const costs = outcomes.map(({ fee_cost: fees, spread_cost: spread, slippage_cost: slippage }) => ({
    fees,
    spread,
    slippage,
  }));
  const costsR = costs.map(({ fees, spread, slippage }, i) => {
    const risk = outcomes[i]!.position_size * outcomes[i]!.risk_per_unit;
    return { fees: fees / risk, spread: spread / risk, slippage: slippage / risk };
  });
  return { costs: totalCosts(costs), costs_r: totalCosts(costsR) };
}

/** @param totalPnl After costs. */
export function costFigures(chunks: readonly Pick<CostFigures, "costs" | "costs_r">[], totalPnl: number): CostFigures {
  const costs = totalCosts(chunks.map((chunk) => chunk.costs));
  const all = costs.fees + costs.spread + costs.slippage;
  const multiple = all > 0 ? (totalPnl + all) / all : null;
  const costsR = totalCosts(chunks.map((chunk) => chunk.costs_r));
  return { costs, costs_r: costsR, break_even_cost_multiple: multiple === null || multiple < 0 ? null : multiple };
}

function totalCosts(parts: readonly TradeCosts[]): TradeCosts {
  const total = (kind: keyof TradeCosts): number => parts.reduce((sum, costs) => sum + costs[kind], 0);
  return { fees: total("fees"), spread: total("spread"), slippage: total("slippage") };
}
