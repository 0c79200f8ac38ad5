/** A run by its days, so that days can be drawn again. */
import { forecastOf } from "../results/confidence.ts";
import {
  type DaysPerYear,
  type DrawdownState,
  lastOfDays,
  markDrawdown,
  sharpeRatio,
  simpleReturns,
} from "../results/metrics.ts";
import type { Trade } from "../memory/trade.ts";
import { MIN_FORECASTS, squaredError } from "../stats/forecast-scores.ts";
import { rounded } from "../util/numbers.ts";
import { isoDate } from "../util/time.ts";
import type { RunTrace } from "./in-memory-run.ts";

/** The trades of a run as columns: all that their figures are computed from. */
interface ArmTrades {
  /** Index of the day in which a trade closed. */
  readonly day: readonly number[];
  readonly won: readonly boolean[];
  readonly result_r: readonly (number | null)[];
  readonly confidence: readonly number[];
}

/** A run in a world. */
export interface Arm {
  readonly run_id: string;
  /** Simple daily returns. */
  readonly returns: readonly number[];
  readonly trades: ArmTrades;
}

/** The days of a run, `YYYY-MM-DD`, and the run by those days. */
export function armOf(
  run: Pick<RunTrace, "runId" | "records"> & { readonly trades: readonly Trade[] },
  options: { initialBalance: number; daysPerYear: DaysPerYear },
): { dates: readonly string[]; arm: Arm } {
  const days = lastOfDays(
    run.records.flatMap(({ daily }) => daily),
    options.daysPerYear,
  );
  const dates = days.map(({ date }) => date);
  const arm = {
    run_id: run.runId,
    returns: simpleReturns(days, options.initialBalance),
    trades: {
      // What closed at midnight closed with the last bar of the day before.
      day: run.trades.map(({ exitMs }) => dayIndex(dates, isoDate(exitMs - 1))),
      won: run.trades.map(({ won }) => won),
      result_r: run.trades.map(({ resultR }) => resultR),
      confidence: run.trades.map(({ confidence }) => confidence),
    },
  };
  return { dates, arm };
}

/** The index of a date, or of the last one before it, by binary search. */
function dayIndex(dates: readonly string[], date: string): number {
  let low = 0;
  let high = dates.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (dates[middle]! <= date) low = middle + 1;
    else high = middle;
  }
  return Math.max(0, low - 1);
}

/** The figures that are compared. */
export const FIGURES = [
  "sharpe",
  "return_pct",
  "log_growth",
  "max_drawdown_pct",
  "win_rate",
  "mean_result_r",
  "brier",
] as const;
/** The name of a figure. */
export type Figure = (typeof FIGURES)[number];
/** A number for each figure; `null` where it is undefined. */
export type Figures = Readonly<Record<Figure, number | null>>;

/** The figures of some days, and how many trades closed on them. */
export type DayFigures = Figures & { readonly trades: number };

/** The figures as they are reported: without a score of too few trades. */
export function reportedFigures({ trades, ...figures }: DayFigures): Figures {
  return { ...figures, brier: trades < MIN_FORECASTS ? null : figures.brier };
}

/** Prepares an arm, so that the figures of any choice of its days are quick to compute. */
export function figuresOfDays(arm: Arm, daysPerYear: DaysPerYear): (indices: Int32Array) => DayFigures {
  const sums = sumsByDay(arm);
  return (indices) => {
    let trades = 0;
    let wins = 0;
    let sumR = 0;
    let countR = 0;
    let squaredErrors = 0;
    let growth = 1;
    const drawdown: DrawdownState = { peak: 1, maxPct: 0 };
    const returns = new Float64Array(indices.length);
    for (let i = 0; i < indices.length; i++) {
      const day = indices[i]!;
      const dayReturn = arm.returns[day]!;
      returns[i] = dayReturn;
      growth *= 1 + dayReturn;
      markDrawdown(drawdown, growth);
      trades += sums.trades[day]!;
      wins += sums.wins[day]!;
      sumR += sums.sumR[day]!;
      countR += sums.countR[day]!;
      squaredErrors += sums.squaredErrors[day]!;
    }
    return {
      sharpe: sharpeRatio(returns, daysPerYear),
      return_pct: 100 * (growth - 1),
      // Rounded, as engines differ in `Math.log`.
      log_growth: growth > 0 ? rounded(Math.log(growth)) : null,
      max_drawdown_pct: drawdown.maxPct,
      win_rate: trades === 0 ? null : (100 * wins) / trades,
      mean_result_r: countR === 0 ? null : sumR / countR,
      brier: trades === 0 ? null : squaredErrors / trades,
      trades,
    };
  };
}

type DaySums = Readonly<Record<"trades" | "wins" | "sumR" | "countR" | "squaredErrors", Float64Array>>;

function sumsByDay({ returns, trades }: Arm): DaySums {
  const zeros = (): Float64Array => new Float64Array(returns.length);
  const sums = { trades: zeros(), wins: zeros(), sumR: zeros(), countR: zeros(), squaredErrors: zeros() };
  trades.day.forEach((day, i) => {
    const [won, resultR, confidence] = [trades.won[i]!, trades.result_r[i]!, trades.confidence[i]!];
    sums.trades[day]! += 1;
    if (won) sums.wins[day]! += 1;
    if (resultR !== null) {
      sums.sumR[day]! += resultR;
      sums.countR[day]! += 1;
    }
    sums.squaredErrors[day]! += squaredError(forecastOf({ confidence, resultR, won }));
  });
  return sums;
}

/** A value for each figure. */
export function fromFigures<Value>(value: (figure: Figure) => Value): Readonly<Record<Figure, Value>> {
  return {
    sharpe: value("sharpe"),
    return_pct: value("return_pct"),
    log_growth: value("log_growth"),
    max_drawdown_pct: value("max_drawdown_pct"),
    win_rate: value("win_rate"),
    mean_result_r: value("mean_result_r"),
    brier: value("brier"),
  };
}

/** Means of figures. One that is undefined in any of them is undefined. */
export function meanFigures(all: readonly Figures[]): Figures {
  return fromFigures((figure) => {
    let sum = 0;
    for (const figures of all) {
      const value = figures[figure];
      if (value === null) return null;
      sum += value;
    }
    return all.length === 0 ? null : sum / all.length;
  });
}

/** Differences of figures. One that is undefined on either side is undefined. */
export function minus(a: Figures, b: Figures): Figures {
  return fromFigures((figure) => {
    const [left, right] = [a[figure], b[figure]];
    return left === null || right === null ? null : left - right;
  });
}
