import { columnOf, plainName, priceColumns } from "./columns.ts";
import type { TextFormat } from "./foreign-bars.ts";

/** Stooq: `Date,Time,Open,...` from the web, `<TICKER>,<PER>,<DATE>,<TIME>,...,<OPENINT>` from the bulk archive. Without the last it is Finam. */
export const stooq: TextFormat = {
  name: "stooq",
  layoutOf: ({ names = [] }) => {
    const prices = priceColumns(names);
    const plain = names.map(plainName);
    const date = columnOf(names, ["date"]);
    const clock = columnOf(names, ["time"]);
    if (prices === undefined || date === undefined) return undefined;
    if (plain[0] === "ticker" && plain[1] === "per") {
      const layout = { ...prices, time: clock === undefined ? ([date] as const) : ([date, clock] as const) };
      if (plain.includes("openint")) return { format: "Stooq bulk", ...layout };
      return { format: "Finam", ...layout, needsZone: { clock: "the exchange", timezone: '"Europe/Moscow"' } };
    }
    const isWeb = date === 0 && clock === 1 && names[0] === "Date";
    // Anybody's table may begin so.
    return isWeb ? { format: "table", ...prices, time: [date, clock], isStartAssumed: true } : undefined;
  },
};
