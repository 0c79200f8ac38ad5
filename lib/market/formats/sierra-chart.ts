import { columnOf, priceColumns } from "./columns.ts";
import type { TextFormat } from "./foreign-bars.ts";

/** Sierra Chart's export: `Date, Time, Open, High, Low, Last, Volume, NumberOfTrades, BidVolume, AskVolume`, on the chart's clock. */
export const sierraChart: TextFormat = {
  name: "sierrachart",
  layoutOf: ({ names = [] }) => {
    const prices = priceColumns(names);
    const [date, clock] = [columnOf(names, ["date"]), columnOf(names, ["time"])];
    const isExport = ["numberoftrades", "bidvolume"].every((name) => columnOf(names, [name]) !== undefined);
    if (prices === undefined || date === undefined || clock === undefined || !isExport) return undefined;
    const needsZone = {
      clock: "the chart",
      timezone: '"America/New_York" as it is by default, "UTC" if you chose that',
    };
    return { format: "Sierra Chart", ...prices, time: [date, clock], needsZone };
  },
};
