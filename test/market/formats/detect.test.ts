/** Every family of files, by its content alone: the files in the fixtures against their truth, and small ones written here. */
import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { zipSync } from "fflate";
import { importBars, type ImportOptions } from "../../../lib/market/import-bars.ts";
import { FOREIGN_FILES_DIR, PROJECT_DIR } from "../../samples.ts";

const FOLDER = join(FOREIGN_FILES_DIR, "bars");
const HAS_FILES = existsSync(join(FOLDER, "truth.json"));

/** `[ms, open, high, low, close, volume]` */
type Row = readonly [number, number, number, number, number, number];

/** What a person has to say of a file, since its bytes don't. */
const FLAGS: Readonly<Record<string, Partial<ImportOptions>>> = {
  mt5: { timezone: "UTC" },
  "close-time-stamped": { stamp: "end" },
};

/** Files whose volumes are not the truth's: none, or whole numbers. */
const OTHER_VOLUMES = ["histdata", "mt5", "yahoo-old", "yfinance-history"];

describe.skipIf(!HAS_FILES)("the files of other systems", () => {
  const truth: readonly Row[] = HAS_FILES ? JSON.parse(readFileSync(join(FOLDER, "truth.json"), "utf8")) : [];
  const folders = HAS_FILES ? readdirSync(FOLDER).filter((name) => name !== "truth.json") : [];

  test.each(folders)("%s is read as it was meant", async (folder) => {
    const [name = ""] = readdirSync(join(FOLDER, folder));
    const bytes = new Uint8Array(readFileSync(join(FOLDER, folder, name)));
    const { series, timeframe } = await importBars([{ name, bytes }], { asset: "BTCUSD", ...FLAGS[folder] });
    expect(timeframe).toBe("1h");
    const found = series.bars.map(({ timestamp, open, high, low, close, volume }): Row => [
      timestamp,
      open,
      high,
      low,
      close,
      volume,
    ]);
    const columns = OTHER_VOLUMES.includes(folder) ? 5 : 6;
    const cut = (rows: readonly Row[]): readonly (readonly number[])[] => rows.map((row) => row.slice(0, columns));
    const narrow = (rows: readonly Row[]): unknown =>
      cut(rows).map(([ms, ...values]) => [ms, ...values.map(Math.fround)]);
    // 32-bit floats are what they were before they were narrowed; everything else is exact.
    if (folder.endsWith("-f32")) expect(narrow(found)).toEqual(narrow(truth));
    else expect(cut(found)).toEqual(cut(truth));
  });
});

const HOUR = 3_600_000;
const START = Date.UTC(2021, 0, 4);

/** Three hourly bars of 4 January 2021, from midnight UTC. */
const BARS: readonly Row[] = [
  [START, 100, 110, 90, 105, 7],
  [START + HOUR, 105, 115, 95, 110, 8],
  [START + 2 * HOUR, 110, 120, 100, 115, 9],
];

async function read(text: string | Uint8Array, options: Partial<ImportOptions> & { name?: string } = {}) {
  const { name = "bars.txt", ...rest } = options;
  const bytes = typeof text === "string" ? new TextEncoder().encode(text) : text;
  const found = await importBars([{ name, bytes }], { asset: "BTCUSD", ...rest });
  const rows = found.series.bars.map(({ timestamp, open, high, low, close, volume }): Row => [
    timestamp,
    open,
    high,
    low,
    close,
    volume,
  ]);
  return { ...found, rows };
}

const lines = (line: (row: Row, i: number) => string, header?: string): string =>
  `${[...(header === undefined ? [] : [header]), ...BARS.map(line)].join("\n")}\n`;
const prices = ([, open, high, low, close]: Row, separator = ","): string => [open, high, low, close].join(separator);
const iso = (ms: number): string => new Date(ms).toISOString();
const clock = (ms: number): string => iso(ms).slice(11, 19);
const day = (ms: number, separator: string): string => iso(ms).slice(0, 10).replaceAll("-", separator);

