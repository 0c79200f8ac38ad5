import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { hashBars, runIdOf, type RunKey } from "../../lib/backtest/run-key.ts";
import { parseBarsCsv } from "../../lib/market/csv.ts";
import { at, barsOf, CALM, HOUR, seriesOf } from "./world-samples.ts";

const KEY: RunKey = {
  version: "0.1.0",
  period: "2021-01-01/2022-01-01",
  config: { backtest: { chunks: "quarter", risk: { stop_atr: 3, target_atr: 4.5 } }, providers: [{ name: "trend" }] },
  seed: 1,
  files: { "votes.csv": "aa" },
  bars: { AAA: "bb", BBB: "cc" },
  market: "bars",
  embedder: "words",
  base: [["20201231T2000-AAA-00000000", "12345678"]],
  carried_in_sha256: "c".repeat(64),
  forget_marks: [],
  attempt: 0,
};

describe("runIdOf()", () => {
  test("is 64 hexadecimal digits, whatever the order of the keys", () => {
    expect(runIdOf(KEY)).toMatch(/^[0-9a-f]{64}$/);
    expect(runIdOf(structuredClone(KEY))).toBe(runIdOf(KEY));
    expect(runIdOf(Object.fromEntries(Object.entries(KEY).toReversed()) as unknown as RunKey)).toBe(runIdOf(KEY));
    expect(runIdOf({ ...KEY, bars: { BBB: "cc", AAA: "bb" } })).toBe(runIdOf(KEY));
  });

  test("changes with every part of the key", () => {
    const changes: Partial<RunKey>[] = [
      { version: "0.1.1" },
      { period: "2021-01-01/2021-12-31" },
      { config: {} },
      { seed: 2 },
      { files: {} },
      { bars: { AAA: "bb", BBB: "cd" } },
      { market: "synthetic" },
      { embedder: "sentences" },
      { base: [] },
      { base: [["20201231T2000-AAA-00000000", null]] },
      { forget_marks: [{ provider: "trend", before: "2021-01-01T00:00:00.000Z" }] },
      { attempt: 1 },
    ];
    const ids = changes.map((change) => runIdOf({ ...KEY, ...change }));
    expect(new Set([runIdOf(KEY), ...ids]).size).toBe(changes.length + 1);
  });
});

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
