/** The first sentences of a report. */
import type { Interval } from "../stats/bootstrap.ts";
import { signed } from "../util/written-numbers.ts";
import type { ReportData } from "./data.ts";

/** The year on whose bars the constants of memory were chosen (docs/RESULTS.md). */
const TUNED_YEAR = 2021;

/** Whether memory helped, or how the compared run differs; then what qualifies that. */
export function verdictOf(data: ReportData): readonly string[] {
  return [firstSentence(data), betting(data), tuned(data)].filter((text) => text !== undefined);
}

function firstSentence({ run: { summary }, accounts, effect }: ReportData): string {
  if (effect === undefined) {
    const [first, second] = accounts;
    if (second !== undefined)
      return `The runs ${first!.name} and ${second.name} have fewer than two days in common, so nothing can be compared.`;
    return summary.memory_enabled
      ? `The account made ${pct(summary.total_return_pct)} with memory. Whether memory helped is open: no run without it was found, and compare-memory with the same flags makes one.`
      : `The account made ${pct(summary.total_return_pct)} without memory.`;
  }
  const { first, second, sharpe } = effect;
  const returns = `${pct(first.figures.return_pct)} against ${pct(second.figures.return_pct)}`;
  const where = effect.isWhole ? "" : "on the days that both have ";
  const figures = sharpe === null ? "" : `; ${where}the Sharpe ratio differs by ${interval(sharpe, 2)}`;
  if (!effect.isOfMemory) {
    const shown = isShown(sharpe) ? "differ" : "do not differ as far as this much data can show";
    const own = effect.isWhole ? "" : ", each in its own period";
    return `The runs ${first.name} and ${second.name} ${shown}: ${returns}${own}${figures}.`;
  }
  if (sharpe !== null && sharpe.low > 0) return `Memory helped: the account made ${returns} without it${figures}.`;
  if (sharpe !== null && sharpe.high < 0)
    return `Memory did not help, it hurt: the account made ${returns} without it${figures}.`;
  return `Memory did not help, as far as this much data can show: the account made ${returns} without it${figures}.`;
}

function isShown(figure: Interval | null): boolean {
  return figure !== null && (figure.low > 0 || figure.high < 0);
}

function betting({ comparison }: ReportData): string | undefined {
  const better = comparison?.betting.bet_better ?? null;
  if (comparison === undefined || better === null) return undefined;
  const what =
    better.low > 0 ? "better" : better.high < 0 ? "worse" : "neither better nor worse as far as the data can show";
  const { length } = comparison.worlds;
  const pairs = length > 1 ? `, in ${length} pairs of runs` : "";
  return `Compared with bets of the same mean size without memory${pairs}, it bet ${what}: log growth ${interval(better, 3)}.`;
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
