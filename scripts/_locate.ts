import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { memoryOf, parseConfig } from "../lib/config.ts";
import type { Config } from "../lib/config.ts";
import { CarryoverError, messageOf } from "../lib/errors.ts";
import { shownPath } from "./_render.ts";

const PROJECT_DIR = join(import.meta.dir, "..");

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

/** A configuration and where it came from. */
export interface LoadedConfig {
  /**
   * The folders of `memory` and `backtest.data_dir` are absolute. The files of a provider are as written, since
   * it is part of a run's key: take it relative to `baseDir`.
   */
  readonly config: Config;
  readonly file: string;
  /** The file's folder. */
  readonly baseDir: string;
}

/**
 * Reads the configuration.
 *
 * @param options `flag`: what `--config` says.
 * @throws {CarryoverError} `NOT_FOUND`, `BAD_CONFIG` or `IO`.
 */
export async function loadConfig(options: { flag?: string | undefined }): Promise<LoadedConfig> {
  const file = locateConfig(options.flag);
  const config = await parseConfig(readConfig(file), { file: shownPath(file) });
  const baseDir = dirname(file);
  const { memory, backtest } = config;
  return {
    config: {
      ...config,
      memory: absolute(memory, baseDir),
      backtest: { ...backtest, data_dir: resolve(baseDir, backtest.data_dir) },
    },
    file,
    baseDir,
  };
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
 *
 * zod and yaml take about 55 ms to load, and these scripts have 60 in all. So the implied config.yaml is read by Bun's
 * own parser, and checked in full only where `memory` does not look right, which says what is wrong. A configuration
 * that was asked for by name is always checked.
 */
export async function locateMemory(options: MemoryFlags): Promise<Config["memory"]> {
  const memory =
    (options.configFlag === undefined ? quickMemory(locateConfig()) : undefined) ??
    (await loadConfig({ flag: options.configFlag })).config.memory;
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

function quickMemory(file: string): Config["memory"] | undefined {
  const text = readConfig(file);
  // Bun's parser lets a second key of the same name win.
  if (
    ["memory", "dir", "embedder", "model_dir", "answers_dir"].some(
      (key) => text.split(RegExp(`\\b${key}\\s*:`)).length > 2,
    )
  ) {
    return undefined;
  }
  try {
    const memory = memoryOf(Bun.YAML.parse(text));
    return memory === undefined ? undefined : absolute(memory, dirname(file));
  } catch {
    return undefined;
  }
}

function absolute(memory: Config["memory"], baseDir: string): Config["memory"] {
  const { dir, model_dir, answers_dir } = memory;
  return {
    ...memory,
    dir: resolve(baseDir, dir),
    model_dir: resolve(baseDir, model_dir),
    answers_dir: resolve(baseDir, answers_dir),
  };
}

function readConfig(file: string): string {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(file);
  } catch (cause) {
    const found = existsSync(file) && statSync(file).isDirectory() ? "a folder" : messageOf(cause);
    throw new CarryoverError("IO", `Cannot read "${shownPath(file)}": found ${found}, expected a YAML file`, { cause });
  }
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    const message = `Cannot read ${shownPath(file)}:1:1: found bytes that are not UTF-8, expected a text file`;
    throw new CarryoverError("BAD_CONFIG", message, { cause });
  }
}
