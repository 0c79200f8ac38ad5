/** What each method takes. A message about a wrong value names its field, as one about config.yaml does. */
import { z } from "zod";
import { ASSET_FORM, isAssetName } from "../config/asset-name.ts";
import { fieldsOf } from "../config/fields.ts";
import { problemsOf } from "../config/problems.ts";
import { isProviderName } from "../config/provider-schema.ts";
import { FEATURE_NAME } from "../market/features.ts";
import { MAX_NUMBER } from "../memory/outcome.ts";
import type { Action, Market, TradeAction } from "../types.ts";
import { isFileNamePart } from "../util/names.ts";
import { parseTimestamp, TIMESTAMP_FORM } from "../util/time.ts";
import { ParamError, refuseParam } from "./param-error.ts";
import { withoutNulls } from "./without-nulls.ts";

/** `backtest`: simulated time, which only goes on. `live`: the clock's time. */
type SessionMode = "backtest" | "live";

/** A provider's vote. One with an `error` abstains. */
export interface VoteParam {
  readonly provider: string;
  readonly action?: Action | undefined;
  readonly confidence?: number | undefined;
  readonly reason?: string | undefined;
  readonly error?: string | undefined;
}

/** Numbers and words by name. */
export type SituationParam = Readonly<Record<string, number | string>>;

export interface OpenSessionParams {
  readonly engine: string;
  readonly mode: SessionMode;
  readonly market: Market;
  readonly providers: readonly string[];
  /** Epoch ms. */
  readonly start?: number | undefined;
  readonly resume?: boolean | undefined;
  /** Keys of the configuration. */
  readonly settings?: SettingsParam | undefined;
}

/** Parts of a configuration, to be checked as config.yaml is. */
export interface SettingsParam {
  readonly portfolio_memory?: Record<string, unknown>;
  readonly backtest?: Record<string, unknown>;
}

/** What is known of a situation. */
interface SituationParams {
  readonly asset: string;
  readonly situation?: SituationParam | undefined;
  readonly description?: string | undefined;
}

export interface DecideParams extends SituationParams {
  readonly session: string;
  readonly decision_id?: string | undefined;
  /** Epoch ms, as all times. */
  readonly as_of: number;
  readonly votes: readonly VoteParam[];
  readonly price?: number | undefined;
  readonly stop?: number | undefined;
  readonly atr?: number | undefined;
}

export interface RecordOutcomeParams extends SituationParams {
  readonly session: string;
  readonly decision_id?: string | undefined;
  readonly votes?: readonly VoteParam[] | undefined;
  readonly action: TradeAction;
  readonly entry_timestamp: number;
  readonly exit_timestamp: number;
  readonly entry_price: number;
  readonly exit_price: number;
  readonly raw_entry_price?: number | undefined;
  readonly raw_exit_price?: number | undefined;
  readonly position_size: number;
  readonly fees: number;
  readonly stop_price?: number | undefined;
  readonly target_price?: number | undefined;
  readonly atr?: number | undefined;
  readonly exit_reason: string;
  readonly as_of: number;
}

export interface RecallParams {
  readonly query?: string | undefined;
  readonly situation?: SituationParam | undefined;
  readonly as_of: number;
  readonly k: number;
  readonly asset?: string | undefined;
  readonly regime?: string | undefined;
  readonly session?: string | undefined;
}

export interface WeightsParams {
  readonly as_of: number;
  readonly situation?: SituationParam | undefined;
  readonly session?: string | undefined;
}

export interface RecordsParams {
  readonly as_of: number;
  readonly regime?: string | undefined;
  readonly session?: string | undefined;
}

export interface ForgetParams {
  readonly provider: string;
  readonly before?: number | undefined;
}

export interface SessionParams {
  readonly session: string;
}

const { map, text, number, choice, integer, boolean, ...fields } = fieldsOf(z);
const optional = z.exactOptional;

const MAX_WORD = 200;
const MAX_PROVIDERS = 100;
const MAX_VALUES = 100;
const MAX_DESCRIPTION = 10_000;

