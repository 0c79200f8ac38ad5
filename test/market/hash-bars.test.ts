import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { parseBarsCsv } from "../../lib/market/csv.ts";
import { hashBars } from "../../lib/market/hash-bars.ts";
import { at, barsOf, CALM, HOUR, seriesOf } from "../backtest/world-samples.ts";

describe("hashBars()", () => {
  const series = seriesOf("AAA", barsOf(at("2021-01-04"), [CALM, [100, 102, 99, 101], CALM]));

  test("is SHA-256 over six little-endian doubles a bar, as Python's struct.pack('<6d') has them", async () => {
    const [bar] = series.bars;
    const row = new Float64Array([bar!.timestamp, 100, 101, 99, 100, 1]);
    const expected = createHash("sha256").update(new Uint8Array(row.buffer)).digest("hex");
    expect(await hashBars(series, at("2021-01-04T01:00"))).toBe(expected);
  });

  test("leaves out bars that start at the run's end or later", async () => {
    const endMs = at("2021-01-04T02:00");
    const shorter = seriesOf("AAA", series.bars.slice(0, 2));
    expect(await hashBars(shorter, endMs)).toBe(await hashBars(series, endMs));
    expect(await hashBars(shorter, endMs + HOUR)).not.toBe(await hashBars(series, endMs + HOUR));
  });

  test("changes with a single price, but not with how a file writes it", async () => {
    const endMs = at("2021-01-05");
    const read = (text: string): Promise<string> =>
      hashBars(
        parseBarsCsv(new TextEncoder().encode(text), { asset: "AAA", timeframe: "1h", file: "AAA_1h.csv" }),
        endMs,
      );
    const plain = await read("timestamp,open,high,low,close,volume\n2021-01-04T00:00:00Z,100,101,99,100,1\n");
    expect(await read("close;open;high;low;volume;timestamp\r\n100.0;100.00;101;99;1;1609718400000\r\n")).toBe(plain);
    expect(await read("timestamp,open,high,low,close,volume\n2021-01-04T00:00:00Z,100,101,99,100.01,1\n")).not.toBe(
      plain,
    );
  });
});
