/** The days of compared runs: figures of any choice of them, and intervals of differences by drawing them again. */
import type { Chunk } from "../results/chunks.ts";
import type { DaysPerYear } from "../results/metrics.ts";
import { bootstrap, type Interval } from "../stats/bootstrap.ts";
import { createRandom } from "../util/random.ts";
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

/** A world with all that its figures are computed from. */
export interface World {
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
  readonly shuffled: readonly Arm[];
}

/** Intervals of differences; `null` where a figure is undefined. */
export type FigureIntervals = Readonly<Record<Figure, Interval | null>>;

/** An arm: with memory, without it, or with shuffled results. */
export type ArmName = "on" | "off" | "shuffled";
/** Some days of each world, as indices into its dates. */
export type Days = readonly Int32Array[];

/** The days of compared runs. */
export class DaySample {
  readonly #worlds: readonly World[];
  readonly #options: { readonly draws: number; readonly seed: string };
  readonly #figures: readonly Readonly<Record<ArmName, readonly ((indices: Int32Array) => DayFigures)[]>>[];

  constructor(worlds: readonly World[], options: { draws: number; seed: string }) {
    this.#worlds = worlds;
    this.#options = options;
    this.#figures = worlds.map(({ on, off, shuffled, days_per_year: daysPerYear }) => ({
      on: [figuresOfDays(on, daysPerYear)],
      off: [figuresOfDays(off, daysPerYear)],
      shuffled: shuffled.map((arm) => figuresOfDays(arm, daysPerYear)),
    }));
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

  #mean(arm: ArmName, days: Days, read: (figures: DayFigures) => Figures): Figures {
    return meanFigures(
      this.#figures.map((world, w) => meanFigures(world[arm].map((figuresOf) => read(figuresOf(days[w]!))))),
    );
  }

  /**
   * Intervals of differences between parts of the period.
   *
   * @param parts Each is resampled by itself, in each world by itself.
   * @param options `name` of the bootstrap. `differences`: computed from a resample of each part.
   */
  intervals(
    parts: readonly Days[],
    options: { name: string; differences: (parts: readonly Days[]) => readonly Figures[] },
  ): readonly FigureIntervals[] {
    const series = parts.flatMap((days) =>
      days.map(({ length }, w) => {
        // No more than a third of a series is one block, so that there is something to draw.
        const meanBlock = Math.max(1, Math.min(this.#worlds[w]!.mean_block_days, length / 3));
        return { length, meanBlock };
      }),
    );
    const count = this.#worlds.length;
    const { draws, seed } = this.#options;
    const found = bootstrap(
      series,
      (drawn) => {
        const resampled = parts.map((days, p) =>
          days.map((ofWorld, w) => drawn[p * count + w]!.map((index) => ofWorld[index]!)),
        );
        return options.differences(resampled).flatMap((figures) => FIGURES.map((figure) => figures[figure]));
      },
      { draws, random: createRandom(`${seed} ${options.name}`) },
    );
    return Array.from({ length: found.length / FIGURES.length }, (_, i) =>
      fromFigures((figure) => found[i * FIGURES.length + FIGURES.indexOf(figure)] ?? null),
    );
  }
}