const time = z.union([z.string(), z.number()], { error: TIMESTAMP_FORM }).transform((value, context) => {
  const ms = parseTimestamp(String(value));
  if (ms === undefined) context.addIssue({ code: "custom", message: TIMESTAMP_FORM, input: value });
  return ms ?? 0;
});
const amount = number("a number of at most 1e100", (value) => Math.abs(value) <= MAX_NUMBER);
const above0 = fields.above0(MAX_NUMBER);
const asset = text(ASSET_FORM, isAssetName);
const provider = text("a name of 1 to 60 printable characters", isProviderName);
const session = text("what open_session returned", (value) => value.length <= MAX_WORD);
const word = text(`1 to ${MAX_WORD} characters`, (value) => value.trim() !== "" && value.length <= MAX_WORD);
const decisionId = text('1 to 120 letters, digits, ".", "_" and "-", beginning with a letter or digit', isFileNamePart);
const confidence = number("a number from 0 to 100", (value) => value >= 0 && value <= 100);
const description = text(
  `a sentence of up to ${MAX_DESCRIPTION} characters`,
  (value) => /[a-z]/i.test(value) && value.length <= MAX_DESCRIPTION,
);

const vote = map({
  provider,
  action: optional(choice(["BUY", "SELL", "HOLD"])),
  confidence: optional(confidence),
  reason: optional(z.string({ error: "a text" })),
  error: optional(z.string({ error: "a text" })),
}).superRefine((cast, context) => {
  if (cast.error !== undefined) return;
  for (const key of ["action", "confidence"] as const) {
    if (cast[key] !== undefined) continue;
    context.addIssue({
      code: "custom",
      path: [key],
      input: undefined,
      message: 'one, or an "error" for an abstention',
    });
  }
});
const votes = z.array(vote, { error: "a list of votes" }).max(MAX_PROVIDERS, { error: `at most ${MAX_PROVIDERS}` });

const VALUE = `a number or 1 to ${MAX_WORD} characters`;
const NAMES = "a name of letters, digits, _ . and -, at most 60, other than asset and timestamp";
const situation = z
  .record(
    text(NAMES, (name) => FEATURE_NAME.test(name) && name !== "asset" && name !== "timestamp"),
    z.union([amount, word], { error: VALUE }),
    { error: "a map of numbers and words by name" },
  )
  .refine((values) => Object.keys(values).length <= MAX_VALUES, { error: `at most ${MAX_VALUES} values` });

const settings = map({
  portfolio_memory: optional(z.record(z.string(), z.unknown(), { error: "a map of keys of config.yaml" })),
  backtest: optional(z.record(z.string(), z.unknown(), { error: "a map of keys of config.yaml" })),
});

const described = { asset, situation: optional(situation), description: optional(description) };

