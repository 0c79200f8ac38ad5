/** Finds bars of a broker whose times were read in another zone than that of its clock. */
import type { BarSeries } from "../types.ts";
import { DAY_MS, HOUR_MS } from "../util/time.ts";
import { offsetsOf } from "../util/zones.ts";

/** When weeks begin, by the clock of New York, where currency markets open on Sunday at 17:00 all year. */
export interface WeekOpens {
  /** When most weeks open, such as `Sunday 17:00`. */
  readonly open: string;
  /** Whether the first bar of most weeks is that of Sunday 17:00, or of 18:00 as with futures and metals. */
  readonly isUsual: boolean;
  readonly weeks: number;
  /** Weeks that open an hour before or after most. */
  readonly shifted: number;
}

/** Fewer weeks do not show when the market opens. */
const MIN_WEEKS = 4;
const MIN_SHARE = 0.5;
/** Fewer weeks may lie between two changes of clocks. */
const MIN_SHIFT_WEEKS = 20;

const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const WEEK_HOURS = 168;
const USUAL_HOURS = [17, 18];
const WEEKEND_MS = 1.5 * DAY_MS;
/** Markets that close for longer than this each night are no currency markets. */
const MAX_PAUSE_MS = 6 * HOUR_MS;
/** Longer bars begin at other hours than the market. */
const MAX_TIMEFRAME_MS = 4 * HOUR_MS;

/** @returns `undefined` if no weeks can be told, or the market closes each night. */
export function findWeekOpens({ bars, timeframeMs }: BarSeries): WeekOpens | undefined {
  if (timeframeMs > MAX_TIMEFRAME_MS) return undefined;
  const newYork = offsetsOf("America/New_York");
  const weeksByHour = Array<number>(WEEK_HOURS).fill(0);
  let [weeks, pauses] = [0, 0];
  // Such bars begin at hours of UTC, which are those of New York in one half of the year.
  let divideDay = timeframeMs > HOUR_MS;
  for (let i = 1; i < bars.length; i++) {
    const { timestamp } = bars[i]!;
    const gapMs = timestamp - bars[i - 1]!.timestamp;
    if (gapMs < WEEKEND_MS) {
      if (gapMs > MAX_PAUSE_MS) pauses += 1;
      continue;
    }
    const local = new Date(timestamp + newYork(timestamp));
    weeksByHour[local.getUTCDay() * 24 + local.getUTCHours()]! += 1;
    weeks += 1;
    divideDay &&= timestamp % timeframeMs === 0;
  }
  const most = Math.max(...weeksByHour);
  if (weeks < MIN_WEEKS || most < MIN_SHARE * weeks || pauses > weeks) return undefined;
  const at = weeksByHour.indexOf(most);
  const beside = [at - 1, at + 1].map((hour) => weeksByHour[(hour + WEEK_HOURS) % WEEK_HOURS]!);
  return {
    open: `${DAYS[Math.floor(at / 24)]!} ${String(at % 24).padStart(2, "0")}:00`,
    isUsual: USUAL_HOURS.some((hour) => at <= hour && (hour - at) * HOUR_MS < Math.max(timeframeMs, HOUR_MS)),
    weeks,
    shifted: weeks < MIN_SHIFT_WEEKS || divideDay ? 0 : beside[0]! + beside[1]!,
  };
}
