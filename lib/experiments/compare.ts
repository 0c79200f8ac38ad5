/** Whether memory helped (docs/RULES.md, "Does memory help"). */
import type { Chunk } from "../results/chunks.ts";
import type { DaysPerYear } from "../results/metrics.ts";
import { blockLength, type Interval } from "../stats/bootstrap.ts";
import { type Arm, armOf, type Figures, fromFigures, minus } from "./arm.ts";
import { type ArmName, type Days, DaySample, type FigureIntervals, type World } from "./day-sample.ts";
import type { RunTrace } from "./in-memory-run.ts";
import { trackRecord, type TrackRecord, type Trials } from "./trials.ts";

/** The runs of one world: the same period with memory, without it, and with shuffled results. */
export interface WorldRuns {
  /** `bars`, or `seed 1` of a synthetic world. */
  readonly name: string;
  readonly daysPerYear: DaysPerYear;
  readonly on: RunTrace;
  readonly off: RunTrace;
  /** One or more. */
  readonly shuffled: readonly RunTrace[];
}

/** Means over worlds, and over the shuffled runs of each. */
type ArmFigures = Figures & { readonly trades: number };

/** The effect of memory in one chunk. */
interface ChunkEffect {
  readonly quarter: string;
  readonly on: Figures;
  readonly off: Figures;
  readonly shuffled: Figures;
  readonly on_minus_off: FigureIntervals;
}

/** How an arm changed from the first chunk to the last. */
interface ArmChange {
  readonly first: Figures;
  readonly last: Figures;
  readonly change: FigureIntervals;
}

/** How the last chunk differs from the first. */
interface FirstToLast {
  readonly first: string;
  readonly last: string;
  readonly on: ArmChange;
  readonly off: ArmChange;
  /** The change with memory less the change without. */
  readonly on_minus_off: FigureIntervals;
}

/** What a comparison says about memory. */
type Verdict = "helped" | "hurt" | "no difference that this much data can show";

/** What `compare-memory --json` prints and stores, beside what was run. */
export interface Comparison {
  readonly verdict: Verdict;
  readonly on: ArmFigures;
  readonly off: ArmFigures;
  readonly shuffled: ArmFigures;
  readonly on_minus_off: FigureIntervals;
  readonly on_minus_shuffled: FigureIntervals;
  readonly quarters: readonly ChunkEffect[];
  /** `null` for a run of one chunk. */
  readonly first_to_last: FirstToLast | null;
  readonly track_record: TrackRecord;
  readonly method: { readonly draws: number; readonly seed: string; readonly level_pct: 95 };
  readonly worlds: readonly World[];
}

/** How runs are compared. */
interface ComparisonOptions {
  readonly chunks: readonly Chunk[];
  readonly initialBalance: number;
  /** Blocks are no shorter on average than the longest that a trade may last, in days. */
  readonly longestTradeDays: number;
  readonly trials: Trials;
  /** Resamples of every interval. */
  readonly draws: number;
}

/** Begins the names of the bootstraps, which start their random numbers. */
const SEED = "compare-memory";

/** Compares runs with memory, without it, and with shuffled results. */
export function compareRuns(runs: readonly WorldRuns[], options: ComparisonOptions): Comparison {
  const { chunks, draws } = options;
  const worlds = runs.map((world) => worldOf(world, options));
  const sample = new DaySample(worlds, { draws, seed: SEED });
  const whole = wholePeriod(sample, worlds);
  return {
    verdict: verdictOn(whole.on_minus_off.return_pct),
    ...whole,
    quarters: chunks.map((chunk) => chunkEffect(sample, chunk)),
    first_to_last: firstToLast(sample, chunks),
    track_record: trackRecord(worlds[0], options.trials),
    method: { draws, seed: SEED, level_pct: 95 },
    worlds,
  };
}