/** The schemas of the parameters, by method. */
export const SCHEMAS: {
  readonly open_session: z.ZodType<OpenSessionParams>;
  readonly decide: z.ZodType<DecideParams>;
  readonly record_outcome: z.ZodType<RecordOutcomeParams>;
  readonly close_session: z.ZodType<SessionParams>;
  readonly recall_trades: z.ZodType<RecallParams>;
  readonly provider_weights: z.ZodType<WeightsParams>;
  readonly provider_records: z.ZodType<RecordsParams>;
  readonly memory_stats: z.ZodType<Record<string, never>>;
  readonly forget_provider: z.ZodType<ForgetParams>;
} = {
  open_session: map({
    engine: word.describe("Name of the program that trades, such as freqtrade"),
    mode: choice(["backtest", "live"]).describe("backtest: simulated time; live: bounded by the server's clock"),
    market: choice(["bars", "synthetic"]).default("bars").describe("Whether prices are real or made up"),
    providers: z
      .array(provider, { error: "a list of names" })
      .min(1, { error: "at least one provider" })
      .max(MAX_PROVIDERS, { error: `at most ${MAX_PROVIDERS} providers` })
      .refine((names) => new Set(names).size === names.length, { error: "each name once" })
      .describe("Names of all that vote"),
    start: optional(time).describe(
      "Trades that closed by then are carried into a backtest (default: the first decision or entry)",
    ),
    resume: optional(boolean).describe("Continue the last session with the same parameters (default: in live mode)"),
    settings: optional(settings).describe("Keys of config.yaml: portfolio_memory and backtest"),
  }),
  decide: map({
    session,
    decision_id: optional(decisionId).describe("An id of your own (default: made from time and asset)"),
    as_of: time.describe("The time of the decision: only trades that closed before it count"),
    ...described,
    votes: votes.describe("A vote of each provider; who is missing abstains"),
    price: optional(above0).describe("The price now (default: situation.close)"),
    stop: optional(above0).describe("The price of the stop: what is risked is its distance"),
    atr: optional(above0).describe("Average true range in price units, in place of a stop (default: situation.atr)"),
  }),
  record_outcome: map({
    session,
    decision_id: optional(decisionId).describe("What decide returned; or an id of your own beside votes"),
    votes: optional(votes).describe("How the providers voted, of a trade without decide"),
    ...described,
    action: choice(["BUY", "SELL"]).describe("BUY: a long position; SELL: a short one"),
    entry_timestamp: time,
    exit_timestamp: time,
    entry_price: above0.describe("The fill"),
    exit_price: above0.describe("The fill"),
    raw_entry_price: optional(above0).describe("Without spread and slippage (default: the fill)"),
    raw_exit_price: optional(above0).describe("Without spread and slippage (default: the fill)"),
    position_size: above0.describe("Units of the asset"),
    fees: amount.default(0).describe("Of the whole trade, in account currency"),
    stop_price: optional(above0).describe("The stop at the entry"),
    target_price: optional(above0),
    atr: optional(above0).describe("In place of a stop, in price units"),
    exit_reason: word.default("unknown"),
    as_of: time.describe("The time at which the trade is known to have closed"),
  }),
  close_session: map({ session }),
  recall_trades: map({
    query: optional(description).describe("A situation in words"),
    situation: optional(situation).describe("In place of a query; needs asset"),
    as_of: time.describe("Only trades that closed before it"),
    k: integer(1, 1000).default(10).describe("How many trades"),
    asset: optional(asset).describe("Only trades of this asset"),
    regime: optional(word).describe("Only trades in this regime"),
    session: optional(session).describe("See what this session sees (default: the whole memory)"),
  }),
  provider_weights: map({
    as_of: time.describe("Only trades that closed before it count"),
    situation: optional(situation).describe("Weights for it (default: whatever the situation)"),
    session: optional(session).describe("See what this session sees (default: the whole memory)"),
  }),
  provider_records: map({
    as_of: time.describe("Only trades that closed before it count"),
    regime: optional(word).describe("Counts of this regime (default: of all)"),
    session: optional(session).describe("See what this session sees (default: the whole memory)"),
  }),
  memory_stats: map({}),
  forget_provider: map({
    provider,
    before: optional(time).describe("Trades that closed before it count no more (default: all so far)"),
  }),
};

/**
 * Checks the parameters of a method. A value of `null` counts as absent.
 *
 * @throws {ParamError} Naming the first field that is wrong, and all others in its message.
 */
export function parseParams<T>(method: string, schema: z.ZodType<T>, params: unknown): T {
  const sent = withoutNulls(params);
  if (sent === undefined)
    throw refuseParam(method, "params", {
      found: "maps or lists too deep in one another",
      expected: "at most 32 levels",
    });
  const parsed = schema.safeParse(sent, { reportInput: true });
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.flatMap(problemsOf);
  const told = problems.map(
    ({ found, place, expected }) =>
      `found ${found}${place.replace("the file", "the parameters")}, expected ${expected}`,
  );
  const field = problems[0]!.path.map((part, i) =>
    typeof part === "number" ? `[${part}]` : i === 0 ? part : `.${part}`,
  );
  throw new ParamError(`Cannot ${method}: ${told.join("; ")}`, { field: field.join("") });
}
