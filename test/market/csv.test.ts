import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { BarSeries } from "../../lib/types.ts";
import { CarryoverError } from "../../lib/errors.ts";
import { CsvReader } from "../../lib/market/csv-reader.ts";
import { barsOfText, parseBarsCsv } from "../../lib/market/csv.ts";
import { gunzipBars } from "../../lib/market/load.node.ts";
import { plainBars } from "../../lib/market/plain-csv.ts";
import { HAS_REAL_BARS, REAL_BARS_DIR } from "../samples.ts";
import { HOUR_MS } from "../../lib/util/time.ts";

const NEW_YEAR = Date.UTC(2021, 0, 1);
const HEADER = "timestamp,open,high,low,close,volume";

function parse(text: string): BarSeries {
  return parseBarsCsv(new TextEncoder().encode(text), { asset: "BTCUSD", timeframe: "1h", file: "BTCUSD_1h.csv" });
}

/** Rows of hourly bars; `hours` are counted from the new year. */
function rows(hours: readonly number[]): string {
  return hours.map((hour) => `${new Date(NEW_YEAR + hour * HOUR_MS).toISOString()},10,12,9,11,5\n`).join("");
}

function refusal(text: string): string {
  try {
    parse(text);
  } catch (error) {
    expect(error).toBeInstanceOf(CarryoverError);
    expect((error as CarryoverError).code).toBe("BAD_DATA");
    return (error as CarryoverError).message;
  }
  throw new Error("nothing was refused");
}

const TWO_BARS = [
  { timestamp: NEW_YEAR, open: 10, high: 12.5, low: 9, close: 11, volume: 5 },
  { timestamp: NEW_YEAR + HOUR_MS, open: 11, high: 11, low: 11, close: 11, volume: 0 },
];

