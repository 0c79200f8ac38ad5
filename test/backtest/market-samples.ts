/** Markets for tests: real bars, if there are any, and synthetic ones with the faults of real data. */
import type { Bar, BarSeries } from "../../lib/types.ts";
import { parseBarsCsv } from "../../lib/market/csv.ts";
import { openZone } from "../../lib/util/zones.ts";
import { SYNTHETIC_START, syntheticBars } from "../../lib/market/synthetic.ts";
import { breakout, reversion, trend } from "../../lib/providers/rules.ts";
import { similarTrades } from "../../lib/providers/similar-trades.ts";
import type { Provider } from "../../lib/providers/provider.ts";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { REAL_BARS_DIR, seeded } from "../samples.ts";
import { DAY, HOUR, seriesOf } from "./world-samples.ts";

/** The ensemble of the default configuration. */
export function defaultProviders(): Provider[] {
  return [trend(), reversion(), breakout(), similarTrades()];
}

/** Real hourly bars before `endMs`, from the start of their files. */
export function realSeries(assets: readonly string[], endMs: number): Map<string, BarSeries> {
  return new Map(
    assets.map((asset) => {
      const file = join(REAL_BARS_DIR, `${asset}_1h.csv`);
      const series = parseBarsCsv(readFileSync(file), { asset, timeframe: "1h", file });
      return [asset, { ...series, bars: series.bars.filter(({ timestamp }) => timestamp < endMs) }];
    }),
  );
}

/**
 * Three synthetic assets with the faults of real data: gaps of random length with jumps over them, weekends until Sunday evening
 * and an early end for `CCC`, and a late start for `BBB`, which moves with `AAA`.
 */
export function roughSeries(options: { startMs: number; endMs: number; seed: number }): Map<string, BarSeries> {
  const { startMs, endMs, seed } = options;
  const random = seeded(seed);
  const raw = (asset: string): Bar[] =>
    syntheticBars({ asset, timeframe: "1h", seed, end: endMs }).bars.filter(({ timestamp }) => timestamp >= startMs);
  const withHoles = (bars: readonly Bar[]): Bar[] => {
    let hole = 0;
    let shift = 1;
    return bars.flatMap((bar) => {
      if (hole === 0 && random() < 0.01) {
        hole = 1 + Math.floor(random() * 30);
        shift *= 1 + (random() - 0.5) * 0.06;
      }
      if (hole > 0) {
        hole -= 1;
        return [];
      }
      const { timestamp, open, high, low, close, volume } = bar;
      return [{ timestamp, open: open * shift, high: high * shift, low: low * shift, close: close * shift, volume }];
    });
  };
  const first = raw("AAA");
  const follower = raw("BBB").map((bar, i) => {
    const leader = first[i]!;
    const wobble = 1 + (random() - 0.5) * 0.003;
    const [open, close] = [leader.open / 7, (leader.close / 7) * wobble];
    const high = Math.max(open, close, leader.high / 7);
    const low = Math.min(open, close, leader.low / 7);
    return { ...bar, open, high, low, close };
  });
  const span = endMs - startMs;
  const isWeekend = ({ timestamp }: Bar): boolean => {
    const date = new Date(timestamp);
    return date.getUTCDay() === 6 || (date.getUTCDay() === 0 && date.getUTCHours() < 22);
  };
  const third = raw("CCC").filter((bar) => !isWeekend(bar) && bar.timestamp < startMs + 0.8 * span);
  return new Map([
    ["AAA", seriesOf("AAA", withHoles(first))],
    [
      "BBB",
      seriesOf(
        "BBB",
        withHoles(follower).filter(({ timestamp }) => timestamp >= startMs + 0.15 * span),
      ),
    ],
    ["CCC", seriesOf("CCC", withHoles(third))],
  ]);
}

/** Random votes in a CSV, its lines in any order, some at equal times. */
export function randomVotesCsv(options: {
  assets: readonly string[];
  startMs: number;
  endMs: number;
  seed: number;
}): string {
  const { assets, startMs, endMs, seed } = options;
  const random = seeded(seed);
  const rows = Array.from({ length: 400 }, () => {
    const timestamp = startMs + Math.floor((random() * (endMs - startMs)) / HOUR) * HOUR;
    const action = ["BUY", "SELL", "HOLD"][Math.floor(random() * 3)];
    return `${new Date(timestamp).toISOString()},${assets[Math.floor(random() * assets.length)]},${action},${Math.floor(random() * 101)}`;
  });
  return `timestamp,asset,action,confidence\n${rows.join("\n")}\n`;
}

/** How an exchange's bars lie in time. */
export interface Hours {
  /** An IANA name; its clocks change. */
  readonly zone: string;
  readonly timeframeMs: number;
  /** Starts of bars in a day, in hours of the local clock. */
  readonly starts: readonly number[];
  /** Days with bars, 0 is Sunday. */
  readonly days: readonly number[];
}

/** Synthetic prices at the times at which an exchange has bars. */
export function seriesAt(
  asset: string,
  hours: Hours,
  options: { startMs: number; endMs: number; seed: number },
): BarSeries {
  const { startMs, endMs, seed } = options;
  const zone = openZone(hours.zone);
  const times: number[] = [];
  for (let day = startMs - (startMs % DAY); day < endMs + DAY; day += DAY) {
    if (!hours.days.includes(new Date(day).getUTCDay())) continue;
    for (const start of hours.starts) {
      const ms = zone.toEpoch(day + start * HOUR, -Infinity);
      if (ms !== undefined && ms >= startMs && ms < endMs) times.push(ms);
    }
  }
  const { bars } = syntheticBars({ asset, timeframe: "1h", seed, end: SYNTHETIC_START + times.length * HOUR });
  return {
    asset,
    timeframeMs: hours.timeframeMs,
    market: "bars",
    bars: bars.map((bar, i) => ({ ...bar, timestamp: times[i]! })),
    gaps: 0,
  };
}
