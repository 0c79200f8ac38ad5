import type { OutcomeRow } from "./outcome-row.ts";

/** What a provider or a regime has to show. Money in account currency. */
export interface PerformanceRecord {
  readonly total_trades: number;
  readonly winning_trades: number;
  readonly total_pnl: number;
  /** Mean `result_r` of these trades; `null` where no outcome says. */
  readonly mean_result_r: number | null;
}

interface Tally {
  trades: number;
  wins: number;
  pnl: number;
  sumR: number;
  countR: number;
}

/**
 * Counts the trades of every provider: those that went the way it voted, each with its whole P&L.
 *
 * @param rows In order of (exit, id): sums of floats depend on it.
 * @param since What closed earlier does not count for the provider.
 */
export function providerPerformance(
  rows: readonly OutcomeRow[],
  since: ReadonlyMap<string, number>,
): Record<string, PerformanceRecord> {
  const tallies = new Map<string, Tally>();
  for (const row of rows) {
    const direction = row.action === "BUY" ? 1 : -1;
    for (const vote of row.votes) {
      if (vote.direction === direction && row.exitMs >= (since.get(vote.provider) ?? row.exitMs)) {
        count(tallies, vote.provider, row);
      }
    }
  }
  return recordsOf(tallies);
}

/** Counts the trades of every regime, by the regime at the decision. */
export function regimePerformance(rows: readonly OutcomeRow[]): Record<string, PerformanceRecord> {
  const tallies = new Map<string, Tally>();
  for (const row of rows) count(tallies, row.regime, row);
  return recordsOf(tallies);
}

function count(tallies: Map<string, Tally>, key: string, row: OutcomeRow): void {
  let tally = tallies.get(key);
  if (tally === undefined) tallies.set(key, (tally = { trades: 0, wins: 0, pnl: 0, sumR: 0, countR: 0 }));
  tally.trades += 1;
  tally.wins += row.won ? 1 : 0;
  tally.pnl += row.pnl;
  if (row.resultR !== null) {
    tally.sumR += row.resultR;
    tally.countR += 1;
  }
}

/** Sorted by name; `Object.fromEntries` makes own keys even of `__proto__`. */
function recordsOf(tallies: Map<string, Tally>): Record<string, PerformanceRecord> {
  const names = [...tallies.keys()].toSorted((a, b) => (a < b ? -1 : 1));
  return Object.fromEntries(
    names.map((name) => {
      const { trades, wins, pnl, sumR, countR } = tallies.get(name) as Tally;
      return [
        name,
        {
          total_trades: trades,
          winning_trades: wins,
          total_pnl: pnl,
          mean_result_r: countR === 0 ? null : sumR / countR,
        },
      ];
    }),
  );
}
