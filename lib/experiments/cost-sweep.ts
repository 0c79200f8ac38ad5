/** The same runs at multiples of their costs. */
import { meanSizeOfRun } from "../results/expectation.ts";
import type { DaysPerYear } from "../results/metrics.ts";
import { meanOf } from "../util/numbers.ts";
import { armOf, type Figures, figuresOfDays, meanFigures, reportedFigures } from "./arm.ts";
import type { RunTrace } from "./in-memory-run.ts";

/** Runs at a multiple of the costs, of each world. */
export interface CostRuns {
  readonly multiple: number;
  readonly worlds: readonly { readonly daysPerYear: DaysPerYear; readonly on: RunTrace; readonly off: RunTrace }[];
}

/** How results depend on costs. */
export interface CostSweep {
  readonly multiples: readonly {
    readonly multiple: number;
    readonly on: Figures;
    readonly off: Figures;
    /** The mean part of the full size that memory gave trades: it bets less where they cost more. */
    readonly mean_size_scale: number | null;
  }[];
  /**
   * The multiple at which log growth falls to 0, by straight lines between the multiples that were run; `null` if it does not fall
   * from above 0 to 0 between them.
   */
  readonly break_even: { readonly on: number | null; readonly off: number | null };
}

/** @param runs In the order of their multiples. */
export function costSweep(runs: readonly CostRuns[], { initialBalance }: { initialBalance: number }): CostSweep {
  const multiples = runs.map(({ multiple, worlds }) => {
    const figuresOf = (arm: "on" | "off"): Figures =>
      meanFigures(
        worlds.map((world) => {
          const { dates, arm: run } = armOf(world[arm], { initialBalance, daysPerYear: world.daysPerYear });
          const days = Int32Array.from(dates, (_, i) => i);
          return reportedFigures(figuresOfDays(run, world.daysPerYear)(days));
        }),
      );
    const sizes = worlds.map(({ on: { summary } }) => (summary === undefined ? null : meanSizeOfRun(summary)));
    return { multiple, on: figuresOf("on"), off: figuresOf("off"), mean_size_scale: meanOf(sizes) };
  });
  const growthOf = (arm: "on" | "off"): readonly (readonly [number, number | null])[] =>
    multiples.map((each) => [each.multiple, each[arm].log_growth]);
  return { multiples, break_even: { on: fallsToZero(growthOf("on")), off: fallsToZero(growthOf("off")) } };
}

/** Where a line through points falls from above 0 to 0 for the first time. */
function fallsToZero(points: readonly (readonly [x: number, y: number | null])[]): number | null {
  for (let i = 1; i < points.length; i++) {
    const [[x0, y0], [x1, y1]] = [points[i - 1]!, points[i]!];
    if (y0 !== null && y1 !== null && y0 > 0 && y1 <= 0) return x0 + ((x1 - x0) * y0) / (y0 - y1);
  }
  return null;
}
