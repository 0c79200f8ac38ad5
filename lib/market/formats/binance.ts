import type { TextFormat } from "./foreign-bars.ts";

/**
 * Monthly and daily archives of data.binance.vision: no header (spot) or one (futures), open time in epoch ms or, since 2025, us;
 * twelve columns, the seventh of them the close time.
 */
export const binance: TextFormat = {
  name: "binance",
  layoutOf: ({ names, rows }) => {
    const [first] = rows;
    const isEpoch = (cell: unknown): boolean => /^\d{13}(?:\d{3})?$/.test(String(cell ?? "").trim());
    if (first === undefined || first.length < 11 || !isEpoch(first[0]) || !isEpoch(first[6])) return undefined;
    if (names !== undefined && !/^open_?time$/i.test(names[0]!.replace(" ", "_"))) return undefined;
    return { format: "Binance archive", time: [0], open: 1, high: 2, low: 3, close: 4, volume: 5 };
  },
};
