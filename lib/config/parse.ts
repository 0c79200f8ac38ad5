import { CarryoverError } from "../errors.ts";
import { DEFAULTS } from "../settings.ts";
import { isRecord } from "../util/json.ts";
import { type Config, type ProviderConfig, SYNTHETIC } from "./config.ts";
import { isPath } from "./fields.ts";
import { translateOriginalKeys } from "./original-keys.ts";
import { type ConfigProblem, isSamePath, lineAndColumn, offsetOf, parseYaml, type PlacedProblem } from "./problems.ts";
import { quickCheck } from "./quick-check.ts";
import { type Bound, checkConfig, EMBEDDERS } from "./schema.ts";
import { keysAbout, type SetKey, setKeys } from "./set-keys.ts";

// zod and yaml take 20 to 45 ms each to load. They are imported where a configuration is really read, so that a command
// that needs only the memory folder answers without them.

/** What the command line may replace in a configuration. */
interface ConfigOverrides {
  readonly assets?: readonly string[] | undefined;
  readonly chunks?: string | undefined;
  readonly seed?: number | undefined;
  readonly start?: string | undefined;
  readonly end?: string | undefined;
  readonly data_dir?: string | undefined;
  readonly memory_dir?: string | undefined;
  readonly enabled?: boolean | undefined;
}

/** In characters. */
export const MAX_CONFIG_LENGTH = 100_000;

/** Problems that are listed; the others are counted. */
const MAX_PROBLEMS = 20;

const SECTIONS = ["portfolio_memory", "memory", "backtest", "providers"];

/**
 * Reads config.yaml. Every key is optional; its default is the one in the project's config.yaml.
 *
 * @param text The file's text; a byte order mark is accepted.
 * @param options `file`: how messages name the file; `set`: keys that replace the file's; `onNote`: told what was made of keys of an
 *   older program.
 * @throws {CarryoverError} `BAD_CONFIG`, with one line for each problem:
 * `Cannot read config.yaml:3:17: found <what> for <key>, expected <what>`; `BAD_USAGE` if all are of `set`.
 *
 * @example
 * ```ts
 * const config = await parseConfig("backtest:\n  assets: [BTCUSD]\n", { file: "config.yaml" });
 * config.backtest.timeframe; // "1h"
 * ```
 */
export async function parseConfig(
  text: string,
  options: { file: string; set?: readonly SetKey[]; onNote?: (note: string) => void },
): Promise<Config> {
  const { set = [] } = options;
  const [yaml, { z }] = await Promise.all([import("yaml"), import("zod")]);
  const source = text.startsWith("\uFEFF") ? text.slice(1) : text;
  const place = { source, file: options.file };
  if (source.length > MAX_CONFIG_LENGTH) {
    const found = `found ${source.length} characters, expected at most ${MAX_CONFIG_LENGTH}`;
    throw badConfig([{ offset: 0, text: found }], place);
  }
  const { document, problems } = parseYaml(yaml, source);
  if (problems.length > 0 || document === undefined) throw badConfig(problems, place);
  if (document.contents === null) {
    throw badConfig([{ offset: 0, text: `found an empty file, expected a map of ${SECTIONS.join(", ")}` }], place);
  }
  const translated = translateOriginalKeys(document.toJS());
  // Keys of an older program are the file's, whatever is set.
  const isOld = translated.problems.length > 0;
  const checked = isOld ? translated : checkConfig(z, setKeys(translated.data, set));
  if ("config" in checked) {
    for (const note of translated.notes) options.onNote?.(note);
    return checked.config;
  }
  const ofFile =
    isOld || set.length === 0 ? checked.problems : problemsWithout(set, checkConfig(z, translated.data), checked);
  const ofSet = checked.problems.filter((problem) => !ofFile.includes(problem)).map((each) => setProblem(each, set));
  if (ofFile.length === 0) throw new CarryoverError("BAD_USAGE", ofSet.join("\n"));
  const placed = ofFile.map((problem) => ({ offset: offsetOf(yaml, document, problem), text: textOf(problem) }));
  throw badConfig(placed, place, ofSet);
}

function textOf({ found, place, expected }: ConfigProblem): string {
  return `found ${found}${place}, expected ${expected}`;
}

/** The problems that the file also has by itself, of those that it has with some keys set. */
function problemsWithout(
  set: readonly SetKey[],
  alone: ReturnType<typeof checkConfig>,
  { problems }: { readonly problems: readonly ConfigProblem[] },
): readonly ConfigProblem[] {
  if ("config" in alone) return [];
  const isOfFile = (problem: ConfigProblem): boolean =>
    alone.problems.some((other) => isSamePath(other.path, problem.path) && textOf(other) === textOf(problem));
  return problems.filter((problem) => keysAbout(problem.path, set).length === 0 && isOfFile(problem));
}

