/** Finds bars of a broker whose times were read in a zone that changes its clocks on other days than the market. */
import type { Bar } from "../types.ts";
import { DAY_MS } from "../util/time.ts";
import { offsetsOf } from "../util/zones.ts";

/** The first bars of weeks, by the clock of New York, where currency markets open on Sunday at 17:00 all year. */
export interface WeekOpens {
  /** The hour of Sunday at which most weeks open. */
  readonly hour: number;
  readonly weeks: number;
  /** Weeks that open an hour before or after it. */
  readonly shifted: number;
}

const MIN_WEEKS = 20;

/** @returns `undefined` if no week is an hour off, or too few weeks open on a Sunday to tell. */
export function findShiftedWeeks(bars: readonly Bar[]): WeekOpens | undefined {
  const newYork = offsetsOf("America/New_York");
  const weeksByHour = Array<number>(24).fill(0);
  for (let i = 1; i < bars.length; i++) {
    const { timestamp } = bars[i]!;
    if (timestamp - bars[i - 1]!.timestamp < 1.5 * DAY_MS) continue;
    const local = new Date(timestamp + newYork(timestamp));
    if (local.getUTCDay() === 0) weeksByHour[local.getUTCHours()]! += 1;
  }
  const weeks = weeksByHour.reduce((sum, each) => sum + each, 0);
  const hour = weeksByHour.indexOf(Math.max(...weeksByHour));
  const shifted = (weeksByHour[hour - 1] ?? 0) + (weeksByHour[hour + 1] ?? 0);
  return weeks < MIN_WEEKS || shifted === 0 ? undefined : { hour, weeks, shifted };
}
