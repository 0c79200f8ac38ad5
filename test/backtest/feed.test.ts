import { describe, expect, test } from "bun:test";
import { Feed, nextTick } from "../../lib/backtest/feed.ts";
import type { Bar, BarSeries } from "../../lib/types.ts";
import { at, DAY, HOUR } from "./world-samples.ts";

const END = at("2022-01-01");

function feedOf(times: readonly string[], timeframeMs: number, startMs = 0): Feed {
  const bars = times.map((time): Bar => ({ timestamp: at(time), open: 1, high: 1, low: 1, close: 1, volume: 0 }));
  const series: BarSeries = { asset: "AAA", timeframeMs, market: "bars", bars, gaps: 0 };
  return new Feed(series, { startMs, endMs: END, regimesAdapt: true });
}

/** Of each bar, its tick and whether a decision follows it. */
function walk(feed: Feed, intervalMs: number): string[] {
  const lines: string[] = [];
  while (feed.next !== undefined) {
    feed.advance();
    const tick = new Date(feed.lastTick).toISOString().slice(0, 16);
    lines.push(`${tick}${feed.isAtDecision(intervalMs) ? " decides" : ""}`);
  }
  return lines;
}

describe("the ticks of bars, and their decisions", () => {
  test("on the UTC grid are their starts, and the multiples of the interval", () => {
    const feed = feedOf(["2021-01-04T02:00", "2021-01-04T03:00", "2021-01-04T07:00", "2021-01-04T10:00"], HOUR);
    expect(walk(feed, 4 * HOUR)).toEqual([
      "2021-01-04T02:00",
      "2021-01-04T03:00 decides",
      "2021-01-04T07:00 decides",
      "2021-01-04T10:00",
    ]);
  });

  test("of stocks at :30 come every four hours of a clock that is half an hour behind", () => {
    const session = [14, 15, 16, 17, 18, 19, 20].map((hour) => `2021-01-04T${hour}:30`);
    expect(walk(feedOf(session, HOUR), 4 * HOUR)).toEqual([
      "2021-01-04T14:30",
      "2021-01-04T15:30 decides",
      "2021-01-04T16:30",
      "2021-01-04T17:30",
      "2021-01-04T18:30",
      "2021-01-04T19:30 decides",
      "2021-01-04T20:30",
    ]);
  });

  test("of days of New York: one of 23 hours ends when the next begins, and one of 25 hours not before", () => {
    const spring = ["2021-03-12T05:00", "2021-03-13T05:00", "2021-03-14T05:00", "2021-03-15T04:00", "2021-03-16T04:00"];
    expect(walk(feedOf(spring, DAY), DAY)).toEqual([
      "2021-03-12T05:00 decides",
      "2021-03-13T05:00 decides",
      "2021-03-14T04:00 decides",
      "2021-03-15T04:00 decides",
      "2021-03-16T04:00 decides",
    ]);
    const autumn = ["2021-11-06T04:00", "2021-11-07T04:00", "2021-11-08T05:00", "2021-11-09T05:00"];
    expect(walk(feedOf(autumn, DAY), 2 * DAY)).toEqual([
      // The 18,938th day since 1970.
      "2021-11-06T04:00 decides",
      "2021-11-07T05:00",
      "2021-11-08T05:00 decides",
      "2021-11-09T05:00",
    ]);
  });

  test("of a session whose first bar is half an hour: it ends when the next begins", () => {
    const hours = ["2021-01-04T20:00", "2021-01-05T14:30", "2021-01-05T15:00", "2021-01-05T16:00"];
    expect(walk(feedOf(hours, HOUR), HOUR)).toEqual([
      "2021-01-04T20:00 decides",
      "2021-01-05T14:00 decides",
      "2021-01-05T15:00 decides",
      "2021-01-05T16:00 decides",
    ]);
  });

  test("of a last bar are its start, whatever begins after the run", () => {
    const feed = feedOf(["2021-12-31T00:00", "2022-01-01T01:00"], DAY);
    expect(walk(feed, DAY)).toEqual(["2021-12-31T00:00 decides"]);
    expect(nextTick([feed])).toBe(Infinity);
  });

  test("before the start of a run are passed over", () => {
    const feed = feedOf(["2021-03-13T05:00", "2021-03-14T05:00", "2021-03-15T04:00"], DAY, at("2021-03-14T05:00"));
    expect(feed.count).toBe(2);
    expect(nextTick([feed, feedOf(["2021-03-15T03:00"], DAY)])).toBe(at("2021-03-15T03:00"));
  });
});
