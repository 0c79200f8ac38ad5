import type { BacktestSettings, Costs, MemorySettings } from "../settings.ts";
import { type Bound, checkConfig, EMBEDDERS, isPath, MEMORY_DEFAULTS } from "./schema.ts";
import type { Config } from "./config.ts";
import { isMap, offsetOf, parseYaml } from "./problems.ts";
import { CarryoverError } from "../errors.ts";
import { parseDuration } from "../util/time.ts";

// zod and yaml cost 20 to 45 ms each to load. They are imported where a configuration is really read, so that a command
// that needs only the memory folder answers without them.

/** A configuration and the parts of it that the backtest and memory take. */
export interface Settings {
  readonly backtest: BacktestSettings;
  readonly memory: MemorySettings;
}

/** What the command line may replace in a configuration. */
export interface ConfigOverrides {
  readonly assets?: readonly string[] | undefined;
  readonly chunks?: string | undefined;
  readonly seed?: number | undefined;
  readonly start?: string | undefined;
  readonly end?: string | undefined;
  readonly data_dir?: string | undefined;
  readonly memory_dir?: string | undefined;
  readonly enabled?: boolean | undefined;
}

/** The largest config.yaml that is read, in characters. */
const MAX_CONFIG_LENGTH = 100_000;

/** More than a person wants to read at once. */
const MAX_PROBLEMS = 20;
const SECTIONS = ["portfolio_memory", "memory", "backtest", "providers"];
const MEMORY_KEYS = Object.keys(MEMORY_DEFAULTS);

/**
 * Reads config.yaml. Every key is optional and has the default that the project's own shows; whatever is there is checked.
 *
 * @param text The file's text; a byte order mark is accepted.
 * @param options `file`: how messages name the file.
 * @throws {CarryoverError} `BAD_CONFIG`, one line for each problem, all at once:
 * `Cannot read config.yaml:3:17: found <what> for <key>, expected <what>`.
 *
 * @example
 * ```ts
 * const config = await parseConfig("backtest:\n  assets: [BTCUSD]\n", { file: "config.yaml" });
 * config.backtest.timeframe; // "1h"
 * ```
 */
export async function parseConfig(text: string, options: { file: string }): Promise<Config> {
  const [yaml, { z }] = await Promise.all([import("yaml"), import("zod")]);
  const source = text.startsWith("\uFEFF") ? text.slice(1) : text;
  const refuse = (problems: readonly { offset: number; text: string }[]): never => {
    const messages = problems
      .toSorted((a, b) => a.offset - b.offset)
      .slice(0, MAX_PROBLEMS)
      .map((problem) => {
        const before = source.slice(0, problem.offset).split("\n");
        const place = `${options.file}:${before.length}:${(before.at(-1) ?? "").length + 1}`;
        return `Cannot read ${place}: ${problem.text}`;
      });
    const more = problems.length - messages.length;
    if (more > 0) messages.push(`Cannot read ${options.file}: ${more} more problems`);
    throw new CarryoverError("BAD_CONFIG", messages.join("\n"));
  };

  if (source.length > MAX_CONFIG_LENGTH) {
    return refuse([{ offset: 0, text: `found ${source.length} characters, expected at most ${MAX_CONFIG_LENGTH}` }]);
  }
  const { document, problems } = parseYaml(yaml, source);
  if (problems.length > 0 || document === undefined) return refuse(problems);
  if (document.contents === null) {
    return refuse([{ offset: 0, text: `found an empty file, expected a map of ${SECTIONS.join(", ")}` }]);
  }
  const checked = checkConfig(z, document.toJS());
  if ("config" in checked) return checked.config;
  return refuse(
    checked.problems.map((problem) => ({
      offset: offsetOf(yaml, document, problem),
      text: `found ${problem.found}${problem.place}, expected ${problem.expected}`,
    })),
  );
}

/**
 * Returns `config` with what the command line says in place of what the file says, checked the same way.
 *
 * @throws {CarryoverError} `BAD_USAGE`, naming the flag.
 */
