import type { z as Zod } from "zod";
import { isMap, problemsOf, quote, type ConfigProblem } from "./problems.ts";
import { providerSchema } from "./provider-schema.ts";
import type { Config } from "./config.ts";
import { assertFileNamePart } from "../util/names.ts";
import { parseDuration, parseTimestamp } from "../util/time.ts";

/** `memory` of a configuration that says nothing about it. */
export const MEMORY_DEFAULTS: Config["memory"] = {
  dir: "data/memory",
  embedder: "hashing",
  model_dir: "data/models/all-MiniLM-L6-v2",
  answers_dir: "data/answers",
};
/** What `memory.embedder` may be. */
export const EMBEDDERS: readonly Config["memory"]["embedder"][] = ["hashing", "onnx"];

/** A decision's id, which is part of a file name of at most 120 characters, has 23 beside the asset's name. */
const MAX_ASSET_LENGTH = 97;

/** The first day of a run, or the one after its last. */
export type Bound = "start" | "end";

/**
 * Checks a parsed document and fills in the defaults; keys come out in the order of `Config`.
 *
 * @param options `nameBound`: how a problem names a bound that another one is held against; as the key in the file by default.
 */
export function checkConfig(
  z: typeof Zod,
  data: unknown,
  options: { nameBound?: (bound: Bound) => string } = {},
): { config: Config } | { problems: ConfigProblem[] } {
  const { nameBound = (bound) => `backtest.${bound}` } = options;
  const result = configSchema(z, nameBound).safeParse(data, { reportInput: true });
  return result.success ? { config: result.data } : { problems: result.error.issues.flatMap(problemsOf) };
}

