/** Finds the columns of bars by the names that people's tools give them. */
import type { Layout, Table } from "./foreign-bars.ts";

const NAMES = {
  open: ["open", "o", "openprice", "bidopen", "priceopen", "1.open"],
  high: ["high", "h", "max", "highprice", "bidhigh", "pricehigh", "2.high"],
  low: ["low", "l", "min", "lowprice", "bidlow", "pricelow", "3.low"],
  close: ["close", "c", "last", "price", "closeprice", "bidclose", "priceclose", "closelast", "4.close"],
  volume: ["volume", "vol", "vol.", "v", "basevolume", "volumebase", "realvolume", "tickvolume", "tickvol", "5.volume"],
  symbol: ["symbol", "ticker", "tic", "pair", "instrument", "asset", "assetpair"],
} as const;

/** Columns of times, those that state a zone by being an epoch time first. */
const TIMES = [
  "unix",
  "unixtime",
  "unixtimestamp",
  "epoch",
  "opentime",
  "windowstart",
  "gmttime",
  "timestamp",
  "datetime",
  "datetimeutc",
  "dateutc",
  "dateandtime",
  "localtime",
  "starttime",
  "timeopen",
  "startat",
  "start",
  "tsevent",
  "bartime",
  "ts",
  "dt",
  "ticks",
  "t",
  "date",
  "time",
  "day",
  "_indexlevel0_",
  "index",
];

/** A name without case, blanks, underscores, slashes, brackets and quotes: `<DATE>`, `Open time` and `open_time` become plain words. */
export function plainName(name: string): string {
  const plain = name
    .trim()
    .toLowerCase()
    .replaceAll(/[\s"'<>()[\]]/g, "");
  return plain === "__index_level_0__" ? "_indexlevel0_" : plain.replaceAll(/[_/-]/g, "");
}

/** The first column with one of the names. */
export function columnOf(names: readonly string[], wanted: readonly string[]): number | undefined {
  const plain = names.map(plainName);
  for (const name of wanted) {
    const column = plain.indexOf(name);
    if (column !== -1) return column;
  }
  return undefined;
}

/** The columns of open, high, low and close; `undefined` where one is missing. */
export function priceColumns(
  names: readonly string[],
): Pick<Layout, "open" | "high" | "low" | "close" | "volume" | "symbol"> | undefined {
  const [open, high, low, close] = (["open", "high", "low", "close"] as const).map((key) =>
    columnOf(names, NAMES[key]),
  );
  if (open === undefined || high === undefined || low === undefined || close === undefined) return undefined;
  const plain = names.map(plainName);
  const begins = plain.findIndex((name) => name.startsWith("volume"));
  const volume = columnOf(names, NAMES.volume) ?? (begins === -1 ? undefined : begins);
  return { open, high, low, close, volume, symbol: columnOf(names, NAMES.symbol) };
}

/** The column of times, or those of date and time. */
export function timeColumns({ names = [], rows }: Table): Layout["time"] | undefined {
  const date = columnOf(names, ["date"]);
  const clock = columnOf(names, ["time"]);
  const hasEpoch = columnOf(names, TIMES.slice(0, 5));
  if (date !== undefined && clock !== undefined && hasEpoch === undefined) {
    // A column of complete times needs no column of dates.
    return /^\d{1,2}:?\d{2}(?::?\d{2})?$/.test(String(rows[0]?.[clock] ?? "").trim()) ? [date, clock] : [clock];
  }
  const named = columnOf(names, TIMES);
  if (named !== undefined) return [named];
  // JForex writes the zone into the name, `Time (EET)`; pandas gives its index no name.
  const zoned = names.findIndex((name) => /^(?:gmt )?time ?\(/i.test(name.trim()));
  if (zoned !== -1) return [zoned];
  const unnamed = names.findIndex((name) => name.trim() === "" || /^unnamed: 0$/i.test(name.trim()));
  return unnamed === -1 ? undefined : [unnamed];
}
