/**
 * Whether anything that was decided knew the future: the run is made again in a world whose past is the same and whose future is
 * another, and all that it left from before must be the same to the last digit (docs/CLI.md, "check-lookahead").
 */
import type { Outcome } from "../types.ts";
import { openMemoryView } from "../memory/view.ts";
import type { Provider } from "../providers/provider.ts";
import { diffTraces, type Leak } from "./trace-diff.ts";
import { type Perturbation, FUTURES_A_DATE, choosePerturbations, perturbBars, perturbOutcomes } from "./perturb.ts";
import { runInMemory, type RunTrace } from "./in-memory-run.ts";
import { type InMemoryJob } from "../backtest/job.ts";

export type { Leak } from "./trace-diff.ts";

/** Prices of the asset that moved with another halve, so that it has not moved with it any longer. */
const HALVED = 0.5;

/** A run to be checked. */
export interface LookaheadJob extends InMemoryJob {
  /** The providers with other votes after a time, and how many votes those are. */
  readonly providersOfOtherFuture: (afterMs: number) => Promise<{ providers: readonly Provider[]; changed: number }>;
}

/** One run in another future. */
export interface LookaheadCheck {
  /** The future begins here: what was known by then is compared. ISO 8601. */
  readonly at: string;
  /**
   * `market`: bars and votes; `bar`: the same, but that the bars which start then open alike; `memory`: the outcomes of the folder,
   * and the run's own, all of them visible from the start.
   */
  readonly changed: Perturbation["changed"];
  readonly changed_bars: number;
  readonly changed_votes: number;
  readonly changed_outcomes: number;
  /** What was compared. */
  readonly decisions: number;
  /** Orders that were filled; of `bar` also those at the open. */
  readonly entries: number;
  readonly outcomes: number;
  readonly marks: number;
  /** Decisions from later that came out otherwise: had there been none, the other future would not have been another. */
  readonly later_decisions_changed: number;
  readonly leaks: number;
  /** The first of them in order of time. */
  readonly first_leak: Leak | null;
}

/** What `check-lookahead --json` prints. */
export interface LookaheadReport {
  readonly decisions: number;
  readonly outcomes: number;
  /** Outcomes of the folder that the run began with. */
  readonly carried_in: number;
  /** Whether the run, made twice, is the same; where not, nothing else was checked. */
  readonly repeatable: boolean;
  readonly first_difference: Leak | null;
  /** Trades that were entered before their decision was made, which no future can excuse. */
  readonly entered_early: number;
  readonly checks: readonly LookaheadCheck[];
  /** Of all checks. */
  readonly leaks: number;
}

/** Whether nothing was found. */
export function isClean({ repeatable, leaks, entered_early: early }: LookaheadReport): boolean {
  return repeatable && leaks === 0 && early === 0;
}

/**
 * Checks a run.
 *
 * @param options `dates`: where to look, epoch ms, inside the run's period. At each, or soon after it, up to nine runs are made
 * (docs/CLI.md).
 */
export async function checkLookahead(
  job: LookaheadJob,
  options: { dates: readonly number[]; onStep?: (done: number, of: number) => void },
): Promise<LookaheadReport> {
  const steps = 2 + FUTURES_A_DATE * options.dates.length;
  let done = 0;
  const step = async <T>(work: Promise<T>): Promise<T> => {
    const result = await work;
    options.onStep?.(++done, steps);
    return result;
  };
  const reference = await step(runInMemory(job));
  const repeated = await step(runInMemory(job));
  const whole = diffTraces(reference, repeated, {
    untilMs: Infinity,
    timeframeMs: job.settings.timeframeMs,
    fillsAtOpen: false,
  });
  const facts = {
    decisions: reference.decisions.length,
    outcomes: reference.outcomes.length,
    carried_in: reference.records[0]?.remembered_at_start ?? 0,
    repeatable: whole.leaks.length === 0,
    first_difference: whole.leaks[0] ?? null,
    entered_early: reference.outcomes.filter((line) => {
      const { decision_timestamp: decided, entry_timestamp: entered } = JSON.parse(line) as Outcome;
      return entered < decided;
    }).length,
  };
  const checks: LookaheadCheck[] = [];
  if (facts.repeatable) {
    // Dates near one another lead to the same futures.
    const futures = new Map(
      options.dates
        .flatMap((date) => choosePerturbations(reference, date, job))
        .map((future) => [JSON.stringify(future), future]),
    );
    for (const future of futures.values()) {
      const check = future.changed === "memory" ? inOtherMemory : inOtherMarket;
      checks.push(await step(check(job, reference, future)));
    }
  }
  checks.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
  return { ...facts, checks, leaks: checks.reduce((sum, check) => sum + check.leaks, 0) };
}

async function inOtherMarket(job: LookaheadJob, reference: RunTrace, future: Perturbation): Promise<LookaheadCheck> {
  const { atMs, changed, halved } = future;
  const opensAlike = changed === "bar";
  let bars = 0;
  const series = [...job.series].map(([asset, own]) => {
    const other = perturbBars(own, atMs, asset === halved ? { jump: HALVED } : { opensAlike });
    bars += other.changed;
    return [asset, other.series] as const;
  });
  const { providers, changed: votes } = await job.providersOfOtherFuture(atMs);
  const other = await runInMemory({ ...job, series: new Map(series), providers }, { untilMs: atMs + 1 });
  return checkOf(changed, { job, reference, other, atMs, counts: { bars, votes, outcomes: 0 } });
}

async function inOtherMemory(job: LookaheadJob, reference: RunTrace, { atMs }: Perturbation): Promise<LookaheadCheck> {
  const folder = perturbOutcomes(job.remembered.trades, atMs);
  // What the end of the run closes is recorded only then, whatever the time of its exit (docs/RULES.md, "Learning").
  const own = perturbOutcomes(
    reference.trades.filter((trade) => trade.exitReason !== "end_of_run"),
    atMs,
  );
  const other = await runInMemory(
    {
      ...job,
      remembered: { ...job.remembered, trades: folder.trades },
      openView: (memory, options) => {
        const view = openMemoryView(memory, options);
        for (const trade of own.trades) view.add(trade);
        return view;
      },
    },
    { untilMs: atMs + 1 },
  );
  const counts = { bars: 0, votes: 0, outcomes: folder.changed + own.changed };
  return checkOf("memory", { job, reference, other, atMs, counts });
}

function checkOf(
  changed: LookaheadCheck["changed"],
  found: {
    job: LookaheadJob;
    reference: RunTrace;
    other: RunTrace;
    atMs: number;
    counts: { bars: number; votes: number; outcomes: number };
  },
): LookaheadCheck {
  const { job, reference, other, atMs, counts } = found;
  const { timeframeMs } = job.settings;
  const { leaks, compared, laterDecisionsChanged } = diffTraces(reference, other, {
    untilMs: atMs,
    timeframeMs,
    fillsAtOpen: changed === "bar",
  });
  return {
    at: new Date(atMs).toISOString(),
    changed,
    changed_bars: counts.bars,
    changed_votes: counts.votes,
    changed_outcomes: counts.outcomes,
    ...compared,
    later_decisions_changed: laterDecisionsChanged,
    leaks: leaks.length,
    first_leak: leaks[0] ?? null,
  };
}