describe("a family that the fixtures have no file of", () => {
  const utf16 = (text: string): Uint8Array =>
    new Uint8Array([0xff, 0xfe, ...new Uint8Array(Uint16Array.from(text, (c) => c.charCodeAt(0)).buffer)]);

  type Options = Partial<ImportOptions> & { name?: string };
  const FILES: readonly (readonly [
    name: string,
    format: string,
    zone: string,
    text: string | Uint8Array,
    options?: Partial<ImportOptions> & { name?: string },
  ])[] = [
    [
      "a table of one-letter prices before the times in dt",
      "table",
      "UTC",
      lines((row) => `${prices(row)},${row[5]},${iso(row[0])}`, "o,h,l,c,v,dt"),
    ],
    ["Kraken OHLCVT", "Kraken OHLCVT", "UTC", lines((row) => `${row[0] / 1000},${prices(row)},${row[5]},12`)],
    [
      "Kraken with a VWAP",
      "Kraken OHLCVT",
      "UTC",
      lines((row) => `${row[0] / 1000},${prices(row)},101.5,${row[5]},12`),
    ],
    [
      "Binance of 2025, in microseconds",
      "Binance archive",
      "UTC",
      lines((row) => `${row[0]}000,${prices(row)},${row[5]},${row[0] + HOUR - 1}999,1,2,3,4,0`),
    ],
    [
      "CryptoDataDownload in seconds, newest first",
      "CryptoDataDownload",
      "UTC",
      `https://www.CryptoDataDownload.com\nunix,date,symbol,open,high,low,close,Volume BTC,Volume USD\n${BARS.toReversed()
        .map((row) => `${row[0] / 1000},${iso(row[0])},BTC/USD,${prices(row)},${row[5]},1`)
        .join("\n")}`,
    ],
    [
      "MetaTrader 4, in Athens",
      "MetaTrader 4",
      "Europe/Athens",
      lines((row) => `${day(row[0] + 2 * HOUR, ".")},${clock(row[0] + 2 * HOUR).slice(0, 5)},${prices(row)},${row[5]}`),
      { timezone: "Europe/Athens" },
    ],
    [
      "MetaTrader 5 in UTF-16",
      "MetaTrader 5",
      "+02:00",
      utf16(
        lines(
          (row) => `${day(row[0] + 2 * HOUR, ".")}\t${clock(row[0] + 2 * HOUR)}\t${prices(row, "\t")}\t${row[5]}\t0\t3`,
          "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>",
        ),
      ),
      { timezone: "+02:00" },
    ],
    [
      "LEAN crypto",
      "LEAN",
      "UTC",
      lines((row) => `${day(row[0], "")} ${clock(row[0]).slice(0, 5)},${prices(row)},${row[5]}`),
    ],
    [
      "LEAN equity, in New York and hundredths of a cent",
      "LEAN equity",
      "America/New_York",
      lines(
        (row) =>
          `${day(row[0] - 5 * HOUR, "")} ${clock(row[0] - 5 * HOUR).slice(0, 5)},${prices([0, row[1] * 1e4, row[2] * 1e4, row[3] * 1e4, row[4] * 1e4, 0])},${row[5]}`,
      ),
    ],
    [
      "LEAN minutes of a day in the file's name",
      "LEAN",
      "UTC",
      lines((row) => `${row[0] - START},${prices(row, ".0,")}.0,${row[5]}`),
      { name: "20210104_trade.csv" },
    ],
    [
      "Stooq bulk",
      "Stooq bulk",
      "UTC (assumed)",
      lines(
        (row) => `BTCUSD,60,${day(row[0], "")},${clock(row[0]).replaceAll(":", "")},${prices(row)},${row[5]},0`,
        "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>",
      ),
    ],
    [
      "yfinance with three header rows",
      "yfinance, several header rows",
      "UTC",
      lines(
        (row) => `${iso(row[0]).slice(0, 19)}+00:00,${row[4]},${row[2]},${row[3]},${row[1]},${row[5]}`,
        "Price,Close,High,Low,Open,Volume\nTicker,BTC-USD,BTC-USD,BTC-USD,BTC-USD,BTC-USD\nDatetime,,,,,",
      ),
    ],
    [
      "TradingView in ISO",
      "table",
      "UTC",
      lines(
        (row) => `${iso(row[0]).slice(0, 19)}Z,${prices(row)},${row[5]},31.5`,
        "time,open,high,low,close,Volume,RSI",
      ),
    ],
    [
      "Polygon's flat files, in nanoseconds",
      "Polygon flat file",
      "UTC",
      lines(
        (row) => `X:BTC-USD,${row[5]},${row[1]},${row[4]},${row[2]},${row[3]},${row[0]}000000,10`,
        "ticker,volume,open,close,high,low,window_start,transactions",
      ),
    ],
    [
      "Dukascopy's local time",
      "Dukascopy",
      "UTC",
      lines(
        (row) =>
          `${day(row[0] + HOUR, ".")
            .split(".")
            .toReversed()
            .join(".")} ${clock(row[0] + HOUR)}.000 GMT+0100,${prices(row)},${row[5]}`,
        "Local time,Open,High,Low,Close,Volume",
      ),
    ],
    [
      "JForex' time (EET)",
      "Dukascopy JForex",
      "EET",
      lines(
        (row) => `${day(row[0] + 2 * HOUR, ".")} ${clock(row[0] + 2 * HOUR)},${prices(row)},${row[5]}`,
        "Time (EET),Open,High,Low,Close,Volume",
      ),
    ],
    [
      "Excel in the United States",
      "table",
      "UTC (assumed)",
      `Date,Open,High,Low,Close,Volume\n${["12:00 AM", "1:00 AM", "2:00 AM"]
        .map((time, i) => `1/4/2021 ${time},"${prices(BARS[i]!, '","')}",${BARS[i]![5]}`)
        .join("\n")}\n1/13/2021 3:00 PM,"1,100.5","1,200.25","1,000","1,100","2,000"\n`,
    ],
    [
      "pandas' JSON by columns",
      "pandas JSON",
      "UTC",
      JSON.stringify(
        Object.fromEntries(
          ["open", "high", "low", "close", "volume"].map((name, c) => [
            name,
            Object.fromEntries(BARS.map((row) => [String(row[0]), row[c + 1]])),
          ]),
        ),
      ),
    ],
    [
      "JSON records",
      "JSON records",
      "UTC",
      JSON.stringify(
        BARS.map(([ms, open, high, low, close, volume]) => ({ datetime: iso(ms), open, high, low, close, volume })),
      ),
    ],
  ];

  test.each(FILES)("%s", async (_name, format, zone, text, options: Options | undefined) => {
    const found = await read(text, options);
    expect({ format: found.format, timezone: found.timezone }).toEqual({ format, timezone: zone });
    const rows = found.rows.slice(0, BARS.length);
    expect(rows).toEqual([...BARS]);
    const [thousands] = found.rows.slice(BARS.length);
    if (thousands !== undefined)
      expect(thousands).toEqual([Date.UTC(2021, 0, 13, 15), 1100.5, 1200.25, 1000, 1100, 2000]);
  });
});

