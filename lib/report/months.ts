/** Accounts by calendar month. */
import { isoDate } from "../util/time.ts";
import type { Mark } from "./run-data.ts";
import { groupBy } from "../util/group.ts";

/** A line's last equity of a month, and how it changed. */
export interface MonthEnd {
  /** `YYYY-MM`. */
  readonly month: string;
  readonly equity: number;
  readonly returnPct: number;
  /** From the highest equity before, in percent; the lowest of the month, 0 or below. */
  readonly drawdownPct: number;
}

/** @param initial Equity before the first mark. */
export function monthEnds(marks: readonly Mark[], initial: number): readonly MonthEnd[] {
  const ends: MonthEnd[] = [];
  let peak = initial;
  let before = initial;
  for (const [month, ofMonth] of groupBy(marks, ({ atMs }) => isoDate(atMs).slice(0, 7))) {
    let drawdownPct = 0;
    for (const { equity } of ofMonth) {
      peak = Math.max(peak, equity);
      drawdownPct = Math.min(drawdownPct, 100 * (equity / peak - 1));
    }
    const { equity } = ofMonth.at(-1)!;
    ends.push({ month, equity, returnPct: 100 * (equity / before - 1), drawdownPct });
    before = equity;
  }
  return ends;
}
