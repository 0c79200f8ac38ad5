/** Planted worlds: markets that trend or range in stretches, and providers that are right with a known probability. */
import type { Bar, BarSeries } from "../../lib/types.ts";
import { SituationTracker } from "../../lib/market/situation.ts";
import type { FileVote, FileVotes } from "../../lib/providers/votes-file.ts";
import { splitMix32, type Random } from "../support/statistics.ts";
import { HOUR_MS } from "../../lib/util/time.ts";

const DECISION_MS = 4 * HOUR_MS;

/** Bars before the year, so that every decision has its indicators. */
const WARM_UP_BARS = 240;

export const ASSETS = ["AAA", "BBB", "CCC"] as const;
export const START_MS: number = Date.UTC(2021, 0, 1);

/** Standard deviation of an hour's return. */
const HOURLY_VOLATILITY = 0.005;
const STEPS = 4;

/** A vote predicts which of close +- 2.5 ATR is touched first. */
const TOUCH_ATR = 2.5;
/** The probability that a vote is drawn again before that. */
const REDRAW_SHARE = 0.15;
/** The probability of a HOLD. */
const HOLD_SHARE = 0.15;

/** How clearly stretches trend and range, in standard deviations an hour: a drift, or a pull back to where the stretch began. */
export interface Climate {
  readonly drift: number;
  readonly pull: number;
}

/** When a vote is drawn. */
export interface Moment {
  /** Share of the year that has passed, 0..1. */
  readonly share: number;
  readonly trending: boolean;
}

/** A provider in a world. */
export interface Voter {
  /** The probability that a vote is right. */
  readonly hitRate: (moment: Moment) => number;
  /** It is more confident when it is wrong: 70 % of its wrong votes are confident, but 30 % of its right ones. */
  readonly overconfident?: boolean;
}

export interface World {
  readonly name: string;
  readonly voters: readonly Voter[];
  /** Results are compared in R per trade, as an oracle gains nothing. */
  readonly absolute?: boolean;
}

/** The probability of high confidence in an overconfident voter's wrong vote, and of low confidence in its right one. */
const SURE_WHEN_WRONG = 0.7;
const SURE_FROM = 75;

const constant = (hitRate: number): Voter => ({ hitRate: () => hitRate });
const switching = (before: number, after: number, when = 0.5): Voter => ({
  hitRate: ({ share }) => (share < when ? before : after),
});
const seasonal = (trending: number, ranging: number): Voter => ({
  hitRate: (moment) => (moment.trending ? trending : ranging),
});

/** The main worlds. */
export const WORLDS: readonly World[] = [
  { name: "steady .60 .50 .42", voters: [constant(0.6), constant(0.5), constant(0.42)] },
  { name: "weak .54 .50 .47", voters: [constant(0.54), constant(0.5), constant(0.47)] },
  {
    name: "many: twelve, one of .62, others .50",
    voters: [constant(0.62), ...Array.from({ length: 11 }, () => constant(0.5))],
  },
  { name: "switch .62/.42 at half-year", voters: [switching(0.62, 0.42), switching(0.42, 0.62)] },
  { name: "regime .64 trending .44 ranging, and the reverse", voters: [seasonal(0.64, 0.44), seasonal(0.44, 0.64)] },
  {
    name: "overconfident .47, beside .58 and .55",
    voters: [{ ...constant(0.47), overconfident: true }, constant(0.58), constant(0.55)],
  },
  { name: "null .50 .50 .50", voters: Array.from({ length: 3 }, () => constant(0.5)), absolute: true },
  { name: "five equals .55", voters: Array.from({ length: 5 }, () => constant(0.55)), absolute: true },
];

/** Worlds that no constant was chosen with. */
export const OTHER_WORLDS: readonly World[] = [
  { name: "steady .57 .53 .45", voters: [constant(0.57), constant(0.53), constant(0.45)] },
  {
    name: "switch .60/.42 at three quarters, beside .50",
    voters: [switching(0.6, 0.42, 0.75), switching(0.42, 0.6, 0.75), constant(0.5)],
  },
  {
    name: "regime .60 .46 and the reverse, beside .52",
    voters: [seasonal(0.6, 0.46), seasonal(0.46, 0.6), constant(0.52)],
  },
];

/** A market, and what happens in it. */
export interface Market {
  readonly series: BarSeries;
  /** At each decision of the year. */
  readonly decisions: readonly {
    readonly timestamp: number;
    readonly trending: boolean;
    /** Which level is touched first, and when. */
    readonly truth: 1 | -1;
    readonly touchedMs: number;
  }[];
}