describe("parseBarsCsv() reads", () => {
  const plain = `${HEADER}\n2021-01-01T00:00:00Z,10,12.5,9,11,5\n2021-01-01T01:00:00Z,11,11,11,11,0\n`;
  test.each([
    ["a plain file", plain],
    ["no newline at the end", plain.trimEnd()],
    ["CRLF", plain.replaceAll("\n", "\r\n")],
    ["a byte order mark", `\uFEFF${plain}`],
    ["`;` between the fields", plain.replaceAll(",", ";")],
    ["all of these at once", `\uFEFF${plain.replaceAll(",", ";").replaceAll("\n", "\r\n")}`],
    ["blank lines", `\n${plain.replaceAll("\n", "\n\n")}\r\n  \n`],
    ["quoted fields", plain.replaceAll(/[^,\n]+/g, '"$&"')],
    ["blanks around fields", plain.replaceAll(",", " , ")],
    ["capitals in the header", plain.replace(HEADER, "Timestamp,OPEN,High,Low,Close,Volume")],
    ["epoch milliseconds", plain.replace(/2021\S+?00Z/, `${NEW_YEAR}`).replace(/2021\S+?00Z/, `${NEW_YEAR + HOUR_MS}`)],
    ["exponents", plain.replace("12.5", "1.25e1").replace(",10,", ",1E+01,")],
    [
      "other columns, and columns in another order",
      'close,note,volume,low,high,open,timestamp\n11,"a, b",5,9,12.5,10,2021-01-01 00:00\n11,,0,11,11,11,2021-01-01 01:00\n',
    ],
  ])("%s", (_, text) => {
    expect(parse(text)).toEqual({ asset: "BTCUSD", timeframeMs: HOUR_MS, market: "bars", bars: TWO_BARS, gaps: 0 });
  });

  test.each(["date", "Datetime", "time", "Open_Time", "", "__index_level_0__", "index", "Unnamed: 0"])(
    "times under the name %j",
    (name) => {
      expect(parse(plain.replace("timestamp", name)).bars).toEqual(TWO_BARS);
    },
  );

  test("times beside the numbers of rows, which pandas writes under no name", () => {
    const [, first, second] = plain.replace("timestamp", "Date").split("\n");
    expect(parse(`,${HEADER.replace("timestamp", "Date")}\n0,${first}\n1,${second}\n`).bars).toEqual(TWO_BARS);
  });

  test.each([
    ["seconds", 1e-3, ""],
    ["seconds with a fraction", 1e-3, ".000"],
    ["microseconds", 1e3, ""],
    ["nanoseconds", 1e6, ""],
  ])("epoch times in %s", (_, perMs, fraction) => {
    const epoch = (ms: number): string =>
      `${BigInt(ms * Math.max(1, perMs)) / BigInt(Math.max(1, 1 / perMs))}${fraction}`;
    const text = plain.replace(/2021\S+?00Z/, epoch(NEW_YEAR)).replace(/2021\S+?00Z/, epoch(NEW_YEAR + HOUR_MS));
    expect(parse(text).bars).toEqual(TWO_BARS);
  });

  test("an empty volume as 0", () => {
    expect(parse(plain.replace(",11,5\n", ",11,\n")).bars[0]!.volume).toBe(0);
  });

  test("a high and a low that are off by rounding as wide as the other prices", () => {
    const [bar] = parse(`${HEADER}\n2021-01-01T00:00:00Z,29000.12,29000.1,28999.98,28999.97,5\n`).bars;
    expect(bar).toMatchObject({ open: 29000.12, high: 29000.12, low: 28999.97, close: 28999.97 });
    // 29000.12 x (1 - 1e-6) is 29000.091.
    expect(refusal(`${HEADER}\n2021-01-01T00:00:00Z,29000.12,29000.09,28999,28999,5\n`)).toContain('column "open"');
  });

  test("days of local midnights where clocks change", () => {
    const days = [
      "2021-03-12T05:00Z",
      "2021-03-13T05:00Z",
      "2021-03-14T05:00Z",
      "2021-03-15T04:00Z",
      "2021-03-16T04:00Z",
    ];
    const text = `${HEADER}\n${days.map((day) => `${day},10,12,9,11,5\n`).join("")}`;
    const series = parseBarsCsv(new TextEncoder().encode(text), { asset: "SPY", timeframe: "1d", file: "SPY_1d.csv" });
    expect([series.bars.length, series.gaps]).toEqual([5, 0]);
  });

  test("sessions whose first bar is half an hour, and the nights between them as no gaps", () => {
    const session = [9.5, 10, 11, 12, 13, 14, 15];
    const { bars, gaps } = parse(
      `${HEADER}\n${rows([0, 1, 2, 3, 4].flatMap((day) => session.map((hour) => 24 * day + hour)))}`,
    );
    expect([bars.length, gaps]).toEqual([35, 0]);
    expect(refusal(`${HEADER}\n${rows([...session, 33.5, 34.5])}`)).toContain(
      "1110 minutes after the bar before in line 9",
    );
  });

  test("a file without volumes as volumes of 0", () => {
    const text = "timestamp,open,high,low,close\n2021-01-01T00:00:00Z,10,12.5,9,11\n";
    expect(parse(text).bars).toEqual([{ ...TWO_BARS[0]!, volume: 0 }]);
  });

  test("gaps, and counts them", () => {
    expect(parse(`${HEADER}\n${rows([0, 1, 2, 50, 51, 52, 54, 55])}`).gaps).toBe(2);
  });

  test("23 equal gaps in a row among more bars without one", () => {
    const daily = Array.from({ length: 23 }, (_, day) => 100 + day * 24);
    const hourly = Array.from({ length: 100 }, (_, hour) => hour);
    // From hour 99 to 100 there is no gap, so that 22 spacings of a day follow.
    expect(parse(`${HEADER}\n${rows([...hourly, ...daily])}`).gaps).toBe(22);
  });

  test("prices to the last bit, as Number() does", () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-9, max: 1e12, noNaN: true }), fc.nat(12), (price, decimals) => {
        for (const text of [String(price), price.toFixed(decimals), price.toExponential()]) {
          const csv = new CsvReader(new TextEncoder().encode(`a\n${text}\n`), { file: "x", columns: ["a"] });
          expect(csv.next()).toBe(true);
          expect(csv.number(0)).toBe(Number(text));
        }
      }),
    );
  });
});

