import { CarryoverError } from "../errors.ts";
import { importBars, type ImportOptions } from "./import-bars.ts";
import type { BarsOf } from "./bars-file-name.ts";
import type { SourceFile } from "./formats/foreign-bars.ts";

/** The zone of many brokers. */
const BROKERS_ZONE = "Europe/Athens";

/**
 * Tries whether import-bars can read a file that a run refuses, and which flags it needs.
 *
 * @returns What the file was recognised as, and the flags; `undefined` if import-bars refuses it too.
 */
export async function importHint(
  file: SourceFile & BarsOf,
): Promise<{ readonly format: string; readonly flags: readonly string[] } | undefined> {
  const { asset, timeframeMs } = file;
  const tries: readonly (readonly [Partial<ImportOptions>, readonly string[]])[] = [
    [{}, []],
    [{ timezone: BROKERS_ZONE }, ["--timezone", BROKERS_ZONE]],
    [{ repair: true }, ["--repair"]],
    [{ timezone: BROKERS_ZONE, repair: true }, ["--timezone", BROKERS_ZONE, "--repair"]],
  ];
  for (const [options, flags] of tries) {
    try {
      const { format, series } = await importBars([file], { asset, ...options });
      return series.timeframeMs === timeframeMs ? { format, flags } : undefined;
    } catch (error) {
      if (!(error instanceof CarryoverError)) throw error;
    }
  }
  return undefined;
}
