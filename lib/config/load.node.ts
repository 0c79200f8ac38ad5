import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { CarryoverError, fail, messageOf } from "../errors.ts";
import { type Config, SYNTHETIC } from "./config.ts";
import { memoryFolder } from "./memory-folder.node.ts";
import { MAX_CONFIG_LENGTH, memoryOf, parseConfig } from "./parse.ts";
import { parsePlainYaml } from "./plain-yaml.node.ts";
import { quickCheck } from "./quick-check.ts";
import { type SetKey, setKeys } from "./set-keys.ts";

/** A configuration, and where it came from. */
export interface LoadedConfig {
  /**
   * The folders of `memory` and `backtest.data_dir` are absolute, unless the latter is `synthetic`. The files of a provider are as written, since they are
   * part of a run's key: resolve them against `baseDir`.
   */
  readonly config: Config;
  readonly file: string;
  /** Where its paths begin: the file's folder, unless another was given. */
  readonly baseDir: string;
  /** What the user should know, a sentence each. */
  readonly notes: readonly string[];
}

/** How a configuration is loaded. */
export interface LoadConfigOptions {
  /** The file's name in messages. @default its path */
  readonly label?: string | undefined;
  /** Where its paths begin. Bars that are not there are looked for in the file's folder. @default the file's folder */
  readonly baseDir?: string | undefined;
  /** Keys that override those of the file. @default none */
  readonly set?: readonly SetKey[] | undefined;
}

/**
 * Reads config.yaml, checks it and fills in the defaults.
 *
 * @throws {CarryoverError} `IO` for a file that cannot be read; `BAD_CONFIG`, with one line for each problem; `BAD_USAGE` if all are of
 * the keys that are set.
 *
 * @example
 * ```ts
 * const { config, baseDir } = await loadConfig("config.yaml");
 * ```
 */
export async function loadConfig(path: string, options: LoadConfigOptions = {}): Promise<LoadedConfig> {
  const { label = path } = options;
  return configOf(readText(resolve(path), label), path, options);
}

/** As `loadConfig()`, for a text that was read from that file before. */
export async function configOf(text: string, path: string, options: LoadConfigOptions = {}): Promise<LoadedConfig> {
  const file = resolve(path);
  const { label = path, set = [] } = options;
  const notes: string[] = [];
  const onNote = (note: string): number => notes.push(note);
  const plain = parsePlainYaml(text);
  const config = quickCheck(setKeys(plain, set)) ?? (await parseConfig(text, { file: label, set, onNote }));
  const { baseDir = dirname(file) } = options;
  const memory = absolute(config.memory, baseDir);
  const { data_dir: dataDir } = config.backtest;
  const places = [baseDir, dirname(file)].map((folder) => resolve(folder, dataDir));
  const dataFolder = places.find((folder) => existsSync(folder)) ?? places[0]!;
  const backtest = {
    ...config.backtest,
    data_dir: dataDir === SYNTHETIC ? SYNTHETIC : dataFolder,
    features_dir: resolve(baseDir, config.backtest.features_dir),
  };
  return { config: { ...config, memory, backtest }, file, baseDir, notes };
}

/**
 * Reads `memory` of config.yaml, its paths absolute, for commands that need nothing else; `dir` is the folder of the configuration's runs.
 *
 * The whole is checked only if `memory` does not look right, or if keys are set.
 */
export async function loadMemoryConfig(path: string, options: LoadConfigOptions = {}): Promise<Config["memory"]> {
  const file = resolve(path);
  const isSet = (options.set ?? []).length > 0;
  const quick = isSet ? undefined : memoryOf(parsePlainYaml(readText(file, options.label ?? path)));
  return quick === undefined
    ? memoryOfRuns((await loadConfig(path, options)).config)
    : absolute(quick, options.baseDir ?? dirname(file));
}

/** `memory` of a configuration, with the folder of its runs. */
export function memoryOfRuns(config: Config): Config["memory"] {
  return { ...config.memory, dir: memoryFolder(config) };
}

function absolute(memory: Config["memory"], baseDir: string): Config["memory"] {
  return {
    ...memory,
    dir: resolve(baseDir, memory.dir),
    model_dir: resolve(baseDir, memory.model_dir),
    answers_dir: resolve(baseDir, memory.answers_dir),
  };
}

/** @throws {CarryoverError} `IO`, `BAD_USAGE` if it is a folder, `BAD_CONFIG` if it is no text. */
export function readText(file: string, label: string): string {
  let bytes: Uint8Array;
  try {
    const { size } = statSync(file);
    // In bytes, of which a character has up to four. A pipe has no size.
    if (size > 4 * MAX_CONFIG_LENGTH) {
      const expected = `at most ${MAX_CONFIG_LENGTH} characters`;
      throw fail("BAD_CONFIG", `Cannot read ${label}:1:1`, { found: `${size} bytes`, expected });
    }
    bytes = readFileSync(file);
  } catch (cause) {
    if (cause instanceof CarryoverError) throw cause;
    const expected = "a YAML file";
    if (existsSync(file) && statSync(file).isDirectory())
      throw fail("BAD_USAGE", `Cannot read "${label}"`, { found: "a folder", expected });
    throw fail("IO", `Cannot read "${label}"`, { found: messageOf(cause), expected, cause });
  }
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    const found = "bytes that are not UTF-8";
    throw fail("BAD_CONFIG", `Cannot read ${label}:1:1`, { found, expected: "a text file", cause });
  }
}
