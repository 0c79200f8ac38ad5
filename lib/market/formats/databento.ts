import { columnOf, priceColumns } from "./columns.ts";
import type { TextFormat } from "./foreign-bars.ts";

/** Databento's OHLCV in CSV: `ts_event,rtype,...` in ns or ISO; prices are decimals, or whole numbers of 1e-9 if they are not "pretty". */
export const databento: TextFormat = {
  name: "databento",
  layoutOf: ({ names = [], rows }) => {
    const prices = priceColumns(names);
    const [time, type] = [columnOf(names, ["tsevent"]), columnOf(names, ["rtype"])];
    if (prices === undefined || time === undefined || type === undefined) return undefined;
    const isFixed = rows.slice(0, 50).every((row) => /^\d+$/.test(String(row[prices.open]).trim()));
    return { format: "Databento", ...prices, time: [time], zone: "UTC", priceScale: isFixed ? 1e9 : 1 };
  },
};