/** Names the key that a problem is about; a contradiction between several keys may be about any of them. */
function setProblem(problem: ConfigProblem, set: readonly SetKey[]): string {
  const about = keysAbout(problem.path, set);
  const { path, place } = problem;
  const isPlain = problem.at === "value" && about.some((each) => isSamePath(each.path, path));
  const labels = (about.length > 0 ? about : set).map(({ label }) => label);
  return `Cannot use ${labels.join(", ")}: ${textOf({ ...problem, place: isPlain ? "" : place })}`;
}

function badConfig(
  problems: readonly PlacedProblem[],
  { source, file }: { source: string; file: string },
  others: readonly string[] = [],
): CarryoverError {
  const messages = problems
    .toSorted((a, b) => a.offset - b.offset)
    .slice(0, MAX_PROBLEMS)
    .map(({ offset, text }) => `Cannot read ${file}:${lineAndColumn(source, offset)}: ${text}`);
  const more = problems.length - messages.length;
  if (more > 0) messages.push(`Cannot read ${file}: ${more} more problems`);
  return new CarryoverError("BAD_CONFIG", [...messages, ...others].join("\n"));
}

/**
 * Checks one provider, written as in config.yaml, and fills in its defaults.
 *
 * @throws {CarryoverError} `BAD_CONFIG`, with one line for each problem.
 */
export async function parseProvider(provider: {
  readonly name: string;
  readonly type: string;
  readonly [key: string]: unknown;
}): Promise<ProviderConfig> {
  const { z } = await import("zod");
  const checked = checkConfig(z, { providers: [provider] });
  if ("config" in checked) return checked.config.providers[0]!;
  const messages = checked.problems.map(({ found, place, expected }) => {
    const where = place.replace("providers[0].", "").replace(" in providers[0]", "");
    return `Cannot make the provider ${JSON.stringify(provider.name)}: found ${found}${where}, expected ${expected}`;
  });
  throw new CarryoverError("BAD_CONFIG", messages.join("\n"));
}

/**
 * Replaces values of a configuration by those of the command line, and checks the result.
 *
 * @throws {CarryoverError} `BAD_USAGE`, naming the flag.
 */
export async function overrideConfig(config: Config, overrides: ConfigOverrides): Promise<Config> {
  const { memory_dir: dir, enabled, ...backtest } = overrides;
  // A bound that was typed is named as a flag, and so is one that is in neither place: a flag can add it.
  const nameBound = (bound: Bound): string =>
    overrides[bound] === undefined && config.backtest[bound] !== undefined ? `backtest.${bound}` : `--${bound}`;
  const changed = {
    ...config,
    portfolio_memory: { ...config.portfolio_memory, ...defined({ enabled }) },
    memory: { ...config.memory, ...defined({ dir }) },
    backtest: { ...config.backtest, ...defined(backtest) },
  };
  const quick = quickCheck(changed, { nameBound });
  if (quick !== undefined) return quick;
  const { z } = await import("zod");
  const checked = checkConfig(z, changed, { nameBound });
  if ("config" in checked) return checked.config;
  const messages = checked.problems.map(({ path, found, place, expected }) => {
    const key = String(path[1]);
    // A wrong order of the two days is a problem of the end, which may be the file's.
    const isEndOfFile = key === "end" && overrides.end === undefined;
    const flag = path[0] === "memory" ? "memory-dir" : isEndOfFile ? "start" : key.replaceAll("_", "-");
    return `Cannot use --${flag}: found ${found}${isEndOfFile ? place : ""}, expected ${expected}`;
  });
  throw new CarryoverError("BAD_USAGE", messages.join("\n"));
}

/**
 * Reads `memory` of a parsed config.yaml without a check of the rest: for commands that need only the memory folder, and
 * have no time for zod.
 *
 * @returns `undefined` if a section or a part of `memory` is not as expected; `parseConfig()` then says what is wrong.
 */
export function memoryOf(parsed: unknown): Config["memory"] | undefined {
  if (!isRecord(parsed) || !hasOnly(SECTIONS, parsed)) return undefined;
  // Its memory is in a folder of its own.
  if (isRecord(parsed["backtest"]) && parsed["backtest"]["data_dir"] === SYNTHETIC) return undefined;
  const memory = parsed["memory"] === undefined ? {} : parsed["memory"];
  if (!isRecord(memory) || !hasOnly(Object.keys(DEFAULTS.memory), memory)) return undefined;
  const { dir, embedder: name, model_dir, answers_dir } = { ...DEFAULTS.memory, ...memory };
  const embedder = EMBEDDERS.find((each) => each === name);
  const isFolder = (value: unknown): value is string => typeof value === "string" && isPath(value);
  if (embedder === undefined || !isFolder(dir) || !isFolder(model_dir) || !isFolder(answers_dir)) return undefined;
  return { dir, embedder, model_dir, answers_dir };
}

/** The entries that are not `undefined`. */
function defined(values: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

function hasOnly(known: readonly string[], map: Record<string, unknown>): boolean {
  return Object.keys(map).every((key) => known.includes(key));
}
