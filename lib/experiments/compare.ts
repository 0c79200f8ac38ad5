/** Whether memory helped (docs/RULES.md, "Does memory help"). */
import { createRandom } from "../util/random.ts";
import { blockLength, bootstrap, type Interval, type ResampledSeries } from "../stats/bootstrap.ts";
import {
  type Arm,
  armOf,
  type DayFigures,
  type Figure,
  FIGURES,
  type Figures,
  figuresOfDays,
  fromFigures,
  meanFigures,
  minus,
  reportedFigures,
} from "./arm.ts";
import type { Chunk } from "../results/chunks.ts";
import type { DaysPerYear } from "../results/metrics.ts";
import type { RunTrace } from "./in-memory-run.ts";
import { trackRecord, type TrackRecord, type Trials } from "./trials.ts";

/** The same period run in every way. */
export interface WorldRuns {
  /** `bars`, or `seed 1` of a synthetic one. */
  readonly name: string;
  readonly daysPerYear: DaysPerYear;
  readonly on: RunTrace;
  readonly off: RunTrace;
  /** One or more. */
  readonly shuffled: readonly RunTrace[];
}

/** A world with all that its figures are made of. */
export interface World {
  readonly name: string;
  /** SHA-256 by asset, as in a run's key. */
  readonly bars: Readonly<Record<string, string>>;
  readonly days_per_year: DaysPerYear;
  /** Mean length of the blocks of days that are drawn. */
  readonly mean_block_days: number;
  /** `YYYY-MM-DD`; returns and trades speak of their places. */
  readonly dates: readonly string[];
  readonly on: Arm;
  readonly off: Arm;
  readonly shuffled: readonly Arm[];
}

/** Means over worlds (and over shuffles, of the shuffled runs). */
export type ArmFigures = Figures & { readonly trades: number };
/** A difference of figures; `null` where one of them is undefined. */
export type FigureIntervals = Readonly<Record<Figure, Interval | null>>;

/** The effect of memory in one chunk. */
export interface ChunkEffect {
  readonly quarter: string;
  readonly on: Figures;
  readonly off: Figures;
  readonly shuffled: Figures;
  readonly on_minus_off: FigureIntervals;
}

/** How the trades of the last chunk differ from those of the first. */
export interface FirstToLast {
  readonly first: string;
  readonly last: string;
  readonly on: { readonly first: Figures; readonly last: Figures; readonly change: FigureIntervals };
  readonly off: { readonly first: Figures; readonly last: Figures; readonly change: FigureIntervals };
  /** The change with memory less the change without. */
  readonly on_minus_off: FigureIntervals;
}

/** What a comparison says of memory. */
export type Verdict = "helped" | "hurt" | "no difference that this much data can show";

/** What `compare-memory --json` prints and stores, beside what was run. */
export interface Comparison {
  readonly verdict: Verdict;
  readonly on: ArmFigures;
  readonly off: ArmFigures;
  readonly shuffled: ArmFigures;
  readonly on_minus_off: FigureIntervals;
  readonly on_minus_shuffled: FigureIntervals;
  readonly quarters: readonly ChunkEffect[];
  /** `null` of a run of one chunk. */
  readonly first_to_last: FirstToLast | null;
  readonly track_record: TrackRecord;
  readonly method: { readonly draws: number; readonly seed: string; readonly level_pct: 95 };
  readonly worlds: readonly World[];
}

const SEED = "compare-memory";

