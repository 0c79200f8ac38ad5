import { columnOf, priceColumns } from "./columns.ts";
import type { TextFormat } from "./foreign-bars.ts";

/** TradeStation's export: `Date,Time,Open,...,Up,Down` or `Vol,OI`, stamped with the end of the bar on the chart's clock. */
export const tradeStation: TextFormat = {
  name: "tradestation",
  layoutOf: ({ names = [] }) => {
    const prices = priceColumns(names);
    const [date, clock] = [columnOf(names, ["date"]), columnOf(names, ["time"])];
    const isExport = ["down", "oi"].some((name) => columnOf(names, [name]) !== undefined);
    if (prices === undefined || date === undefined || clock === undefined || !isExport) return undefined;
    const needsZone = {
      clock: "the chart",
      timezone: '"America/New_York" for US stocks, "America/Chicago" for many futures',
    };
    return { format: "TradeStation", ...prices, time: [date, clock], needsZone, stamp: "end" };
  },
};
