/** What a trade of any other system becomes: an outcome without a checksum, marked by `imported_from`. */
import { assetFileName, isAssetName } from "../config/asset-name.ts";
import { contentHash, MAX_OUTCOME_BYTES, outcomeFileName } from "../memory/outcome.ts";
import { tradeOfImported } from "../memory/outcome-import.ts";
import { clippedR, directionOf, MAX_NUMBER, type Trade } from "../memory/trade.ts";
import type { TradeAction } from "../types.ts";
import { encodeJson } from "../util/json.ts";
import { isFileNamePart } from "../util/names.ts";
import { sha256OfText } from "../util/sha256.ts";
import { HOUR_MS } from "../util/time.ts";

/** The systems whose trades are read. */
export const SYSTEMS = ["ffe", "freqtrade", "tradingagents", "csv"] as const;
export type System = (typeof SYSTEMS)[number];

/** A trade of another system. What the system does not say is absent. */
export interface ForeignTrade {
  /** The system's own id, if it can be part of a file's name. @default made from the system, the asset and `identity` */
  readonly id?: string | undefined;
  /** What makes this trade another one than any other of its asset. */
  readonly identity: readonly (string | number)[];
  readonly asset: string;
  readonly action: TradeAction;
  readonly entryMs: number;
  readonly exitMs: number;
  /** Account currency, after fees. */
  readonly pnl: number;
  /** Percent of entry price x size. */
  readonly pnlPct: number;
  readonly entryPrice?: number | undefined;
  readonly exitPrice?: number | undefined;
  readonly stopPrice?: number | undefined;
  readonly size?: number | undefined;
  readonly fees?: number | undefined;
  /** Before costs, per unit of risk. @default from entry, exit and stop price */
  readonly resultR?: number | undefined;
  readonly exitReason?: string | undefined;
  /** The provider that voted for the trade; absent where nobody or an ensemble is named. */
  readonly provider?: string | undefined;
  /** Further ones, of the same trade in other results. */
  readonly otherProviders?: readonly string[];
  /** 0..100. */
  readonly confidence?: number | undefined;
  readonly regime?: string | undefined;
  /** The situation in one sentence. It never tells the result. */
  readonly sentence?: string | undefined;
  /** Further fields of the outcome's file, as the system has them. */
  readonly fields?: Readonly<Record<string, unknown>>;
}

/** An outcome that is ready to be written, and what memory will make of it. */
export interface ImportedOutcome {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly trade: Trade;
}

/**
 * Makes the outcome of a trade.
 *
 * @returns Why it cannot be one, if it cannot.
 */
export function outcomeOf(foreign: ForeignTrade, system: System): ImportedOutcome | string {
  const problem = problemOf(foreign);
  if (problem !== undefined) return problem;
  const id = foreign.id !== undefined && isFileNamePart(foreign.id) ? foreign.id : madeId(foreign, system);
  const name = outcomeFileName(id);
  const fields = fieldsOf(foreign, { id, system });
  const bytes = encodeJson(fields);
  if (bytes.length > MAX_OUTCOME_BYTES) return `of more than ${MAX_OUTCOME_BYTES} bytes`;
  const file = { name, bytes: bytes.length, contentHash: contentHash(bytes) };
  return { name, bytes, trade: tradeOfImported(JSON.parse(JSON.stringify(fields)), file).trade };
}

function problemOf({ asset, entryMs, exitMs, pnl, pnlPct, ...trade }: ForeignTrade): string | undefined {
  const { entryPrice, exitPrice, stopPrice, size, fees, resultR, confidence = 0 } = trade;
  if (!isAssetName(asset)) return "without an asset's name that files can have";
  if (exitMs < entryMs) return "that end before they begin";
  if (confidence < 0 || confidence > 100) return "with a confidence that is not from 0 to 100";
  const numbers = [pnl, pnlPct, entryPrice, exitPrice, stopPrice, size, fees, resultR];
  const isBad = numbers.some((value) => value !== undefined && !(Math.abs(value) <= MAX_NUMBER));
  return isBad ? "with a number that is missing or too large" : undefined;
}