/** Compares runs with memory, without it, and with shuffled outcomes. */
export function compareRuns(
  runs: readonly WorldRuns[],
  options: {
    chunks: readonly Chunk[];
    initialBalance: number;
    /** No block is shorter than the longest a trade may last, in days. */
    longestTradeDays: number;
    trials: Trials;
    draws: number;
  },
): Comparison {
  const { chunks, draws } = options;
  const worlds = runs.map((world) => worldOf(world, options));
  const figuresOfArm = worlds.map((world) => ({
    on: figuresOfDays(world.on, world.days_per_year),
    off: figuresOfDays(world.off, world.days_per_year),
    shuffled: world.shuffled.map((arm) => figuresOfDays(arm, world.days_per_year)),
  }));
  type ArmName = "on" | "off" | "shuffled";
  type FiguresOf = (arm: ArmName, indices: readonly Int32Array[]) => Figures;
  const figuresBy =
    (read: (figures: DayFigures) => Figures): FiguresOf =>
    (arm, indices) =>
      meanFigures(
        figuresOfArm.map((maker, w) => {
          const own = indices[w] as Int32Array;
          return arm === "shuffled"
            ? meanFigures(maker.shuffled.map((make) => read(make(own))))
            : read(maker[arm](own));
        }),
      );
  const reported = figuresBy(reportedFigures);
  // A resample that happens to have few trades is one of the sample's none the less.
  const figuresOf = figuresBy((figures) => figures);
  /** Days of a world in a span of time. */
  const daysIn = (world: World, chunk: Chunk): Int32Array =>
    Int32Array.from(
      world.dates.flatMap((date, i) => {
        const ms = Date.parse(date);
        return ms >= chunk.startMs && ms < chunk.endMs ? [i] : [];
      }),
    );
  const all = worlds.map((world) => Int32Array.from(world.dates, (_, i) => i));
  /** Differences over parts of the worlds' days, each part resampled by itself. */
  const intervals = (
    parts: readonly (readonly Int32Array[])[],
    differences: (indices: readonly (readonly Int32Array[])[]) => readonly Figures[],
    name: string,
  ): FigureIntervals[] => {
    const series = parts.flatMap((part) =>
      part.map((days, w) => resampled(days.length, worlds[w]?.mean_block_days ?? 1)),
    );
    const count = worlds.length;
    const made = bootstrap(
      series,
      (drawn) => {
        const indices = parts.map((part, p) =>
          part.map((days, w) => (drawn[p * count + w] as Int32Array).map((place) => days[place] as number)),
        );
        return differences(indices).flatMap((figures) => FIGURES.map((figure) => figures[figure]));
      },
      { draws, random: createRandom(`${SEED} ${name}`) },
    );
    const found: FigureIntervals[] = [];
    for (let i = 0; i < made.length; i += FIGURES.length) {
      found.push(fromFigures((figure) => made[i + FIGURES.indexOf(figure)] ?? null));
    }
    return found;
  };

  const [onOff, onShuffled] = intervals(
    [all],
    ([days = []]) => {
      const on = figuresOf("on", days);
      return [minus(on, figuresOf("off", days)), minus(on, figuresOf("shuffled", days))];
    },
    "whole",
  ) as [FigureIntervals, FigureIntervals];
  const [on, off, shuffled] = [reported("on", all), reported("off", all), reported("shuffled", all)];
  const quarters = chunks.map((chunk): ChunkEffect => {
    const days = worlds.map((world) => daysIn(world, chunk));
    const [difference] = intervals(
      [days],
      ([own = []]) => [minus(figuresOf("on", own), figuresOf("off", own))],
      chunk.name,
    ) as [FigureIntervals];
    const ofChunk = { on: reported("on", days), off: reported("off", days), shuffled: reported("shuffled", days) };
    return { quarter: chunk.name, ...ofChunk, on_minus_off: reportedOnly(difference, [ofChunk.on, ofChunk.off]) };
  });
  const { p_value: p = 1, estimate = 0 } = onOff.return_pct ?? {};
  const isShown = p <= 0.05 && estimate !== 0;
  return {
    verdict: !isShown ? "no difference that this much data can show" : estimate > 0 ? "helped" : "hurt",
    on: withTrades(
      on,
      worlds.map((world) => [world.on]),
    ),
    off: withTrades(
      off,
      worlds.map((world) => [world.off]),
    ),
    shuffled: withTrades(
      shuffled,
      worlds.map((world) => world.shuffled),
    ),
    on_minus_off: reportedOnly(onOff, [on, off]),
    on_minus_shuffled: reportedOnly(onShuffled, [on, shuffled]),
    quarters,
    first_to_last: firstToLast(),
    track_record: trackRecord(worlds[0], options.trials),
    method: { draws, seed: SEED, level_pct: 95 },
    worlds,
  };

  function firstToLast(): FirstToLast | null {
    const [first] = chunks;
    const last = chunks.at(-1);
    if (first === undefined || last === undefined || first === last) return null;
    const parts = [first, last].map((chunk) => worlds.map((world) => daysIn(world, chunk)));
    const [firstDays = [], lastDays = []] = parts;
    const change = (arm: ArmName, indices: readonly (readonly Int32Array[])[]): Figures =>
      minus(figuresOf(arm, indices[1] ?? []), figuresOf(arm, indices[0] ?? []));
    const [onChange, offChange, both] = intervals(
      parts,
      (indices) => {
        const changes = [change("on", indices), change("off", indices)] as const;
        return [...changes, minus(...changes)];
      },
      "first to last",
    ) as [FigureIntervals, FigureIntervals, FigureIntervals];
    const ends = (arm: ArmName): { first: Figures; last: Figures } => ({
      first: reported(arm, firstDays),
      last: reported(arm, lastDays),
    });
    const [onEnds, offEnds] = [ends("on"), ends("off")];
    const four = [onEnds.first, onEnds.last, offEnds.first, offEnds.last];
    return {
      first: first.name,
      last: last.name,
      on: { ...onEnds, change: reportedOnly(onChange, four.slice(0, 2)) },
      off: { ...offEnds, change: reportedOnly(offChange, four.slice(2)) },
      on_minus_off: reportedOnly(both, four),
    };
  }
}

/** Of a figure that is not told there is no difference either. */
function reportedOnly(differences: FigureIntervals, of: readonly Figures[]): FigureIntervals {
  return fromFigures((figure) => (of.some((figures) => figures[figure] === null) ? null : differences[figure]));
}

function worldOf(
  { name, daysPerYear, on, off, shuffled }: WorldRuns,
  options: { initialBalance: number; longestTradeDays: number },
): World {
  const armed = [on, off, ...shuffled].map((run) => armOf(run, { ...options, daysPerYear }));
  const [first, second, ...others] = armed;
  if (first === undefined || second === undefined) throw new RangeError(`Cannot compare "${name}": found no runs`);
  const differences = first.arm.returns.map((value, i) => value - (second.arm.returns[i] ?? 0));
  return {
    name,
    bars: on.key.bars,
    days_per_year: daysPerYear,
    mean_block_days: Math.max(Math.ceil(options.longestTradeDays), blockLength(differences)),
    dates: first.dates,
    on: first.arm,
    off: second.arm,
    shuffled: others.map(({ arm }) => arm),
  };
}

/** A third of a series at most is one block: there must be something to draw. */
function resampled(length: number, meanBlock: number): ResampledSeries {
  return { length, meanBlock: Math.max(1, Math.min(meanBlock, length / 3)) };
}

/** With the trades of one run, on average. */
function withTrades(figures: Figures, arms: readonly (readonly Arm[])[]): ArmFigures {
  const counts = arms.flat().map(({ trades }) => trades.day.length);
  return { ...figures, trades: counts.reduce((sum, count) => sum + count, 0) / counts.length };
}
