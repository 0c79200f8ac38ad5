import { DAY_MS, parseDuration } from "../market/timeframe.ts";

/** A half-open span of simulated time `[startMs, endMs)`: a unit of commit and report. */
export interface Chunk {
  /** `2021Q1`, `2021-03`, `2021W14` or `2021-01-01_90d`. */
  readonly name: string;
  readonly startMs: number;
  readonly endMs: number;
}

/**
 * Cuts a run's period into chunks. Quarters, months and ISO weeks are those of the calendar, cut off at the period's
 * borders; days are counted from its start.
 *
 * @param period Both at midnight UTC, the end exclusive.
 * @param kind `quarter`, `month`, `week` or `<n>d`.
 * @throws {RangeError} If the kind is none of these, or the period no span of whole days.
 */
export function planChunks(period: { startMs: number; endMs: number }, kind: string): readonly Chunk[] {
  const isSpan = period.startMs < period.endMs && period.startMs % DAY_MS === 0 && period.endMs % DAY_MS === 0;
  if (!isSpan) {
    const found = `${period.startMs} to ${period.endMs}`;
    throw new RangeError(
      `Cannot cut into chunks: found the period ${found}, expected midnights, the end after the start`,
    );
  }
  const calendar = calendarOf(kind, period.startMs);
  const chunks: Chunk[] = [];
  for (let startMs = period.startMs; startMs < period.endMs;) {
    const { name, nextMs } = calendar(startMs);
    const endMs = Math.min(nextMs, period.endMs);
    chunks.push({ name, startMs, endMs });
    startMs = endMs;
  }
  return chunks;
}

/** For a time at a chunk's start, that chunk's name and where the next one starts. */
type Calendar = (startMs: number) => { name: string; nextMs: number };

function calendarOf(kind: string, periodStartMs: number): Calendar {
  if (kind === "quarter" || kind === "month") {
    const months = kind === "quarter" ? 3 : 1;
    return (startMs) => {
      const date = new Date(startMs);
      const year = date.getUTCFullYear();
      const index = Math.floor(date.getUTCMonth() / months);
      const name = kind === "quarter" ? `${year}Q${index + 1}` : `${year}-${String(index + 1).padStart(2, "0")}`;
      return { name, nextMs: Date.UTC(year, (index + 1) * months, 1) };
    };
  }
  if (kind === "week") return isoWeek;
  const spanMs = parseDuration(kind);
  if (spanMs === undefined || spanMs % DAY_MS !== 0) {
    throw new RangeError(`Cannot cut into chunks: found "${kind}", expected quarter, month, week or <n>d`);
  }
  return (startMs) => {
    const nextMs = startMs + spanMs - ((startMs - periodStartMs) % spanMs);
    return { name: `${isoDate(startMs)}_${spanMs / DAY_MS}d`, nextMs };
  };
}

/** ISO 8601: weeks start on Monday and belong to the year of their Thursday. */
function isoWeek(startMs: number): { name: string; nextMs: number } {
  const weekday = (new Date(startMs).getUTCDay() + 6) % 7;
  const mondayMs = startMs - weekday * DAY_MS;
  const thursday = new Date(mondayMs + 3 * DAY_MS);
  const year = thursday.getUTCFullYear();
  const week = 1 + Math.floor((thursday.getTime() - Date.UTC(year, 0, 1)) / (7 * DAY_MS));
  return { name: `${year}W${String(week).padStart(2, "0")}`, nextMs: mondayMs + 7 * DAY_MS };
}

/** `YYYY-MM-DD` of a time, UTC. */
export function isoDate(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
