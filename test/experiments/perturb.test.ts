import { describe, expect, test } from "bun:test";
import { perturbBars, perturbOutcomes, otherVotes } from "../../lib/experiments/perturb.ts";
import { syntheticBars } from "../../lib/market/synthetic.ts";
import type { FileVotes } from "../../lib/providers/votes-file.ts";
import { tradeOf } from "../../lib/memory/trade.ts";
import { makeOutcome } from "../memory/outcome-samples.ts";
import { at, barsOf, HOUR, seriesOf } from "../backtest/world-samples.ts";

describe("another future", () => {
  test("has the same bars before, and from then on none that is the same in any price", () => {
    const series = syntheticBars({ asset: "AAA", timeframe: "1h", seed: 1, end: at("2018-01-20") });
    const fromMs = at("2018-01-10");
    const { series: other, changed } = perturbBars(series, fromMs);
    expect(changed).toBe(10 * 24);
    series.bars.forEach((bar, i) => {
      const found = other.bars[i]!;
      expect(found.timestamp).toBe(bar.timestamp);
      if (bar.timestamp < fromMs) expect(found).toEqual(bar);
      else for (const key of ["open", "high", "low", "close", "volume"] as const) expect(found[key]).not.toBe(bar[key]);
    });
  });

  test("has bars that a file could have", () => {
    const series = syntheticBars({ asset: "AAA", timeframe: "1h", seed: 2, end: at("2018-02-01") });
    const { bars } = perturbBars(series, at("2018-01-05")).series;
    for (const bar of bars) {
      expect(bar.low).toBeLessThanOrEqual(Math.min(bar.open, bar.close));
      expect(bar.high).toBeGreaterThanOrEqual(Math.max(bar.open, bar.close));
      expect(bar.low).toBeGreaterThan(0);
    }
  });

  test("turns prices around a level 5 % above the last close", () => {
    const series = seriesOf(
      "AAA",
      barsOf(0, [
        [100, 100, 100, 100],
        [100, 125, 80, 120],
      ]),
    );
    const [, bar] = perturbBars(series, HOUR).series.bars;
    // 1.05 x 100 x 100 / price
    expect(bar).toEqual({ timestamp: HOUR, open: 105, high: 131.25, low: 84, close: 87.5, volume: 3 });
  });

  test("can begin inside a bar, which then opens alike and is other in all else", () => {
    const flat = [100, 100, 100, 100] as const;
    const series = seriesOf("AAA", barsOf(0, [flat, [100, 125, 80, 120], [120, 120, 120, 120], flat]));
    const inside = perturbBars(series, HOUR, { opensAlike: true }).series.bars;
    // 100 x 100 / price, and 1 % further; what comes after is as in any other future.
    const expected = { high: 126.25, low: 80 / 1.01, close: (100 * 100) / 120 / 1.01 };
    expect(inside[1]).toEqual({
      timestamp: HOUR,
      open: 100,
      high: expect.closeTo(expected.high, 9) as unknown as number,
      low: expect.closeTo(expected.low, 9) as unknown as number,
      close: expect.closeTo(expected.close, 9) as unknown as number,
      volume: 3,
    });
    expect(inside.slice(2)).toEqual(perturbBars(series, HOUR).series.bars.slice(2));
    // One that stood still goes somewhere.
    const still = perturbBars(series, 3 * HOUR, { opensAlike: true }).series.bars[3]!;
    expect(still).toMatchObject({ open: 100, high: 101, close: 101 });
    expect(still.low).toBeCloseTo(100 / 1.01, 9);
  });

  test("inside a bar has bars that a file could have", () => {
    const series = syntheticBars({ asset: "AAA", timeframe: "1h", seed: 3, end: at("2018-02-01") });
    for (const { timestamp } of series.bars.slice(100, 300)) {
      const bar = perturbBars(series, timestamp, { opensAlike: true }).series.bars.find(
        (each) => each.timestamp === timestamp,
      )!;
      expect(bar.low).toBeLessThanOrEqual(Math.min(bar.open, bar.close));
      expect(bar.high).toBeGreaterThanOrEqual(Math.max(bar.open, bar.close));
    }
  });

  test("leaves bars alone where none comes later", () => {
    const series = seriesOf("AAA", barsOf(0, [[100, 100, 100, 100]]));
    expect(perturbBars(series, HOUR)).toEqual({ series, changed: 0 });
  });

  test("has other votes after the time, not at it", () => {
    const votes: FileVotes = new Map([
      [
        "AAA",
        [
          { timestamp: 1, answer: { action: "BUY", confidence: 70 } },
          { timestamp: 2, answer: { action: "SELL", confidence: 60 } },
        ],
      ],
    ]);
    const { votes: other, changed } = otherVotes(votes, 1);
    expect(changed).toBe(1);
    expect(other.get("AAA")!.map(({ answer }) => answer)).toEqual([
      { action: "BUY", confidence: 70 },
      { action: "HOLD", confidence: 40 },
    ]);
  });

  test("has outcomes that are changed, doubled and gone, from the time on", () => {
    const trades = [1, 2, 3, 4].map((day) => ({
      ...tradeOf(makeOutcome({ decision_id: `id-${day}`, exit_timestamp: `2021-01-0${day}T00:00:00Z`, result_r: 1 }), {
        bytes: 1,
        crc32: "00000000",
      }),
      vector: new Float32Array(1),
    }));
    const { trades: other, changed } = perturbOutcomes(trades, at("2021-01-02"));
    expect(changed).toBe(3);
    expect(other.map(({ id, resultR }) => [id, resultR])).toEqual([
      ["id-1", 1],
      ["id-2", -1],
      ["id-3", 1],
      ["id-3-twice", -1],
    ]);
  });
});
