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
import { type ForeignTrade, numberIn, percentOf, textIn } from "./foreign-trade.ts";
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
      if (kind === "statistics" || kind === "snapshot")
        findings.kept.push({ name: baseName(source.name), bytes: source.bytes });
      if (kind !== "outcomes") continue;
      const outcomes = outcomesIn(source.json);
      // One file with all of its memory has statistics, too.
      if (isWholeMemory(source.json)) findings.kept.push({ name: baseName(source.name), bytes: source.bytes });
      for (const [i, fields] of outcomes.entries()) {
        const place = outcomes.length === 1 ? source.name : `${source.name}, trade ${i + 1}`;
        take(fields, place, { texts, findings, options });
      }
    }
  },
};

function kindOf(source: Source): Kind | undefined {
  const { json, name, bytes } = source;
  if (looksLikePickle(bytes)) return "vectors";
  if (outcomesIn(json).length > 0 || isWholeMemory(json)) return "outcomes";
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

/** The outcomes in a file: itself, the one that it wraps, or all of a memory. */
function outcomesIn(json: unknown): readonly Fields[] {
  if (isWholeMemory(json)) return (json["trade_history"] as readonly unknown[]).flatMap(outcomesIn);
  if (!isRecord(json)) return [];
  if (isRecord(json["outcome"])) {
    const { decision, outcome } = json;
    const id = isRecord(decision) ? (decision["id"] ?? decision["decision_id"]) : decision;
    return outcomesIn({ decision_id: id, ...outcome });
  }
  return typeof json["asset_pair"] === "string" && "entry_timestamp" in json && "action" in json ? [json] : [];
}

function take(
  fields: Fields,
  place: string,
  { texts, findings, options }: { texts: ReadonlyMap<string, string>; findings: Findings; options: ReadOptions },
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
  const pnl = numberIn(fields, "realized_pnl") ?? (value > 0 ? moved : undefined);
  const pnlPct =
    numberIn(fields, "pnl_percentage") ?? (pnl !== undefined && value > 0 ? percentOf(pnl, value) : undefined);
  if (asset === undefined || entryMs === undefined || pnl === undefined || pnlPct === undefined) {
    return findings.skip("trades without asset, entry time or result", place);
  }
  const named = textIn(fields, "ai_provider");
  const id = textIn(fields, "decision_id");
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
      fees: numberIn(fields, "fee_cost"),
      exitReason: fields["hit_stop_loss"] === true ? "stop" : fields["hit_take_profit"] === true ? "target" : undefined,
      // Of an ensemble nobody knows who voted how.
      provider: named === "ensemble" ? undefined : (named ?? options.provider),
      confidence: numberIn(fields, "decision_confidence"),
      regime: regimeOf(fields),
      sentence: sentenceOf(fields, { asset, text: id === undefined ? undefined : texts.get(id) }),
      fields: Object.fromEntries(KEPT_FIELDS.filter((key) => key in fields).map((key) => [key, fields[key]])),
    },
  });
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
  const said = `${textIn(fields, "action") ?? ""} ${textIn(fields, "policy_action") ?? ""}`.toUpperCase();
  if (/\bBUY\b|LONG/.test(said)) return "BUY";
  return /\bSELL\b|SHORT/.test(said) ? "SELL" : undefined;
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
function textsOfVectors(sources: readonly Source[], findings: Findings): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  for (const source of sources) {
    if (kindOf(source) !== "vectors") continue;
    for (const [id, record] of metadataOf(source, findings)) {
      const text = situationIn(valueOf(record, "text"));
      if (typeof id === "string" && text !== "") texts.set(id, text);
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
