/** Joins bars of several files in order of time. */
import type { CarryoverError } from "../errors.ts";
import type { Bar } from "../types.ts";
import { badData, quote } from "./bar.ts";
import type { ForeignBars } from "./formats/foreign-bars.ts";

export interface Repairs {
  /** Rows that were out of order. */
  sorted: number;
  /** Repeated rows with equal bars. */
  duplicates: number;
  /** Rows without prices. */
  nulls: number;
  /** Bars whose high or low was off by rounding. */
  widened: number;
  /** Last bars of a file that had not ended, which another file has whole. */
  replaced: number;
}

/** A bar and where it comes from. */
export interface PlacedBar {
  readonly bar: Bar;
  readonly file: string;
  readonly source: ForeignBars;
  /** Of its row in `source`. */
  readonly index: number;
}

/** Whether to repair, and what was repaired. */
export interface Mending {
  readonly repair: boolean;
  readonly repaired: Repairs;
}

/** The columns in which bars are compared. */
export const COMPARED = ["open", "high", "low", "close", "volume"] as const;

/**
 * Joins the bars of several files. Parts may meet, leave gaps, or overlap with equal bars. The last bar of one may have grown in another.
 *
 * @throws {CarryoverError} `BAD_DATA` where the same bar has two values, or a part needs mending and `repair` is off.
 */
export function joinBars(parts: readonly (readonly PlacedBar[])[], mending: Mending): readonly PlacedBar[] {
  const ordered = parts.map((part) => inOrder(part, mending)).filter((part) => part.length > 0);
  ordered.sort((a, b) => a[0]!.bar.timestamp - b[0]!.bar.timestamp);
  const lasts = new Set(ordered.map((part) => part.at(-1)!));
  let joined: PlacedBar[] = [];
  for (const part of ordered) {
    const lastMs = joined.at(-1)?.bar.timestamp ?? Number.NEGATIVE_INFINITY;
    joined = part[0]!.bar.timestamp > lastMs ? joined.concat(part) : merged(joined, part, { lasts, mending });
  }
  return joined;
}

function merged(
  known: readonly PlacedBar[],
  part: readonly PlacedBar[],
  { lasts, mending }: { lasts: ReadonlySet<PlacedBar>; mending: Mending },
): PlacedBar[] {
  const byTime = new Map(known.map((each) => [each.bar.timestamp, each]));
  for (const each of part) {
    const there = byTime.get(each.bar.timestamp);
    if (there !== undefined && areEqual(there.bar, each.bar)) continue;
    const isNewer = there === undefined || (lasts.has(there) && hasGrown(there.bar, each.bar));
    if (isNewer) byTime.set(each.bar.timestamp, each);
    else if (!lasts.has(each) || !hasGrown(each.bar, there.bar)) throw conflict(there, each);
    if (there !== undefined) mending.repaired.replaced += 1;
  }
  return [...byTime.values()].toSorted((a, b) => a.bar.timestamp - b.bar.timestamp);
}

/** The rows of one file in order of time, each time once. */
function inOrder(part: readonly PlacedBar[], { repair, repaired }: Mending): readonly PlacedBar[] {
  let isSorted = true;
  for (let i = 1; i < part.length; i++) {
    const [before, each] = [part[i - 1]!, part[i]!];
    const step = each.bar.timestamp - before.bar.timestamp;
    if (step > 0) continue;
    if (step === 0 && !areEqual(each.bar, before.bar)) throw conflict(before, each);
    if (!repair) {
      const time = quote(new Date(each.bar.timestamp).toISOString());
      const found = step === 0 ? `the time ${time} twice` : `the time ${time} after a later one`;
      const expected = `--repair, which ${step === 0 ? "drops equal rows" : "sorts them"}`;
      throw badData({ file: each.file, row: placeOf(each) }, { found, expected });
    }
    isSorted = false;
    if (step < 0) repaired.sorted += 1;
  }
  if (isSorted) return part;
  const sorted = part.toSorted((a, b) => a.bar.timestamp - b.bar.timestamp);
  return sorted.filter((each, i) => {
    const before = sorted[i - 1];
    if (before?.bar.timestamp !== each.bar.timestamp) return true;
    if (!areEqual(each.bar, before.bar)) throw conflict(before, each);
    repaired.duplicates += 1;
    return false;
  });
}

/** Where a bar is in its file, such as `line 17`. */
export function placeOf({ source, index }: Pick<PlacedBar, "source" | "index">): string {
  return source.placeOf(index);
}

/** Whether a bar had not ended when it was written, by what it has become: its range and its volume only grow. */
export function hasGrown(before: Bar, after: Bar): boolean {
  const { open, high, low, volume } = before;
  const isTraded = volume < after.volume || (volume === 0 && after.volume === 0);
  return open === after.open && high <= after.high && low >= after.low && isTraded;
}

/**
 * Leaves out bars without volume and movement, with which some vendors fill nights and weekends. Where no bar has a volume, they are not told from
 * those of a quiet market, and stay.
 */
export function withoutFlat<T>(all: readonly T[], barOf: (each: T) => Bar): readonly T[] {
  if (!all.some((each) => barOf(each).volume > 0)) return all;
  return all.filter((each) => {
    const { open, high, low, volume } = barOf(each);
    // The close lies between the two.
    return volume > 0 || high > low || open !== high;
  });
}

function areEqual(a: Bar, b: Bar): boolean {
  return COMPARED.every((column) => a[column] === b[column]);
}

function conflict(a: PlacedBar, b: PlacedBar): CarryoverError {
  const column = COMPARED.find((name) => a.bar[name] !== b.bar[name])!;
  const found = `${b.bar[column]} at ${quote(new Date(b.bar.timestamp).toISOString())}`;
  const expected = `${a.bar[column]} as in ${quote(a.file)}, ${placeOf(a)}: the same bar has two values`;
  return badData({ file: b.file, row: placeOf(b), column }, { found, expected });
}
