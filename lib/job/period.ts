import { DAY_MS, isoDate } from "../util/time.ts";
import type { BarSeries } from "../types.ts";
import { CarryoverError } from "../errors.ts";

/** A run's span, midnights UTC, the end exclusive. */
export interface Period {
  readonly startMs: number;
  readonly endMs: number;
}

/** Bars may be missing this long at a year's borders: markets close over New Year. */
const SLACK_MS = 7 * DAY_MS;

/**
 * The period that was asked for, else the last full year that every asset has bars of.
 *
 * @param asked Dates `YYYY-MM-DD`, both or neither.
 * @returns The period, and what the user should know about it.
 * @throws {CarryoverError} `NOT_FOUND` if an asset has no bars in the period, or no year is full.
 */
export function choosePeriod(
  series: ReadonlyMap<string, BarSeries>,
  asked: { start?: string | undefined; end?: string | undefined },
): { period: Period; notes: readonly string[] } {
  const spans = [...series.values()].map(({ asset, bars, timeframeMs }) => ({
    asset,
    firstMs: bars[0]?.timestamp ?? 0,
    endMs: (bars.at(-1)?.timestamp ?? 0) + timeframeMs,
  }));
  const covered = (span: { firstMs: number; endMs: number }, period: Period): boolean =>
    span.firstMs <= period.startMs + SLACK_MS && span.endMs >= period.endMs - SLACK_MS;
  const spansText = spans.map(({ asset, firstMs, endMs }) => `${asset} ${isoDate(firstMs)} to ${isoDate(endMs)}`);

  if (asked.start === undefined || asked.end === undefined) {
    const lastYear = new Date(Math.min(...spans.map(({ endMs }) => endMs)) + SLACK_MS).getUTCFullYear() - 1;
    const period = { startMs: Date.UTC(lastYear, 0, 1), endMs: Date.UTC(lastYear + 1, 0, 1) };
    if (spans.every((span) => covered(span, period))) return { period, notes: [] };
    throw new CarryoverError(
      "NOT_FOUND",
      `Cannot choose a period: found bars of ${spansText.join(", ")}, expected a full year of all; say one with --start and --end`,
    );
  }

  const period = { startMs: Date.parse(asked.start), endMs: Date.parse(asked.end) };
  for (const { asset, bars } of series.values()) {
    if (bars.some(({ timestamp }) => timestamp >= period.startMs && timestamp < period.endMs)) continue;
    throw new CarryoverError(
      "NOT_FOUND",
      `Cannot run ${asked.start} to ${asked.end}: found no bars of "${asset}" in it, expected some; there are ${spansText.join(", ")}`,
    );
  }
  const notes = spans
    .filter((span) => !covered(span, period))
    .map(
      ({ asset, firstMs, endMs }) =>
        `${asset} has bars of a part of the period only: ${isoDate(firstMs)} to ${isoDate(endMs)}`,
    );
  return { period, notes };
}
