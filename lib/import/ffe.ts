/**
 * The memory folder of the original system: outcomes, with or without a zone, and also wrapped in an experience; its whole memory in
 * one file; statistics and snapshots, which are kept as they are; and the texts of its vectors.
 */
import { QUANTITIES } from "../embed/levels.ts";
import { isCorrupt } from "../errors.ts";
import { PROVIDER_FILE, REGIME_FILE } from "../memory/statistics.ts";
import { isSnapshotFile } from "../results/snapshot.ts";
import { isRecord } from "../util/json.ts";
import { baseName, type Findings, type OutcomeReader, type ReadOptions, type Source, timeIn } from "./findings.ts";
import { type ForeignTrade, numberIn, percentOf, textIn, voterOf } from "./foreign-trade.ts";
import { looksLikePickle, readPickle, type Unpickled } from "./pickle.ts";

type Fields = Readonly<Record<string, unknown>>;

/** What a file of the original system is. */
type Kind = "outcomes" | "vectors" | "statistics" | "snapshot";

export const ffe: OutcomeReader = {
  system: "ffe",
  owns: (source) => kindOf(source) !== undefined,
  read: (sources, findings, options) => {
    const texts = textsOfVectors(sources, findings);
    for (const source of sources) {
      const kind = kindOf(source);
      // One file with all of its memory has statistics, too.
      if (kind === "statistics" || kind === "snapshot" || isWholeMemory(source.json))
        findings.kept.push({ name: baseName(source.name), bytes: source.bytes });
      if (kind !== "outcomes") continue;
      const entries = entriesOf(source.json);
      for (const [i, entry] of entries.entries()) {
        const place = entries.length === 1 ? source.name : `${source.name}, trade ${i + 1}`;
        const fields = outcomeIn(entry);
        if (fields === undefined) findings.skip(INCOMPLETE, place);
        else take(fields, place, { texts, findings, options });
      }
    }
    const ids = new Set(findings.trades.map(({ trade }) => trade.id));
    for (const [id, { place }] of texts) if (!ids.has(id)) findings.skip("vectors of no trade that is there", place);
  },
};

const INCOMPLETE = "trades without asset, entry time or result";

function kindOf(source: Source): Kind | undefined {
  const { json, name, bytes } = source;
  if (looksLikePickle(bytes)) return "vectors";
  if (entriesOf(json).some((entry) => outcomeIn(entry) !== undefined) || isWholeMemory(json)) return "outcomes";
  if (!isRecord(json)) return undefined;
  if (Array.isArray(json["vectors"]) && isRecord(json["metadata"])) return "vectors";
  if (isSnapshotFile(baseName(name)) && "provider_stats" in json) return "snapshot";
  const isOwnName = [PROVIDER_FILE, REGIME_FILE].includes(baseName(name));
  const records = Object.values(json);
  const isCounted = records.every((record) => isRecord(record) && "total_trades" in record && "total_pnl" in record);
  return isCounted && (records.length > 0 || isOwnName) ? "statistics" : undefined;
}

function isWholeMemory(json: unknown): json is Fields {
  return isRecord(json) && Array.isArray(json["trade_history"]);
}

function entriesOf(json: unknown): readonly unknown[] {
  return isWholeMemory(json) ? (json["trade_history"] as readonly unknown[]) : [json];
}

/** The outcome that an entry is, or wraps. */
function outcomeIn(json: unknown): Fields | undefined {
  if (!isRecord(json)) return undefined;
  const { decision, outcome } = json;
  const id = isRecord(decision) ? (decision["id"] ?? decision["decision_id"]) : decision;
  const fields = isRecord(outcome) ? { decision_id: id, ...outcome } : json;
  const { asset_pair: asset } = fields;
  return typeof asset === "string" && "entry_timestamp" in fields && "action" in fields ? fields : undefined;
}

function take(
  fields: Fields,
  place: string,
  { texts, findings, options }: { texts: Texts; findings: Findings; options: ReadOptions },
): void {
  if ("crc32" in fields) return findings.skip("trades of Carryover's own: merge-memory merges its folders", place);
  const action = actionOf(fields);
  if (action === undefined) return findings.skip("trades that are neither long nor short", place);
  const [entryMs, exitMs] = [timeIn(fields, "entry_timestamp"), timeIn(fields, "exit_timestamp")];
  const exitPrice = numberIn(fields, "exit_price");
  if (exitMs === undefined || (exitPrice === undefined && numberIn(fields, "realized_pnl") === undefined)) {
    return findings.skip("trades that are still open", place);
  }
  const asset = textIn(fields, "asset_pair");
  const entryPrice = numberIn(fields, "entry_price");
  const size = numberIn(fields, "position_size");
  const value = (entryPrice ?? 0) * (size ?? 0);
  const moved = (action === "BUY" ? 1 : -1) * ((exitPrice ?? 0) - (entryPrice ?? 0)) * (size ?? 0);
  const fees = numberIn(fields, "fee_cost");
  const pnl = numberIn(fields, "realized_pnl") ?? (value > 0 ? moved - (fees ?? 0) : undefined);
  const pnlPct =
    numberIn(fields, "pnl_percentage") ?? (pnl !== undefined && value > 0 ? percentOf(pnl, value) : undefined);
  if (asset === undefined || entryMs === undefined || pnl === undefined || pnlPct === undefined) {
    return findings.skip(INCOMPLETE, place);
  }
  const id = knownText(fields, "decision_id");
  findings.trades.push({
    system: "ffe",
    place,
    trade: {
      id,
      identity: [action, entryMs, id ?? exitMs],
      asset,
      action,
      entryMs,
      exitMs,
      pnl,
      pnlPct,
      entryPrice,
      exitPrice,
      size,
      fees,
      exitReason: fields["hit_stop_loss"] === true ? "stop" : fields["hit_take_profit"] === true ? "target" : undefined,
      provider: voterOf(knownText(fields, "ai_provider"), options.provider),
      confidence: numberIn(fields, "decision_confidence"),
      regime: regimeOf(fields),
      sentence: sentenceOf(fields, { asset, text: id === undefined ? undefined : texts.get(id)?.text }),
      fields: Object.fromEntries(KEPT_FIELDS.filter((key) => key in fields).map((key) => [key, fields[key]])),
    },
  });
}