describe("days and months", () => {
  const dated = (dates: readonly string[]): string =>
    `date,open,high,low,close\n${dates.map((date) => `${date},1,2,1,2`).join("\n")}\n`;
  const daysOf = async (dates: readonly string[]): Promise<string[]> =>
    (await read(dated(dates))).rows.map(([ms]) => iso(ms).slice(0, 10));

  test("are told by a number above 12", async () => {
    expect(await daysOf(["30/01/2021", "31/01/2021", "01/02/2021"])).toEqual([
      "2021-01-30",
      "2021-01-31",
      "2021-02-01",
    ]);
    expect(await daysOf(["01/30/2021", "01/31/2021", "02/01/2021"])).toEqual([
      "2021-01-30",
      "2021-01-31",
      "2021-02-01",
    ]);
  });

  test("are told by which order is regular, where all numbers are small", async () => {
    expect(await daysOf(["01/02/2021", "02/02/2021", "03/02/2021"])).toEqual([
      "2021-02-01",
      "2021-02-02",
      "2021-02-03",
    ]);
    expect(await daysOf(["02/01/2021", "02/02/2021", "02/03/2021"])).toEqual([
      "2021-02-01",
      "2021-02-02",
      "2021-02-03",
    ]);
  });

  test("put the day first where dots are between them", async () => {
    expect(await daysOf(["01.02.2021", "02.02.2021"])).toEqual(["2021-02-01", "2021-02-02"]);
  });
});

