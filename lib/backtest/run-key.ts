import type { BarSeries } from "../domain.ts";
import type { Json } from "../files/json-file.ts";
import { sha256Hex } from "../files/sha256.ts";

/**
 * All that a run's result depends on. Its SHA-256 is the run id, so a change of anything is another run, and an unchanged
 * one is found again.
 */
export interface RunKey {
  readonly version: string;
  /** The parsed config after flags, without storage paths. */
  readonly config: Json;
  readonly seed: number;
  /** SHA-256 of each file that the config names, by its path there. */
  readonly files: Readonly<Record<string, string>>;
  /** SHA-256 of each asset's bars up to the run's end. */
  readonly bars: Readonly<Record<string, string>>;
  readonly market: string;
  /** Id and crc32 of the outcomes in the window at the start. */
  readonly base: readonly (readonly [id: string, crc32: string | null])[];
  readonly forget_marks: readonly { readonly provider: string; readonly before: string }[];
  /** How often the run was asked to start over. */
  readonly attempt: number;
}

/** @returns 64 hexadecimal digits. */
export function runIdOf(key: RunKey): string {
  return sha256Hex(JSON.stringify(key));
}

/** SHA-256 of the bars that start before `endMs`, as rows of six little-endian doubles: the same for every file format. */
export function hashBars(series: BarSeries, endMs: number): string {
  const bars = series.bars.filter((bar) => bar.timestamp < endMs);
  const view = new DataView(new ArrayBuffer(bars.length * 48));
  bars.forEach((bar, i) => {
    const values = [bar.timestamp, bar.open, bar.high, bar.low, bar.close, bar.volume];
    values.forEach((value, column) => view.setFloat64(i * 48 + column * 8, value, true));
  });
  return sha256Hex(new Uint8Array(view.buffer));
}

/** `<YYYYMMDDTHHMM>-<asset>-<8 hex>`: the same run decides under the same ids again. */
export function decisionId(runId: string, asset: string, atMs: number): string {
  const stamp = new Date(atMs).toISOString().replace(/[-:]/g, "").slice(0, 13);
  const hash = sha256Hex(`${runId} ${asset} ${atMs}`);
  return `${stamp}-${asset}-${hash.slice(0, 8)}`;
}

/** The parts in which two keys differ, such as `config.portfolio_memory.learning_rate` or `base`. */
export function differences(a: RunKey, b: RunKey): readonly string[] {
  const found: string[] = [];
  compare(a as unknown as Json, b as unknown as Json, "", found);
  return found;
}

function compare(a: Json, b: Json, path: string, found: string[]): void {
  if (JSON.stringify(a) === JSON.stringify(b)) return;
  if (isObject(a) && isObject(b)) {
    for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
      compare(a[key] ?? null, b[key] ?? null, path === "" ? key : `${path}.${key}`, found);
    }
    return;
  }
  found.push(path);
}

function isObject(value: Json): value is { readonly [key: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
