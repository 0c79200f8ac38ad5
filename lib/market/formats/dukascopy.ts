import { columnOf, priceColumns } from "./columns.ts";
import type { TextFormat } from "./foreign-bars.ts";

/** Dukascopy's export: `Gmt time`, `Local time` with an offset in each cell, or JForex' `Time (EET)`; the day comes first. */
export const dukascopy: TextFormat = {
  name: "dukascopy",
  layoutOf: ({ names = [] }) => {
    const prices = priceColumns(names);
    if (prices === undefined) return undefined;
    const gmt = columnOf(names, ["gmttime"]);
    if (gmt !== undefined) return { format: "Dukascopy", ...prices, time: [gmt], zone: "UTC" };
    const local = columnOf(names, ["localtime"]);
    if (local !== undefined) return { format: "Dukascopy", ...prices, time: [local] };
    const column = names.findIndex((name) => /^time ?\([\w/+:-]+\)$/i.test(name.trim()));
    if (column === -1) return undefined;
    const zone = /\(([^)]+)\)/.exec(names[column]!)![1]!;
    return { format: "Dukascopy JForex", ...prices, time: [column], zone };
  },
};
