/**
 * `forget_<8 hex>.json`: a forget mark, written once. Outcomes with an exit before `before` no longer count for that provider's
 * weight, calibration and statistics, in any run. Caches are made from outcomes and marks.
 */
import { corruptFile } from "../errors.ts";
import { crc32Hex } from "../util/crc32.ts";
import { decodeJsonObject, encodeJson } from "../util/json.ts";
import { parseTimestamp } from "../util/time.ts";

/** Trades that closed before `beforeMs` no longer count for the provider. */
export interface ForgetMark {
  readonly provider: string;
  /** Epoch ms, exclusive. */
  readonly beforeMs: number;
}

export const MAX_MARK_BYTES: number = 1 << 16;

export function isForgetFile(name: string): boolean {
  return /^forget_[0-9a-f]{8}\.json$/.test(name);
}

/** The file of a mark: equal marks have equal names and bytes. */
export function encodeForgetMark(mark: ForgetMark): { name: string; bytes: Uint8Array } {
  const bytes = encodeJson({ provider: mark.provider, before: new Date(mark.beforeMs).toISOString() });
  return { name: `forget_${crc32Hex(bytes)}.json`, bytes };
}

/** @throws {CarryoverError} `CORRUPT` */
export function decodeForgetMark(bytes: Uint8Array, name: string): ForgetMark {
  const { provider, before } = decodeJsonObject(bytes, name);
  const beforeMs = typeof before === "string" ? parseTimestamp(before) : undefined;
  if (typeof provider !== "string" || beforeMs === undefined) {
    const found = JSON.stringify({ provider, before });
    throw corruptFile(name, { found, expected: "a provider and a time" });
  }
  return { provider, beforeMs };
}

/** From which exit on a provider's trades count: the latest of its marks, -Infinity without one. */
export function countedFrom(marks: readonly ForgetMark[]): (provider: string) => number {
  const byProvider = new Map<string, number>();
  for (const { provider, beforeMs } of marks) {
    byProvider.set(provider, Math.max(beforeMs, byProvider.get(provider) ?? beforeMs));
  }
  return (provider) => byProvider.get(provider) ?? -Infinity;
}
