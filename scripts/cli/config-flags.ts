/** The configuration, and the flags that say what is run. */
import { existsSync } from "node:fs";
import { dirname, extname, join, resolve, sep } from "node:path";
import { isS3Address } from "../../lib/backup/place.ts";
import { type Config, isRecorded, SYNTHETIC } from "../../lib/config/config.ts";
import type { LoadConfigOptions, LoadedConfig } from "../../lib/config/load.node.ts";
import { fail } from "../../lib/errors.ts";
import { scriptCommand, shownPath } from "../../lib/util/command-line.node.ts";
import { shellWord } from "../../lib/util/names.ts";
import { type FlagValues, refuseTogether, type SHARED_FLAGS, usageError } from "./args.ts";
import { hideInNotes, note, type ScriptContext } from "./main.ts";

const PROJECT_DIR = join(import.meta.dirname, "../..");

/** The flags that say what the configuration is. */
type ConfigFlags = Pick<FlagValues<typeof SHARED_FLAGS>, "config" | "set">;

/** Reads and checks the configuration that `--config` names, or the implied one, with the keys of `--set`. */
export async function loadConfig(flags: ConfigFlags): Promise<LoadedConfig> {
  const file = locateConfig(flags.config);
  const load = await import("../../lib/config/load.node.ts");
  return load.loadConfig(file, await loadOptions(file, flags));
}

async function loadOptions(file: string, { set }: ConfigFlags): Promise<LoadConfigOptions> {
  const { parseSetFlags } = await import("../../lib/config/set-keys.ts");
  return { label: shownPath(file), baseDir: baseDirOf(file), set: await parseSetFlags(set) };
}

/**
 * Where the paths of a configuration begin: in its folder, also for a start by cron from elsewhere. But the configuration that comes
 * with a package, below `node_modules` or built, writes nothing into it: the next install or build would remove it.
 */
function baseDirOf(file: string): string {
  const isPackage = PROJECT_DIR.split(sep).includes("node_modules") || extname(import.meta.filename) === ".js";
  return isPackage && file === join(PROJECT_DIR, "config.yaml") ? process.cwd() : dirname(file);
}

/** The path of config.yaml: the flag's, else ./config.yaml, else the project's. */
function locateConfig(flag?: string): string {
  const candidates = flag === undefined ? [resolve("config.yaml"), join(PROJECT_DIR, "config.yaml")] : [resolve(flag)];
  const file = candidates.find((candidate) => existsSync(candidate));
  if (file !== undefined) return file;
  const found = `no ${candidates.map((candidate) => `"${candidate}"`).join(" or ")}`;
  throw fail("NOT_FOUND", "Cannot read the configuration", { found, expected: "a YAML file" });
}

/** The flags that say where memory is. */
type MemoryFlags = Pick<FlagValues<typeof SHARED_FLAGS>, "config" | "set" | "memory-dir">;

/** Returns the memory folder, absolute. With `--memory-dir` no configuration is read, unless keys of it are set. */
export async function locateMemoryDir(flags: MemoryFlags): Promise<string> {
  const dir = flags["memory-dir"];
  return dir === undefined || flags.set.length > 0 ? (await locateMemory(flags)).dir : resolve(dir);
}

/**
 * Returns the configuration's part about memory, paths absolute, `dir` replaced by that of the flag. A configuration
 * named by `--config` is checked as a whole.
 */
export async function locateMemory(flags: MemoryFlags): Promise<Config["memory"]> {
  const file = locateConfig(flags.config);
  const options = await loadOptions(file, flags);
  const load = await import("../../lib/config/load.node.ts");
  const memory =
    flags.config === undefined
      ? await load.loadMemoryConfig(file, options)
      : load.memoryOfRuns((await load.loadConfig(file, options)).config);
  const dir = flags["memory-dir"];
  return dir === undefined ? memory : { ...memory, dir: resolve(dir) };
}

/** How addresses of other machines begin, as of rsync, and other schemes than S3. A drive of Windows has one letter. */
const OTHER_MACHINE = /^[^/\\]{2,}:/;

/** The place of backups that `--backup-dir` names, absolute, or the folder beside memory. */
export function locateBackupDir(memoryDir: string, dir: string = join(memoryDir, "..", "backups")): string {
  if (isS3Address(dir)) return dir;
  if (!OTHER_MACHINE.test(dir)) return resolve(dir);
  throw usageError(
    `Backups go to a folder or to s3://bucket/prefix, found ${JSON.stringify(dir)}: back up to a folder, and copy it with rsync -aH`,
  );
}

/** The command that stores the vectors of the memory that these flags name. */
export function rebuildCommand(flags: MemoryFlags): string {
  return commandOnMemory(scriptCommand("rebuild-vectors"), flags);
}

/**
 * A command on the memory that these flags name. The period of a run makes no difference to it.
 *
 * @param command With flags of its own: `bun scripts/memory-stats.ts --repair`.
 */
export function commandOnMemory(command: string, flags: MemoryFlags): string {
  const named = { ...flags, set: flags.set.filter((key) => !/^backtest\.(start|end)=/.test(key)) };
  const args = (["memory-dir", "config", "set"] as const).flatMap((name) =>
    [named[name] ?? []].flat().flatMap((value) => [`--${name}`, shellWord(value)]),
  );
  return [command, ...args].join(" ");
}

