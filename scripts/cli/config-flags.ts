/** The flags that say what is run, and the configuration that they make. */
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Config } from "../../lib/config/config.ts";
import { loadConfig as loadConfigFile, loadMemoryConfig, type LoadedConfig } from "../../lib/config/load.node.ts";
import { overrideConfig } from "../../lib/config/parse.ts";
import { CarryoverError } from "../../lib/errors.ts";
import { shownPath } from "../text/table.ts";
import { type ScriptContext } from "./main.ts";
import { type FlagSpec } from "./args.ts";

const PROJECT_DIR = join(import.meta.dir, "../..");

/**
 * Returns the path of config.yaml: the flag's, else ./config.yaml, else the project's.
 *
 * @throws {CarryoverError} `NOT_FOUND`.
 */
export function locateConfig(flag?: string): string {
  const candidates = flag === undefined ? [resolve("config.yaml"), join(PROJECT_DIR, "config.yaml")] : [resolve(flag)];
  const file = candidates.find((candidate) => existsSync(candidate));
  if (file === undefined) {
    const found = candidates.map((candidate) => `"${candidate}"`).join(" or ");
    throw new CarryoverError("NOT_FOUND", `Cannot read the configuration: found no ${found}, expected a YAML file`);
  }
  return file;
}

/**
 * Reads the configuration.
 *
 * @param options `flag`: what `--config` says.
 * @throws {CarryoverError} `NOT_FOUND`, `BAD_CONFIG` or `IO`.
 */
export async function loadConfig(options: { flag?: string | undefined }): Promise<LoadedConfig> {
  const file = locateConfig(options.flag);
  return loadConfigFile(file, { label: shownPath(file) });
}

/** What the command line says about memory. */
interface MemoryFlags {
  readonly memoryDirFlag?: string | undefined;
  readonly configFlag?: string | undefined;
}

/** Returns the memory folder, absolute, for scripts that need nothing else of the configuration; with `memoryDirFlag` none is read. */
export async function locateMemoryDir(options: MemoryFlags): Promise<string> {
  return options.memoryDirFlag === undefined ? (await locateMemory(options)).dir : resolve(options.memoryDirFlag);
}

/**
 * Returns what the configuration says about memory, paths absolute, `dir` that of the flag if there is one.
 * A configuration that was asked for by name is checked as a whole.
 */
export async function locateMemory(options: MemoryFlags): Promise<Config["memory"]> {
  const file = locateConfig(options.configFlag);
  const label = shownPath(file);
  const memory =
    options.configFlag === undefined
      ? await loadMemoryConfig(file, { label })
      : (await loadConfigFile(file, { label })).config.memory;
  return options.memoryDirFlag === undefined ? memory : { ...memory, dir: resolve(options.memoryDirFlag) };
}

/** The command that keeps the vectors of the memory that these flags name. */
export function rebuildCommand({ memoryDirFlag, configFlag }: MemoryFlags): string {
  const flags = { "--memory-dir": memoryDirFlag, "--config": configFlag };
  const words = Object.entries(flags).flatMap(([name, value]) => (value === undefined ? [] : [name, quoted(value)]));
  return ["bun scripts/rebuild-vectors.ts", ...words].join(" ");
}

/** A word as a shell takes it. */
function quoted(word: string): string {
  return /^[\w./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

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
