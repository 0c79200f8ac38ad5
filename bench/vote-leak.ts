/**
 * How often the leak test calls honest votes leaky, and which leaks it finds.
 *
 *     bun bench/vote-leak.ts
 *
 * Real bars are in CARRYOVER_REAL_BARS. It takes some minutes, so it is not part of `bun bench/all.ts`.
 */
import { loadBars } from "../lib/market/load.node.ts";
import { syntheticBars } from "../lib/market/synthetic.ts";
import {
  findVoteLeak,
  MIN_LEAK_SHARE,
  MIN_LEAK_Z,
  type VoteLeak,
  voteLeakFigures,
} from "../lib/providers/vote-leak.ts";
import type { FileVotes } from "../lib/providers/votes-file.ts";
import type { Bar, BarSeries } from "../lib/types.ts";
import { createRandom } from "../lib/util/random.ts";
import { DAY_MS, HOUR_MS } from "../lib/util/time.ts";
import { HAS_REAL_BARS, REAL_BARS_DIR } from "../test/samples.ts";
import { type BenchReport, type BenchRow, renderReport } from "./support/measure.ts";
import { foundByChanges, randomWalk } from "./vote-leak/random-walks.ts";
import { bands, breakout, crossing, momentum, type Signal, STRATEGIES, votesOf } from "./vote-leak/strategies.ts";

const ASSETS = ["BTCUSD", "ETHUSD", "EURUSD"];

interface World {
  readonly name: string;
  readonly series: readonly BarSeries[];
}

interface VoteLeakOptions {
  /** Timeframes of the real bars, in hours. */
  readonly hours?: readonly number[];
  readonly seeds?: number;
  /** How many of the strategies are tried. */
  readonly strategies?: number;
  /** Random walks for each strategy and number of changes. */
  readonly walks?: number;
}

export async function voteLeak(options: VoteLeakOptions = {}): Promise<BenchReport> {
  const { hours = [1, 2, 4, 24], seeds = 4, strategies = STRATEGIES.length, walks = 100 } = options;
  const worlds = [...(await realWorlds(hours)), ...syntheticWorlds(seeds), ...randomWorlds(seeds)];
  const tried = STRATEGIES.slice(0, strategies);
  const honest = worlds.map((world) => falseAlarms(world, tried));
  return {
    title: "Votes that know the future",
    notes: [
      `Votes leak from |z| ${MIN_LEAK_Z} on, if at least ${50 * (1 + MIN_LEAK_SHARE)} % of the moves go one way, and no bar a day of bars later shows two thirds of it.`,
      `Honest: ${tried.length} strategies of trend, reversion and breakout, five files of votes of all assets each (of every bar, and of every 4th and 24th, also filled to every bar), and each figure of it: of all assets and of each, where votes change, 1 to 3 bars later, over the usual bars between votes or changes, and of all votes.`,
      "Leaky: votes on the first real year, or on synthetic bars without real ones.",
    ],
    rows: [...honest, ...leaks(worlds[0]!.series), ...foundByChanges(walks)],
  };
}

async function realWorlds(hours: readonly number[]): Promise<World[]> {
  if (!HAS_REAL_BARS) return [];
  const whole = await loadBars({ assets: ASSETS, dataDir: REAL_BARS_DIR, timeframe: "1h" });
  return hours.flatMap((each) =>
    [[2021], [2022], [2021, 2022]].map((years) => ({
      name: `real bars of ${each} h, ${years.join(" and ")}`,
      series: whole.map((series) => resampled(inYears(series, years), each)),
    })),
  );
}

function syntheticWorlds(seeds: number): World[] {
  return Array.from({ length: seeds }, (_, i) => ({
    name: `synthetic bars of 1 h, two years, seed ${i + 1}`,
    series: ASSETS.map((asset) =>
      syntheticBars({ asset, timeframe: "1h", seed: i + 1, end: Date.parse("2020-01-01") }),
    ),
  }));
}

function randomWorlds(seeds: number): World[] {
  return Array.from({ length: seeds }, (_, i) => ({
    name: `random walks of 1 h, two years, seed ${i + 1}`,
    series: ASSETS.map((asset) => randomWalk(asset, { length: 2 * 365 * 24, seed: `${asset} ${i + 1}` })),
  }));
}

function inYears(series: BarSeries, years: readonly number[]): BarSeries {
  return {
    ...series,
    bars: series.bars.filter(({ timestamp }) => years.includes(new Date(timestamp).getUTCFullYear())),
  };
}

