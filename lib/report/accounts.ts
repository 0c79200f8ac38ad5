/** The lines of equity of a report: runs, and runs that only a comparison made. */
import { timeframeMsOf } from "../backtest/run-key.ts";
import type { Comparison } from "../experiments/compare.ts";
import type { Arm } from "../experiments/arm.ts";
import type { World } from "../experiments/day-sample.ts";
import {
  daysPerYearOfMarks,
  type DaysPerYear,
  type DrawdownState,
  markDrawdown,
  sharpeRatio,
} from "../results/metrics.ts";
import type { Interval } from "../stats/bootstrap.ts";
import { meanOf } from "../util/numbers.ts";
import { endOfDay } from "./buckets.ts";
import type { AccountLine, Effect, LineColor } from "./data.ts";
import { type DailyReturns, dailyReturnsOf, pathOf } from "./effect.ts";
import type { RunData } from "./run-data.ts";
import { backtestOf } from "./run-settings.ts";

const MEMORY_ON = "memory on";
const MEMORY_OFF = "memory off";
const MATCHED = "off at the same mean size";

/** A line, and its returns by day. */
interface Candidate {
  readonly line: AccountLine;
  readonly days: DailyReturns;
}

/**
 * The lines of a run and of what it is compared with, and how the first two differ.
 *
 * @param compared `name`: what the compared run is called; `undefined` if it is the same one with memory, or without.
 */
export function accountsOf(
  run: RunData,
  compared: {
    /** Of the difference of the Sharpe ratios; `null` if nothing is compared. */
    sharpe: Interval | null;
    run?: RunData | undefined;
    comparison?: Comparison | undefined;
    name?: string | undefined;
    runName: string;
  },
): { accounts: readonly AccountLine[]; effect: Effect | undefined } {
  const { comparison } = compared;
  const runs = compared.run === undefined ? [run] : [run, compared.run];
  const daysPerYear = daysPerYearOfMarks(
    runs.flatMap(({ records }) => records.flatMap(({ daily }) => daily)),
    Math.max(...runs.map(({ key }) => timeframeMsOf(key))),
  );
  const nameOf = ({ summary }: RunData): string => (summary.memory_enabled ? MEMORY_ON : MEMORY_OFF);
  const isTwin = compared.name === undefined;
  const candidates = [
    runLine(run, daysPerYear, { name: isTwin ? nameOf(run) : compared.runName, color: colorOf(run, isTwin, 0) }),
  ];
  if (compared.run !== undefined) {
    const name = compared.name ?? nameOf(compared.run);
    candidates.push(runLine(compared.run, daysPerYear, { name, color: colorOf(compared.run, isTwin, 1) }));
  }
  const world = comparison?.worlds.find(({ on, off }) => [on.run_id, off.run_id].includes(run.runId));
  if (isTwin && world !== undefined) {
    const { initial_balance: initial } = run.summary;
    const missing = run.summary.memory_enabled
      ? { name: MEMORY_OFF, color: "off" as const, arm: world.off }
      : { name: MEMORY_ON, color: "on" as const, arm: world.on };
    if (compared.run === undefined) candidates.push(armLine(world, missing, initial));
    if (world.matched !== null)
      candidates.push(armLine(world, { name: MATCHED, color: "matched", arm: world.matched }, initial));
  }
  return {
    accounts: candidates.map(({ line }) => line),
    effect: effectBetween(candidates, { run, isTwin, sharpe: compared.sharpe }),
  };
}

function colorOf({ summary }: RunData, isTwin: boolean, place: 0 | 1): LineColor {
  const isOn = isTwin ? summary.memory_enabled : place === 0;
  return isOn ? "on" : "off";
}

function runLine(
  run: RunData,
  daysPerYear: DaysPerYear,
  { name, color }: { name: string; color: LineColor },
): Candidate {
  const { summary, marks } = run;
  const days = dailyReturnsOf(run, daysPerYear);
  return {
    days,
    line: {
      name,
      color,
      initial: summary.initial_balance,
      marks,
      figures: {
        return_pct: summary.total_return_pct,
        sharpe: summary.annualized_sharpe,
        daily_drawdown_pct: dailyDrawdownPct(days.returns),
        trades: summary.total_trades,
        mean_result_r: summary.mean_result_r,
      },
    },
  };
}

/** A run that only a comparison made, by its days. */
function armLine(
  { dates, days_per_year: daysPerYear }: World,
  { name, color, arm }: { name: string; color: LineColor; arm: Arm },
  initial: number,
): Candidate {
  let equity = initial;
  const marks = arm.returns.map((dayReturn, i) => {
    equity *= 1 + dayReturn;
    return { atMs: endOfDay(dates[i]!), equity };
  });
  return {
    days: { dates, returns: arm.returns },
    line: {
      name,
      color,
      initial,
      marks,
      figures: {
        return_pct: 100 * (equity / initial - 1),
        sharpe: sharpeRatio(arm.returns, daysPerYear),
        daily_drawdown_pct: dailyDrawdownPct(arm.returns),
        trades: arm.trades.day.length,
        mean_result_r: meanOf(arm.trades.result_r),
      },
    },
  };
}

/** Over the last marks of days, which is all that a comparison has of its runs. */
function dailyDrawdownPct(returns: readonly number[]): number {
  let equity = 1;
  const drawdown: DrawdownState = { peak: equity, maxPct: 0 };
  for (const dayReturn of returns) {
    equity *= 1 + dayReturn;
    markDrawdown(drawdown, equity);
  }
  return drawdown.maxPct;
}

/** The run with memory less the one without, whichever the report is of; else the run less the compared one. */
function effectBetween(
  [first, second]: readonly Candidate[],
  { run, isTwin, sharpe }: { run: RunData; isTwin: boolean; sharpe: Interval | null },
): Effect | undefined {
  if (first === undefined || second === undefined) return undefined;
  const [a, b] = isTwin && !run.summary.memory_enabled ? [second, first] : [first, second];
  const path = pathOf(a.days, b.days, backtestOf(run.key));
  if (path === undefined) return undefined;
  const isWhole = a.days.dates.join() === b.days.dates.join();
  return { isOfMemory: isTwin, isWhole, first: a.line, second: b.line, path, sharpe };
}
