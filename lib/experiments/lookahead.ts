/**
 * Whether anything that was decided knew the future. The run is made again in worlds with the same past and another future, and
 * all that it left from before must be the same to the last digit (docs/CLI.md, "check-lookahead").
 */
import type { InMemoryJob } from "../backtest/job.ts";
import { fail } from "../errors.ts";
import { DecisionLeaks } from "../job/decision-leaks.ts";
import type { ProviderLeak } from "../job/notes.ts";
import { MemoryView } from "../memory/view.ts";
import type { Provider } from "../providers/provider.ts";
import { countVoteChanges, MIN_TELLING_CHANGES } from "../providers/vote-leak.ts";
import type { FileVotes } from "../providers/votes-file.ts";
import type { Market, Outcome } from "../types.ts";
import { isoDate } from "../util/time.ts";
import { runInMemory, type RunTrace } from "./in-memory-run.ts";
import {
  choosePerturbations,
  MAX_PERTURBATIONS,
  perturbBars,
  perturbFeatures,
  type Perturbation,
  perturbTrades,
  perturbVotes,
  tradesSeenByExit,
} from "./perturb.ts";
import { diffTraces, knownLines, type KnownLines, type Leak } from "./trace-diff.ts";

/** Dates to look at, if none is given. */
const DATES = 5;

/** The factor for the prices of an asset that moved with another one, and from then on does not. */
const HALVED = 0.5;

/** A run to check. */
interface LookaheadJob extends InMemoryJob {
  /** Providers of the type `file` whose votes know later bars. */
  readonly voteLeaks: readonly ProviderLeak[];
  /** Providers whose votes are compared with the bars after their decisions. @default none */
  readonly ownPrograms?: readonly string[];
  /** Of providers of the type `file`, by their names. */
  readonly votes: ReadonlyMap<string, FileVotes>;
  /** Loads the providers again, with other votes than those in files. */
  readonly providersWith: (
    changeVotes: (votes: FileVotes) => FileVotes,
  ) => Promise<{ readonly providers: readonly Provider[] }>;
}

/** What one perturbed run showed. */
export interface LookaheadCheck {
  /** The perturbation begins here. What was known by then is compared. ISO 8601. */
  readonly at: string;
  /**
   * `market`: bars and votes. `bar`: the same, but that the bars that start then open alike. `memory`: the outcomes of the folder
   * and of the run itself, all visible from the start.
   */
  readonly changed: Perturbation["changed"];
  readonly changed_bars: number;
  readonly changed_votes: number;
  /** Rows of features. */
  readonly changed_features: number;
  readonly changed_outcomes: number;
  /** How much was compared. */
  readonly decisions: number;
  /** Orders that were filled; for `bar` also those at the open. */
  readonly entries: number;
  readonly outcomes: number;
  readonly marks: number;
  /** Decisions from later that changed. With none, the perturbation shows nothing. */
  readonly later_decisions_changed: number;
  readonly leaks: number;
  /** The earliest. */
  readonly first_leak: Leak | null;
}

/** What `check-lookahead --json` prints. */
export interface LookaheadReport {
  /** `<start>/<end>`, the end exclusive. */
  readonly period: string;
  readonly assets: readonly string[];
  readonly data: Market;
  readonly memory_enabled: boolean;
  readonly decisions: number;
  readonly outcomes: number;
  /** Outcomes of the memory folder that the run began with. */
  readonly carried_in: number;
  /** Whether two equal runs were the same. If not, nothing else was checked. */
  readonly repeatable: boolean;
  readonly first_difference: Leak | null;
  /** Files of votes, modules and programs that know later bars, and how that shows. */
  readonly vote_leaks: readonly ProviderLeak[];
  /** Other files of votes, which change too rarely to tell. */
  readonly rare_votes: readonly { readonly provider: string; readonly changes: number }[];
  /** Trades that were entered before their decision was made. */
  readonly entered_early: number;
  readonly checks: readonly LookaheadCheck[];
  /** Of all checks. */
  readonly leaks: number;
}

