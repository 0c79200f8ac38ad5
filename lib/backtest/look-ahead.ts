/**
 * Whether anything that was decided knew the future: the run is made again in a world whose past is the same and whose future is
 * another, and all that it left from before must be the same to the last digit (docs/CLI.md, "check-lookahead").
 */
import type { Decision, Outcome } from "../domain.ts";
import { openRunMemory } from "../memory/run-memory.ts";
import type { Provider } from "../providers/provider.ts";
import { differences, type Leak } from "./_differences.ts";
import { otherBars, otherOutcomes } from "./other-future.ts";
import { rehearse, type Rehearsal, type RehearsalJob } from "./rehearsal.ts";

export type { Leak } from "./_differences.ts";

/** A run to be checked. */
export interface LookaheadJob extends RehearsalJob {
  /** The providers with other votes after a time, and how many votes those are. */
  readonly providersOfOtherFuture: (afterMs: number) => Promise<{ providers: readonly Provider[]; changed: number }>;
}

/** One run in another future. */
export interface LookaheadCheck {
  /** The future begins here: what was known by then is compared. ISO 8601. */
  readonly at: string;
  /** `market`: bars and votes; `memory`: the outcomes of the folder, and the run's own, all of them visible from the start. */
  readonly changed: "market" | "memory";
  readonly changed_bars: number;
  readonly changed_votes: number;
  readonly changed_outcomes: number;
  /** What was compared. */
  readonly decisions: number;
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
 * @param options `dates`: where to look, epoch ms, inside the run's period. At each, or soon after it, up to four runs are made:
 * the market and the memory change at a time of a decision, the market again at the ends of bars in which a position was opened
 * or closed.
 */
export async function checkLookahead(
  job: LookaheadJob,
  options: { dates: readonly number[]; onStep?: (done: number, of: number) => void },
): Promise<LookaheadReport> {
  const steps = 2 + 4 * options.dates.length;
  let done = 0;
  const step = async <T>(work: Promise<T>): Promise<T> => {
    const result = await work;
    options.onStep?.(++done, steps);
    return result;
  };
  const reference = await step(rehearse(job));
  const repeated = await step(rehearse(job));
  const whole = differences(reference, repeated, { untilMs: Infinity, timeframeMs: job.settings.timeframeMs });
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
    for (const date of options.dates) {
      const { decisionMs, fillsMs } = momentsFrom(reference, date, job);
      checks.push(await step(inOtherMarket(job, reference, decisionMs)));
      if (job.memorySettings.enabled) checks.push(await step(inOtherMemory(job, reference, decisionMs)));
      for (const fillMs of fillsMs) checks.push(await step(inOtherMarket(job, reference, fillMs)));
    }
  }
  checks.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
  return { ...facts, checks, leaks: checks.reduce((sum, check) => sum + check.leaks, 0) };
}

/**
 * Where a leak of one bar would show: at a decision when a trade has just closed, which memory may not know yet; and at the ends
 * of bars in which a position was opened or closed, whose fills may not know the next bar.
 */
function momentsFrom(
  reference: Rehearsal,
  dateMs: number,
  { settings, period }: LookaheadJob,
): { decisionMs: number; fillsMs: readonly number[] } {
  const lastMs = period.endMs - settings.timeframeMs;
  const isInside = (ms: number): boolean => ms >= dateMs && ms <= lastMs;
  const times = reference.decisions
    .map((line) => Date.parse((JSON.parse(line) as Decision).timestamp))
    .filter(isInside);
  const reached = new Set(
    reference.rows.filter(({ row }) => /^(?:stop|target)$/.test(row.exitReason)).map(({ row }) => row.exitMs),
  );
  const decisionMs = times.find((ms) => reached.has(ms)) ?? times[0] ?? dateMs;

  const open = reference.marks.map((mark) => {
    const [timestamp = "", , positions] = mark.split(",");
    return { endMs: Date.parse(timestamp) + settings.timeframeMs, positions: Number(positions) };
  });
  const steps = open.flatMap(({ endMs, positions }, i) =>
    isInside(endMs) ? [{ endMs, change: positions - (open[i - 1]?.positions ?? 0) }] : [],
  );
  const fills = [steps.find(({ change }) => change > 0), steps.find(({ change }) => change < 0)];
  const fillsMs = new Set(fills.flatMap((fill) => fill?.endMs ?? []));
  fillsMs.delete(decisionMs);
  return { decisionMs, fillsMs: [...fillsMs] };
}

async function inOtherMarket(job: LookaheadJob, reference: Rehearsal, atMs: number): Promise<LookaheadCheck> {
  let bars = 0;
  const series = [...job.series].map(([asset, own]) => {
    const other = otherBars(own, atMs);
    bars += other.changed;
    return [asset, other.series] as const;
  });
  const { providers, changed: votes } = await job.providersOfOtherFuture(atMs);
  const other = await rehearse({ ...job, series: new Map(series), providers }, { untilMs: atMs + 1 });
  return checkOf("market", { job, reference, other, atMs, counts: { bars, votes, outcomes: 0 } });
}

async function inOtherMemory(job: LookaheadJob, reference: Rehearsal, atMs: number): Promise<LookaheadCheck> {
  const folder = otherOutcomes(job.remembered.rows, atMs);
  // What the end of the run closes is recorded only then, whatever the time of its exit (docs/RULES.md, "Learning").
  const own = otherOutcomes(
    reference.rows.filter(({ row }) => row.exitReason !== "end_of_run"),
    atMs,
  );
  const other = await rehearse(
    {
      ...job,
      remembered: { ...job.remembered, rows: folder.rows },
      openView: (memory, options) => {
        const view = openRunMemory(memory, options);
        for (const entry of own.rows) view.add(entry);
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
    reference: Rehearsal;
    other: Rehearsal;
    atMs: number;
    counts: { bars: number; votes: number; outcomes: number };
  },
): LookaheadCheck {
  const { job, reference, other, atMs, counts } = found;
  const { timeframeMs } = job.settings;
  const { leaks, compared, laterDecisionsChanged } = differences(reference, other, { untilMs: atMs, timeframeMs });
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