test.each(["bars_timestamp_ns_zstd.parquet", "bar_ends_ns_lz4.feather"])(
  "%s is read within a larger buffer",
  async (name) => {
    const bytes = readFileSync(join(PROJECT_DIR, "test/fixtures/market", name));
    // As Node keeps small files.
    const larger = Buffer.alloc(bytes.length + 20);
    bytes.copy(larger, 10);
    expect((await read(larger.subarray(10, 10 + bytes.length))).rows).toEqual((await read(new Uint8Array(bytes))).rows);
  },
);

test("a zip of several files is one series", async () => {
  const part = (rows: readonly Row[]): Uint8Array =>
    new TextEncoder().encode(
      `timestamp,open,high,low,close,volume\n${rows.map((row) => `${row[0]},${prices(row)},${row[5]}`).join("\n")}`,
    );
  const zip = zipSync({
    "b.csv": part(BARS.slice(2)),
    "a.csv": part(BARS.slice(0, 2)),
    "readme.txt": new Uint8Array([65]),
    // HistData's report beside its bars.
    "b.txt": new Uint8Array([65]),
  });
  expect((await read(zip)).rows).toEqual([...BARS]);
});

test.each([
  ["parquet", new Uint8Array([0x50, 0x41, 0x52, 0x31]), "binance", 'found the format "parquet"'],
  ["a table", "timestamp,open,high,low,close\n2021-01-01,1,2,1,2\n", "binance", "found the columns"],
  ["a table", "timestamp,open,high,low,close\n2021-01-01,1,2,1,2\n", "json", "found the columns"],
])("%s is refused where the format is said to be another", async (_, content, format, found) => {
  await expect(read(content, { format })).rejects.toThrow(found);
  await expect(read(content, { format })).rejects.toThrow(`expected the format "${format}"`);
});

describe("what is not bars is refused with what was found", () => {
  test.each([
    ["nothing", "", "found an empty file"],
    [
      "prose",
      "Dear trader,\nhere are your bars.\n",
      'found no line of five columns: the first is "Dear trader,", expected',
    ],
    [
      "a table without prices",
      "timestamp,pos\r\n2021-01-01,1\r\n",
      'found no line of five columns: the first is "timestamp,pos", expected bars: a time, open, high, low and close in each row',
    ],
    [
      "other columns",
      "timestamp,price_a,price_b,x,y\n1,2,3,4,5\n",
      'found the columns "timestamp,price_a,price_b,x,y"',
    ],
    [
      "prices without a time that is known",
      "when,o,h,l,c\n2021-01-01,1,2,1,2\n",
      'found the columns "when,o,h,l,c", expected a column of times beside the prices, called "timestamp", "datetime", "date", "time", "dt" or "unix"',
    ],
    ["half a Parquet file", new Uint8Array([0x50, 0x41, 0x52, 0x31, 1, 2, 3]), "expected a Parquet file"],
    ["half an Arrow file", new TextEncoder().encode("ARROW1\0\0abc"), "found a damaged or incomplete file"],
    ["half a JSON", "[[1609768800000,1,2", "found JSON that is cut off"],
    [
      "a workbook",
      zipSync({ "[Content_Types].xml": new Uint8Array([60]) }),
      "a workbook of Excel: save its sheet as CSV",
    ],
    ["Feather of version 1", "FEA1", "found Feather of version 1: write version 2"],
    ["half a zip", new Uint8Array([0x50, 0x4b, 3, 4, 1, 2, 3]), "expected a zip that opens"],
    [
      "a word for a price",
      "timestamp,open,high,low,close\n2021-01-01,1,2,1,2\n2021-01-02,1,two,1,2\n",
      'found "two" in line 3, column "high", expected a number',
    ],
    [
      "no time",
      "timestamp,open,high,low,close\nyesterday,1,2,1,2\n",
      'found "yesterday" in line 2, column "timestamp"',
    ],
    [
      "two symbols",
      "symbol,timestamp,open,high,low,close\nA,2021-01-01,1,2,1,2\nB,2021-01-01,1,2,1,2\n",
      'found the symbols "A", "B"',
    ],
  ])("%s", async (_what, content, message) => {
    const refused = await read(content).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(refused).toMatchObject({ code: "BAD_DATA", message: expect.stringContaining(message) });
  });
});