/** The command that makes a run of the memory that these flags name, by flags of its own. */
export function runCommandOn(flags: MemoryFlags): (own: string) => string {
  return (own) => commandOnMemory(`${scriptCommand("run-chunks")} ${own}`, flags);
}

/** What run-chunks, check-lookahead and compare-memory run. */
export const RUN_FLAGS = {
  year: {
    type: "integer",
    value: "Y",
    help: "calendar year (default: the configuration's period, else the last full year)",
    looksLike: "^[0-9]{4}$",
  },
  start: { type: "string", value: "D", help: "first day, YYYY-MM-DD; needs --end" },
  end: { type: "string", value: "D", help: "day after the last, YYYY-MM-DD; needs --start" },
  chunks: {
    type: "string",
    value: "KIND",
    help: "year, quarter, month, week or <n>d (default: quarter)",
    looksLike: "^(year|quarter|month|week|[0-9]+d)$",
  },
  assets: { type: "string", value: "A,B", help: "assets, instead of the configuration's" },
  "data-dir": { type: "string", value: "DIR", help: "folder of bars: <ASSET>_<timeframe>.csv, .csv.gz or .parquet" },
  "strict-bars": { type: "boolean", help: "refuse bars with prices that are likely errors, with exit code 4" },
  "require-bars": {
    type: "boolean",
    help: "refuse bars that begin after the period's start or stop before its end, with exit code 3",
  },
  synthetic: { type: "boolean", help: "use made-up bars; memory is kept in <memory folder>/synthetic" },
  seed: { type: "integer", value: "N", help: "seed of the synthetic bars (default: 1)" },
} as const;

/** What is run, as `runConfig()` takes it. */
interface RunRequest {
  readonly config: Config;
  readonly baseDir: string;
  readonly seedIsExplicit: boolean;
  readonly strictBars: boolean;
  readonly requireBars: boolean;
  /** The command that removes a run and its outcomes. */
  readonly removeCommand: (run: string) => string;
}

/**
 * Loads the configuration and overrides it by the flags.
 *
 * @param options `guard`: the script's, for modules that the configuration names; `enabled`: `false` for a run without
 *   memory.
 * @throws {CarryoverError} `BAD_USAGE`, `BAD_CONFIG`, `NOT_FOUND`.
 */
export async function runRequest(
  flags: FlagValues<typeof RUN_FLAGS> & MemoryFlags,
  options: Pick<ScriptContext, "guard"> & { enabled?: false | undefined },
): Promise<RunRequest> {
  refuseTogether(flags, ["synthetic", "data-dir"]);
  const { "data-dir": dataDir, "memory-dir": memoryDir } = flags;
  const asked = { ...periodOf(flags), assets: assetsOf(flags) };
  const loaded = await loadConfig(flags);
  loaded.notes.forEach(note);
  const { overrideConfig } = await import("../../lib/config/parse.ts");
  const config = await overrideConfig(loaded.config, {
    ...asked,
    chunks: flags.chunks,
    seed: flags.seed,
    data_dir: flags.synthetic ? SYNTHETIC : dataDir === undefined ? undefined : resolve(dataDir),
    memory_dir: memoryDir === undefined ? undefined : resolve(memoryDir),
    enabled: options.enabled,
  });
  const modules = config.providers.flatMap((each) =>
    each.type === "module" ? [resolve(loaded.baseDir, each.path)] : [],
  );
  if (modules.length > 0) options.guard(modules);
  if (modules.length > 0 || config.providers.some(isRecorded)) {
    const { environmentSecrets } = await import("../../lib/providers/recorded/environment.node.ts");
    const secrets = environmentSecrets(config.providers);
    hideInNotes((text) => secrets.hide(text));
  }
  return {
    config,
    baseDir: loaded.baseDir,
    seedIsExplicit: flags.seed !== undefined,
    strictBars: flags["strict-bars"],
    requireBars: flags["require-bars"],
    removeCommand: (run) => commandOnMemory(`${scriptCommand("runs")} remove ${run} --with-outcomes --yes`, flags),
  };
}

function periodOf(flags: FlagValues<typeof RUN_FLAGS>): { start: string | undefined; end: string | undefined } {
  const { year, start, end } = flags;
  refuseTogether(flags, ["year", "start"]);
  refuseTogether(flags, ["year", "end"]);
  if (year !== undefined) {
    if (year < 1000 || year > 9998) throw usageError(`--year must be a year such as 2021, found "${year}"`);
    return { start: `${year}-01-01`, end: `${year + 1}-01-01` };
  }
  if (start !== undefined && end === undefined) throw usageError("--start needs --end");
  if (end !== undefined && start === undefined) throw usageError("--end needs --start");
  return { start, end };
}

function assetsOf({ assets }: FlagValues<typeof RUN_FLAGS>): string[] | undefined {
  const names = assets?.split(",").map((name) => name.trim());
  if (names?.includes("") === true) {
    throw usageError(`--assets must be names such as BTCUSD,ETHUSD, found an empty name in ${JSON.stringify(assets)}`);
  }
  return names;
}