function resampled(series: BarSeries, hours: number): BarSeries {
  const timeframeMs = hours * HOUR_MS;
  const byStart = Map.groupBy(series.bars, ({ timestamp }) => Math.floor(timestamp / timeframeMs) * timeframeMs);
  const bars = [...byStart].map(([timestamp, parts]): Bar => ({
    timestamp,
    open: parts[0]!.open,
    high: Math.max(...parts.map(({ high }) => high)),
    low: Math.min(...parts.map(({ low }) => low)),
    close: parts.at(-1)!.close,
    volume: parts.reduce((sum, { volume }) => sum + volume, 0),
  }));
  return { ...series, timeframeMs, bars };
}

function byAsset(series: readonly BarSeries[]): ReadonlyMap<string, BarSeries> {
  return new Map(series.map((each) => [each.asset, each]));
}

function falseAlarms({ name, series }: World, strategies: typeof STRATEGIES): BenchRow {
  let [files, alarms] = [0, 0];
  const figures: (VoteLeak & { readonly strategy: string })[] = [];
  for (const { name: strategy, signal } of strategies) {
    const ofBars = ({ bars }: BarSeries): Signal => signal(bars);
    const signals = [ofBars, every(4, ofBars), filled(every(4, ofBars)), every(24, ofBars), filled(every(24, ofBars))];
    for (const votes of signals.map((each) => votesOf(series, each, 0))) {
      files += 1;
      if (findVoteLeak(votes, byAsset(series)) !== undefined) alarms += 1;
      figures.push(...voteLeakFigures(votes, byAsset(series)).map((figure) => ({ strategy, ...figure })));
    }
  }
  const [most] = figures.toSorted((a, b) => Math.abs(b.z) - Math.abs(a.z));
  const above = figures.filter(({ z }) => Math.abs(z) > 3).length;
  const greatest = `greatest |z| ${Math.abs(most!.z).toFixed(1)} (${most!.strategy}, ${(50 * (1 + Math.abs(most!.share))).toFixed(0)} % of the moves)`;
  return {
    what: `honest, ${name}`,
    ours: `${alarms} alarms in ${files} files; of ${figures.length.toLocaleString("en")} figures ${above} beyond 3, ${greatest}`,
    goal: "no alarm",
    met: alarms === 0,
  };
}

type SignalOf = (series: BarSeries) => Signal;

/** A signal at each last bar of so many bars alone. */
function every(count: number, signal: SignalOf): SignalOf {
  return (series) =>
    signal(series).map((value, i) => {
      const { timestamp } = series.bars[i]!;
      return Math.floor(timestamp / series.timeframeMs) % count === count - 1 ? value : Number.NaN;
    });
}

/** A signal at every bar: the newest so far. */
function filled(signal: SignalOf): SignalOf {
  return (series) => {
    let newest = Number.NaN;
    return signal(series).map((value) => (newest = Number.isNaN(value) ? newest : value));
  };
}

/** A signal where it changes alone. */
function changes(signal: SignalOf): SignalOf {
  return (series) => {
    let newest = Number.NaN;
    return signal(series).map((value) => {
      if (Number.isNaN(value) || value === newest) return Number.NaN;
      newest = value;
      return value;
    });
  };
}

/** A way in which votes come to know the future. */
interface LeakCase {
  readonly what: string;
  readonly votes: FileVotes;
}

function leaks(series: readonly BarSeries[]): BenchRow[] {
  return leakCases(series).map(({ what, votes }) => {
    const leak = findVoteLeak(votes, byAsset(series));
    if (leak === undefined) {
      const most = voteLeakFigures(votes, byAsset(series)).reduce((max, { z }) => Math.max(max, Math.abs(z)), 0);
      return { what: `leaky: ${what}`, ours: `not found, greatest |z| ${most.toFixed(1)}` };
    }
    const { z, share, kind, lag } = leak;
    const shown = `${(50 * (1 + Math.abs(share))).toFixed(0)} % of the moves, ${kind} ${lag}`;
    return { what: `leaky: ${what}`, ours: `found, z ${z.toFixed(1)}, ${shown}` };
  });
}

