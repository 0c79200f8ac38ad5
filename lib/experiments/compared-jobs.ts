/** The jobs of a comparison: one job with memory, and what is changed in it. */
import type { InMemoryJob } from "../backtest/job.ts";
import { CarryoverError } from "../errors.ts";
import type { Json } from "../util/json.ts";
import { createRandom } from "../util/random.ts";
import { DAY_MS } from "../util/time.ts";
import { type Ablation, matchedSizes, withoutPart } from "./memory-arms.ts";
import { ShuffledMemoryView } from "./shuffled-memory.ts";

/** Days from the first of several start days to the last. */
const START_SPAN_DAYS = 50;
/** With several start days, the last run has at least as many days as lie before it. */
const MIN_DAYS_WITH_STARTS = 2 * START_SPAN_DAYS;

/** Adds to the version in a run's key, so that runs of an experiment never pass for runs of run-chunks. */
function marked(job: InMemoryJob, mark: string): InMemoryJob["key"] {
  return { ...job.key, version: `${job.key.version} ${mark}` };
}

/**
 * The same job from several start days on, spread evenly over 50 days. What is remembered is the same for all of them.
 *
 * @throws {CarryoverError} `BAD_USAGE` for a period of fewer than 100 days.
 */
export function fromStartDays(job: InMemoryJob, starts: number): readonly InMemoryJob[] {
  const days = (job.period.endMs - job.period.startMs) / DAY_MS;
  if (starts > 1 && days < MIN_DAYS_WITH_STARTS) {
    throw new CarryoverError(
      "BAD_USAGE",
      `Cannot use --starts ${starts}: found a period of ${days} days, expected ${MIN_DAYS_WITH_STARTS} or more, ` +
        `since the last run starts ${START_SPAN_DAYS} days after the first`,
    );
  }
  return Array.from({ length: starts }, (_, i) => {
    const later = starts === 1 ? 0 : Math.floor((START_SPAN_DAYS * i) / (starts - 1));
    return { ...job, period: { ...job.period, startMs: job.period.startMs + later * DAY_MS } };
  });
}

/** The run that `run-chunks --no-memory` makes. `config`: the key's, with memory disabled. */
export function withoutMemory(job: InMemoryJob, config: Json): InMemoryJob {
  return {
    ...job,
    memorySettings: { ...job.memorySettings, enabled: false },
    remembered: { ...job.remembered, trades: [], marks: [] },
    key: { ...job.key, config },
  };
}

/** @param off The job without memory. */
export function withMatchedSizes(off: InMemoryJob, scale: number): InMemoryJob {
  return { ...off, openView: matchedSizes(scale), key: marked(off, `matched ${scale}`) };
}

/** All of memory but one part. */
export function withAblation(job: InMemoryJob, part: Ablation): InMemoryJob {
  return { ...job, openView: withoutPart(part), key: marked(job, `without ${part}`) };
}

/** All costs times a number. */
export function withCosts(job: InMemoryJob, multiple: number): InMemoryJob {
  const costs = new Map(
    [...job.settings.costs].map(([asset, { feeBps, spreadBps, slippageBps }]) => [
      asset,
      { feeBps: multiple * feeBps, spreadBps: multiple * spreadBps, slippageBps: multiple * slippageBps },
    ]),
  );
  return { ...job, settings: { ...job.settings, costs }, key: marked(job, `costs x${multiple}`) };
}

/** Results shuffled among the trades. */
export function withShuffledResults(job: InMemoryJob, shuffle: number): InMemoryJob {
  return {
    ...job,
    openView: (memory, options) =>
      new ShuffledMemoryView(memory, { ...options, random: createRandom(`shuffle ${shuffle} ${job.key.seed}`) }),
    key: marked(job, `shuffle ${shuffle}`),
  };
}
