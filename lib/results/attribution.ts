/** What was learned, told: which trades moved the weights, what each provider's votes came to, and what hindsight would have taken. */
import type { Trade } from "../memory/trade.ts";
import { evidenceOf } from "../memory/evidence.ts";
import { deviationOf } from "./metrics.ts";

/** How the weights moved when trades became known; several may have closed at the same time. */
export interface WeightMove {
  readonly exit_timestamp: string;
  readonly trades: readonly {
    readonly decision_id: string;
    readonly asset: string;
    readonly action: string;
    readonly result_r: number | null;
    /** Who had voted its way, and who the other way. */
    readonly voted_for: readonly string[];
    readonly voted_against: readonly string[];
  }[];
  readonly multipliers_before: Readonly<Record<string, number>>;
  readonly multipliers_after: Readonly<Record<string, number>>;
}

/** What a provider's votes on trades came to: `result_r` where it voted a trade's way, the opposite where it voted against. */
export interface ProviderEvidence {
  /** Trades that it voted on, one way or the other. */
  readonly trades: number;
  readonly sum_r: number;
  readonly mean_r: number | null;
  /** Sample deviation / sqrt(trades); `null` with fewer than two. */
  readonly standard_error_r: number | null;
}

/** What the best single provider would have made of the same trades, had it been known before. */
export interface Regret {
  readonly best_provider: string;
  readonly best_sum_r: number;
  /** The sum of `result_r` of the trades. */
  readonly ensemble_sum_r: number;
  readonly regret_r: number;
}

/** Moves that a chunk keeps. */
const MAX_MOVES = 5;

/**
 * The largest moves of weights, by the sum of the changes of all multipliers, largest first; of equals the earlier one.
 *
 * @param recorded The trades of a chunk.
 * @param multipliersAsOf By provider, from what had closed before an epoch ms.
 */
export function largestMoves(
  recorded: readonly Trade[],
  multipliersAsOf: (asOf: number) => Readonly<Record<string, number>>,
): readonly WeightMove[] {
  const byExit = Map.groupBy(recorded, ({ exitMs }) => exitMs);
  const moves = [...byExit].map(([exitMs, trades]) => {
    const before = multipliersAsOf(exitMs);
    const after = multipliersAsOf(exitMs + 1);
    const size = Object.keys(after).reduce((sum, name) => sum + Math.abs((after[name] ?? 0) - (before[name] ?? 0)), 0);
    return { exitMs, trades, before, after, size };
  });
  return moves
    .filter(({ size }) => size > 0)
    .toSorted((a, b) => b.size - a.size || a.exitMs - b.exitMs)
    .slice(0, MAX_MOVES)
    .map(({ exitMs, trades, before, after }) => ({
      exit_timestamp: new Date(exitMs).toISOString(),
      trades: trades.map((trade) => ({
        decision_id: trade.id,
        asset: trade.asset,
        action: trade.action,
        result_r: trade.resultR,
        voted_for: votersOf(trade, 1),
        voted_against: votersOf(trade, -1),
      })),
      multipliers_before: before,
      multipliers_after: after,
    }));
}

/** Who voted a trade's way (1), or against it (-1). */
function votersOf({ action, votes }: Trade, side: 1 | -1): string[] {
  const wanted = action === "BUY" ? side : -side;
  return votes.filter(({ direction }) => direction === wanted).map(({ provider }) => provider);
}

/** What a provider's votes on trades came to. */
export function providerEvidence(trades: readonly Trade[], provider: string): ProviderEvidence {
  const evidence = trades.map((trade) => evidenceOf(trade, provider).resultR).filter((r) => !Number.isNaN(r));
  const sum = evidence.reduce((total, r) => total + r, 0);
  const deviation = deviationOf(evidence);
  return {
    trades: evidence.length,
    sum_r: sum,
    mean_r: evidence.length === 0 ? null : sum / evidence.length,
    standard_error_r: deviation === null ? null : deviation / Math.sqrt(evidence.length),
  };
}

/** @returns `null` where no provider voted on any trade with a result in R. */
export function regretOf(trades: readonly Trade[], providers: readonly string[]): Regret | null {
  const sums = providers.map((name) => ({ name, ...providerEvidence(trades, name) })).filter((sum) => sum.trades > 0);
  const [best] = sums.toSorted((a, b) => b.sum_r - a.sum_r);
  if (best === undefined) return null;
  const ensemble = trades.reduce((sum, { resultR }) => sum + (resultR ?? 0), 0);
  return {
    best_provider: best.name,
    best_sum_r: best.sum_r,
    ensemble_sum_r: ensemble,
    regret_r: best.sum_r - ensemble,
  };
}
