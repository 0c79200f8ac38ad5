import { columnOf, priceColumns } from "./columns.ts";
import type { TextFormat } from "./foreign-bars.ts";

/** Bars of Interactive Brokers' API as its Python packages write them: `date,open,...,average,barCount`; a time may end with its zone. */
export const interactiveBrokers: TextFormat = {
  name: "ibkr",
  layoutOf: ({ names = [], rows }) => {
    const prices = priceColumns(names);
    const [date, count] = [columnOf(names, ["date"]), columnOf(names, ["barcount"])];
    if (prices === undefined || date === undefined || count === undefined) return undefined;
    const first = String(rows[0]?.[date] ?? "").trim();
    const layout = { format: "Interactive Brokers", ...prices, time: [date] as const };
    const named = / ([A-Za-z]+(?:\/[A-Za-z_]+)+)$/.exec(first)?.[1];
    if (named !== undefined) return { ...layout, timeSuffix: ` ${named}`, zone: named };
    // Days are of the exchange, whatever the clock of the computer is.
    if (/^\d{8}$|^\d{4}-\d\d-\d\d$/.test(first)) return layout;
    return { ...layout, needsZone: { clock: "Trader Workstation", timezone: 'such as "America/New_York"' } };
  },
};
