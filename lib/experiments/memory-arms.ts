/** Runs that differ from the one with memory in one thing: what of memory they use, or how much they bet. */
import { equalWeights } from "../backtest/judge.ts";
import type { Lessons } from "../memory/lessons.ts";
import type { Memory } from "../memory/store.ts";
import { MemoryView, type MemoryViewOptions } from "../memory/view.ts";
import type { DecisionRecord, MemoryContext, Situation } from "../types.ts";
import { meanOf } from "../util/numbers.ts";
import type { RunTrace } from "./in-memory-run.ts";

/** How a run opens its view of memory. */
export type OpenView = (memory: Memory, options: MemoryViewOptions) => MemoryView;

/** The parts of memory that an ablation leaves out, one at a time. */
export const ABLATIONS = ["weights", "sizes", "calibration", "recall"] as const;
/** A part of memory. */
export type Ablation = (typeof ABLATIONS)[number];

/** The mean part of the full size that a run gave its trades, 0.02..1. `null` if it made none. An order that is never filled is no bet. */
export function meanSizeScale({ decisions, trades }: Pick<RunTrace, "decisions" | "trades">): number | null {
  const made = new Set(trades.map(({ id }) => id));
  const scales = decisions.map((line) => {
    const { decision_id: id, size_scale } = JSON.parse(line) as DecisionRecord;
    return made.has(id) ? size_scale : null;
  });
  return meanOf(scales);
}

/** Opens a view for a run with memory off in which every size is multiplied by `scale`. It bets less, and knows no more. */
export function matchedSizes(scale: number): OpenView {
  return (memory, options) => new MatchedView(memory, { ...options, scale });
}

class MatchedView extends MemoryView {
  readonly #lessons: Lessons;

  constructor(memory: Memory, options: MemoryViewOptions & { scale: number }) {
    super(memory, options);
    const { providers, scale } = options;
    this.#lessons = {
      weights: providers.map(() => 1 / providers.length),
      weigh: (_situation, votes) => equalWeights(votes),
      calibrate: (confidence) => confidence,
      scale: () => ({ expectedR: null, scale }),
    };
  }

  override lessons(): Lessons {
    return this.#lessons;
  }
}

/** Opens a view for a run with all of memory but one part. */
export function withoutPart(part: Ablation): OpenView {
  return (memory, options) => new AblatedView(memory, { ...options, part });
}

class AblatedView extends MemoryView {
  readonly #part: Ablation;

  constructor(memory: Memory, options: MemoryViewOptions & { part: Ablation }) {
    super(memory, options);
    this.#part = options.part;
  }

  override lessons(asOf: number): Lessons | undefined {
    const lessons = super.lessons(asOf);
    if (lessons === undefined) return undefined;
    const part = this.#part;
    return {
      ...lessons,
      weigh: (situation, votes) => {
        const weighed = lessons.weigh(situation, votes);
        const { weights, confidences } = equalWeights(votes);
        if (part === "weights") return { ...weighed, weights };
        return part === "calibration" ? { ...weighed, confidences } : weighed;
      },
      calibrate: part === "calibration" ? (confidence) => confidence : lessons.calibrate,
      scale: (position) => ({ ...lessons.scale(position), ...(part === "sizes" ? { scale: 1 } : {}) }),
    };
  }

  /** Without recall providers see neither similar trades nor records. */
  override async recall(situation: Situation): Promise<MemoryContext> {
    const context = await super.recall(situation);
    return this.#part === "recall" ? { ...context, similar: [], records: {} } : context;
  }
}
