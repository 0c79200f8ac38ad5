import { isLocalTime } from "../util/time.ts";
import { openZone, type Zone } from "../util/zones.ts";
import { BAR_TIME_FORM, parseBarTime } from "./bar.ts";
import type { RowReader } from "./find-columns.ts";

/** Reads the times of a file's rows. Those that state no zone are in that of the file. */
export class RowTimes {
  readonly #zone: Zone | undefined;
  #isUtcAssumed = false;

  /** @param timezone An IANA name or an offset. @default UTC, which is then assumed */
  constructor(timezone: string | undefined) {
    this.#zone = timezone === undefined ? undefined : openZone(timezone);
  }

  /** Whether a time was read that states no zone, and the file has none. */
  get isUtcAssumed(): boolean {
    return this.#isUtcAssumed;
  }

  /** Epoch ms of the current row. Refuses what is no time, and what the clocks of the zone skip. */
  read(rows: Pick<RowReader, "text" | "refuse">, column: number): number {
    const text = rows.text(column);
    const ms = parseBarTime(text) ?? rows.refuse(column, `${BAR_TIME_FORM}${adviceOn(text)}`);
    if (!isLocalTime(text)) return ms;
    if (this.#zone === undefined) {
      this.#isUtcAssumed = true;
      return ms;
    }
    const { name, toEpoch } = this.#zone;
    // Of an hour that the clock repeats, the later one: nothing is known before its time.
    return toEpoch(ms, Infinity) ?? rows.refuse(column, `a time that the clocks of ${name} show: they skip this one`);
  }
}

/** One row does not show whether the day or the month comes first. */
function adviceOn(text: string): string {
  return /^\d{1,2}[-./]\d{1,2}[-./]\d{4}/.test(text)
    ? '; in pandas, .strftime("%Y-%m-%d %H:%M") writes the day after the month'
    : "";
}