/** The original system writes `unknown` where a decision had no id, or no provider. */
function knownText(fields: Fields, key: string): string | undefined {
  const text = textIn(fields, key);
  return text === "unknown" ? undefined : text;
}

/** Fields that outcomes of ours have too, or that recall and regimes are made of. */
const KEPT_FIELDS = [
  "ensemble_providers",
  "market_sentiment",
  "volatility",
  "price_trend",
  "slippage_cost",
  "spread_cost",
  "hit_stop_loss",
  "hit_take_profit",
] as const;

function actionOf(fields: Fields): ForeignTrade["action"] | undefined {
  for (const key of ["action", "policy_action"]) {
    const said = textIn(fields, key)?.toUpperCase() ?? "";
    if (/\bBUY\b|LONG/.test(said)) return "BUY";
    if (/\bSELL\b|SHORT/.test(said)) return "SELL";
  }
  return undefined;
}

/** Ours, from the direction that the trend or else the sentiment had. */
function regimeOf(fields: Fields): string | undefined {
  const stated = textIn(fields, "regime", "market_regime");
  if (stated !== undefined) return stated;
  const trend = textIn(fields, "price_trend", "market_sentiment")?.toLowerCase();
  if (trend === undefined) return undefined;
  return trend === "bullish" || trend === "bearish" ? "TRENDING" : "RANGING";
}

const [, DOWNTREND, SIDEWAYS, UPTREND] = QUANTITIES.trend.words;
const TREND_WORDS: Readonly<Record<string, string | undefined>> = { bullish: UPTREND, bearish: DOWNTREND };

/** The original system's own borders between levels of volatility, in percent. */
const VOLATILITY_BOUNDS = [1, 2, 4];

/** The situation in the words of our descriptions, so that recall compares it with them. */
function sentenceOf(fields: Fields, { asset, text }: { asset: string; text: string | undefined }): string | undefined {
  const trend = textIn(fields, "price_trend")?.toLowerCase();
  const sentiment = textIn(fields, "market_sentiment")?.toLowerCase();
  const volatility = numberIn(fields, "volatility");
  const level = VOLATILITY_BOUNDS.filter((bound) => volatility !== undefined && volatility >= bound).length;
  const regime = regimeOf(fields)?.toLowerCase();
  const parts = [
    ...(trend === undefined ? [] : [TREND_WORDS[trend] ?? SIDEWAYS]),
    ...(sentiment === undefined ? [] : [`sentiment ${sentiment}`]),
    ...(volatility === undefined ? [] : [`volatility ${QUANTITIES.volatility.words[level]} at ${volatility}%`]),
    ...(text === undefined ? [] : [text]),
  ];
  if (parts.length === 0) return undefined;
  return `${asset} is in ${regime === undefined ? "a market" : `a ${regime} market`}: ${parts.join(", ")}.`;
}

/** The texts of vectors by the id of their outcome. */
type Texts = ReadonlyMap<string, { readonly text: string; readonly place: string }>;

function textsOfVectors(sources: readonly Source[], findings: Findings): Texts {
  const texts = new Map<string, { text: string; place: string }>();
  for (const source of sources) {
    if (kindOf(source) !== "vectors") continue;
    for (const [id, record] of metadataOf(source, findings)) {
      const text = situationIn(valueOf(record, "text"));
      if (typeof id === "string" && text !== "") texts.set(id, { text, place: `${source.name}, "${id}"` });
      else findings.skip("vectors without a text", source.name);
    }
  }
  return texts;
}

function metadataOf(source: Source, findings: Findings): readonly (readonly [unknown, unknown])[] {
  if (isRecord(source.json)) return Object.entries(source.json["metadata"] as Fields);
  try {
    const metadata = valueOf(readPickle(source.bytes, source.name), "metadata");
    if (metadata instanceof Map) return [...metadata];
    findings.skip("files that are pickles of something else", source.name);
  } catch (error) {
    if (!isCorrupt(error)) throw error;
    findings.skip("files that are damaged", source.name);
  }
  return [];
}

function valueOf(record: unknown, key: string): Unpickled | unknown {
  return record instanceof Map ? record.get(key) : isRecord(record) ? record[key] : undefined;
}

/** What a text says of the situation, as one sentence: without how the trade ended. */
function situationIn(text: unknown): string {
  if (typeof text !== "string") return "";
  const parts = text.split(/\s*[|\n]\s*|\.\s+/);
  const told = parts.findIndex((part) =>
    /^(?:outcome|result|insight|p&l|pnl|exit|realized|profit|loss|lesson)/i.test(part.trim()),
  );
  const known = told === -1 ? parts : parts.slice(0, told);
  return known
    .map((part) => part.trim().replace(/\.$/, ""))
    .filter((part) => part !== "")
    .join(", ")
    .slice(0, 2000);
}
