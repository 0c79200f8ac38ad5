import { columnOf, priceColumns } from "./columns.ts";
import type { Table, TextFormat } from "./foreign-bars.ts";

const needsZone = {
  clock: "the broker's server",
  timezone:
    '"America/New_York+07:00" or "Europe/Athens" for most brokers, both UTC+2 in winter and +3 in summer, by the dates of New York or of Europe; "UTC" for some',
};

/** HistData's "MetaTrader" files, which have no volumes, look like those of MetaTrader 4. */
const mayBeHistData = { ...needsZone, timezone: `${needsZone.timezone}; "-05:00" for files of HistData` };

/**
 * MetaTrader 5 (`<DATE> <TIME> <OPEN> ...`, tabs; or rows of its Python package) and 4 (`2021.01.01,00:00,...`, no header). Times of
 * exports are those of the broker's server, in a zone that the file does not state.
 */
export const metatrader: TextFormat = {
  name: "metatrader",
  layoutOf: (table) => {
    const { names, rows } = table;
    if (names === undefined) {
      const first = rows[0]?.map((cell) => String(cell).trim()) ?? [];
      if (!/^\d{4}\.\d{2}\.\d{2}$/.test(first[0] ?? "") || !/^\d{2}:\d{2}(?::\d{2})?$/.test(first[1] ?? ""))
        return undefined;
      const hasVolumes = rows.some((row) => Number(row[6] ?? 0) > 0);
      const columns = { time: [0, 1], open: 2, high: 3, low: 4, close: 5, volume: 6 } as const;
      return { format: "MetaTrader 4", ...columns, needsZone: hasVolumes ? needsZone : mayBeHistData };
    }
    const prices = priceColumns(names);
    if (prices === undefined) return undefined;
    const volume = volumeColumn(table);
    const python = columnOf(names, ["tickvolume"]) === undefined ? undefined : columnOf(names, ["time"]);
    if (python !== undefined) return { format: "MetaTrader 5, Python", ...prices, volume, time: [python], needsZone };
    const date = columnOf(names, ["date"]);
    if (date === undefined || !/^<date>$/i.test(names[0]!.trim())) return undefined;
    const clock = columnOf(names, ["time"]);
    const time = clock === undefined ? ([date] as const) : ([date, clock] as const);
    return { format: "MetaTrader 5", ...prices, volume, time, needsZone };
  },
};

/** A broker without real volumes writes 0 throughout. Then ticks are counted. */
function volumeColumn({ names = [], rows }: Table): number | undefined {
  const real = columnOf(names, ["vol", "realvolume"]);
  const hasReal = real !== undefined && rows.some((row) => Number(row[real]) > 0);
  return hasReal ? real : columnOf(names, ["tickvol", "tickvolume"]);
}
