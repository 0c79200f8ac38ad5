/** What a run's bars say about the run as a whole. */
import type { Bar, BarSeries } from "../domain.ts";
import type { Chunk } from "./chunks.ts";
import type { DaysPerYear } from "./metrics.ts";

/** The bars that a run owns: those that start in `[startMs, endMs)`. */
export function barsIn(series: BarSeries, period: { startMs: number; endMs: number }): readonly Bar[] {
  return series.bars.filter(({ timestamp }) => timestamp >= period.startMs && timestamp < period.endMs);
}

/** The place of the chunk that owns the run's last bar: the run ends with it, and what is open is closed there. */
export function closingChunk(chunks: readonly Chunk[], bars: readonly (readonly Bar[])[]): number {
  const lastMs = Math.max(...bars.map((own) => own.at(-1)?.timestamp ?? Number.NEGATIVE_INFINITY));
  const index = chunks.findLastIndex(({ startMs }) => startMs <= lastMs);
  return index === -1 ? chunks.length - 1 : index;
}

/** 365 where any of the run's bars starts on a Saturday. */
export function daysPerYearOf(bars: readonly (readonly Bar[])[]): DaysPerYear {
  const isSaturday = (bar: Bar): boolean => new Date(bar.timestamp).getUTCDay() === 6;
  return bars.some((own) => own.some(isSaturday)) ? 365 : 252;
}

/** How often a bar starts later than the one before it ended. */
export function gapsIn(bars: readonly Bar[], timeframeMs: number): number {
  let gaps = 0;
  let endMs = Number.POSITIVE_INFINITY;
  for (const { timestamp } of bars) {
    if (timestamp > endMs) gaps += 1;
    endMs = timestamp + timeframeMs;
  }
  return gaps;
}
