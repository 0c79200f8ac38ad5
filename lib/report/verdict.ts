/** The first sentences of a report. */
import { bettingSentences, isShown, memoryVerdict } from "../experiments/verdict.ts";
import { isSession } from "../runs/describe.ts";
import type { Interval } from "../stats/bootstrap.ts";
import { signed } from "../util/written-numbers.ts";
import type { ReportData } from "./data.ts";

/** The year on whose bars the constants of memory were chosen (docs/RESULTS.md). */
const TUNED_YEAR = 2021;

/** Whether memory helped, or how the compared run differs; then what qualifies that. */
export function verdictOf(data: ReportData): readonly string[] {
  return [firstSentence(data), ...memorySentences(data), tuned(data)].filter((text) => text !== undefined);
}

function firstSentence({ run: { key, summary }, accounts, effect }: ReportData): string {
  if (effect === undefined) {
    const [first, second] = accounts;
    if (second !== undefined)
      return `The runs ${first!.name} and ${second.name} have fewer than two days in common, so nothing can be compared.`;
    const cure = isSession(key)
      ? "--compare names a session with memory off"
      : "compare-memory with the same flags makes one";
    return summary.memory_enabled
      ? `The account made ${pct(summary.total_return_pct)} with memory. Whether memory helped is open: no run without it was found, and ${cure}.`
      : `The account made ${pct(summary.total_return_pct)} without memory.`;
  }
  const { first, second, sharpe } = effect;
  const [returned, other] = [pct(first.figures.return_pct), pct(second.figures.return_pct)];
  if (effect.isOfMemory) return `${memoryVerdict(sharpe)}: the account made ${returned} with it, ${other} without.`;
  const shown = sharpe !== null && isShown(sharpe) ? "differ" : "do not differ as far as this much data can show";
  const own = effect.isWhole ? "" : ", each in its own period";
  const where = effect.isWhole ? "" : "on the days that both have ";
  const figures = sharpe === null ? "" : `; ${where}the Sharpe ratio differs by ${interval(sharpe, 2)}`;
  return `The runs ${first.name} and ${second.name} ${shown}: ${returned} against ${other}${own}${figures}.`;
}

/** How memory bet, and by how much the Sharpe ratio differs. */
function memorySentences({ comparison, effect }: ReportData): readonly string[] {
  if (effect?.isOfMemory !== true) return [];
  const pairs = comparison?.worlds.length ?? 0;
  const where = effect.isWhole ? "" : " on the days that both have";
  return [
    ...(pairs > 1 ? [`It was compared in ${pairs} pairs of runs.`] : []),
    ...(comparison === undefined ? [] : bettingSentences(comparison.betting)),
    ...(effect.sharpe === null ? [] : [`Its Sharpe ratio differs by ${interval(effect.sharpe, 2)}${where}.`]),
  ];
}

function tuned({ run: { summary } }: ReportData): string | undefined {
  const [start = "", end = ""] = summary.period.split("/");
  const isTuned = summary.data === "bars" && start < `${TUNED_YEAR + 1}-01-01` && end > `${TUNED_YEAR}-01-01`;
  return isTuned
    ? `Constants of memory were chosen on bars of ${TUNED_YEAR}, so that year is no test of them.`
    : undefined;
}

function interval({ estimate, low, high }: Interval, decimals: number): string {
  return `${signed(estimate, decimals)} (95 % interval ${signed(low, decimals)} to ${signed(high, decimals)})`;
}

function pct(value: number | null): string {
  return `${signed(value, 1)}%`;
}