describe("parseBarsCsv() refuses, with line and column,", () => {
  const ok = rows([0]);
  test.each([
    ["an empty file", "", 'found an empty file, expected the columns "timestamp,open,high,low,close"'],
    ["a blank file", "\r\n\r\n", 'found an empty file, expected the columns "timestamp,open,high,low,close"'],
    ["a header without bars", `${HEADER}\n`, "found no bars, expected at least one"],
    [
      "other columns",
      "date,price\n2021-01-01,10\n",
      'found the columns "date,price" in line 1, expected a column "open"',
    ],
    [
      "no column of times",
      "day,open,high,low,close\n",
      'found the columns "day,open,high,low,close" in line 1, expected a column "timestamp", "date", "datetime", "time" or "open_time"',
    ],
    [
      "two columns of times",
      "Date,Time,Open,High,Low,Close\n",
      'found the columns "Date" and "Time" in line 1, expected one of them, or a column "timestamp"',
    ],
    [
      "times that end their bars",
      `${HEADER}\n1609462799999,10,12,9,11,5\n`,
      'found "2021-01-01T00:59:59.999Z", the last moment of a bar in line 2, column "timestamp", expected the time at which the bar starts',
    ],
    [
      "a missing column",
      "timestamp,open,high,close\n",
      'found the columns "timestamp,open,high,close" in line 1, expected a column "low"',
    ],
    [
      "a column that occurs twice",
      "timestamp,open,high,low,close,Close\n",
      'found the column twice in line 1, column "close", expected it once',
    ],
    [
      "a short row",
      `${HEADER}\n${ok}2021-01-01T01:00:00Z,1,2\n`,
      "found 3 fields in line 3, expected 6 as in the header",
    ],
    [
      "a number with a comma for thousands",
      `${HEADER}\n2021-01-01T01:00:00Z,1,2,1,1,1,234\n`,
      "found 7 fields in line 2, expected 6 as in the header",
    ],
    [
      "a date that does not exist",
      `${HEADER}\n2021-02-30T00:00:00Z,10,12,9,11,5\n`,
      'found "2021-02-30T00:00:00Z" in line 2, column "timestamp", expected a time such as 2021-01-01T00:00:00Z, or an epoch time',
    ],
    [
      "times out of order",
      `${HEADER}\n${rows([5, 6, 4])}`,
      'found the earlier time "2021-01-01T04:00:00.000Z" in line 4, column "timestamp", expected a later time than in line 3',
    ],
    [
      "the same time twice",
      `${HEADER}\n${rows([5, 6])}\n${rows([6])}`,
      'found the same time "2021-01-01T06:00:00.000Z" in line 5, column "timestamp", expected a later time than in line 3',
    ],
    [
      "a spacing that is not a multiple of the timeframe",
      `${HEADER}\n${rows([0, 1, 1.5])}`,
      'found "2021-01-01T01:30:00.000Z", 30 minutes after the bar before in line 4, column "timestamp", expected a multiple of 60 minutes',
    ],
    [
      "another timeframe",
      `${HEADER}\n${rows([0, 4, 8, 12, 13])}`,
      'found 3 spacings of 240 minutes and 1 of the timeframe, the first in line 3, column "timestamp", expected bars of 60 minutes',
    ],
    [
      "daily bars after hourly ones",
      `${HEADER}\n${rows([...Array.from({ length: 100 }, (_, hour) => hour), ...Array.from({ length: 24 }, (_, day) => 123 + day * 24)])}`,
      'found 24 spacings of 1440 minutes in a row in line 125, column "timestamp", expected bars of 60 minutes',
    ],
  ])("%s", (_, text, message) => {
    expect(refusal(text)).toBe(`Cannot read "BTCUSD_1h.csv": ${message}`);
  });

  test.each([
    ["open", "NaN", 'found "NaN" in line 3, column "open", expected a number such as 1234.5'],
    ["high", "", 'found nothing in line 3, column "high", expected a number such as 1234.5'],
    ["low", "abc", 'found "abc" in line 3, column "low", expected a number such as 1234.5'],
    ["close", "Infinity", 'found "Infinity" in line 3, column "close", expected a number such as 1234.5'],
    ["close", "0x10", 'found "0x10" in line 3, column "close", expected a number such as 1234.5'],
    ["close", ".", 'found "." in line 3, column "close", expected a number such as 1234.5'],
    ["close", "1.2.3", 'found "1.2.3" in line 3, column "close", expected a number such as 1234.5'],
    ["close", "1e999", 'found "Infinity" in line 3, column "close", expected a price above 0'],
    ["open", "0", 'found "0" in line 3, column "open", expected a price above 0'],
    ["low", "-9", 'found "-9" in line 3, column "low", expected a price above 0'],
    ["high", "8", 'found a high of "8" in line 3, column "high", expected at least the low, "9"'],
    ["open", "8.99", 'found "8.99" in line 3, column "open", expected a price from low to high, "9" to "12"'],
    ["close", "12.01", 'found "12.01" in line 3, column "close", expected a price from low to high, "9" to "12"'],
    ["volume", "-1", 'found "-1" in line 3, column "volume", expected a number of at least 0'],
    ["volume", "x", 'found "x" in line 3, column "volume", expected a number such as 1234.5'],
  ])("%s of %j", (column, value, message) => {
    const fields: Record<string, string> = {
      open: "10",
      high: "12",
      low: "9",
      close: "11",
      volume: "5",
      [column]: value,
    };
    const names = ["open", "high", "low", "close", "volume"];
    const row = `2021-01-01T01:00:00Z,${names.map((name) => fields[name]).join(",")}\n`;
    const expected = `Cannot read "BTCUSD_1h.csv": ${message}`;
    expect(refusal(`${HEADER}\n${rows([0])}${row}${rows([2])}`)).toBe(expected);
  });
});

