/** The flags that say what is run, and the configuration that they make. */
import { resolve } from "node:path";
import { overrideConfig, type Config } from "../lib/config.ts";
import { CarryoverError } from "../lib/errors.ts";
import { loadConfig } from "./_cli.ts";
import type { FlagSpec, ScriptContext } from "./_cli.ts";

type IntegerFlag = Extract<FlagSpec, { type: "integer" }>;
type StringFlag = Extract<FlagSpec, { type: "string" }>;

/** What run-chunks, check-lookahead and compare-memory run. */
export const RUN_FLAGS: {
  readonly year: IntegerFlag;
  readonly start: StringFlag;
  readonly end: StringFlag;
  readonly chunks: StringFlag;
  readonly assets: StringFlag;
  readonly "data-dir": StringFlag;
  readonly seed: IntegerFlag;
} = {
  year: {
    type: "integer",
    value: "Y",
    help: "a calendar year (default: the configuration's, else the last full one)",
  },
  start: { type: "string", value: "D", help: "first day, YYYY-MM-DD, with --end" },
  end: { type: "string", value: "D", help: "day after the last, YYYY-MM-DD" },
  chunks: { type: "string", value: "KIND", help: "quarter, month, week or <n>d (default: quarter)" },
  assets: { type: "string", value: "A,B", help: "assets in place of the configuration's" },
  "data-dir": { type: "string", value: "DIR", help: "folder of bars, <ASSET>_<timeframe>.csv, .csv.gz or .parquet" },
  seed: { type: "integer", value: "N", help: "seed of the synthetic bars (default: 1)" },
};

/** The flags as parsed. */
export interface RunFlags {
  readonly year: number | undefined;
  readonly start: string | undefined;
  readonly end: string | undefined;
  readonly chunks: string | undefined;
  readonly assets: string | undefined;
  readonly "data-dir": string | undefined;
  readonly seed: number | undefined;
  readonly config: string | undefined;
  readonly "memory-dir": string | undefined;
}

/** What to run. */
export interface RunRequest {
  readonly config: Config;
  readonly baseDir: string;
  readonly dataDirIsExplicit: boolean;
  readonly seedIsExplicit: boolean;
}

/**
 * Loads the configuration, with what the flags say in place of what the file says.
 *
 * @param options `guard`: of the script, for modules that the configuration names; `enabled`: `false` for a run without memory.
 * @throws {CarryoverError} `BAD_USAGE`, `BAD_CONFIG`, `NOT_FOUND`.
 */
export async function runRequest(
  flags: RunFlags,
  options: Pick<ScriptContext, "guard"> & { enabled?: false | undefined },
): Promise<RunRequest> {
  if (flags.year !== undefined && (flags.start !== undefined || flags.end !== undefined)) {
    throw new CarryoverError(
      "BAD_USAGE",
      "Cannot use --year: found --start or --end beside it, expected one or the other",
    );
  }
  if (flags.year !== undefined && (flags.year < 1000 || flags.year > 9998)) {
    throw new CarryoverError("BAD_USAGE", `Cannot use --year: found "${flags.year}", expected a year such as 2021`);
  }
  const assets = flags.assets?.split(",").map((asset) => asset.trim());
  if (assets?.includes("") === true) {
    throw new CarryoverError(
      "BAD_USAGE",
      `Cannot use --assets: found an empty name in ${JSON.stringify(flags.assets)}, expected names such as BTCUSD,ETHUSD`,
    );
  }
  const loaded = await loadConfig({ flag: flags.config });
  const dataDir = flags["data-dir"];
  const memoryDir = flags["memory-dir"];
  const config = await overrideConfig(loaded.config, {
    ...(flags.year === undefined
      ? { start: flags.start, end: flags.end }
      : { start: `${flags.year}-01-01`, end: `${flags.year + 1}-01-01` }),
    assets,
    chunks: flags.chunks,
    seed: flags.seed,
    data_dir: dataDir === undefined ? undefined : resolve(dataDir),
    memory_dir: memoryDir === undefined ? undefined : resolve(memoryDir),
    enabled: options.enabled,
  });
  const modules = config.providers.flatMap((each) =>
    each.type === "module" ? [resolve(loaded.baseDir, each.path)] : [],
  );
  if (modules.length > 0) options.guard(modules);
  return {
    config,
    baseDir: loaded.baseDir,
    dataDirIsExplicit: dataDir !== undefined,
    seedIsExplicit: flags.seed !== undefined,
  };
}