/** `<system>-<YYYYMMDD>-<asset>-<8 hex>`, which no run of ours gives. */
function madeId({ asset, entryMs, identity }: ForeignTrade, system: System): string {
  const day = new Date(entryMs).toISOString().slice(0, 10).replaceAll("-", "");
  const hash = sha256OfText(JSON.stringify([system, asset, ...identity])).slice(0, 8);
  return `${system}-${day}-${assetFileName(asset)}-${hash}`;
}

function fieldsOf(trade: ForeignTrade, { id, system }: { id: string; system: System }): Record<string, unknown> {
  const { action, provider, otherProviders = [], confidence, regime, sentence } = trade;
  const time = (ms: number): string => new Date(ms).toISOString();
  const voters = provider === undefined ? [] : [provider, ...otherProviders];
  const votes = voters.map((voter) => ({ provider: voter, action, confidence: confidence ?? 0 }));
  const text = sentence === undefined ? {} : { description: `${sentence} Imported from ${system}.` };
  return {
    decision_id: id,
    imported_from: system,
    asset_pair: trade.asset,
    action,
    entry_timestamp: time(trade.entryMs),
    exit_timestamp: time(trade.exitMs),
    entry_price: trade.entryPrice ?? null,
    exit_price: trade.exitPrice ?? null,
    stop_price: trade.stopPrice ?? null,
    position_size: trade.size ?? null,
    realized_pnl: trade.pnl,
    pnl_percentage: trade.pnlPct,
    result_r: trade.resultR === undefined ? resultOf(trade) : clippedR(trade.resultR),
    fee_cost: trade.fees ?? null,
    holding_period_hours: (trade.exitMs - trade.entryMs) / HOUR_MS,
    exit_reason: trade.exitReason ?? null,
    was_profitable: trade.pnl > 0,
    ai_provider: voters.length > 1 ? "ensemble" : (provider ?? null),
    decision_confidence: confidence ?? null,
    regime: regime ?? null,
    ...trade.fields,
    votes,
    ...text,
  };
}

/** Result before costs per unit of risk, from the distance to the stop; `null` without a stop on the side of the loss. */
function resultOf({ action, entryPrice, exitPrice, stopPrice }: ForeignTrade): number | null {
  if (entryPrice === undefined || exitPrice === undefined || stopPrice === undefined) return null;
  const direction = directionOf(action);
  const risk = direction * (entryPrice - stopPrice);
  return stopPrice > 0 && risk > 0 ? clippedR((direction * (exitPrice - entryPrice)) / risk) : null;
}

/** Who voted for a trade: the provider that is named, or else the user's. Of an ensemble nobody knows who voted how. */
export function voterOf(named: string | undefined, fallback: string | undefined): string | undefined {
  return named === "ensemble" ? undefined : (named ?? fallback);
}

/** P&L in percent of entry price x size. */
export function percentOf(pnl: number, value: number): number {
  return (100 * pnl) / Math.abs(value);
}

/** A number of a JSON document, a numeric text included; `undefined` for anything else. */
export function numberIn(fields: Readonly<Record<string, unknown>>, ...keys: readonly string[]): number | undefined {
  for (const key of keys) {
    const value = fields[key];
    // JSON can say -0.
    if (typeof value === "number" && Number.isFinite(value)) return value + 0;
    if (typeof value === "string" && value.trim() !== "" && Number.isFinite(Number(value))) return Number(value) + 0;
  }
  return undefined;
}

/** A text of a JSON document that is not blank. */
export function textIn(fields: Readonly<Record<string, unknown>>, ...keys: readonly string[]): string | undefined {
  for (const key of keys) {
    const value = fields[key];
    if (typeof value === "string" && value.trim() !== "") return value.trim();
  }
  return undefined;
}
