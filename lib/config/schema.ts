import type { z as Zod } from "zod";
import { DEFAULTS } from "../settings.ts";
import { isRecord } from "../util/json.ts";
import { parseDuration, parseTimeframe, TIMEFRAME_FORM, msOfTimeframe, timeframeName } from "../util/time.ts";
import { ASSET_FORM, assetFileName, isAssetName } from "./asset-name.ts";
import type { Config } from "./config.ts";
import { type Fields, fieldsOf, isDay, isPath } from "./fields.ts";
import { problemsOf, quote, type ConfigProblem } from "./problems.ts";
import { providerSchema } from "./provider-schema.ts";

/** What `memory.embedder` may be. */
export const EMBEDDERS: readonly Config["memory"]["embedder"][] = ["hashing", "onnx"];

/** One end of a run's period. */
export type Bound = "start" | "end";

/**
 * Checks a parsed document and fills in the defaults. Keys come out in the order of `Config`.
 *
 * @param options `nameBound`: what a message calls the bound that the other one is compared with. @default its key in the file
 */
export function checkConfig(
  z: typeof Zod,
  data: unknown,
  options: { nameBound?: (bound: Bound) => string } = {},
): { config: Config } | { problems: ConfigProblem[] } {
  const { nameBound = (bound) => `backtest.${bound}` } = options;
  const fields = fieldsOf(z);
  const schema = fields.map({
    portfolio_memory: portfolioMemorySchema(z, fields).prefault({}),
    memory: memorySchema(fields).prefault({}),
    backtest: backtestSchema(z, { fields, nameBound }).prefault({}),
    providers: providersSchema(z, fields),
  });
  const result = schema.safeParse(data, { reportInput: true });
  return result.success ? { config: result.data } : { problems: result.error.issues.flatMap(problemsOf) };
}

function portfolioMemorySchema(z: typeof Zod, { map, boolean, integer, above0, text }: Fields) {
  const defaults = DEFAULTS.portfolio_memory;
  return map({
    enabled: boolean.default(defaults.enabled),
    max_memory_size: integer(1, 1_000_000).default(defaults.max_memory_size),
    learning_rate: above0(1).default(defaults.learning_rate),
    context_window: integer(1, 36_500).default(defaults.context_window),
    recall_features: z.exactOptional(z.array(text("the name of a feature", isPath), { error: "a list of features" })),
  });
}

function memorySchema({ map, path, choice }: Fields) {
  const defaults = DEFAULTS.memory;
  return map({
    dir: path.default(defaults.dir),
    embedder: choice(EMBEDDERS).default(defaults.embedder),
    model_dir: path.default(defaults.model_dir),
    answers_dir: path.default(defaults.answers_dir),
  });
}

function backtestSchema(z: typeof Zod, { fields, nameBound }: { fields: Fields; nameBound: (bound: Bound) => string }) {
  const { map, text, number, integer, above0, day, path, zone } = fields;
  const defaults = DEFAULTS.backtest;
  const duration = text('a duration such as "15m", "4h" or "5d"', (value) => parseDuration(value) !== undefined);
  const spelled = text(TIMEFRAME_FORM, (value) => parseTimeframe(value) !== undefined);
  // Of the spellings of a timeframe one is kept, so that they are one run. An interval such as 24h stays as it is written.
  const timeframe = spelled.transform((value) => timeframeName(msOfTimeframe(value)));
  const interval = spelled.transform((value) =>
    parseDuration(value) === undefined ? timeframeName(msOfTimeframe(value)) : value,
  );
  const asset = text(ASSET_FORM, isAssetName);
  const bps = number("basis points from 0 to 5000", (value) => value >= 0 && value <= 5000);
  const optionalBps = z.exactOptional(bps);
  return map({
    start: z.exactOptional(day("2021-01-31")),
    end: z.exactOptional(day("2021-01-31")),
    chunks: text('"year", "quarter", "month", "week" or a number of days such as "90d"', isChunks).default(
      defaults.chunks,
    ),
    seed: integer(0, 4_294_967_295).default(defaults.seed),
    budget_usd: z.exactOptional(above0(1e6)),
    assets: assetsSchema(z, asset),
    data_dir: path.default(defaults.data_dir),
    features_dir: path.default(defaults.features_dir),
    features_timezone: z.exactOptional(zone),
    timeframe: timeframe.default(defaults.timeframe),
    decision_interval: interval.default(defaults.decision_interval),
    initial_balance: above0(1e12).default(defaults.initial_balance),
    max_positions: integer(1, 1000).default(defaults.max_positions),
    correlation_threshold: number("a number from -1 to 1", (value) => value >= -1 && value <= 1).default(
      defaults.correlation_threshold,
    ),
    costs: map({
      fee_bps: bps.default(defaults.costs.fee_bps),
      spread_bps: bps.default(defaults.costs.spread_bps),
      slippage_bps: bps.default(defaults.costs.slippage_bps),
    }).prefault({}),
    asset_costs: z
      .record(asset, map({ fee_bps: optionalBps, spread_bps: optionalBps, slippage_bps: optionalBps }), {
        error: "a map from an asset to its costs",
      })
      .default(defaults.asset_costs),
    risk: riskSchema(z, { fields, duration }).prefault({}),
  }).superRefine(
    (backtest, context) => {
      for (const [key, message] of contradictionsIn(backtest, nameBound)) {
        context.addIssue({ code: "custom", path: [key], input: backtest[key], message });
      }
    },
    { when: ({ value }) => isRecord(value) },
  );
}

