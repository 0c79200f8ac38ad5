/** Time in equal parts, so that a picture of any run has few points. */
import { DAY_MS, HOUR_MS } from "../util/time.ts";

/** Equal parts of a period. */
export interface Buckets {
  readonly startMs: number;
  readonly widthMs: number;
  readonly count: number;
}

const WIDTHS_MS = [1, 2, 4, 8, 12]
  .map((hours) => hours * HOUR_MS)
  .concat([1, 2, 4, 7, 14, 28, 91].map((days) => days * DAY_MS));

/** Cuts a period into as many parts of a round length as a picture has room for. */
export function bucketsOf({ startMs, endMs }: { startMs: number; endMs: number }, maxCount: number): Buckets {
  const widthMs = WIDTHS_MS.find((width) => (endMs - startMs) / width <= maxCount) ?? WIDTHS_MS.at(-1)!;
  return { startMs, widthMs, count: Math.ceil((endMs - startMs) / widthMs) };
}

/** The part that a time lies in; below 0, or the count or more, for a time outside. */
export function bucketOf({ startMs, widthMs }: Buckets, ms: number): number {
  return Math.floor((ms - startMs) / widthMs);
}

/** The end of a part, epoch ms. */
export function bucketEnd({ startMs, widthMs }: Buckets, index: number): number {
  return startMs + (index + 1) * widthMs;
}

/**
 * One number for each part that has points. Points outside the period are left out.
 *
 * @param merge What is kept of a number and the next one in the same part.
 */
export function perBucket<Point extends { readonly atMs: number }>(
  points: readonly Point[],
  options: { buckets: Buckets; value: (point: Point) => number; merge: (before: number, next: number) => number },
): (number | null)[] {
  const values: (number | null)[] = Array.from({ length: options.buckets.count }, () => null);
  for (const point of points) {
    const i = bucketOf(options.buckets, point.atMs);
    const before = values[i];
    if (before === undefined) continue;
    values[i] = before === null ? options.value(point) : options.merge(before, options.value(point));
  }
  return values;
}

/** About so many of the items at most: every nth, and the last. */
export function thinned<T>(items: readonly T[], maxCount: number): readonly T[] {
  const step = Math.ceil(items.length / maxCount);
  return items.filter((_, i) => i % step === 0 || i === items.length - 1);
}

/** The last moment of a UTC day. */
export function endOfDay(date: string): number {
  return Date.parse(`${date}T23:59:59.999Z`);
}
