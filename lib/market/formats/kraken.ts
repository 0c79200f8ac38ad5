import type { TextFormat } from "./foreign-bars.ts";

/** Kraken's OHLCVT archive: no header; epoch seconds, open, high, low, close, volume, trades. With eight columns the sixth is a VWAP. */
export const kraken: TextFormat = {
  name: "kraken",
  layoutOf: ({ names, rows }) => {
    const first = rows[0]?.map((cell) => String(cell).trim());
    if (names !== undefined || first === undefined || (first.length !== 7 && first.length !== 8)) return undefined;
    if (!/^\d{9,10}$/.test(first[0]!) || !/^\d+$/.test(first.at(-1)!)) return undefined;
    return { format: "Kraken OHLCVT", time: [0], open: 1, high: 2, low: 3, close: 4, volume: first.length - 2 };
  },
};
