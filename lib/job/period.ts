import { fail } from "../errors.ts";
import { missingEnds } from "../market/coverage.ts";
import type { BarSeries } from "../types.ts";
import { DAY_MS, isoDate } from "../util/time.ts";

/** The period of a run: midnights UTC, the end exclusive. */
export interface Period {
  readonly startMs: number;
  readonly endMs: number;
}

/** This much of a year may be without bars at either end: markets close over New Year. */
const SLACK_MS = 7 * DAY_MS;

/**
 * Chooses the wanted period, or the last full year of which every asset has bars.
 *
 * @param wanted Days `YYYY-MM-DD`, both or neither.
 * @returns The period, and a note on each asset that begins after its start or stops before its end.
 * @throws {CarryoverError} `NOT_FOUND` if an asset has no bars in the period, or there is no full year.
 */
export function choosePeriod(
  series: readonly BarSeries[],
  wanted: { start?: string | undefined; end?: string | undefined },
): { period: Period; notes: readonly string[] } {
  const spans = series.map(({ asset, bars, timeframeMs }) => ({
    asset,
    firstMs: bars[0]?.timestamp ?? 0,
    endMs: (bars.at(-1)?.timestamp ?? 0) + timeframeMs,
  }));
  const covers = (span: { firstMs: number; endMs: number }, period: Period): boolean =>
    span.firstMs <= period.startMs + SLACK_MS && span.endMs >= period.endMs - SLACK_MS;
  const available = spans
    .map(({ asset, firstMs, endMs }) => `${asset} ${isoDate(firstMs)} to ${isoDate(endMs)}`)
    .join(", ");

  if (wanted.start === undefined || wanted.end === undefined) {
    const lastYear = new Date(Math.min(...spans.map(({ endMs }) => endMs)) + SLACK_MS).getUTCFullYear() - 1;
    const period = { startMs: Date.UTC(lastYear, 0, 1), endMs: Date.UTC(lastYear + 1, 0, 1) };
    if (spans.every((span) => covers(span, period))) return { period, notes: missingEnds(series, period) };
    throw fail("NOT_FOUND", "Cannot choose a period", {
      found: `bars of ${available}`,
      expected: "a full year of all, or a start and an end",
    });
  }

  const period = { startMs: Date.parse(wanted.start), endMs: Date.parse(wanted.end) };
  for (const { asset, bars } of series) {
    if (bars.some(({ timestamp }) => timestamp >= period.startMs && timestamp < period.endMs)) continue;
    throw fail("NOT_FOUND", `Cannot run ${wanted.start} to ${wanted.end}`, {
      found: `no bars of "${asset}" in it`,
      expected: `some; there are ${available}`,
    });
  }
  return { period, notes: missingEnds(series, period) };
}
