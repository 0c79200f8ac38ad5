/** What the pictures of a report are drawn from. */
import type { Comparison } from "../experiments/compare.ts";
import type { Interval } from "../stats/bootstrap.ts";
import type { Outcome } from "../types.ts";
import type { DifferencePath } from "./effect.ts";
import type { ModelCost } from "./model-costs.ts";
import type { DecisionPoint, Mark, RunData } from "./run-data.ts";

/** The classes of page-style.ts that lines have. */
export type LineColor = "on" | "off" | "matched" | "held" | "c0" | "c1" | "c2" | "c3" | "c4" | "c5" | "c6" | "c7";

/** The equity of a run. */
export interface AccountLine {
  /** No two lines of a report have the same. */
  readonly name: string;
  readonly color: LineColor;
  /** Equity before the first mark. */
  readonly initial: number;
  /** In order of time. */
  readonly marks: readonly Mark[];
  readonly figures: {
    readonly return_pct: number | null;
    readonly sharpe: number | null;
    readonly daily_drawdown_pct: number;
    readonly trades: number;
    readonly mean_result_r: number | null;
  };
}

/** One run less another, over the days that both have. */
export interface Effect {
  /** Whether the two differ in their memory alone. Then the first is the one with it. */
  readonly isOfMemory: boolean;
  /** Whether both have the same days. */
  readonly isWhole: boolean;
  readonly first: AccountLine;
  readonly second: AccountLine;
  readonly path: DifferencePath;
  /** Of the difference of the Sharpe ratios. */
  readonly sharpe: Interval | null;
}

/** What 1 put into an asset, or into all with equal shares, is worth at the end of each day. */
export interface HeldLine {
  readonly name: string;
  readonly days: readonly { readonly date: string; readonly equity: number }[];
}

/** Everything that is known of a run, as far as it is there. */
export interface ReportData {
  readonly run: RunData;
  readonly decisions: readonly DecisionPoint[];
  /** Of the run's entries, in their order. */
  readonly outcomes: readonly Outcome[];
  /** The run first. */
  readonly accounts: readonly AccountLine[];
  /** Empty without the run's bars. */
  readonly held: readonly HeldLine[];
  /** The run with memory less the one without, or the run less another. */
  readonly effect: Effect | undefined;
  readonly comparison: Comparison | undefined;
  /** R of long trades that were recalled, by decision id. */
  readonly longRById: ReadonlyMap<string, number>;
  /** `undefined` if the run asked no model and no program. */
  readonly models: readonly ModelCost[] | undefined;
}
