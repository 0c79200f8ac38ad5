import type { TextFormat } from "./foreign-bars.ts";

/** NinjaTrader's export: as HistData's, which has no volumes, but in UTC, and bars are stamped with their end. */
export const ninjaTrader: TextFormat = {
  name: "ninjatrader",
  layoutOf: ({ names, rows }) => {
    const first = rows[0]?.map((cell) => String(cell).trim());
    if (names !== undefined || first?.length !== 6 || !/^\d{8} \d{6}$/.test(first[0]!)) return undefined;
    if (rows.every((row) => Number(row[5] ?? 0) === 0)) return undefined;
    return {
      format: "NinjaTrader",
      time: [0],
      open: 1,
      high: 2,
      low: 3,
      close: 4,
      volume: 5,
      zone: "UTC",
      stamp: "end",
    };
  },
};
