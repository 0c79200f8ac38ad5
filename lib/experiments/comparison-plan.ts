/** What a comparison runs. */
import { QUESTION_FORMS, type QuestionForm } from "./known-period.ts";
import { type Ablation, ABLATIONS } from "./memory-arms.ts";

/** Shuffled runs of a world of real bars, and synthetic worlds, if nothing else is asked for. */
const SHUFFLES = 3;
export const SEEDS = 3;

/** Arms that can be left out, and those that are run unless others are named. */
export const EXTRA_ARMS: readonly ["matched", "shuffled", "masked", "mirrored"] = [
  "matched",
  "shuffled",
  ...QUESTION_FORMS,
];
/** An arm that can be left out. */
export type ExtraArm = (typeof EXTRA_ARMS)[number];
const DEFAULT_ARMS: readonly ExtraArm[] = ["matched", "shuffled"];

/** How much is run. */
export interface PlanOptions {
  /** Runs with shuffled results in each world. @default 3, or 1 in each of several worlds */
  readonly shuffles?: number | undefined;
  /** Synthetic worlds. @default 3 */
  readonly seeds?: number | undefined;
  /** Start days, spread evenly over the first 50 days. @default 1 */
  readonly starts?: number | undefined;
  /** What is run beside memory on and off. @default matched and shuffled */
  readonly arms?: readonly ExtraArm[] | undefined;
  /** Whether to leave out the parts of memory, one at a time. @default false */
  readonly ablate?: boolean | undefined;
  /** Multiples of the costs at which memory on and off are run, from the smallest on. @default none */
  readonly costs?: readonly number[] | undefined;
}

/** What is run in each world. */
export interface Plan {
  readonly starts: number;
  readonly matched: boolean;
  readonly shuffles: number;
  /** How language models are asked beside the first run. */
  readonly forms: readonly QuestionForm[];
  readonly ablations: readonly Ablation[];
  readonly costs: readonly number[];
  /** In all worlds. */
  readonly runs: number;
}

export function planOf(options: PlanOptions, { seeds }: { seeds: number }): Plan {
  const { starts = 1, arms = DEFAULT_ARMS, ablate = false } = options;
  const shuffles = arms.includes("shuffled") ? (options.shuffles ?? (seeds * starts === 1 ? SHUFFLES : 1)) : 0;
  const matched = arms.includes("matched");
  const forms = QUESTION_FORMS.filter((form) => arms.includes(form));
  const ablations = ablate ? ABLATIONS : [];
  const costs = (options.costs ?? []).toSorted((a, b) => a - b);
  const other = costs.filter((multiple) => multiple !== 1).length;
  const runs = seeds * starts * (2 + (matched ? 1 : 0) + shuffles + ablations.length + 2 * other);
  return { starts, matched, shuffles, forms, ablations, costs, runs };
}