/** Whether no leak was found. */
export function isClean({ repeatable, leaks, vote_leaks: ofVotes, entered_early: early }: LookaheadReport): boolean {
  return repeatable && leaks === 0 && ofVotes.length === 0 && early === 0;
}

/**
 * Checks whether a run knows the future. Nothing is written.
 *
 * @param options `dates`: where to look, epoch ms, inside the period; up to nine runs are made for each. Default: five dates,
 * evenly spread.
 * @throws {CarryoverError} `BAD_USAGE` for a date outside the period.
 */
export async function checkLookahead(
  job: LookaheadJob,
  options: { dates?: readonly number[]; onStep?: (done: number, of: number) => void } = {},
): Promise<LookaheadReport> {
  const dates = datesIn(job.period, options.dates);
  const steps = 2 + MAX_PERTURBATIONS * dates.length;
  let done = 0;
  const step = async <T>(work: Promise<T>): Promise<T> => {
    const result = await work;
    options.onStep?.(++done, steps);
    return result;
  };
  // Another version in the key, so that no run of the memory folder has the ids of these.
  const checked = { ...job, key: { ...job.key, version: `${job.key.version} look-ahead` } };
  const first = await step(runInMemory(checked));
  // Other bars would make another id, and so other ids of decisions.
  const repeated = { ...checked, key: { ...checked.key, runId: first.runId } };
  const { timeframeMs } = job.settings;
  const reference = { run: first, lines: knownLines(first, timeframeMs) };
  const again = knownLines(await step(runInMemory(repeated)), timeframeMs);
  const { leaks: differences } = diffTraces(reference.lines, again, { untilMs: Infinity, fillsAtOpen: false });
  const checks: LookaheadCheck[] = [];
  if (differences.length === 0) {
    const perturbations = dates.flatMap((date) => choosePerturbations(first, date, job));
    // Dates near one another lead to the same perturbations.
    const distinct = new Map(perturbations.map((perturbation) => [JSON.stringify(perturbation), perturbation]));
    for (const perturbation of distinct.values()) {
      const run = perturbation.changed === "memory" ? withOtherMemory : withOtherMarket;
      checks.push(await step(run(repeated, reference, perturbation)));
    }
  }
  const ofDecisions = new DecisionLeaks(job.ownPrograms ?? []);
  ofDecisions.add(first.decisions);
  checks.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
  return {
    period: first.key.period,
    assets: job.settings.assets,
    data: job.market,
    memory_enabled: job.memorySettings.enabled,
    decisions: first.decisions.length,
    outcomes: first.outcomes.length,
    carried_in: first.records[0]?.remembered_at_start ?? 0,
    repeatable: differences.length === 0,
    first_difference: differences[0] ?? null,
    vote_leaks: [...job.voteLeaks, ...ofDecisions.find(job)],
    rare_votes: rareVotes(job),
    entered_early: first.outcomes.filter(isEnteredEarly).length,
    checks,
    leaks: checks.reduce((sum, check) => sum + check.leaks, 0),
  };
}

function rareVotes({ votes, voteLeaks, series }: LookaheadJob): LookaheadReport["rare_votes"] {
  return [...votes]
    .filter(([name]) => !voteLeaks.some(({ provider }) => provider === name))
    .map(([provider, ofFile]) => ({ provider, changes: countVoteChanges(ofFile, series) }))
    .filter(({ changes }) => changes < MIN_TELLING_CHANGES);
}

/** The run that perturbed ones are compared with. */
interface Reference {
  readonly run: RunTrace;
  readonly lines: KnownLines;
}

/** The given dates, or some that are evenly spread. */
function datesIn({ startMs, endMs }: InMemoryJob["period"], dates: readonly number[] = []): readonly number[] {
  const outside = dates.find((date) => date <= startMs || date >= endMs);
  if (outside !== undefined) {
    throw fail("BAD_USAGE", "Cannot check a date", {
      found: `"${new Date(outside).toISOString()}"`,
      expected: `a time inside ${isoDate(startMs)} to ${isoDate(endMs)}`,
    });
  }
  if (dates.length > 0) return dates;
  return Array.from({ length: DATES }, (_, i) => startMs + Math.floor(((endMs - startMs) * (i + 1)) / (DATES + 1)));
}

