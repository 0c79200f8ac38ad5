/** Tables that run-chunks and memory-stats share: results by chunk, evidence, weight moves, and confidence. */
import {
  MIN_EVIDENCE_TRADES,
  type ProviderEvidence,
  type Regret,
  type WeightMove,
} from "../../lib/results/attribution.ts";
import type { Breakdown } from "../../lib/results/breakdown.ts";
import type { ConfidenceScores } from "../../lib/results/confidence.ts";
import type { ExpectationBin } from "../../lib/results/expectation.ts";
import type { ForecastScores } from "../../lib/stats/forecast-scores.ts";
import { count, fixed, minute, multiplier, pct, signed } from "./numbers.ts";
import { columns, table, words } from "./table.ts";

/** Weight moves shown, and multipliers of each, largest change first. */
const SHOWN_MOVES = 3;
const SHOWN_CHANGES = 2;

export const EVIDENCE_TITLE = "What was learned: votes for a trade earn its R, votes against it lose it";
export const EXPECTATION_TITLE = "Expected and realized R of trades, after costs: does memory know anything?";
export const CONFIDENCE_TITLE = "Confidence of decisions, and how often their trades gained before costs";

/** Win rate and its standard error in percentage points, such as `44±6`: no decimal of it is significant. */
export function rateWithError(of: Pick<Breakdown, "win_rate" | "win_rate_error_pct">): string {
  return fixed(of.win_rate, 0) + (of.win_rate_error_pct === null ? "" : `±${fixed(of.win_rate_error_pct, 0)}`);
}

/** The same and the number of trades, such as `44±6 57`. */
export function winRateWithError(of: Pick<Breakdown, "win_rate" | "win_rate_error_pct" | "total_trades">): string {
  return `${rateWithError(of)} ${count(of.total_trades)}`;
}

/** Win rate and trades over all chunks, and the trend. */
export function allWithTrend(item: Breakdown): string {
  return `${winRateWithError(item)} ${trendArrow(item.trend)}`;
}

/** `↑` or `↓` for a slope larger than its standard error, else `~`: the slope may be chance. */
export function trendArrow(trend: Breakdown["trend"]): "↑" | "↓" | "~" {
  if (trend === null || !(Math.abs(trend.slope_pct) > trend.standard_error_pct)) return "~";
  return trend.slope_pct > 0 ? "↑" : "↓";
}

/** What each provider's votes earned, whether that shows an edge, and its multiplier for the next chunk. */
export function evidenceTable(
  providers: Readonly<Record<string, ProviderEvidence>>,
  multipliers: Readonly<Record<string, number>> | undefined,
): string {
  const rows = Object.entries(providers).map(([name, evidence]) => [
    name,
    count(evidence.trades),
    signed(evidence.sum_r, 1),
    signed(evidence.mean_r, 3),
    fixed(evidence.standard_error_r, 3),
    edge(evidence),
    multiplier(multipliers?.[name]),
  ]);
  return table([words(""), ...columns("trades", "sum R", "mean R", "±", "edge", "next")], rows);
}

/** An edge is shown from two standard errors on, and by no fewer than 30 trades: four equal results prove nothing. */
function edge({ trades, mean_r: mean, standard_error_r: error }: ProviderEvidence): string {
  if (trades < MIN_EVIDENCE_TRADES) return "too few";
  if (mean === null || error === null || Math.abs(mean) <= 2 * error) return "not shown";
  return mean > 0 ? "positive" : "negative";
}

/** A line on the best single provider in hindsight. */
export function regretLine(regret: Regret | null): string {
  if (regret === null) return "";
  const { best_provider: best, best_sum_r: sum, ensemble_sum_r: ensemble, regret_r: lost } = regret;
  return `Best alone in hindsight: ${best} ${signed(sum, 1)} R; ensemble ${signed(ensemble, 1)} R; regret ${signed(lost, 1)} R\n`;
}

/** The largest weight moves, two lines each. */
export function moveLines(moves: readonly WeightMove[]): string {
  return moves
    .map((move) => ({ move, changes: changesOf(move) }))
    .toSorted((a, b) => b.changes.total - a.changes.total)
    .slice(0, SHOWN_MOVES)
    .map(({ move, changes: { largest } }) => {
      const trades = move.trades.map(({ asset, action, result_r: r }) => `${asset} ${action} ${signed(r)} R`);
      const moved = largest.map(({ name, before, after }) => `${name} ${multiplier(before)} -> ${multiplier(after)}`);
      return `${minute(move.exit_timestamp)}  ${trades.join(", ")}\n    ${moved.join(", ")}\n`;
    })
    .join("");
}

function changesOf(move: WeightMove): {
  total: number;
  largest: readonly { name: string; before: number; after: number }[];
} {
  const all = Object.entries(move.multipliers_after).map(([name, after]) => {
    const before = move.multipliers_before[name] ?? 0;
    return { name, before, after, size: Math.abs(after - before) };
  });
  return {
    total: all.reduce((sum, { size }) => sum + size, 0),
    largest: all.toSorted((a, b) => b.size - a.size).slice(0, SHOWN_CHANGES),
  };
}

/**
 * Confidence and how often it came true, before calibration and after it if the two differ.
 *
 * @param options `scored`: with a line of scores below each table.
 */
export function confidenceTables(confidence: ConfidenceScores, options: { scored: boolean }): string {
  const { before_calibration: before, after_calibration: after } = confidence;
  if (before === null || after === null) return `  ${scoreLine(null)}\n`;
  const reliability = (scores: ForecastScores): string =>
    reliabilityTable(scores) + (options.scored ? `${scoreLine(scores)}\n` : "");
  if (JSON.stringify(before) === JSON.stringify(after)) return reliability(after);
  return `Before calibration\n${reliability(before)}After calibration\n${reliability(after)}`;
}

function reliabilityTable({ bins }: ForecastScores): string {
  return table(
    columns("confidence", "mean", "trades", "gained"),
    bins.map((bin) => [
      `${bin.from} to ${bin.to}`,
      fixed(bin.mean_confidence, 1),
      count(bin.trades),
      pct(bin.win_rate),
    ]),
  );
}

/** What trades were expected to earn after costs, and what they earned. */
export function expectationTable(bins: readonly ExpectationBin[]): string {
  const range = ({ from, to }: ExpectationBin): string =>
    from === null ? `below ${to}` : to === null ? `${from} and more` : `${from} to ${to}`;
  return table(
    [words("expected R"), ...columns("mean", "realized R", "±", "trades")],
    bins.map((bin) => [
      range(bin),
      signed(bin.mean_expected_r, 3),
      signed(bin.mean_realized_r, 3),
      fixed(bin.standard_error_r, 3),
      count(bin.trades),
    ]),
  );
}

/** Brier score, that of a constant forecast, log loss and calibration error. */
export function scoreLine(scores: ForecastScores | null): string {
  if (scores === null) return "too few trades to score (fewer than 30)";
  const constant = `always ${pct(scores.win_rate)}: ${fixed(scores.brier_of_win_rate, 3)}`;
  return `Brier ${fixed(scores.brier, 3)} (${constant}), log loss ${fixed(scores.log_loss, 3)}, ECE ${fixed(scores.ece, 3)}`;
}