function worldOf(
  { name, daysPerYear, on, off, shuffled }: WorldRuns,
  { initialBalance, longestTradeDays }: ComparisonOptions,
): World {
  const armOfRun = (run: RunTrace): ReturnType<typeof armOf> => armOf(run, { initialBalance, daysPerYear });
  const { dates, arm: onArm } = armOfRun(on);
  const { arm: offArm } = armOfRun(off);
  const differences = onArm.returns.map((value, i) => value - (offArm.returns[i] ?? 0));
  return {
    name,
    bars: on.key.bars,
    days_per_year: daysPerYear,
    mean_block_days: Math.max(Math.ceil(longestTradeDays), blockLength(differences)),
    dates,
    on: onArm,
    off: offArm,
    shuffled: shuffled.map((run) => armOfRun(run).arm),
  };
}

function wholePeriod(
  sample: DaySample,
  worlds: readonly World[],
): Pick<Comparison, ArmName | "on_minus_off" | "on_minus_shuffled"> {
  const all = sample.allDays();
  const [onOff, onShuffled] = sample.intervals([all], {
    name: "whole",
    differences: ([days]) => {
      const on = sample.figures("on", days!);
      return [minus(on, sample.figures("off", days!)), minus(on, sample.figures("shuffled", days!))];
    },
  });
  const [on, off, shuffled] = [
    sample.reported("on", all),
    sample.reported("off", all),
    sample.reported("shuffled", all),
  ];
  return {
    on: { ...on, trades: meanTrades(worlds.map((world) => world.on)) },
    off: { ...off, trades: meanTrades(worlds.map((world) => world.off)) },
    shuffled: { ...shuffled, trades: meanTrades(worlds.flatMap((world) => world.shuffled)) },
    on_minus_off: reportedOnly(onOff!, [on, off]),
    on_minus_shuffled: reportedOnly(onShuffled!, [on, shuffled]),
  };
}

/** The difference in return is the one figure that was chosen in advance. */
function verdictOn(difference: Interval | null): Verdict {
  if (difference === null || difference.p_value > 0.05 || difference.estimate === 0) {
    return "no difference that this much data can show";
  }
  return difference.estimate > 0 ? "helped" : "hurt";
}

function chunkEffect(sample: DaySample, chunk: Chunk): ChunkEffect {
  const days = sample.daysIn(chunk);
  const [difference] = sample.intervals([days], {
    name: chunk.name,
    differences: ([drawn]) => [minus(sample.figures("on", drawn!), sample.figures("off", drawn!))],
  });
  const [on, off] = [sample.reported("on", days), sample.reported("off", days)];
  return {
    quarter: chunk.name,
    on,
    off,
    shuffled: sample.reported("shuffled", days),
    on_minus_off: reportedOnly(difference!, [on, off]),
  };
}

function firstToLast(sample: DaySample, chunks: readonly Chunk[]): FirstToLast | null {
  const [first, last] = [chunks[0], chunks.at(-1)];
  if (first === undefined || last === undefined || first === last) return null;
  const parts = [sample.daysIn(first), sample.daysIn(last)];
  const changeOf = (arm: ArmName, [start, end]: readonly Days[]): Figures =>
    minus(sample.figures(arm, end!), sample.figures(arm, start!));
  const [onChange, offChange, difference] = sample.intervals(parts, {
    name: "first to last",
    differences: (drawn) => {
      const [on, off] = [changeOf("on", drawn), changeOf("off", drawn)];
      return [on, off, minus(on, off)];
    },
  });
  const armChange = (arm: ArmName, change: FigureIntervals): ArmChange => {
    const [start, end] = parts.map((days) => sample.reported(arm, days)) as [Figures, Figures];
    return { first: start, last: end, change: reportedOnly(change, [start, end]) };
  };
  const [on, off] = [armChange("on", onChange!), armChange("off", offChange!)];
  return {
    first: first.name,
    last: last.name,
    on,
    off,
    on_minus_off: reportedOnly(difference!, [on.first, on.last, off.first, off.last]),
  };
}

/** Leaves out the differences of figures that are not reported. */
function reportedOnly(differences: FigureIntervals, of: readonly Figures[]): FigureIntervals {
  return fromFigures((figure) => (of.some((figures) => figures[figure] === null) ? null : differences[figure]));
}

function meanTrades(arms: readonly Arm[]): number {
  return arms.reduce((sum, { trades }) => sum + trades.day.length, 0) / arms.length;
}
