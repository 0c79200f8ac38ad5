import type { TextFormat } from "./foreign-bars.ts";

/** HistData's ASCII bars: `20210101 170000;open;high;low;close;volume`, no header, Eastern Standard Time all year. */
export const histData: TextFormat = {
  name: "histdata",
  layoutOf: ({ names, rows }) => {
    if (names !== undefined || !/^\d{8} \d{6}$/.test(String(rows[0]?.[0] ?? "").trim())) return undefined;
    return { format: "HistData", time: [0], open: 1, high: 2, low: 3, close: 4, volume: 5, zone: "-05:00" };
  },
};
