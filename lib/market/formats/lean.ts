import type { TextFormat } from "./foreign-bars.ts";

/** Prices of equities are stored as whole hundredths of a cent. */
const EQUITY_SCALE = 10_000;

/**
 * QuantConnect LEAN's folder of data: no header. Hours and days begin with `20210101 00:00`; minutes and seconds with the
 * milliseconds since midnight of the day in the file's name. Equities are in New York's time, everything else in UTC.
 */
export const lean: TextFormat = {
  name: "lean",
  layoutOf: ({ names, rows, file }) => {
    const first = rows[0]?.map((cell) => String(cell).trim()) ?? [];
    if (names !== undefined || first.length < 5 || first.length > 11) return undefined;
    const prices = rows.slice(0, 50).flatMap((row) => row.slice(1, 5).map((cell) => String(cell).trim()));
    const isEquity = prices.every((price) => /^\d{4,}$/.test(price));
    const common = {
      format: isEquity ? "LEAN equity" : "LEAN",
      time: [0] as const,
      open: 1,
      high: 2,
      low: 3,
      close: 4,
      volume: first.length === 6 ? 5 : undefined,
      zone: isEquity ? "America/New_York" : "UTC",
      priceScale: isEquity ? EQUITY_SCALE : 1,
    };
    if (/^\d{8} \d{2}:\d{2}$/.test(first[0] ?? "")) return common;
    const day = /(?:^|[/\\])(\d{4})(\d{2})(\d{2})_/.exec(file);
    if (day === null || !/^\d{1,8}$/.test(first[0] ?? "")) return undefined;
    return { ...common, dayMs: Date.UTC(Number(day[1]), Number(day[2]) - 1, Number(day[3])) };
  },
};
