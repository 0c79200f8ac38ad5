/** The metrics of docs/RULES.md. What is undefined is `null`, never 0 or NaN. */
import { meanOf, rounded } from "../util/numbers.ts";
import { DAY_MS, isoDate } from "../util/time.ts";

/** Equity at the end of a UTC day. */
interface DailyMark {
  /** `YYYY-MM-DD`. */
  readonly date: string;
  readonly equity: number;
}

/** Trading days a year, with and without weekends. */
export type DaysPerYear = number;

/** A run day by day. */
export interface DailyReturns {
  /** `YYYY-MM-DD`, in order. */
  readonly dates: readonly string[];
  /** Simple returns, the first against the initial balance. */
  readonly returns: readonly number[];
  readonly daysPerYear: DaysPerYear;
}

/** Marks a year where bars are longer than a day: as many as there are bars; `undefined` for shorter ones. */
export function marksPerYearOfLongBars(timeframeMs: number): DaysPerYear | undefined {
  return timeframeMs > DAY_MS ? (365 * DAY_MS) / timeframeMs : undefined;
}

/** Trading days a year, from marks of equity: 365 if there are marks on Saturdays, else 252; with bars longer than a day as many as bars. */
export function daysPerYearOfMarks(days: readonly Pick<DailyMark, "date">[], timeframeMs: number): DaysPerYear {
  const ofLongBars = marksPerYearOfLongBars(timeframeMs);
  if (ofLongBars !== undefined) return ofLongBars;
  return days.some(({ date }) => new Date(date).getUTCDay() === 6) ? 365 : 252;
}

/** The last mark of each day, in order of time. With 252 days a year, Sunday belongs to Monday. */
export function lastOfDays<Mark extends DailyMark>(days: readonly Mark[], daysPerYear: DaysPerYear): readonly Mark[] {
  const lastByDate = new Map<string, Mark>();
  for (const day of days) lastByDate.set(daysPerYear === 252 ? afterSunday(day.date) : day.date, day);
  return [...lastByDate.values()];
}

/** Simple returns of equity from day to day, the first against `initial`. */
export function simpleReturns(days: readonly DailyMark[], initial: number): number[] {
  return days.map(({ equity }, i) => equity / (days[i - 1]?.equity ?? initial) - 1);
}

function afterSunday(date: string): string {
  const ms = Date.parse(date);
  return new Date(ms).getUTCDay() === 0 ? isoDate(ms + DAY_MS) : date;
}

/** Mean / sample deviation x sqrt(days a year), risk-free rate 0 (Sharpe 1994); `null` without two days that differ. */
export function sharpeRatio(returns: ArrayLike<number>, daysPerYear: DaysPerYear): number | null {
  const deviation = deviationOf(returns);
  if (deviation === null || deviation === 0) return null;
  return (meanOfAll(returns) / deviation) * Math.sqrt(daysPerYear);
}

/** Like the Sharpe ratio, but over the root mean square of min(r, 0) of all days (Sortino and Price 1994). */
export function sortinoRatio(returns: readonly number[], daysPerYear: DaysPerYear): number | null {
  const mean = meanOf(returns);
  const squares = returns.reduce((sum, r) => sum + (r < 0 ? r * r : 0), 0);
  if (mean === null || squares === 0) return null;
  return (mean / Math.sqrt(squares / returns.length)) * Math.sqrt(daysPerYear);
}

/** Compound annual growth rate with 365 days a year, percent; rounded, as engines differ in `Math.pow`. */
export function cagrPct(initial: number, final: number, options: { spanMs: number }): number | null {
  if (final <= 0 || initial <= 0 || options.spanMs <= 0) return null;
  const growth = Math.pow(final / initial, 365 / (options.spanMs / DAY_MS)) - 1;
  return rounded(100 * growth);
}

/** The highest equity so far, and the deepest fall from a peak in percent of it (0..100). */
export interface DrawdownState {
  peak: number;
  maxPct: number;
}

export function markDrawdown(state: DrawdownState, equity: number): void {
  state.peak = Math.max(state.peak, equity);
  if (state.peak > 0) state.maxPct = Math.max(state.maxPct, (100 * (state.peak - equity)) / state.peak);
}

/** Gross profit / gross loss; `null` without losses. */
export function profitFactor(pnls: readonly number[]): number | null {
  const won = pnls.reduce((sum, pnl) => sum + Math.max(pnl, 0), 0);
  const lost = pnls.reduce((sum, pnl) => sum - Math.min(pnl, 0), 0);
  return lost === 0 ? null : won / lost;
}

/** Sample standard deviation; `null` for fewer than two values. */
function deviationOf(values: ArrayLike<number>): number | null {
  if (values.length < 2) return null;
  const mean = meanOfAll(values);
  let squares = 0;
  for (let i = 0; i < values.length; i++) squares += (values[i]! - mean) * (values[i]! - mean);
  return Math.sqrt(squares / (values.length - 1));
}

/** Of typed arrays as well, which are slow to iterate. */
function meanOfAll(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum / values.length;
}

/** Standard error of the mean: sample standard deviation / sqrt(n); `null` for fewer than two values. */
export function standardErrorOf(values: readonly number[]): number | null {
  const deviation = deviationOf(values);
  return deviation === null ? null : deviation / Math.sqrt(values.length);
}

/** Standard error of the mean, from the sum of the values and of their squares. */
export function standardErrorOfSums(of: { count: number; sum: number; squares: number }): number | null {
  const { count, sum, squares } = of;
  if (count < 2) return null;
  return Math.sqrt(Math.max(0, squares - (sum * sum) / count) / (count - 1) / count);
}

/** `part` of `whole` in percent; `null` where `whole` is 0. */
export function percentOf(part: number, whole: number): number | null {
  return whole === 0 ? null : (100 * part) / whole;
}
