/** Whether memory helped (docs/RULES.md, "Does memory help"). */
import type { Chunk } from "../results/chunks.ts";
import type { DaysPerYear } from "../results/metrics.ts";
import { blockLength, type Interval } from "../stats/bootstrap.ts";
import { holmAdjusted } from "../stats/holm.ts";
import { meanOf } from "../util/numbers.ts";
import { armOf, type Figures, fromFigures, minus } from "./arm.ts";
import { type CostRuns, type CostSweep, costSweep } from "./cost-sweep.ts";
import { type ArmName, armsOf, type Days, DaySample, type FigureIntervals, type World } from "./day-sample.ts";
import type { RunTrace } from "./in-memory-run.ts";
import { type Ablation, ABLATIONS, meanSizeScale } from "./memory-arms.ts";
import { trackRecord, type TrackRecord, type Trials } from "./trials.ts";

/** The runs of one world from one start day on: the same period with memory, without it, and in other ways. */
export interface WorldRuns {
  /** `bars`, or `seed 1` of a synthetic world. Worlds of one name differ in their start day alone, and follow each other. */
  readonly name: string;
  readonly daysPerYear: DaysPerYear;
  readonly on: RunTrace;
  readonly off: RunTrace;
  /** Without memory, at the mean size of the run with memory. */
  readonly matched?: RunTrace | undefined;
  readonly shuffled: readonly RunTrace[];
  /** Without one part of memory. */
  readonly without?: Readonly<Partial<Record<Ablation, RunTrace>>>;
}

/** Means over worlds, and over the shuffled runs of each. */
type ArmFigures = Figures & { readonly trades: number };

/** The effect of memory in one chunk. */
interface ChunkEffect {
  readonly quarter: string;
  readonly on: Figures;
  readonly off: Figures;
  /** All `null` if they were not run. */
  readonly matched: Figures;
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

/**
 * How log growth with memory differs from that without: by betting less, which needs no memory, and by betting better. Both add up
 * to on - off.
 */
export interface Betting {
  /** The mean part of the full size that positions got with memory, 0..1. */
  readonly mean_size_scale: number | null;
  /** Matched - off. */
  readonly bet_less: Interval | null;
  /** On - matched. */
  readonly bet_better: Interval | null;
}

/** What a part of memory adds. */
interface AblationEffect {
  readonly part: Ablation;
  /** The run without it. */
  readonly without: ArmFigures;
  /** With all of memory less without this part. */
  readonly on_minus_without: FigureIntervals;
  /** The p-value of the Sharpe ratio's difference, adjusted for the number of parts (Holm). */
  readonly holm_p_value: number | null;
}

/** What a comparison says about memory. */
type Verdict = "helped" | "hurt" | "no difference that this much data can show";

/** What `compare-memory --json` prints and stores, beside what was run. */
export interface Comparison {
  /** By the Sharpe ratio, which betting less does not change. */
  readonly verdict: Verdict;
  readonly betting: Betting;
  readonly on: ArmFigures;
  readonly off: ArmFigures;
  /** `null` if they were not run. */
  readonly matched: ArmFigures | null;
  readonly shuffled: ArmFigures | null;
  readonly on_minus_off: FigureIntervals;
  readonly on_minus_matched: FigureIntervals | null;
  readonly on_minus_shuffled: FigureIntervals | null;
  readonly ablations: readonly AblationEffect[];
  readonly costs: CostSweep | null;
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
  /** The same runs at other costs. */
  readonly costs?: readonly CostRuns[] | undefined;
  /** Resamples of every interval. */
  readonly draws: number;
}

/** Begins the names of the bootstraps, which start their random numbers. */
const SEED = "compare-memory";

/** Compares runs with memory with those without it and, as far as they were made, with the others. */
export function compareRuns(runs: readonly WorldRuns[], options: ComparisonOptions): Comparison {
  const { chunks, draws } = options;
  const worlds = runs.map((world) => worldOf(world, options));
  const sample = new DaySample(worlds, { draws, seed: SEED });
  const whole = wholePeriod(sample, worlds);
  return {
    verdict: verdictOn(whole.on_minus_off.sharpe),
    ...whole,
    costs: options.costs === undefined ? null : costSweep(options.costs, options),
    quarters: chunks.map((chunk) => chunkEffect(sample, chunk)),
    first_to_last: firstToLast(sample, chunks),
    track_record: trackRecord(worlds[0], options.trials),
    method: { draws, seed: SEED, level_pct: 95 },
    worlds,
  };
}

function worldOf(
  { name, daysPerYear, on, off, matched, shuffled, without = {} }: WorldRuns,
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
    matched: matched === undefined ? null : armOfRun(matched).arm,
    mean_size_scale: meanSizeScale(on),
    shuffled: shuffled.map((run) => armOfRun(run).arm),
    without: Object.fromEntries(Object.entries(without).map(([part, run]) => [part, armOfRun(run).arm])),
  };
}

type WholePeriod = Pick<
  Comparison,
  | "betting"
  | "on"
  | "off"
  | "matched"
  | "shuffled"
  | "on_minus_off"
  | "on_minus_matched"
  | "on_minus_shuffled"
  | "ablations"
>;

function wholePeriod(sample: DaySample, worlds: readonly World[]): WholePeriod {
  const all = sample.allDays();
  const parts = ABLATIONS.filter((part) => worlds.some(({ without }) => without[part] !== undefined));
  const others: readonly ArmName[] = ["off", "matched", "shuffled", ...parts];
  const [betLess, ...differences] = sample.intervals([all], {
    name: "whole",
    differences: ([days]) => {
      const on = sample.figures("on", days!);
      const of = others.map((arm) => sample.figures(arm, days!));
      return [minus(of[1]!, of[0]!), ...of.map((other) => minus(on, other))];
    },
  });
  const on = reportedArm(sample, "on", worlds);
  const compared = others.map((arm, i) => {
    const figures = reportedArm(sample, arm, worlds);
    return figures === null ? null : { figures, difference: reportedOnly(differences[i]!, [on!, figures]) };
  });
  const [off, matched, shuffled, ...ablated] = compared;
  const adjusted = holmAdjusted(ablated.map((each) => each?.difference.sharpe?.p_value ?? null));
  return {
    betting: {
      mean_size_scale: meanOf(worlds.map((world) => world.mean_size_scale)),
      bet_less: matched === null ? null : betLess!.log_growth,
      bet_better: matched?.difference.log_growth ?? null,
    },
    on: on!,
    off: off!.figures,
    matched: matched?.figures ?? null,
    shuffled: shuffled?.figures ?? null,
    on_minus_off: off!.difference,
    on_minus_matched: matched?.difference ?? null,
    on_minus_shuffled: shuffled?.difference ?? null,
    ablations: parts.map((part, i) => ({
      part,
      without: ablated[i]!.figures,
      on_minus_without: ablated[i]!.difference,
      holm_p_value: adjusted[i]!,
    })),
  };
}

/** The figures of an arm over the whole period, with its mean number of trades; `null` if it was not run. */
function reportedArm(sample: DaySample, name: ArmName, worlds: readonly World[]): ArmFigures | null {
  const arms = worlds.flatMap((world) => armsOf(world, name));
  if (arms.length === 0) return null;
  const trades = arms.reduce((sum, arm) => sum + arm.trades.day.length, 0) / arms.length;
  return { ...sample.reported(name, sample.allDays()), trades };
}

/** The difference in the Sharpe ratio is the one figure that was chosen in advance. */
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
    matched: sample.reported("matched", days),
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
