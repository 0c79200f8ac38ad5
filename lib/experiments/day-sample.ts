/** The days of compared runs: figures of any choice of them, and intervals of differences by drawing them again. */
import type { Chunk } from "../results/chunks.ts";
import type { DaysPerYear } from "../results/metrics.ts";
import { bootstrap, type Interval } from "../stats/bootstrap.ts";
import { createRandom } from "../util/random.ts";
import { type Ablation, ABLATIONS } from "./memory-arms.ts";
import {
  type Arm,
  type DayFigures,
  type Figure,
  FIGURES,
  type Figures,
  figuresOfDays,
  fromFigures,
  meanFigures,
  reportedFigures,
} from "./arm.ts";

/** A world from one start day on, with all that its figures are computed from. */
export interface World {
  /** `bars`, or `seed 1` of a synthetic world. Worlds of one name differ in their start day alone, and follow each other. */
  readonly name: string;
  /** SHA-256 by asset, as in a run's key. */
  readonly bars: Readonly<Record<string, string>>;
  readonly days_per_year: DaysPerYear;
  /** Mean length of the blocks of days that are drawn. */
  readonly mean_block_days: number;
  /** `YYYY-MM-DD`. Returns are in their order, and trades have their indices. */
  readonly dates: readonly string[];
  readonly on: Arm;
  readonly off: Arm;
  /** `null` if it was not run. */
  readonly matched: Arm | null;
  /** The mean part of the full size that the run with memory gave its positions, 0..1; `null` without positions. */
  readonly mean_size_scale: number | null;
  readonly shuffled: readonly Arm[];
  /** Runs with all of memory but one part. */
  readonly without: Readonly<Partial<Record<Ablation, Arm>>>;
}

/** Intervals of differences; `null` where a figure is undefined. */
export type FigureIntervals = Readonly<Record<Figure, Interval | null>>;

/** An arm: with memory, without it, without it at the sizes of memory, with shuffled results, or without a part of memory. */
export type ArmName = "on" | "off" | "matched" | "shuffled" | Ablation;
const ARM_NAMES: readonly ArmName[] = ["on", "off", "matched", "shuffled", ...ABLATIONS];

/** The runs of an arm in a world: one, several shuffled ones, or none. */
export function armsOf(world: World, name: ArmName): readonly Arm[] {
  if (name === "shuffled") return world.shuffled;
  const arm = name === "on" || name === "off" || name === "matched" ? world[name] : world.without[name];
  return arm === null || arm === undefined ? [] : [arm];
}
/** Some days of each world, as indices into its dates. */
export type Days = readonly Int32Array[];

type FiguresOfDays = (indices: Int32Array) => DayFigures;

/** The days of compared runs. */
export class DaySample {
  readonly #worlds: readonly World[];
  readonly #options: { readonly draws: number; readonly seed: string };
  readonly #figures: readonly ReadonlyMap<ArmName, readonly FiguresOfDays[]>[];
  /** Of each world, the first world on the same path, and how many of its days come before. */
  readonly #paths: readonly { readonly first: number; readonly offset: number }[];

  constructor(worlds: readonly World[], options: { draws: number; seed: string }) {
    this.#worlds = worlds;
    this.#options = options;
    this.#figures = worlds.map((world) => {
      const of = (name: ArmName): FiguresOfDays[] =>
        armsOf(world, name).map((arm) => figuresOfDays(arm, world.days_per_year));
      return new Map(ARM_NAMES.map((name) => [name, of(name)]));
    });
    this.#paths = worlds.map(({ name, dates }) => {
      const first = worlds.findIndex((other) => other.name === name);
      return { first, offset: Math.max(0, worlds[first]!.dates.indexOf(dates[0] ?? "")) };
    });
  }

  allDays(): Days {
    return this.#worlds.map(({ dates }) => Int32Array.from(dates, (_, i) => i));
  }

  daysIn({ startMs, endMs }: Chunk): Days {
    return this.#worlds.map(({ dates }) => {
      const times = dates.map((date) => Date.parse(date));
      return Int32Array.from(times.flatMap((ms, i) => (ms >= startMs && ms < endMs ? [i] : [])));
    });
  }

  /** The figures of an arm as they are reported: without a score of too few trades. */
  reported(arm: ArmName, days: Days): Figures {
    return this.#mean(arm, days, reportedFigures);
  }

  /** The figures of an arm, whatever the number of trades. A resample with few trades belongs to the sample as well. */
  figures(arm: ArmName, days: Days): Figures {
    return this.#mean(arm, days, (figures) => figures);
  }

  /** A world that starts after these days has no part in them. */
  #mean(arm: ArmName, days: Days, read: (figures: DayFigures) => Figures): Figures {
    const worlds = this.#figures.flatMap((world, w) => (days[w]!.length === 0 ? [] : [{ world, days: days[w]! }]));
    return meanFigures(
      worlds.map(({ world, days: ofWorld }) =>
        meanFigures((world.get(arm) ?? []).map((figuresOf) => read(figuresOf(ofWorld)))),
      ),
    );
  }

  /**
   * Intervals of differences between parts of the period.
   *
   * @param parts Each is resampled by itself, in each world by itself. Worlds that differ in their start day alone are one path,
   *   and take the same days of it.
   * @param options `name` of the bootstrap. `differences`: computed from a resample of each part.
   */
  intervals(
    parts: readonly Days[],
    options: { name: string; differences: (parts: readonly Days[]) => readonly Figures[] },
  ): readonly FigureIntervals[] {
    const paths = [...new Set(this.#paths.map(({ first }) => first))];
    const series = parts.flatMap((days) =>
      paths.map((w) => {
        const { length } = days[w]!;
        // No more than a third of a series is one block, so that there is something to draw.
        const meanBlock = Math.max(1, Math.min(this.#worlds[w]!.mean_block_days, length / 3));
        return { length, meanBlock };
      }),
    );
    const { draws, seed } = this.#options;
    const found = bootstrap(
      series,
      (drawn) => {
        const resampled = parts.map((days, p) => {
          const byPath = paths.map((w, at) => drawn[p * paths.length + at]!.map((index) => days[w]![index]!));
          return this.#paths.map(({ first, offset }) => {
            const ofPath = byPath[paths.indexOf(first)]!;
            return offset === 0 ? ofPath : ofPath.map((day) => day - offset).filter((day) => day >= 0);
          });
        });
        return options.differences(resampled).flatMap((figures) => FIGURES.map((figure) => figures[figure]));
      },
      { draws, random: createRandom(`${seed} ${options.name}`) },
    );
    return Array.from({ length: found.length / FIGURES.length }, (_, i) =>
      fromFigures((figure) => found[i * FIGURES.length + FIGURES.indexOf(figure)] ?? null),
    );
  }
}