function isEnteredEarly(line: string): boolean {
  const { decision_timestamp: decided, entry_timestamp: entered } = JSON.parse(line) as Outcome;
  return entered < decided;
}

async function withOtherMarket(
  job: LookaheadJob,
  reference: Reference,
  perturbation: Perturbation,
): Promise<LookaheadCheck> {
  const { atMs, changed, halved } = perturbation;
  let bars = 0;
  let votes = 0;
  const series = [...job.series].map(([asset, ofAsset]) => {
    const options = asset === halved ? { jump: HALVED } : { opensAlike: changed === "bar" };
    const perturbed = perturbBars(ofAsset, atMs, options);
    bars += perturbed.changed;
    return [asset, perturbed.series] as const;
  });
  const { providers } = await job.providersWith((ofFile) => {
    const perturbed = perturbVotes(ofFile, atMs);
    votes += perturbed.changed;
    return perturbed.votes;
  });
  let rows = 0;
  const features = [...(job.features ?? [])].map(([asset, ofAsset]) => {
    const perturbed = perturbFeatures(ofAsset, atMs);
    rows += perturbed.changed;
    return [asset, perturbed.features] as const;
  });
  const perturbed = { ...job, series: new Map(series), features: new Map(features), providers };
  return checkPerturbed(perturbed, reference, { ...NOTHING_CHANGED, perturbation, bars, votes, features: rows });
}

async function withOtherMemory(
  job: LookaheadJob,
  reference: Reference,
  perturbation: Perturbation,
): Promise<LookaheadCheck> {
  const { atMs } = perturbation;
  const { remembered } = job;
  const ofFolder = perturbTrades(remembered.trades, atMs);
  const ofRun = perturbTrades(tradesSeenByExit(reference.run, { series: job.series, untilMs: atMs }), atMs);
  const perturbed: InMemoryJob = {
    ...job,
    remembered: { ...remembered, trades: ofFolder.trades },
    openView: (memory, options) => {
      const view = new MemoryView(memory, options);
      for (const trade of ofRun.trades) view.add(trade);
      return view;
    },
  };
  const outcomes = ofFolder.changed + ofRun.changed;
  return checkPerturbed(perturbed, reference, { ...NOTHING_CHANGED, perturbation, outcomes });
}

/** How many of each a perturbation has changed. */
const NOTHING_CHANGED = { bars: 0, votes: 0, features: 0, outcomes: 0 };

/** Makes a perturbed run, and compares what it knew by the time of the perturbation. */
async function checkPerturbed(
  job: InMemoryJob,
  reference: Reference,
  done: typeof NOTHING_CHANGED & { perturbation: Perturbation },
): Promise<LookaheadCheck> {
  const { atMs, changed } = done.perturbation;
  const perturbed = await runInMemory(job, { untilMs: atMs + 1 });
  const lines = knownLines(perturbed, job.settings.timeframeMs);
  const {
    leaks: differences,
    compared,
    laterDecisionsChanged,
  } = diffTraces(reference.lines, lines, {
    untilMs: atMs,
    fillsAtOpen: changed === "bar",
  });
  const leaks = [...carriedInLeaks(reference.run, perturbed), ...differences];
  return {
    at: new Date(atMs).toISOString(),
    changed,
    changed_bars: done.bars,
    changed_votes: done.votes,
    changed_features: done.features,
    changed_outcomes: done.outcomes,
    ...compared,
    later_decisions_changed: laterDecisionsChanged,
    leaks: leaks.length,
    first_leak: leaks[0] ?? null,
  };
}

/** What a run carries in closed before its start, so nothing of a later time may change it. */
function carriedInLeaks(reference: RunTrace, perturbed: RunTrace): readonly Leak[] {
  if (perturbed.key.carried_in_sha256 === reference.key.carried_in_sha256) return [];
  const [start] = reference.key.period.split("/");
  return [{ kind: "memory", timestamp: `${start}T00:00:00.000Z`, asset: null, fields: ["carried_in"] }];
}
