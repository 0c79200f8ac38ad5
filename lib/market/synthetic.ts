import type { Bar, BarSeries } from "../types.ts";
import { createRandom, type Random } from "../util/random.ts";
import { HOUR_MS, parseTimestamp, msOfTimeframe } from "../util/time.ts";

/** Every synthetic series starts here: 2018-01-01T00:00Z. */
export const SYNTHETIC_START = 1_514_764_800_000;

/** Standard deviation of an hour's return; other timeframes scale with the square root of time. */
const HOURLY_VOLATILITY = 0.005;

/** Bars longer than a month are no more volatile than a month's, or a single step could take a price below 0. */
const MAX_HOURS = 30 * 24;

/** Price steps in a bar; their sum is close to a normal distribution. */
const STEPS = 4;

export interface SyntheticBarsOptions {
  readonly asset: string;
  readonly timeframe: string;
  readonly seed: number;
  readonly end: string | number;
}

/**
 * The kinds of stretches, in standard deviations of a bar. Following trends and fading ranges both pay, through noise.
 * Nothing pays in volatile stretches.
 */
const STRETCHES = [
  { kind: "trending", share: 0.45, volatility: 0.9, drift: 0.125, pull: 0 },
  { kind: "ranging", share: 0.35, volatility: 0.85, drift: 0, pull: 0.06 },
  { kind: "volatile", share: 0.2, volatility: 1.7, drift: 0, pull: 0 },
] as const;

/** 1 / the standard deviation of the sum of two uniform whole numbers from 0 to 65,535. */
const NOISE_SCALE = Math.sqrt(6 / (65_535 * 65_537));

/** Length of a stretch in bars: 2 to 8 days of hours. */
const MIN_BARS = 48;
const MAX_BARS = 192;

/**
 * The built-in synthetic market, for a first run without data: one asset's bars, without gaps. It switches between
 * trending, ranging and volatile stretches of some days (with hourly bars). It is the same on every engine, as only integer
 * hashes, + - x / and `Math.sqrt` are used. A bar depends on asset, timeframe and seed, never on `end`, so a longer series
 * begins with the shorter one. Assets are independent of each other.
 *
 * @param options `timeframe`: such as `1h`; `end`: a date, an ISO timestamp or epoch ms; the last bar starts before it.
 * @throws {RangeError} If `end` is not after `SYNTHETIC_START`, or timeframe or seed are invalid.
 *
 * @example
 * ```ts
 * const gold = syntheticBars({ asset: "GOLD", timeframe: "1h", seed: 1, end: "2024-04-01" });
 * ```
 */
export function syntheticBars(options: SyntheticBarsOptions): BarSeries {
  const { asset, seed } = options;
  const timeframeMs = msOfTimeframe(options.timeframe);
  const end = typeof options.end === "string" ? (parseTimestamp(options.end) ?? NaN) : options.end;
  if (!(end > SYNTHETIC_START && end < Infinity)) {
    throw new RangeError(`Cannot make synthetic bars: found the end ${options.end}, expected one after 2018-01-01`);
  }
  if (!Number.isSafeInteger(seed)) {
    throw new RangeError(`Cannot make synthetic bars: found the seed ${seed}, expected a whole number`);
  }
  const random = createRandom(`${asset} ${timeframeMs} ${seed}`);
  const hours = Math.min(timeframeMs / HOUR_MS, MAX_HOURS);
  const stepVolatility = HOURLY_VOLATILITY * Math.sqrt(hours / STEPS);
  const start = startPrice(asset);
  const bars: Bar[] = [];
  let close = start;
  let stretch: (typeof STRETCHES)[number] = STRETCHES[0];
  let barsLeft = 0;
  let drift = 0;
  let pull = 0;
  let level = close;

  function nextStretch(): void {
    let draw = random.uniform();
    stretch = STRETCHES.find(({ share }) => (draw -= share) < 0) ?? STRETCHES[0];
    barsLeft = MIN_BARS + Math.floor(random.uniform() * (MAX_BARS - MIN_BARS));
    // Trends lean back towards the start, or prices would leave their scale within years.
    const upShare = close > 2 * start ? 0.3 : close < start / 2 ? 0.7 : 0.5;
    // A bar's deviation is that of a step times the square root of the number of steps.
    drift = ((random.uniform() < upShare ? 1 : -1) * stretch.drift) / Math.sqrt(STEPS);
    pull = stretch.pull / STEPS;
    level = close;
  }

  for (let timestamp = SYNTHETIC_START; timestamp < end; timestamp += timeframeMs) {
    if (barsLeft === 0) nextStretch();
    barsLeft--;
    const open = close;
    let price = open;
    let high = open;
    let low = open;
    for (let step = 0; step < STEPS; step++) {
      const change = (noise(random) * stretch.volatility + drift) * stepVolatility;
      price += price * change + (level - price) * pull;
      if (price > high) high = price;
      if (price < low) low = price;
    }
    const ticks = ticksPerUnit(open);
    close = round(price, ticks);
    const volume = Math.round(1000 * stretch.volatility * (0.5 + random.uniform()));
    high = Math.max(round(high, ticks), close);
    low = Math.min(round(low, ticks), close);
    bars.push({ timestamp, open, high: Math.max(high, open), low: Math.min(low, open), close, volume });
  }
  return { asset, timeframeMs, market: "synthetic", bars, gaps: 0 };
}

/** The first price, from 1 to nearly 90,000, the same for every seed and timeframe. */
function startPrice(asset: string): number {
  const random = createRandom(asset);
  const magnitude = [1, 10, 100, 1000, 10_000][Math.floor(random.uniform() * 5)]!;
  const price = magnitude * (1 + 8 * random.uniform());
  return round(price, ticksPerUnit(price));
}

/** The number of ticks in one unit of currency that gives a price six digits. */
function ticksPerUnit(price: number): number {
  let ticks = 1;
  while (price * ticks < 100_000) ticks *= 10;
  return ticks;
}

function round(price: number, ticks: number): number {
  return Math.round(price * ticks) / ticks;
}

/** The sum of two 16-bit uniforms, scaled to mean 0 and standard deviation 1; within 2.45. */
function noise(random: Random): number {
  const bits = random.bits();
  return ((bits & 0xffff) + (bits >>> 16) - 65_535) * NOISE_SCALE;
}
