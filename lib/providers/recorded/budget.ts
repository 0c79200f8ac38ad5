import { CarryoverError } from "../../errors.ts";

/** What the questions of a run cost, and may cost. */
export interface Budget {
  readonly spentUsd: number;
  spend(usd: number): void;

  /**
   * Puts aside what an answer may cost at most, once there is room for it: others under way may cost less than was put aside for them.
   *
   * @returns To be called when it is known what the answer did cost.
   * @throws {CarryoverError} `BUDGET` if there will be no room. The signal's reason, if it is aborted meanwhile.
   */
  reserve(maxCostUsd: number, signal: AbortSignal): Promise<() => void>;
}

/** Opens a budget of which nothing is spent. */
export function openBudget(limitUsd: number): Budget {
  const reserved = new Set<{ readonly usd: number }>();
  let waiting: (() => void)[] = [];
  let spentUsd = 0;

  const left = (): number => [...reserved].reduce((rest, { usd }) => rest - usd, limitUsd - spentUsd);

  return {
    get spentUsd() {
      return spentUsd;
    },
    spend: (usd) => {
      spentUsd += usd;
    },
    reserve: async (maxCostUsd, signal) => {
      while (maxCostUsd > left()) {
        if (reserved.size === 0) {
          throw new CarryoverError(
            "BUDGET",
            `Cannot ask on: found $${spentUsd.toFixed(4)} spent by this run and up to $${maxCostUsd.toFixed(4)} that the next ` +
              `answer may cost, expected a backtest.budget_usd that allows for it and not $${limitUsd}`,
          );
        }
        await new Promise<void>((resolve) => waiting.push(resolve));
        signal.throwIfAborted();
      }
      const mine = { usd: maxCostUsd };
      reserved.add(mine);
      return () => {
        reserved.delete(mine);
        const woken = waiting;
        waiting = [];
        for (const wake of woken) wake();
      };
    },
  };
}
