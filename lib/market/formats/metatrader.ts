import { columnOf, priceColumns } from "./columns.ts";
import type { TextFormat } from "./foreign-bars.ts";

const needsZone = {
  clock: "the broker's server",
  timezone: '"Europe/Athens" for most brokers, "UTC" for some, or an offset such as "+02:00"',
};

/**
 * MetaTrader 5 (`<DATE> <TIME> <OPEN> ...`, tabs) and 4 (`2021.01.01,00:00,...`, no header). Times are those of the broker's
 * server, in a zone that the file does not state.
 */
export const metatrader: TextFormat = {
  name: "metatrader",
  layoutOf: ({ names, rows }) => {
    if (names === undefined) {
      const first = rows[0]?.map((cell) => String(cell).trim()) ?? [];
      if (!/^\d{4}\.\d{2}\.\d{2}$/.test(first[0] ?? "") || !/^\d{2}:\d{2}(?::\d{2})?$/.test(first[1] ?? ""))
        return undefined;
      return { format: "MetaTrader 4", time: [0, 1], open: 2, high: 3, low: 4, close: 5, volume: 6, needsZone };
    }
    const prices = priceColumns(names);
    const date = columnOf(names, ["date"]);
    if (prices === undefined || date === undefined || !/^<date>$/i.test(names[0]!.trim())) return undefined;
    const clock = columnOf(names, ["time"]);
    // A broker without real volumes writes 0 throughout. Then ticks are counted.
    const real = columnOf(names, ["vol"]);
    const hasReal = real !== undefined && rows.some((row) => Number(row[real]) > 0);
    const volume = hasReal ? real : columnOf(names, ["tickvol"]);
    const time = clock === undefined ? ([date] as const) : ([date, clock] as const);
    return { format: "MetaTrader 5", ...prices, volume, time, needsZone };
  },
};
