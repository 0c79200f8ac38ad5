import { DAY_MS, HOUR_MS } from "../util/time.ts";

const UNITS = { min: 60_000, m: 60_000, h: HOUR_MS, d: DAY_MS, w: 7 * DAY_MS } as const;

/** The one name of a timeframe: `1w`, `1d`, `4h` or `15m`. */
export function timeframeName(ms: number): string {
  if (ms % (7 * DAY_MS) === 0) return `${ms / (7 * DAY_MS)}w`;
  if (ms % DAY_MS === 0) return `${ms / DAY_MS}d`;
  return ms % HOUR_MS === 0 ? `${ms / HOUR_MS}h` : `${ms / 60_000}m`;
}

/**
 * Reads a timeframe as people write it.
 *
 * @param text Such as `1h`, `1H`, `60min`, `30m`, `1d`, `1D`, `1w`.
 * @returns Milliseconds, or `undefined` for what is no timeframe.
 */
export function parseTimeframe(text: string): number | undefined {
  const match = /^([1-9]\d{0,5})(min|m|h|d|w)$/i.exec(text);
  if (match === null || match[2] === "M") return undefined;
  return Number(match[1]) * UNITS[match[2]!.toLowerCase() as keyof typeof UNITS];
}
