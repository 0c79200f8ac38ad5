/** The schemas of what each method takes. A message about a wrong value names its field, as one about config.yaml does. */
import type { z as Zod } from "zod";
import { ASSET_FORM, isAssetName } from "../config/asset-name.ts";
import { fieldsOf } from "../config/fields.ts";
import { isProviderName } from "../config/provider-schema.ts";
import { FEATURE_NAME } from "../market/features.ts";
import { MAX_NUMBER } from "../memory/trade.ts";
import { isFileNamePart } from "../util/names.ts";
import { parseTimestamp, TIMESTAMP_FORM } from "../util/time.ts";
import type { MethodName, MethodParams } from "./params.ts";

export type ParamSchemas = { readonly [Name in MethodName]: Zod.ZodType<MethodParams[Name]> };

const MAX_WORD = 200;
const MAX_PROVIDERS = 100;
const MAX_VALUES = 100;
const MAX_DESCRIPTION = 10_000;

/** @param z zod, or what stands in for it. */
export function paramSchemas(z: typeof Zod): ParamSchemas {
  const kinds = kindsOf(z);
  return {
    open_session: openSessionSchema(z, kinds),
    decide: decideSchema(kinds),
    record_outcome: recordOutcomeSchema(kinds),
    close_session: kinds.map({ session: kinds.session }),
    memory_stats: kinds.map({}),
    ...readingSchemas(kinds),
  };
}

type Kinds = ReturnType<typeof kindsOf>;

/** The kinds of values that parameters have. */
function kindsOf(z: typeof Zod) {
  const { map, text, number, choice, integer, boolean, ...fields } = fieldsOf(z);
  const optional = z.exactOptional;
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
  const decisionId = text(
    '1 to 120 letters, digits, ".", "_" and "-", beginning with a letter or digit',
    isFileNamePart,
  );
  const description = text(
    `a sentence of up to ${MAX_DESCRIPTION} characters`,
    (value) => /[a-z]/i.test(value) && value.length <= MAX_DESCRIPTION,
  );
  const confidence = optional(number("a number from 0 to 100", (value) => value >= 0 && value <= 100));
  const reason = optional(z.string({ error: "a text" }));
  const cast = { provider, action: optional(choice(["BUY", "SELL", "HOLD"])), confidence, reason, error: reason };
  const votes = z
    .array(map(cast).superRefine(checkVote), { error: "a list of votes" })
    .max(MAX_PROVIDERS, { error: `at most ${MAX_PROVIDERS}` });
  const situation = optional(situationSchema(z, { text, value: z.union([amount, word], { error: VALUE }) }));
  const described = { asset, situation, description: optional(description) };
  const simple = { time, amount, above0, provider, session, word, decisionId };
  return { map, choice, integer, boolean, optional, votes, described, ...simple };
}

const VALUE = `a number or 1 to ${MAX_WORD} characters`;
const NAMES = "a name of letters, digits, _ . and -, at most 60, other than asset and timestamp";

function situationSchema<Value extends Zod.ZodType>(
  z: typeof Zod,
  { text, value }: Pick<ReturnType<typeof fieldsOf>, "text"> & { value: Value },
) {
  const name = text(NAMES, (each) => FEATURE_NAME.test(each) && each !== "asset" && each !== "timestamp");
  return z
    .record(name, value, { error: "a map of numbers and words by name" })
    .refine((values) => Object.keys(values).length <= MAX_VALUES, { error: `at most ${MAX_VALUES} values` });
}

function checkVote(
  cast: { action?: string; confidence?: number; error?: string },
  context: Zod.core.$RefinementCtx,
): void {
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
}

function openSessionSchema(z: typeof Zod, { map, optional, word, choice, provider, time, boolean }: Kinds) {
  const keys = optional(z.record(z.string(), z.unknown(), { error: "a map of keys of config.yaml" }));
  return map({
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
    settings: optional(map({ portfolio_memory: keys, backtest: keys })).describe(
      "Keys of config.yaml: portfolio_memory and backtest",
    ),
  });
}

function decideSchema({ map, optional, session, decisionId, time, described, votes, above0 }: Kinds) {
  return map({
    session,
    decision_id: optional(decisionId).describe("An id of your own (default: made from time and asset)"),
    as_of: time.describe("The time of the decision: only trades that closed before it count"),
    ...described,
    votes: votes.describe("A vote of each provider; who is missing abstains"),
    price: optional(above0).describe("The price now, with a stop or atr (default: situation.close)"),
    stop: optional(above0).describe("The price of the stop: what is risked is its distance"),
    atr: optional(above0).describe("Average true range in price units, in place of a stop (default: situation.atr)"),
  });
}

function recordOutcomeSchema(kinds: Kinds) {
  const { map, optional, session, decisionId, time, described, votes, above0, choice, amount, word } = kinds;
  return map({
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
  });
}

function readingSchemas({ map, optional, described, time, integer, word, session, provider }: Kinds) {
  const seenBy = optional(session).describe("See what this session sees (default: the whole memory)");
  const { asset, situation, description } = described;
  return {
    recall_trades: map({
      query: description.describe("A situation in words"),
      situation: situation.describe("In place of a query; needs asset"),
      as_of: time.describe("Only trades that closed before it"),
      k: integer(1, 1000).default(10).describe("How many trades"),
      asset: optional(asset).describe("Only trades of this asset"),
      regime: optional(word).describe("Only trades in this regime"),
      session: seenBy,
    }),
    provider_weights: map({
      as_of: time.describe("Only trades that closed before it count"),
      situation: situation.describe("Weights for it (default: whatever the situation)"),
      session: seenBy,
    }),
    provider_records: map({
      as_of: time.describe("Only trades that closed before it count"),
      regime: optional(word).describe("Counts of this regime (default: of all)"),
      session: seenBy,
    }),
    forget_provider: map({
      provider,
      before: optional(time).describe("Trades that closed before it count no more (default: all so far)"),
    }),
  };
}