describe("plainBars()", () => {
  const file = { asset: "BTCUSD", timeframe: "1h", file: "BTCUSD_1h.csv" };
  /** What a reader makes of a file: its bars, or what it refuses. */
  const outcomeOf = (read: () => BarSeries | undefined): BarSeries | string | undefined => {
    try {
      return read();
    } catch (error) {
      return (error as Error).message;
    }
  };
  const price = fc
    .tuple(fc.nat(99_999_999), fc.nat(8), fc.boolean())
    .map(([digits, decimals, isOdd]) => (isOdd ? `${digits}.` : (digits / 10 ** decimals).toFixed(decimals)));
  const row = fc
    .tuple(fc.array(price, { minLength: 3, maxLength: 3 }), fc.nat(3))
    .map(([prices, hours]) => ({ sorted: prices.toSorted((a, b) => Number(a) - Number(b)), hours }));
  const plainFile = fc.array(row, { minLength: 1, maxLength: 8 }).map((bars) => {
    let hour = 24 * 58 - 2;
    const lines = bars.map(({ sorted: [low, middle, high], hours }) => {
      hour += 1 + (hours === 3 ? 2 : 0);
      const time = new Date(NEW_YEAR + hour * HOUR_MS).toISOString().replace(".000Z", "Z");
      return `${time},${middle},${high},${low},${middle},${high}\n`;
    });
    return `${HEADER}\n${lines.join("")}`;
  });

  test("gives what the reader of texts gives, to the last bit, for any file in its form", () => {
    fc.assert(
      fc.property(plainFile, (text) => {
        const bytes = new TextEncoder().encode(text);
        const found = outcomeOf(() => plainBars(bytes, file));
        expect(found).toBeDefined();
        expect(found).toEqual(outcomeOf(() => barsOfText(bytes, file))!);
      }),
      { numRuns: 300 },
    );
  });

  test("gives that or nothing for a file in which any bytes are changed", () => {
    const byte = fc.constantFrom(...'0123456789.,-+:TZzeE"; \r\n\u0000'.split(""), "2021-02-30", "24", ".5", "\uFEFF");
    const edit = fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(3), byte);
    fc.assert(
      fc.property(plainFile, fc.array(edit, { minLength: 1, maxLength: 3 }), (text, edits) => {
        let edited = text;
        for (const [share, cut, added] of edits) {
          const at = Math.floor(share * edited.length);
          edited = edited.slice(0, at) + added + edited.slice(at + cut);
        }
        const bytes = new TextEncoder().encode(edited);
        const found = outcomeOf(() => plainBars(bytes, file));
        if (found !== undefined) expect(found).toEqual(outcomeOf(() => barsOfText(bytes, file))!);
      }),
      { numRuns: 2000 },
    );
  });
});

describe("gunzipBars()", () => {
  const bytes = new TextEncoder().encode(`${HEADER}\n${rows([0, 1, 2])}`);

  test("unpacks what gzip packed", async () => {
    expect(await gunzipBars(new Uint8Array(gzipSync(bytes)), { file: "x.csv.gz" })).toEqual(bytes);
  });

  test("stops at its size limit, long before a bomb is unpacked", async () => {
    const bomb = new Uint8Array(gzipSync(new Uint8Array(50_000_000)));
    expect(bomb.length).toBeLessThan(60_000);
    await expect(gunzipBars(bomb, { file: "x.csv.gz", maxBytes: 1_000_000 })).rejects.toThrow(
      'Cannot read "x.csv.gz": found more than 1000000 bytes when unpacked, expected a smaller file',
    );
  });

  test("refuses a file with a flipped bit in content, checksum or length, or cut short anywhere", async () => {
    const packed = gzipSync(bytes);
    for (let at = 10; at < packed.length; at++) {
      const damaged = new Uint8Array(packed);
      damaged[at]! ^= 0x10;
      expect(await gunzipBars(damaged, { file: "x.csv.gz" }).catch((error: CarryoverError) => error.code)).toBe(
        "BAD_DATA",
      );
      const cut = new Uint8Array(packed.subarray(0, at));
      expect(await gunzipBars(cut, { file: "x.csv.gz" }).catch((error: CarryoverError) => error.code)).toBe("BAD_DATA");
    }
  });
});

test.skipIf(!HAS_REAL_BARS)("parseBarsCsv() reads the real bars", () => {
  const expected = { BTCUSD: [17_520, 0], ETHUSD: [17_520, 0], EURUSD: [12_454, 103] };
  for (const [asset, counts] of Object.entries(expected)) {
    const file = `${asset}_1h.csv`;
    const series = parseBarsCsv(readFileSync(join(REAL_BARS_DIR, file)), { asset, timeframe: "1h", file });
    expect([series.bars.length, series.gaps]).toEqual(counts);
  }
});
