/** What a run came to day by day, so that days can be drawn again. */
import { forecastOf } from "../results/confidence.ts";
import { type DaysPerYear, lastOfDays, sharpeRatio, simpleReturns } from "../results/metrics.ts";
import { MIN_FORECASTS, squaredError } from "../stats/forecast-scores.ts";
import type { RunTrace } from "./in-memory-run.ts";

/** A trade as a comparison keeps it; what is needed to make its figures again. */
export interface ArmTrades {
  /** Place of the day it closed in, among the days. */
  readonly day: readonly number[];
  readonly won: readonly boolean[];
  readonly result_r: readonly (number | null)[];
  readonly confidence: readonly number[];
}

/** A run in a world. */
export interface Arm {
  readonly run_id: string;
  /** Simple, a day. */
  readonly returns: readonly number[];
  readonly trades: ArmTrades;
}

interface DaySums {
  readonly trades: Float64Array;
  readonly wins: Float64Array;
  readonly sumR: Float64Array;
  readonly countR: Float64Array;
  readonly squaredErrors: Float64Array;
}

/** The days of a run, `YYYY-MM-DD`, and the run by those days. */
export function armOf(
  run: RunTrace,
  options: { initialBalance: number; daysPerYear: DaysPerYear },
): { dates: readonly string[]; arm: Arm } {
  const days = lastOfDays(
    run.records.flatMap(({ daily }) => daily),
    options.daysPerYear,
  );
  const dates = days.map(({ date }) => date);
  const trades = run.trades;
  return {
    dates,
    arm: {
      run_id: run.runId,
      returns: simpleReturns(days, options.initialBalance),
      trades: {
        // What closed at midnight closed with the last bar of the day before.
        day: trades.map(({ exitMs }) => dayOf(dates, new Date(exitMs - 1).toISOString().slice(0, 10))),
        won: trades.map(({ won }) => won),
        result_r: trades.map(({ resultR }) => resultR),
        confidence: trades.map(({ confidence }) => confidence),
      },
    },
  };
}

/** The place of a date, or of the last one before it. */
function dayOf(dates: readonly string[], date: string): number {
  let low = 0;
  let high = dates.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((dates[middle] ?? "") <= date) low = middle + 1;
    else high = middle;
  }
  return Math.max(0, low - 1);
}

/** Figures of some days of an arm, and of how many trades they are. */
export type DayFigures = Figures & { readonly trades: number };

/** The figures as they are told: a score of so few trades says nothing. */
export function reportedFigures({ trades, ...figures }: DayFigures): Figures {
  return { ...figures, brier: trades < MIN_FORECASTS ? null : figures.brier };
}

/** A function that makes an arm's figures from any choice of its days. */
export function figuresOfDays(arm: Arm, daysPerYear: DaysPerYear): (indices: Int32Array) => DayFigures {
  const sums = sumsByDay(arm);
  const growth = arm.returns;
  return (indices) => {
    let trades = 0;
    let wins = 0;
    let sumR = 0;
    let countR = 0;
    let squaredErrors = 0;
    let product = 1;
    const returns: number[] = [];
    for (const place of indices) {
      const dayReturn = growth[place] as number;
      returns.push(dayReturn);
      product *= 1 + dayReturn;
      trades += sums.trades[place] as number;
      wins += sums.wins[place] as number;
      sumR += sums.sumR[place] as number;
      countR += sums.countR[place] as number;
      squaredErrors += sums.squaredErrors[place] as number;
    }
    return {
      return_pct: 100 * (product - 1),
      sharpe: sharpeRatio(returns, daysPerYear),
      win_rate: trades === 0 ? null : (100 * wins) / trades,
      mean_result_r: countR === 0 ? null : sumR / countR,
      brier: trades === 0 ? null : squaredErrors / trades,
      trades,
    };
  };
}

function sumsByDay({ returns, trades }: Arm): DaySums {
  const zeros = (): Float64Array => new Float64Array(returns.length);
  const sums = { trades: zeros(), wins: zeros(), sumR: zeros(), countR: zeros(), squaredErrors: zeros() };
  const add = (sum: Float64Array, day: number, value: number): void => {
    sum[day] = (sum[day] ?? 0) + value;
  };
  trades.day.forEach((day, i) => {
    const resultR = trades.result_r[i] ?? null;
    const won = trades.won[i] ?? false;
    add(sums.trades, day, 1);
    if (won) add(sums.wins, day, 1);
    if (resultR !== null) {
      add(sums.sumR, day, resultR);
      add(sums.countR, day, 1);
    }
    add(sums.squaredErrors, day, squaredError(forecastOf({ confidence: trades.confidence[i] ?? 0, resultR, won })));
  });
  return sums;
}

/** The figures that are compared. */
export const FIGURES = ["return_pct", "sharpe", "win_rate", "mean_result_r", "brier"] as const;
/** The name of a figure. */
export type Figure = (typeof FIGURES)[number];
/** A number for each figure; `null` where it is undefined. */
export type Figures = Readonly<Record<Figure, number | null>>;

/** A value for each figure. */
export function fromFigures<Value>(value: (figure: Figure) => Value): Readonly<Record<Figure, Value>> {
  return {
    return_pct: value("return_pct"),
    sharpe: value("sharpe"),
    win_rate: value("win_rate"),
    mean_result_r: value("mean_result_r"),
    brier: value("brier"),
  };
}

/** Means; a figure that is undefined in one is undefined. */
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

/** Differences; of a figure that is undefined in one there is none. */
export function minus(a: Figures, b: Figures): Figures {
  return fromFigures((figure) => {
    const [left, right] = [a[figure], b[figure]];
    return left === null || right === null ? null : left - right;
  });
}
