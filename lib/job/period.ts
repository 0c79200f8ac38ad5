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
  const available = spansOf(series)
    .map(({ asset, firstMs, endMs }) => `${asset} ${isoDate(firstMs)} to ${isoDate(endMs)}`)
    .join(", ");

  if (wanted.start === undefined || wanted.end === undefined) {
    const period = lastFullYear(series);
    if (period !== undefined) return { period, notes: missingEnds(series, period) };
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

/** The last year of which every asset has bars. */
export function lastFullYear(series: readonly BarSeries[]): Period | undefined {
  const spans = spansOf(series);
  const year = new Date(Math.min(...spans.map(({ endMs }) => endMs)) + SLACK_MS).getUTCFullYear() - 1;
  const period = { startMs: Date.UTC(year, 0, 1), endMs: Date.UTC(year + 1, 0, 1) };
  const isFull = spans.every(
    ({ firstMs, endMs }) => firstMs <= period.startMs + SLACK_MS && endMs >= period.endMs - SLACK_MS,
  );
  return isFull ? period : undefined;
}

/** From when to when all assets have bars; `undefined` if they never have at the same time. */
export function sharedSpan(series: readonly BarSeries[]): { firstMs: number; endMs: number } | undefined {
  const spans = spansOf(series);
  const firstMs = Math.max(...spans.map((span) => span.firstMs));
  const endMs = Math.min(...spans.map((span) => span.endMs));
  return firstMs < endMs ? { firstMs, endMs } : undefined;
}

/** From when to when each asset has bars. */
function spansOf(
  series: readonly BarSeries[],
): readonly { readonly asset: string; readonly firstMs: number; readonly endMs: number }[] {
  return series.map(({ asset, bars, timeframeMs }) => ({
    asset,
    firstMs: bars[0]?.timestamp ?? 0,
    endMs: (bars.at(-1)?.timestamp ?? 0) + timeframeMs,
  }));
}
