/** Outcomes that another system wrote. This file is loaded with the first of them: most folders have none. */
import { corruptFile, messageOf } from "../errors.ts";
import { trendScore } from "../market/regime.ts";
import type { Action, Vote } from "../types.ts";
import { isRecord } from "../util/json.ts";
import { assertFileNamePart } from "../util/names.ts";
import { parseTimestamp } from "../util/time.ts";
import { clippedR, type DecodedOutcome, MAX_NUMBER, tradeVotesOf } from "./trade.ts";

/** What a field may be. `read` returns `undefined` for anything else. */
interface Kind<Value> {
  readonly expected: string;
  readonly read: (value: unknown) => Value | undefined;
}

const string: Kind<string> = {
  expected: "a text",
  read: (value) => (typeof value === "string" ? value : undefined),
};
const text: Kind<string> = { expected: "a text", read: (value) => string.read(value) || undefined };
const time: Kind<number> = {
  expected: "an ISO 8601 time",
  read: (value) => (typeof value === "string" ? parseTimestamp(value) : undefined),
};
/** JSON can say -0.0, and freqtrade does. It would be written back as 0, and so be another value in every cache. */
const number: Kind<number> = {
  expected: "a number of at most 1e100",
  read: (value) => (typeof value === "number" && Math.abs(value) <= MAX_NUMBER ? value + 0 : undefined),
};
const record: Kind<Record<string, unknown>> = {
  expected: "an object",
  read: (value) => (isRecord(value) ? value : undefined),
};
const list: Kind<readonly unknown[]> = {
  expected: "a list",
  read: (value) => (Array.isArray(value) ? value : undefined),
};

function oneOf<const Value extends string>(...values: readonly Value[]): Kind<Value> {
  return { expected: values.join(" or "), read: (value) => values.find((each) => each === value) };
}

/** An object of a file, whose fields have the established names. Other fields are ignored. */
class Fields {
  readonly #fields: Readonly<Record<string, unknown>>;
  readonly #file: string;
  /** What leads to the object, such as `votes.0.`. */
  readonly #path: string;

  constructor(fields: Readonly<Record<string, unknown>>, { file, path = "" }: { file: string; path?: string }) {
    this.#fields = fields;
    this.#file = file;
    this.#path = path;
  }

  /** @throws {CarryoverError} `CORRUPT`, naming the field. */
  required<Value>(key: string, { expected, read }: Kind<Value>): Value {
    const value = Object.hasOwn(this.#fields, key) ? this.#fields[key] : undefined;
    return read(value) ?? this.refuse(`${key} ${JSON.stringify(value)?.slice(0, 100)}`, expected);
  }

  /** Likewise. A field that is missing or `null` is `null`. */
  optional<Value>(key: string, kind: Kind<Value>): Value | null {
    const value = Object.hasOwn(this.#fields, key) ? this.#fields[key] : null;
    return value === null ? null : this.required(key, kind);
  }

  refuse(found: string, expected: string): never {
    throw corruptFile(this.#file, { found: `${this.#path}${found}`, expected });
  }
}

/**
 * The trade of an outcome that another system wrote. Only what it says is taken: without `votes`, a single `ai_provider` counts as
 * having voted the trade's way, and an ensemble as no vote; without `result_r` the trade says nothing about any provider.
 *
 * @throws {CarryoverError} `CORRUPT` if a required field is missing or of another type.
 */
export function tradeOfImported(
  outcome: Record<string, unknown>,
  file: { name: string; bytes: number; contentHash: string },
): DecodedOutcome {
  const fields = new Fields(outcome, { file: file.name });
  const action = fields.required("action", oneOf("BUY", "SELL"));
  const asset = fields.required("asset_pair", text);
  const confidence = fields.optional("decision_confidence", number) ?? 0;
  const provider = fields.optional("ai_provider", text);
  const single: Vote[] = provider !== null && provider !== "ensemble" ? [{ provider, action, confidence }] : [];
  const ownRegime = fields.optional("regime", text);
  const regime = ownRegime ?? fields.optional("market_regime", text) ?? "UNKNOWN";
  const pnl = fields.required("realized_pnl", number);
  const resultR = fields.optional("result_r", number);
  return {
    trade: {
      id: idOf(fields),
      bytes: file.bytes,
      crc32: null,
      contentHash: file.contentHash,
      runId: "",
      chunk: "",
      market: fields.optional("market", oneOf("bars", "synthetic")) ?? "bars",
      asset,
      regime,
      action,
      entryMs: fields.required("entry_timestamp", time),
      exitMs: fields.required("exit_timestamp", time),
      exitReason: fields.optional("exit_reason", string) ?? "unknown",
      won: pnl > 0,
      pnl,
      pnlPct: fields.required("pnl_percentage", number),
      resultR: resultR === null ? null : clippedR(resultR),
      confidence,
      rawConfidence: fields.optional("raw_confidence", number) ?? confidence,
      trendScore: trendScoreOf(fields, file.name),
      votes: tradeVotesOf(votesOf(fields, file.name) ?? single),
    },
    description: fields.optional("description", text) ?? `${asset} is in the regime ${regime}.`,
  };
}

function idOf(fields: Fields): string {
  const id = fields.required("decision_id", string);
  try {
    assertFileNamePart("decision_id", id);
  } catch (error) {
    return fields.refuse(`decision_id: ${messageOf(error)}`, "an outcome");
  }
  return id;
}

function trendScoreOf(fields: Fields, file: string): number | null {
  const found = fields.optional("situation", record);
  if (found === null) return null;
  const situation = new Fields(found, { file, path: "situation." });
  const [adx, atr, fast, slow] = ["adx", "atr", "ema_fast", "ema_slow"].map((key) => situation.required(key, number));
  return trendScore({ adx: adx!, atr: atr!, ema_fast: fast!, ema_slow: slow! });
}

function votesOf(fields: Fields, file: string): readonly Vote[] | null {
  const found = fields.optional("votes", list);
  if (found === null) return null;
  const votes = found.map((each, i) => {
    const vote = new Fields(record.read(each) ?? fields.refuse(`votes.${i}`, record.expected), {
      file,
      path: `votes.${i}.`,
    });
    const provider = vote.required("provider", text);
    const action: Action = vote.required("action", oneOf("BUY", "SELL", "HOLD"));
    const confidence = vote.required("confidence", number);
    const error = vote.optional("error", string);
    return { provider, action, confidence, ...(error === null ? {} : { error }) };
  });
  const names = votes.map(({ provider }) => provider);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  return twice === undefined ? votes : fields.refuse(`votes: two of "${twice}"`, "one of each provider");
}
