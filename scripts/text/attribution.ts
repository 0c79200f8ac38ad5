/** What was learned, as run-chunks and memory-stats tell it. */
import type { ProviderEvidence, Regret, WeightMove } from "../../lib/results/attribution.ts";
import { fixed, multiplier, signed, table } from "./table.ts";

/** Moves that are shown, and changes of each, largest first. */
const SHOWN_MOVES = 3;
const SHOWN_CHANGES = 2;

/** Providers by their evidence: what it says, and the say that it earned. */
export function evidenceTable(
  providers: Readonly<Record<string, ProviderEvidence>>,
  multipliers: Readonly<Record<string, number>> | undefined,
): string {
  const rows = Object.entries(providers).map(([name, { trades, sum_r, mean_r, standard_error_r: error }]) => [
    name,
    fixed(trades, 0),
    signed(sum_r, 1),
    signed(mean_r, 3),
    error === null ? "-" : fixed(error, 3),
    judgement(mean_r, error),
    multiplier(multipliers?.[name] ?? null),
  ]);
  const titles = ["trades", "sum R", "mean R", "±", "worth a vote", "next"].map((title) => ({ title }));
  return table([{ title: "", align: "left" }, ...titles], rows);
}

/** Two standard errors are taken for an answer. */
function judgement(mean: number | null, error: number | null): string {
  if (mean === null || error === null || Math.abs(mean) <= 2 * error) return "not shown";
  return mean > 0 ? "yes" : "no";
}

/** A line on what hindsight would have taken. */
export function regretLine(regret: Regret | null): string {
  if (regret === null) return "";
  const { best_provider: best, best_sum_r: sum, ensemble_sum_r: ensemble, regret_r: lost } = regret;
  return `Best alone in hindsight: ${best}, ${signed(sum, 1)} R; the ensemble ${signed(ensemble, 1)} R, regret ${signed(lost, 1)} R\n`;
}

/** The largest moves of weights, two lines each. */
export function moveLines(moves: readonly WeightMove[]): string {
  const size = (move: WeightMove): number => changes(move).reduce((sum, { change }) => sum + Math.abs(change), 0);
  return moves
    .toSorted((a, b) => size(b) - size(a))
    .slice(0, SHOWN_MOVES)
    .map((move) => {
      const trades = move.trades.map(({ asset, action, result_r: r }) => `${asset} ${action} ${signed(r)} R`);
      const moved = changes(move)
        .toSorted((a, b) => Math.abs(b.change) - Math.abs(a.change))
        .slice(0, SHOWN_CHANGES)
        .map(({ name, before, after }) => `${name} ${multiplier(before)} -> ${multiplier(after)}`);
      return `${move.exit_timestamp.slice(0, 16).replace("T", " ")}  ${trades.join(", ")}\n    ${moved.join(", ")}\n`;
    })
    .join("");
}

function changes(move: WeightMove): { name: string; before: number; after: number; change: number }[] {
  return Object.entries(move.multipliers_after).map(([name, after]) => {
    const before = move.multipliers_before[name] ?? 0;
    return { name, before, after, change: after - before };
  });
}
