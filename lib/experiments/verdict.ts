/** What compare-memory and a report say of memory, in the same words. */
import type { Interval } from "../stats/bootstrap.ts";
import { fixed, signed } from "../util/written-numbers.ts";
import type { Betting } from "./compare.ts";

/** Whether memory helped, without a full stop: by the Sharpe ratio, which betting less does not change. */
export function memoryVerdict(sharpe: Interval | null): string {
  if (sharpe === null || !isShown(sharpe)) return "No proof that memory helped or hurt";
  return sharpe.low > 0 ? "Memory helped" : "Memory hurt";
}

/** Whether a difference is more than chance. */
export function isShown({ low, high }: Interval): boolean {
  return low > 0 || high < 0;
}

/** What betting less changed, which needs no memory, and whether the bets were better than equally small ones without it. */
export function bettingSentences({ mean_size_scale: size, bet_less: less, bet_better: better }: Betting): string[] {
  if (less === null || better === null) return [];
  const { estimate, low, high } = better;
  const found = !isShown(better) ? "nothing is proven" : low > 0 ? "it bet better" : "it bet worse";
  return [
    `It bet ${fixed(size)} of the full size, which alone changes log growth by ${signed(less.estimate, 3)}.`,
    `At equal size ${found}: log growth ${signed(estimate, 3)}, interval ${signed(low, 3)} to ${signed(high, 3)}.`,
  ];
}
