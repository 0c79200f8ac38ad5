import type { Outcome } from "../types.ts";

/** What trades cost, in account currency. */
export interface TradeCosts {
  readonly fees: number;
  readonly spread: number;
  readonly slippage: number;
}

/** What a run's trades cost, and how much they can bear. */
export interface CostFigures {
  readonly costs: TradeCosts;
  /** The multiple of their costs at which the same trades would have made 0; `null` if they lose before costs, or cost nothing. */
  readonly break_even_cost_multiple: number | null;
}

export function sumCosts(outcomes: readonly Outcome[]): TradeCosts {
  return totalCosts(
    outcomes.map(({ fee_cost: fees, spread_cost: spread, slippage_cost: slippage }) => ({ fees, spread, slippage })),
  );
}

/** @param totalPnl After costs. */
export function costFigures(chunks: readonly TradeCosts[], totalPnl: number): CostFigures {
  const costs = totalCosts(chunks);
  const all = costs.fees + costs.spread + costs.slippage;
  const multiple = all > 0 ? (totalPnl + all) / all : null;
  return { costs, break_even_cost_multiple: multiple === null || multiple < 0 ? null : multiple };
}

function totalCosts(parts: readonly TradeCosts[]): TradeCosts {
  const total = (kind: keyof TradeCosts): number => parts.reduce((sum, costs) => sum + costs[kind], 0);
  return { fees: total("fees"), spread: total("spread"), slippage: total("slippage") };
}