function riskSchema(
  z: typeof Zod,
  { fields: { map, above0, boolean }, duration }: { fields: Fields; duration: Zod.ZodString },
) {
  const defaults = DEFAULTS.backtest.risk;
  const risk = map({
    // More than 100 is for stops that are never reached.
    per_trade_pct: above0(1000).default(defaults.per_trade_pct),
    stop_atr: above0(1000).default(defaults.stop_atr),
    target_atr: above0(1000).default(defaults.target_atr),
    max_holding: duration.default(defaults.max_holding),
    leverage: above0(1000).default(defaults.leverage),
    close_on_hold: z.exactOptional(boolean),
  });
  // A false is left out, so that it is the same run as none.
  return risk.transform(({ close_on_hold: closes, ...others }) =>
    closes === true ? { ...others, close_on_hold: closes } : others,
  );
}

/** The keys of `backtest`, whatever their values, that do not fit one another, and what is expected of them. */
function* contradictionsIn(
  backtest: { timeframe?: unknown; decision_interval?: unknown; start?: unknown; end?: unknown },
  nameBound: (bound: Bound) => string,
): Generator<[key: "decision_interval" | Bound, expected: string]> {
  const { timeframe, decision_interval: interval, start, end } = backtest;
  const [bar, step] = [timeframe, interval].map((text) =>
    typeof text === "string" ? parseTimeframe(text) : undefined,
  );
  if (bar !== undefined && step !== undefined && step % bar !== 0) {
    yield ["decision_interval", `a multiple of backtest.timeframe, ${quote(String(timeframe))}`];
  }
  if (start !== undefined && end === undefined) yield ["start", `${nameBound("end")} beside it, or neither`];
  if (start === undefined && end !== undefined) yield ["end", `${nameBound("start")} beside it, or neither`];
  if (isDay(start) && isDay(end) && start >= end) yield ["end", `a day after ${nameBound("start")}, ${quote(start)}`];
}

function assetsSchema(z: typeof Zod, asset: Zod.ZodString) {
  return z
    .array(asset, { error: "a list of assets" })
    .min(1, { error: "at least one asset" })
    .superRefine(
      (assets, context) => {
        const fileNameOf = (item: unknown): string => assetFileName(String(item)).toLowerCase();
        for (const index of repeatedIn(assets, fileNameOf)) {
          const message = `an asset whose file name, ${assetFileName(String(assets[index]))}, no other has (upper and lower case are one)`;
          context.addIssue({ code: "custom", path: [index], input: assets[index], message });
        }
      },
      { when: always },
    )
    .default([...DEFAULTS.backtest.assets]);
}

function providersSchema(z: typeof Zod, fields: Fields) {
  return z
    .array(providerSchema(z, fields), { error: "a list of providers" })
    .min(1, { error: "at least one provider" })
    .superRefine(
      (providers, context) => {
        for (const index of repeatedIn(providers, (item) => (isRecord(item) ? item["name"] : undefined))) {
          const message = "a name that no other provider has";
          context.addIssue({ code: "custom", path: [index, "name"], input: providers[index]?.name, message });
        }
      },
      { when: always },
    )
    .default([...DEFAULTS.providers]);
}

/** A check of a whole list or map runs even if a part of it is wrong, so that all problems are named at once. */
function always(): boolean {
  return true;
}

/** The indices of items whose key an earlier item has. */
function repeatedIn(items: unknown, keyOf: (item: unknown) => unknown): number[] {
  if (!Array.isArray(items)) return [];
  const seen = new Set<unknown>();
  return [...items.keys()].filter((index) => {
    const key = keyOf(items[index]);
    if (key === undefined) return false;
    return seen.has(key) || (seen.add(key), false);
  });
}

function isChunks(text: string): boolean {
  return /^(year|quarter|month|week|[1-9]\d{0,3}d)$/.test(text);
}
