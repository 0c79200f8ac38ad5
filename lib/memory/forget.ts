/**
 * `forget_<8 hex>.json`: a mark, written once. Outcomes with an exit before `before` no longer count for that provider's
 * weight, calibration and statistics, in every run. Like outcomes, marks are truth: caches are made from them.
 */
import { CarryoverError } from "../errors.ts";
import { crc32Hex } from "../util/crc32.ts";
import { decodeJsonObject, encodeJson } from "../util/json.ts";
import { parseTimestamp } from "../util/time.ts";

/** A provider starts afresh: what closed before `beforeMs` no longer counts for it. */
export interface ForgetMark {
  readonly provider: string;
  /** Epoch ms, exclusive. */
  readonly beforeMs: number;
}

/** Larger files are no marks. */
export const MAX_MARK_BYTES: number = 1 << 16;

/** Whether a file's name is that of a mark. */
export function isForgetFile(name: string): boolean {
  return /^forget_[0-9a-f]{8}\.json$/.test(name);
}

/** The file of a mark: equal marks have equal names and bytes. */
export function encodeForgetMark(mark: ForgetMark): { name: string; bytes: Uint8Array } {
  const bytes = encodeJson({ provider: mark.provider, before: new Date(mark.beforeMs).toISOString() });
  return { name: `forget_${crc32Hex(bytes)}.json`, bytes };
}

/** @throws {CarryoverError} `CORRUPT` if the file is no mark. */
export function decodeForgetMark(bytes: Uint8Array, name: string): ForgetMark {
  const { provider, before } = decodeJsonObject(bytes, name);
  const beforeMs = typeof before === "string" ? parseTimestamp(before) : undefined;
  if (typeof provider !== "string" || beforeMs === undefined) {
    throw new CarryoverError(
      "CORRUPT",
      `Cannot read "${name}": found ${JSON.stringify({ provider, before })}, expected a provider and a time`,
    );
  }
  return { provider, beforeMs };
}

/** Since when each provider's outcomes count: the latest of its marks. Providers without a mark are absent. */
export function countedSince(marks: readonly ForgetMark[]): ReadonlyMap<string, number> {
  const since = new Map<string, number>();
  for (const { provider, beforeMs } of marks) since.set(provider, Math.max(beforeMs, since.get(provider) ?? beforeMs));
  return since;
}
