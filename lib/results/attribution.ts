/** What was learned from which trades, what each provider's votes earned, and what the best provider alone would have earned. */
import { evidenceOf } from "../memory/evidence.ts";
import { directionOf, type Trade } from "../memory/trade.ts";
import { meanOf } from "../util/numbers.ts";
import { standardErrorOf } from "./metrics.ts";
import { groupBy } from "../util/group.ts";

/** How the weights moved when trades closed; several may have closed at the same time. */
export interface WeightMove {
  readonly exit_timestamp: string;
  readonly trades: readonly {
    readonly decision_id: string;
    readonly asset: string;
    readonly action: string;
    readonly result_r: number | null;
    /** Providers that voted its way, and the other way. */
    readonly voted_for: readonly string[];
    readonly voted_against: readonly string[];
  }[];
  readonly multipliers_before: Readonly<Record<string, number>>;
  readonly multipliers_after: Readonly<Record<string, number>>;
}

/** What a provider's votes earned: a trade's `result_r` if it voted for it, the opposite if it voted against. */
export interface ProviderEvidence {
  /** Trades that it voted for or against. */
  readonly trades: number;
  readonly sum_r: number;
  readonly mean_r: number | null;
  /** Standard error of the mean; `null` with fewer than two trades. */
  readonly standard_error_r: number | null;
}

/** What the best provider alone would have earned with the same trades, known only in hindsight. */
export interface Regret {
  readonly best_provider: string;
  readonly best_sum_r: number;
  /** The sum of `result_r` of the trades. */
  readonly ensemble_sum_r: number;
  readonly regret_r: number;
}

/** With fewer trades nothing is said about a provider's edge. */
export const MIN_EVIDENCE_TRADES = 30;

const MAX_MOVES = 5;

/**
 * The largest moves of weights in a chunk, by the sum of the changes of all multipliers, largest first, ties by time.
 *
 * @param multipliersAsOf By provider, from what had closed before an epoch ms.
 */
export function largestMoves(
  trades: readonly Trade[],
  multipliersAsOf: (asOf: number) => Readonly<Record<string, number>>,
): readonly WeightMove[] {
  const moves = [...groupBy(trades, ({ exitMs }) => exitMs)].map(([exitMs, closed]) => {
    const before = multipliersAsOf(exitMs);
    const after = multipliersAsOf(exitMs + 1);
    const size = Object.keys(after).reduce((sum, name) => sum + Math.abs(after[name]! - before[name]!), 0);
    return { exitMs, closed, before, after, size };
  });
  return moves
    .filter(({ size }) => size > 0)
    .toSorted((a, b) => b.size - a.size || a.exitMs - b.exitMs)
    .slice(0, MAX_MOVES)
    .map(({ exitMs, closed, before, after }) => ({
      exit_timestamp: new Date(exitMs).toISOString(),
      trades: closed.map((trade) => ({
        decision_id: trade.id,
        asset: trade.asset,
        action: trade.action,
        result_r: trade.resultR,
        voted_for: votersIn(trade, directionOf(trade.action)),
        voted_against: votersIn(trade, -directionOf(trade.action)),
      })),
      multipliers_before: before,
      multipliers_after: after,
    }));
}

/** The providers that voted on a trade in a direction: 1, -1 or 0. */
export function votersIn({ votes }: Trade, direction: number): string[] {
  return votes.filter((vote) => vote.direction === direction).map(({ provider }) => provider);
}

export function providerEvidence(trades: readonly Trade[], provider: string): ProviderEvidence {
  const evidence = trades.map((trade) => evidenceOf(trade, provider).resultR).filter((r) => !Number.isNaN(r));
  return {
    trades: evidence.length,
    sum_r: evidence.reduce((sum, r) => sum + r, 0),
    mean_r: meanOf(evidence),
    standard_error_r: standardErrorOf(evidence),
  };
}

/** The regret of an ensemble's trades; `null` if no provider voted on any trade with a result in R. */
export function regretOf(trades: readonly Trade[], providers: readonly string[]): Regret | null {
  const [best] = providers
    .map((name) => ({ name, ...providerEvidence(trades, name) }))
    .filter((evidence) => evidence.trades > 0)
    .toSorted((a, b) => b.sum_r - a.sum_r);
  if (best === undefined) return null;
  const ensembleSumR = trades.reduce((sum, { resultR }) => sum + (resultR ?? 0), 0);
  return {
    best_provider: best.name,
    best_sum_r: best.sum_r,
    ensemble_sum_r: ensembleSumR,
    regret_r: best.sum_r - ensembleSumR,
  };
}
