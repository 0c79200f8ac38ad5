import { describe, expect, test } from "bun:test";
import {
  perturbBars,
  perturbFeatures,
  perturbTrades,
  perturbVotes,
  tradesSeenByExit,
} from "../../lib/experiments/perturb.ts";
import { syntheticBars } from "../../lib/market/synthetic.ts";
import type { FileVotes } from "../../lib/providers/votes-file.ts";
import { tradeOf } from "../../lib/memory/trade.ts";
import { makeOutcome } from "../memory/outcome-samples.ts";
import { at, barsOf, HOUR, seriesOf } from "../backtest/world-samples.ts";

test("tradesSeenByExit() leaves out what closed at the open of a bar in which another asset decides, and keeps a stop inside the bar before", () => {
  const series = new Map([
    [
      "AAA",
      seriesOf(
        "AAA",
        barsOf(
          0,
          [100, 110, 120, 130].map((price) => [price, price, price, price]),
        ),
      ),
    ],
  ]);
  // At the open of the second bar; at the end of the first, which is the same time; at the open of the last.
  const exits = [
    { decision_id: "at-open", exit: 1, raw_exit_price: 110 },
    { decision_id: "inside", exit: 1, raw_exit_price: 95 },
    { decision_id: "later", exit: 3, raw_exit_price: 130 },
  ];
  const outcomes = exits.map(({ exit, ...outcome }) =>
    makeOutcome({ ...outcome, asset_pair: "AAA", exit_timestamp: new Date(exit * HOUR).toISOString() }),
  );
  const run = {
    trades: outcomes.map((outcome) => ({
      ...tradeOf(outcome, { bytes: 0, crc32: "", contentHash: "" }),
      vector: new Float32Array(),
    })),
    outcomes: outcomes.map((outcome) => JSON.stringify(outcome)),
    decisions: [`{"timestamp":"${new Date(1.5 * HOUR).toISOString()}"}`],
  };
  const seenUntil = (untilMs: number): string[] => tradesSeenByExit(run, { series, untilMs }).map(({ id }) => id);
  expect(seenUntil(2 * HOUR)).toEqual(["inside", "later"]);
  // What closed from then on no earlier decision may see.
  expect(seenUntil(HOUR)).toEqual(["at-open", "inside", "later"]);
});

describe("perturbBars()", () => {
  test("keeps the bars before the time, and changes every price and volume from then on", () => {
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

  test("keeps highs and lows around opens and closes", () => {
    const series = syntheticBars({ asset: "AAA", timeframe: "1h", seed: 2, end: at("2018-02-01") });
    const { bars } = perturbBars(series, at("2018-01-05")).series;
    for (const bar of bars) {
      expect(bar.low).toBeLessThanOrEqual(Math.min(bar.open, bar.close));
      expect(bar.high).toBeGreaterThanOrEqual(Math.max(bar.open, bar.close));
      expect(bar.low).toBeGreaterThan(0);
    }
  });

  test("inverts prices around a level 5 % above the last close", () => {
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

  test("keeps the open of the first bar if it is to open alike, and changes all else of it", () => {
    const flat = [100, 100, 100, 100] as const;
    const series = seriesOf("AAA", barsOf(0, [flat, [100, 125, 80, 120], [120, 120, 120, 120], flat]));
    const inside = perturbBars(series, HOUR, { opensAlike: true }).series.bars;
    // 100 x 100 / price, and 1 % further. Later bars are as without it.
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
    // A bar that stood still moves.
    const still = perturbBars(series, 3 * HOUR, { opensAlike: true }).series.bars[3]!;
    expect(still).toMatchObject({ open: 100, high: 101, close: 101 });
    expect(still.low).toBeCloseTo(100 / 1.01, 9);
  });

  test("keeps the high and low of a bar that opens alike around its open and close", () => {
    const series = syntheticBars({ asset: "AAA", timeframe: "1h", seed: 3, end: at("2018-02-01") });
    for (const { timestamp } of series.bars.slice(100, 300)) {
      const bar = perturbBars(series, timestamp, { opensAlike: true }).series.bars.find(
        (each) => each.timestamp === timestamp,
      )!;
      expect(bar.low).toBeLessThanOrEqual(Math.min(bar.open, bar.close));
      expect(bar.high).toBeGreaterThanOrEqual(Math.max(bar.open, bar.close));
    }
  });

  test("changes nothing if no bar comes later", () => {
    const series = seriesOf("AAA", barsOf(0, [[100, 100, 100, 100]]));
    expect(perturbBars(series, HOUR)).toEqual({ series, changed: 0 });
  });
});

test("perturbVotes() changes the votes after the time, not those at it", () => {
  const votes: FileVotes = new Map([
    [
      "AAA",
      [
        { timestamp: 1, answer: { action: "BUY", confidence: 70 } },
        { timestamp: 2, answer: { action: "SELL", confidence: 60 } },
      ],
    ],
  ]);
  const { votes: other, changed } = perturbVotes(votes, 1);
  expect(changed).toBe(1);
  expect(other.get("AAA")!.map(({ answer }) => answer)).toEqual([
    { action: "BUY", confidence: 70 },
    { action: "HOLD", confidence: 40 },
  ]);
});

test("perturbTrades() changes, doubles and leaves out trades in turn, from the time on", () => {
  const trades = [1, 2, 3, 4].map((day) => ({
    ...tradeOf(makeOutcome({ decision_id: `id-${day}`, exit_timestamp: `2021-01-0${day}T00:00:00Z`, result_r: 1 }), {
      bytes: 1,
      crc32: "00000000",
      contentHash: "",
    }),
    vector: new Float32Array(1),
  }));
  const { trades: other, changed } = perturbTrades(trades, at("2021-01-02"));
  expect(changed).toBe(3);
  expect(other.map(({ id, resultR }) => [id, resultR])).toEqual([
    ["id-1", 1],
    ["id-2", -1],
    ["id-3", 1],
    ["id-3-twice", -1],
  ]);
});

test("perturbFeatures() changes every value that is known later, and keeps numbers numbers", () => {
  const values = [0, 0.5, 1, null, 2].map((level) => [level, level === 1 ? null : "calm"]);
  const rows = values.map((ofRow, i) => ({ timestamp: i * HOUR, values: ofRow }));
  const { features, changed } = perturbFeatures({ names: ["level", "mood"], rows }, 0);
  expect(changed).toBe(4);
  expect(features.rows.map((row) => row.values)).toEqual([
    [0, "calm"],
    [2, "not calm"],
    [0, "not "],
    [1, "not calm"],
    [-1, "not calm"],
  ]);
});
