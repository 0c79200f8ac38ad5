import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { BarSeries } from "../../lib/types.ts";
import type { CarryoverError } from "../../lib/errors.ts";
import { parseBarsParquet } from "../../lib/market/parquet.ts";
import { PROJECT_DIR } from "../samples.ts";
import { HOUR_MS } from "../../lib/util/time.ts";

/*
 * The fixtures were written by pyarrow 26.0.1 from the first five hourly bars of BTCUSD in 2021:
 *
 *   pq.write_table(pa.table({ "note": ["x"] * 5, "Open": ..., "High": ..., "Low": ..., "Close": ..., "Volume": ...,
 *                             "timestamp": pa.array(times, <type>) }), name, compression=<compression>)
 *
 * with type and compression as in the file's name; `bars_null_price` has lower-case names and a null as second close,
 * `bars_finer_than_ms` times of 1 ns after the hour.
 */
const NEW_YEAR = Date.UTC(2021, 0, 1);

const BARS = [
  [28990.08, 29104.05, 28751.82, 29066.58, 1272.89086987],
  [29066.58, 29545, 29034.37, 29487.95, 2354.20080831],
  [29490.29, 29539.86, 29162.21, 29249.05, 1250.8757429],
  [29249.05, 29417.61, 29225.76, 29358.3, 628.96425241],
  [29358.3, 29465, 29133.53, 29290.52, 928.60649963],
].map(([open, high, low, close, volume], hour) => ({
  timestamp: NEW_YEAR + hour * HOUR_MS,
  open,
  high,
  low,
  close,
  volume,
}));

function fixture(name: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(readFileSync(join(PROJECT_DIR, "test/fixtures/market", name)));
}

function parse(bytes: Uint8Array<ArrayBuffer>): Promise<BarSeries> {
  return parseBarsParquet(bytes, { asset: "BTCUSD", timeframe: "1h", file: "BTCUSD_1h.parquet" });
}

describe("parseBarsParquet() reads what pyarrow wrote:", () => {
  test.each([
    "bars_timestamp_ns_zstd.parquet",
    "bars_timestamp_us_snappy.parquet",
    "bars_timestamp_ms_gzip.parquet",
    "bars_int64_us_none.parquet",
    "bars_text_brotli.parquet",
  ])("%s", async (name) => {
    const expected = { asset: "BTCUSD", timeframeMs: HOUR_MS, market: "bars", bars: BARS, gaps: 0 };
    expect(await parse(fixture(name))).toEqual(expected as BarSeries);
  });

  test("times finer than a millisecond, rounded up", async () => {
    const { bars } = await parse(fixture("bars_finer_than_ms.parquet"));
    expect(bars.map(({ timestamp }) => timestamp)).toEqual(BARS.map(({ timestamp }) => timestamp + 1));
  });

  test("a file inside a larger buffer", async () => {
    const bytes = fixture("bars_timestamp_ns_zstd.parquet");
    const larger = new Uint8Array(bytes.length + 20);
    larger.set(bytes, 10);
    expect((await parse(larger.subarray(10, 10 + bytes.length))).bars).toEqual(BARS as BarSeries["bars"]);
  });
});

describe("parseBarsParquet() refuses", () => {
  test.each([["bars_null_price.parquet", 'found nothing in row 2, column "close", expected a number such as 1234.5']])(
    "%s",
    async (name, message) => {
      await expect(parse(fixture(name))).rejects.toThrow(`Cannot read "BTCUSD_1h.parquet": ${message}`);
    },
  );

  test("the wrong timeframe", async () => {
    const options = { asset: "BTCUSD", timeframe: "4h", file: "BTCUSD_4h.parquet" };
    await expect(parseBarsParquet(fixture("bars_text_brotli.parquet"), options)).rejects.toThrow(
      'Cannot read "BTCUSD_4h.parquet": found "2021-01-01T01:00:00.000Z", 60 minutes after the bar before in row 2, column "timestamp", expected a multiple of 240 minutes',
    );
  });

  test("a file without the columns", async () => {
    const bytes = fixture("bars_text_brotli.parquet");
    const text = Buffer.from(bytes).toString("latin1").replaceAll("Close", "Price");
    await expect(parse(new Uint8Array(Buffer.from(text, "latin1")))).rejects.toThrow(
      'found the columns "note,Open,High,Low,Price,Volume,timestamp", expected a column "close"',
    );
  });

  test("files that are not Parquet, always as bad data", async () => {
    const bytes = fixture("bars_timestamp_us_snappy.parquet");
    for (const bad of [new Uint8Array(0), new Uint8Array(100), new TextEncoder().encode("timestamp,open\n")]) {
      await expect(parse(bad)).rejects.toThrow("found no or damaged Parquet, expected a Parquet file");
    }
    for (let at = 0; at < bytes.length; at += 11) {
      const damaged = new Uint8Array(bytes);
      damaged[at]! ^= 0xff;
      const result = await parse(damaged).catch((error: unknown) => error);
      if (result instanceof Error) expect((result as CarryoverError).code).toBe("BAD_DATA");
    }
  });
});
