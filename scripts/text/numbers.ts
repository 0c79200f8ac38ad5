/** Numbers, sizes and times as a person writes them; `-` where there is none. */
import { dollars, fixed, minute, signed } from "../../lib/util/written-numbers.ts";

export { dollars, fixed, minute, signed };

/** Account currency, such as `10,250.50`. */
export function money(value: number | null): string {
  return fixed(value);
}

/** A whole number, such as `1,200`. */
export function count(value: number): string {
  return fixed(value, 0);
}

/** How many of something, such as `1 snapshot` or `1,200 snapshots`. */
export function countOf(number: number, noun: string): string {
  return `${count(number)} ${noun}${number === 1 ? "" : "s"}`;
}

/** A percentage in 0..100, such as `53.1%`. */
export function pct(value: number | null, decimals = 1): string {
  return withUnit(fixed(value, decimals), "%");
}

/** A signed percentage, such as `+2.4%`. */
export function signedPct(value: number | null, decimals = 1): string {
  return withUnit(signed(value, decimals), "%");
}

/** A provider's weight relative to an equal share, such as `1.21x`. */
export function multiplier(value: number | null | undefined): string {
  return withUnit(fixed(value ?? null), "x");
}

function withUnit(number: string, unit: string): string {
  return number === "-" ? number : number + unit;
}

/** A size in powers of 1,000, such as `3.2 kB`. */
export function bytes(size: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  let value = size;
  for (; value >= 1000 && unit < units.length - 1; unit++) value /= 1000;
  return `${fixed(value, unit === 0 ? 0 : 1)} ${units[unit]}`;
}

/** A span of time, such as `8s`, `4m 05s` or `2h 03m`. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const pad = (value: number): string => String(value).padStart(2, "0");
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m ${pad(seconds % 60)}s`;
  return `${Math.floor(seconds / 3600)}h ${pad(Math.floor((seconds % 3600) / 60))}m`;
}