/** Every `error` below says what is expected; `problemsOf()` says what was found. */
// oxlint-disable-next-line typescript/explicit-function-return-type -- the type of a schema is what zod infers of it
function configSchema(z: typeof Zod, nameBound: (bound: Bound) => string) {
  // The refusal of an unknown key carries the known ones as its message.
  const map = <Shape extends Zod.core.$ZodLooseShape>(shape: Shape): Zod.ZodObject<Shape, Zod.core.$strict> => {
    const keys = Object.keys(shape).join(", ");
    return z.strictObject(shape, {
      error: ({ code }) => (code === "unrecognized_keys" ? keys : `a map of ${keys}`),
    });
  };
  const text = (error: string, accept: (value: string) => boolean): Zod.ZodString =>
    z.string({ error }).refine(accept, { error });
  const number = (error: string, accept: (value: number) => boolean): Zod.ZodNumber =>
    z.number({ error }).refine(accept, { error });
  const above0 = (max: number): Zod.ZodNumber =>
    number(`a number above 0, at most ${max}`, (value) => value > 0 && value <= max);
  const integer = (min: number, max: number): Zod.ZodNumber =>
    number(`a whole number from ${min} to ${max}`, (value) => Number.isInteger(value) && value >= min && value <= max);

  const bps = number("basis points from 0 to 5000", (value) => value >= 0 && value <= 5000);
  const path = text("a path", isPath);
  const duration = text('a duration such as "15m", "4h" or "5d"', (value) => parseDuration(value) !== undefined);
  const day = text('a day such as "2021-01-31"', isDay);
  const asset = text(
    `an asset's name that can be part of a file name, such as "BTCUSD", of at most ${MAX_ASSET_LENGTH} characters`,
    (value) => isFileNamePart(value) && value.length <= MAX_ASSET_LENGTH,
  );
  const name = text("a name of 1 to 60 printable characters", isProviderName);

  const provider = providerSchema(z, { map, name, path });

  return map({
    portfolio_memory: map({
      enabled: z.boolean({ error: "true or false" }).default(true),
      max_memory_size: integer(1, 1_000_000).default(1000),
      learning_rate: above0(1).default(0.1),
      context_window: integer(1, 36_500).default(20),
    }).prefault({}),
    memory: map({
      dir: path.default(MEMORY_DEFAULTS.dir),
      embedder: z.enum(EMBEDDERS, { error: EMBEDDERS.map(quote).join(" or ") }).default(MEMORY_DEFAULTS.embedder),
      model_dir: path.default(MEMORY_DEFAULTS.model_dir),
      answers_dir: path.default(MEMORY_DEFAULTS.answers_dir),
    }).prefault({}),
    backtest: map({
      start: z.exactOptional(day),
      end: z.exactOptional(day),
      chunks: text('"quarter", "month", "week" or a number of days such as "90d"', isChunks).default("quarter"),
      seed: integer(0, 4_294_967_295).default(1),
      budget_usd: z.exactOptional(above0(1e6)),
      assets: z
        .array(asset, { error: "a list of assets" })
        .min(1, { error: "at least one asset" })
        .superRefine(
          (assets, context) => {
            for (const index of twins(assets, (item) => String(item).toLowerCase())) {
              const message = "an asset that is not in the list yet (upper and lower case are one)";
              context.addIssue({ code: "custom", path: [index], input: assets[index], message });
            }
          },
          { when: always },
        )
        .default(["BTCUSD", "ETHUSD", "EURUSD"]),
      data_dir: path.default("data/market"),
      timeframe: duration.default("1h"),
      decision_interval: duration.default("4h"),
      initial_balance: above0(1e12).default(10_000),
      max_positions: integer(1, 1000).default(3),
      correlation_threshold: number("a number from -1 to 1", (value) => value >= -1 && value <= 1).default(0.9),
      costs: map({
        fee_bps: bps.default(5),
        spread_bps: bps.default(2),
        slippage_bps: bps.default(2),
      }).prefault({}),
      asset_costs: z
        .record(
          asset,
          map({
            fee_bps: z.exactOptional(bps),
            spread_bps: z.exactOptional(bps),
            slippage_bps: z.exactOptional(bps),
          }),
          { error: "a map from an asset to its costs" },
        )
        .default({ EURUSD: { fee_bps: 0, spread_bps: 1, slippage_bps: 0.5 } }),
      risk: map({
        per_trade_pct: above0(100).default(1),
        stop_atr: above0(1000).default(3),
        target_atr: above0(1000).default(4.5),
        max_holding: duration.default("5d"),
        leverage: above0(1000).default(1),
      }).prefault({}),
    })
      .superRefine(
        ({ start, end, timeframe, decision_interval: interval }, context) => {
          const issue = (key: string, input: unknown, message: string): void =>
            context.addIssue({ code: "custom", path: [key], input, message });
          const [bar, step] = [durationIn(timeframe), durationIn(interval)];
          if (bar !== undefined && step !== undefined && step % bar !== 0) {
            issue("decision_interval", interval, `a multiple of backtest.timeframe, ${quote(timeframe)}`);
          }
          if (start !== undefined && end === undefined) {
            issue("start", start, `${nameBound("end")} beside it, or neither`);
          }
          if (start === undefined && end !== undefined) {
            issue("end", end, `${nameBound("start")} beside it, or neither`);
          }
          if (isDay(start) && isDay(end) && start >= end) {
            issue("end", end, `a day after ${nameBound("start")}, ${quote(start)}`);
          }
        },
        { when: ({ value }) => isMap(value) },
      )
      .prefault({}),
    providers: z
      .array(provider, { error: "a list of providers" })
      .min(1, { error: "at least one provider" })
      .superRefine(
        (providers, context) => {
          for (const index of twins(providers, (item) => (isMap(item) ? item["name"] : undefined))) {
            const message = "a name that no other provider has";
            context.addIssue({
              code: "custom",
              path: [index, "name"],
              input: providers[index]?.name,
              message,
            });
          }
        },
        { when: always },
      )
      .default([
        { name: "trend", type: "trend" },
        { name: "reversion", type: "reversion" },
        { name: "breakout", type: "breakout" },
        { name: "memory", type: "memory" },
      ]),
  });
}

function always(): boolean {
  return true;
}

/** Returns where an item's key was met before. */
function twins(items: unknown, keyOf: (item: unknown) => unknown): number[] {
  if (!Array.isArray(items)) return [];
  const seen = new Set<unknown>();
  return [...items.keys()].filter((index) => {
    const key = keyOf(items[index]);
    if (key === undefined) return false;
    return seen.has(key) || (seen.add(key), false);
  });
}

/** Whether a text can be a path: no system takes a NUL or more than 4,096 characters. */
export function isPath(text: string): boolean {
  return text.trim() !== "" && text.length <= 4096 && !text.includes("\0");
}

function isChunks(text: string): boolean {
  return /^(quarter|month|week|[1-9]\d{0,3}d)$/.test(text);
}

function isDay(text: unknown): text is string {
  return typeof text === "string" && /^\d{4}-\d{2}-\d{2}$/.test(text) && parseTimestamp(text) !== undefined;
}

function isProviderName(text: string): boolean {
  return /^[^\p{C}\p{Zl}\p{Zp}]{1,60}$/u.test(text) && text.trim() !== "";
}

function isFileNamePart(text: string): boolean {
  try {
    assertFileNamePart("asset", text);
    return true;
  } catch {
    return false;
  }
}

function durationIn(text: unknown): number | undefined {
  return typeof text === "string" ? parseDuration(text) : undefined;
}