function leakCases(series: readonly BarSeries[]): LeakCase[] {
  const labelled = (what: string, signal: (bars: readonly Bar[]) => Signal): LeakCase[] =>
    [1, 2, 3].map((shift) => ({
      what: `${what}, ${shift} ${shift === 1 ? "bar" : "bars"} early`,
      votes: votesOf(series, ({ bars }) => signal(bars), shift),
    }));
  const { uniform: random } = createRandom("vote leaks");
  const moveAfter = (bars: readonly Bar[], i: number, span: number): number => {
    const [first, last] = [bars[i + 1], bars[i + span]];
    return first === undefined || last === undefined ? 0 : Math.sign(last.close - first.open);
  };
  const knowing = (share: number, span = 1): FileVotes =>
    votesOf(
      series,
      ({ bars }) =>
        Float64Array.from(
          bars,
          (_, i) => (random() < share ? moveAfter(bars, i, span) : Math.sign(random() - 0.5)) * 0.6,
        ),
      0,
    );
  const sure = (bars: readonly Bar[], plain: Signal, [right, wrong]: readonly [number, number]): Signal =>
    plain.map((value, i) => Math.sign(value) * (moveAfter(bars, i, 1) === Math.sign(value) ? right : wrong));
  const averages = (bars: readonly Bar[]): Signal => crossing(bars, 10, 40);
  return [
    ...labelled("averages 10/40", averages),
    ...labelled("averages 20/80", (bars) => crossing(bars, 20, 80)),
    ...labelled("bands 20 x 2", (bars) => bands(bars, 20, 2)),
    ...labelled("breakout 48, held", (bars) => breakout(bars, 48, true)),
    ...labelled("momentum 24", (bars) => momentum(bars, 24, 1)),
    ...[0.05, 0.1, 0.3].map((share) => ({
      what: `${100 * share} % of hourly votes know the next bar, the others are random`,
      votes: knowing(share),
    })),
    ...[4, 24].map((span) => ({ what: `the direction of the next ${span} bars`, votes: knowing(1, span) })),
    ...(
      [
        [0.8, 0.4],
        [0.65, 0.55],
      ] as const
    ).map((levels) => ({
      what: `averages 10/40 with confidence ${levels[0]} where the next bar agrees, else ${levels[1]}`,
      votes: votesOf(series, ({ bars }) => sure(bars, averages(bars), levels), 0),
    })),
    {
      what: "one asset of three: momentum 6, 1 bar early",
      votes: votesOf(series, ({ asset, bars }) => earlier(momentum(bars, 6, 1), () => asset === series[0]!.asset), 0),
    },
    {
      what: "a tenth of the time: momentum 6, 1 bar early",
      votes: votesOf(series, ({ bars }) => earlier(momentum(bars, 6, 1), (i) => i % 1000 < 100), 0),
    },
    ...longerBars(series),
    ...[1, 5].map((days) => ({
      what: `momentum of ${days} ${days === 1 ? "day" : "days"}, labelled with the day that it ends with`,
      votes: labelledByDay(series, days),
    })),
  ];
}

/** Averages of bars of four hours, labelled with the starts of these. */
function longerBars(series: readonly BarSeries[]): LeakCase[] {
  return [
    [5, 20],
    [10, 40],
    [20, 80],
  ].flatMap(([fast, slow]) => {
    const signal = every(4, ({ bars }) => crossing(bars, 4 * fast!, 4 * slow!));
    const forms = { "a row each": signal, "filled to every hour": filled(signal), "rows at changes": changes(signal) };
    return Object.entries(forms).map(([form, each]) => ({
      what: `averages ${fast}/${slow} of 4 h, labelled with the start of their bar, ${form}`,
      votes: votesOf(series, each, 4),
    }));
  });
}

/** A signal that is a bar early at some bars. */
function earlier(signal: Signal, isEarly: (i: number) => boolean): Signal {
  return signal.map((value, i) => (isEarly(i) ? (signal[i + 1] ?? value) : value));
}

function labelledByDay(series: readonly BarSeries[], days: number): FileVotes {
  return new Map(
    series.map(({ asset, bars }) => {
      const closes = [...Map.groupBy(bars, ({ timestamp }) => Math.floor(timestamp / DAY_MS))].map(([day, ofDay]) => {
        return { day, close: ofDay.at(-1)!.close };
      });
      const votes = closes.slice(days).map(({ day, close }, i) => {
        const action = close > closes[i]!.close ? ("BUY" as const) : ("SELL" as const);
        return { timestamp: day * DAY_MS, answer: { action, confidence: 60 } };
      });
      return [asset, votes];
    }),
  );
}

if (import.meta.main) console.log(renderReport(await voteLeak()));