export async function overrideConfig(config: Config, overrides: ConfigOverrides): Promise<Config> {
  const { z } = await import("zod");
  const { memory_dir: dir, enabled, ...backtest } = overrides;
  // A day that was typed, or is missing beside one, is no key of the file.
  const nameBound = (bound: Bound): string =>
    overrides[bound] === undefined && config.backtest[bound] !== undefined ? `backtest.${bound}` : `--${bound}`;
  const changed = {
    ...config,
    portfolio_memory: { ...config.portfolio_memory, ...defined({ enabled }) },
    memory: { ...config.memory, ...defined({ dir }) },
    backtest: { ...config.backtest, ...defined(backtest) },
  };
  const checked = checkConfig(z, changed, { nameBound });
  if ("config" in checked) return checked.config;
  const messages = checked.problems.map(({ path, found, place, expected }) => {
    const key = String(path[1]);
    // The order of the two days is held against the end, which may be the file's.
    const isOfFile = key === "end" && overrides.end === undefined;
    const flag = path[0] === "memory" ? "memory-dir" : isOfFile ? "start" : key.replaceAll("_", "-");
    return `Cannot use --${flag}: found ${found}${isOfFile ? place : ""}, expected ${expected}`;
  });
  throw new CarryoverError("BAD_USAGE", messages.join("\n"));
}

/**
 * Returns `memory` of a parsed config.yaml without a check of the rest, for commands that need nothing else and can't wait
 * for one.
 *
 * @returns `undefined` where anything about the sections or about `memory` is not as expected: then `parseConfig()`
 * has to have a look and say what.
 */
export function memoryOf(parsed: unknown): Config["memory"] | undefined {
  if (!isMap(parsed) || !onlyKeys(parsed, SECTIONS)) return undefined;
  const memory = parsed["memory"] === undefined ? {} : parsed["memory"];
  if (!isMap(memory) || !onlyKeys(memory, MEMORY_KEYS)) return undefined;
  const { dir, embedder: name, model_dir, answers_dir } = { ...MEMORY_DEFAULTS, ...memory };
  const embedder = EMBEDDERS.find((each) => each === name);
  const isFolder = (value: unknown): value is string => typeof value === "string" && isPath(value);
  if (embedder === undefined || !isFolder(dir) || !isFolder(model_dir) || !isFolder(answers_dir)) return undefined;
  return { dir, embedder, model_dir, answers_dir };
}

/** Returns the parts of a configuration that the backtest and memory take, in their units. */
export function toSettings(config: Config): Settings {
  const { backtest, portfolio_memory: memory } = config;
  const costs = new Map<string, Costs>();
  for (const asset of backtest.assets) {
    const own = Object.hasOwn(backtest.asset_costs, asset) ? backtest.asset_costs[asset] : undefined;
    const merged = { ...backtest.costs, ...own };
    costs.set(asset, {
      feeBps: merged.fee_bps,
      spreadBps: merged.spread_bps,
      slippageBps: merged.slippage_bps,
    });
  }
  return {
    backtest: {
      assets: backtest.assets,
      timeframeMs: durationOf(backtest.timeframe),
      decisionIntervalMs: durationOf(backtest.decision_interval),
      initialBalance: backtest.initial_balance,
      maxPositions: backtest.max_positions,
      correlationThreshold: backtest.correlation_threshold,
      costs,
      risk: {
        perTradePct: backtest.risk.per_trade_pct,
        stopAtr: backtest.risk.stop_atr,
        targetAtr: backtest.risk.target_atr,
        maxHoldingMs: durationOf(backtest.risk.max_holding),
        leverage: backtest.risk.leverage,
      },
    },
    memory: {
      enabled: memory.enabled,
      maxMemorySize: memory.max_memory_size,
      learningRate: memory.learning_rate,
      contextDays: memory.context_window,
    },
  };
}

function durationOf(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined) throw new RangeError(`"${text}" is not a duration`);
  return ms;
}

/** Returns the entries that are not `undefined`. */
function defined(values: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

function onlyKeys(map: Record<string, unknown>, known: readonly string[]): boolean {
  return Object.keys(map).every((key) => known.includes(key));
}
