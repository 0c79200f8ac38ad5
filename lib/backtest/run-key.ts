import type { Json } from "../util/json.ts";
import type { BarSeries } from "../types.ts";
import { sha256OfBytes, sha256OfText } from "../util/sha256.ts";

/**
 * All that a run's result depends on. Its SHA-256 is the run id, so a change of anything is another run, and an unchanged
 * one is found again.
 */
export interface RunKey {
  readonly version: string;
  /** `<start>/<end>`, the end exclusive. */
  readonly period: string;
  /** The parsed config after flags, without storage paths and the period. */
  readonly config: Json;
  readonly seed: number;
  /** SHA-256 of each file that the config names, by its path there. */
  readonly files: Readonly<Record<string, string>>;
  /** SHA-256 of each asset's bars up to the run's end. */
  readonly bars: Readonly<Record<string, string>>;
  readonly market: string;
  /** The fingerprint of what turns sentences into vectors. */
  readonly embedder: string;
  /** Id and crc32 of the outcomes in the window at the start. */
  readonly base: readonly (readonly [id: string, crc32: string | null])[];
  readonly forget_marks: readonly { readonly provider: string; readonly before: string }[];
  /** How often the run was asked to start over. */
  readonly attempt: number;
}

/** @returns 64 hexadecimal digits; the order of keys in maps does not matter. */
export function runIdOf(key: RunKey): string {
  return sha256OfText(canonical(key as unknown as Json));
}

/** SHA-256 of the bars that start before `endMs`, as rows of six little-endian doubles: the same for every file format. */
export function hashBars(series: BarSeries, endMs: number): Promise<string> {
  const bars = series.bars.filter((bar) => bar.timestamp < endMs);
  const view = new DataView(new ArrayBuffer(bars.length * 48));
  bars.forEach((bar, i) => {
    const row = i * 48;
    view.setFloat64(row, bar.timestamp, true);
    view.setFloat64(row + 8, bar.open, true);
    view.setFloat64(row + 16, bar.high, true);
    view.setFloat64(row + 24, bar.low, true);
    view.setFloat64(row + 32, bar.close, true);
    view.setFloat64(row + 40, bar.volume, true);
  });
  return sha256OfBytes(new Uint8Array(view.buffer));
}

/** The parts in which two keys differ, such as `config.portfolio_memory.learning_rate` or `base`. */
export function changedParts(a: RunKey, b: RunKey): readonly string[] {
  return differingFields(a as unknown as Json, b as unknown as Json);
}

/** The paths below `path` at which two values differ, such as `situation.atr`; lists are compared whole. */
export function differingFields(a: Json, b: Json, path = ""): readonly string[] {
  if (canonical(a) === canonical(b)) return [];
  if (!isObject(a) || !isObject(b)) return [path];
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].flatMap((key) => {
    const inside = path === "" ? key : `${path}.${key}`;
    const [left, right] = [a[key], b[key]];
    // Nothing there is not the same as null.
    if (left === undefined || right === undefined) return left === right ? [] : [inside];
    return differingFields(left, right, inside);
  });
}

/** JSON with the keys of every map in order of code units. */
function canonical(value: Json): string {
  return JSON.stringify(value, (_key, part: Json) =>
    isObject(part) ? Object.fromEntries(Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : 1))) : part,
  );
}

function isObject(value: Json): value is { readonly [key: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