/** One asset's market. */
export function makeMarket(asset: string, options: { seed: number; days: number; climate: Climate }): Market {
  const { seed, days, climate } = options;
  const random = splitMix32(seed * 7919 + asset.charCodeAt(0) * 104_729);
  const { bars, trends } = drawBars(random, { count: WARM_UP_BARS + days * 24, climate });
  const series: BarSeries = { asset, timeframeMs: HOUR_MS, market: "bars", bars, gaps: 0 };
  const tracker = new SituationTracker({ asset, timeframeMs: HOUR_MS });
  const decisions = bars.flatMap((bar, i) => {
    tracker.add(bar);
    const timestamp = bar.timestamp + HOUR_MS;
    if (timestamp % DECISION_MS !== 0 || timestamp <= START_MS) return [];
    const situation = tracker.situation();
    if (situation === undefined) return [];
    return [{ timestamp, trending: trends[i]!, ...firstTouch(bars, i, TOUCH_ATR * situation.atr) }];
  });
  return { series, decisions };
}

function drawBars(random: Random, options: { count: number; climate: Climate }): { bars: Bar[]; trends: boolean[] } {
  const { count, climate } = options;
  const bars: Bar[] = [];
  const trends: boolean[] = [];
  let price = 100;
  let left = 0;
  let trending = false;
  let direction = 1;
  let level = price;
  for (let i = 0; i < count; i++) {
    if (left === 0) {
      trending = random.uniform() < 0.5;
      // Three to eight days.
      left = 72 + Math.floor(120 * random.uniform());
      direction = random.uniform() < 0.5 ? 1 : -1;
      level = price;
    }
    left--;
    const open = price;
    let [high, low] = [price, price];
    for (let step = 0; step < STEPS; step++) {
      const noise = (random.normal() * HOURLY_VOLATILITY) / Math.sqrt(STEPS);
      const lean = trending
        ? (climate.drift * direction * HOURLY_VOLATILITY) / STEPS
        : (-Math.log(price / level) * climate.pull) / STEPS;
      price *= 1 + noise + lean;
      [high, low] = [Math.max(high, price), Math.min(low, price)];
    }
    bars.push({ timestamp: START_MS + (i - WARM_UP_BARS) * HOUR_MS, open, high, low, close: price, volume: 1 });
    trends.push(trending);
  }
  return { bars, trends };
}

/** Which of the close of bar `i` +- `distance` is touched first. For a bar that touches both, its close decides. */
function firstTouch(bars: readonly Bar[], i: number, distance: number): { truth: 1 | -1; touchedMs: number } {
  const { close } = bars[i]!;
  for (const bar of bars.slice(i + 1, i + 1001)) {
    const [up, down] = [bar.high >= close + distance, bar.low <= close - distance];
    const touchedMs = bar.timestamp + HOUR_MS;
    if (up && down) return { truth: bar.close > close ? 1 : -1, touchedMs };
    if (up) return { truth: 1, touchedMs };
    if (down) return { truth: -1, touchedMs };
  }
  return { truth: 1, touchedMs: Infinity };
}

/** The votes of a voter on all markets. */
export function drawVotes(voter: Voter, markets: readonly Market[], random: Random): FileVotes {
  return new Map(
    markets.map(({ series, decisions }) => {
      const votes: FileVote[] = [];
      let untilMs = 0;
      decisions.forEach(({ timestamp, trending, truth, touchedMs }, i) => {
        if (timestamp < untilMs && random.uniform() >= REDRAW_SHARE) return;
        const isRight = random.uniform() < voter.hitRate({ share: i / decisions.length, trending });
        const action = random.uniform() < HOLD_SHARE ? "HOLD" : (truth === 1) === isRight ? "BUY" : "SELL";
        votes.push({ timestamp, answer: { action, confidence: drawConfidence(voter, isRight, random) } });
        untilMs = touchedMs;
      });
      return [series.asset, votes];
    }),
  );
}

/** 60 to 80, without information; for the overconfident 75 to 90 if it is sure, else 55 to 70. */
function drawConfidence(voter: Voter, isRight: boolean, random: Random): number {
  if (voter.overconfident !== true) return 60 + 20 * random.uniform();
  const isSure = random.uniform() < (isRight ? 1 - SURE_WHEN_WRONG : SURE_WHEN_WRONG);
  return (isSure ? SURE_FROM : 55) + 15 * random.uniform();
}

/** The log-odds that a vote is right, given all that is planted. */
export function logOdds(voter: Voter, moment: Moment, confidence: number): number {
  const rate = voter.hitRate(moment);
  const evidence = Math.log(SURE_WHEN_WRONG / (1 - SURE_WHEN_WRONG));
  const byConfidence = voter.overconfident === true ? (confidence >= SURE_FROM ? -evidence : evidence) : 0;
  return Math.log(rate / (1 - rate)) + byConfidence;
}
