import { CarryoverError } from "../errors.ts";
import { importBars, type ImportOptions } from "./import-bars.ts";
import type { BarsOf } from "./bars-file-name.ts";

/** A zone that is right for most brokers, as `--timezone` needs one to be named. */
const BROKERS_ZONE = "Europe/Athens";

/** A file of bars that a run cannot read. */
interface RefusedFile extends BarsOf {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/**
 * What import-bars would make of a file that a run refuses: tries how it reads the file, and says which flags it needs.
 *
 * @returns What the file was recognised as, and the flags; `undefined` where import-bars refuses it too.
 */
export async function importHint(
  file: RefusedFile,
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
