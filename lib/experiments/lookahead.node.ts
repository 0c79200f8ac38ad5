import { otherVotes } from "./perturb.ts";
import { checkLookahead, type LookaheadReport } from "./lookahead.ts";
import { CarryoverError } from "../errors.ts";
import { openInMemoryJob, type OpenJobOptions } from "../job/open.node.ts";

/** Dates that are looked at, where none is asked for. */
const DATES = 5;

/** A report, and what it is about. */
export interface ConfigLookahead extends LookaheadReport {
  readonly period: string;
  readonly assets: readonly string[];
  readonly data: string;
  readonly memory_enabled: boolean;
}

/**
 * Checks whether a run of a configuration knows the future. Nothing is written.
 *
 * @param options `dates`: epoch ms; evenly spread where there are none.
 * @throws {CarryoverError} `BAD_USAGE` for a date outside the run.
 */
export async function checkConfig(
  options: OpenJobOptions & { dates: readonly number[]; onStep: (done: number, of: number) => void },
): Promise<ConfigLookahead> {
  const { job: opened, providersWith } = await openInMemoryJob({ ...options, mode: "dry-run" });
  // Part of the key, so that no run of run-chunks has the ids of these.
  const job = { ...opened, key: { ...opened.key, version: `${opened.key.version} look-ahead` } };
  const { startMs, endMs } = job.period;
  const period = `${new Date(startMs).toISOString().slice(0, 10)}/${new Date(endMs).toISOString().slice(0, 10)}`;
  for (const date of options.dates) {
    if (date > startMs && date < endMs) continue;
    const found = `found "${new Date(date).toISOString()}"`;
    throw new CarryoverError(
      "BAD_USAGE",
      `Cannot use --at: ${found}, expected a time inside ${period.replace("/", " to ")}`,
    );
  }
  const spread = Array.from(
    { length: DATES },
    (_, i) => startMs + Math.floor(((endMs - startMs) * (i + 1)) / (DATES + 1)),
  );
  const report = await checkLookahead(
    {
      ...job,
      providersOfOtherFuture: async (afterMs) => {
        let changed = 0;
        const { providers } = await providersWith((votes) => {
          const other = otherVotes(votes, afterMs);
          changed += other.changed;
          return other.votes;
        });
        return { providers, changed };
      },
    },
    { dates: options.dates.length > 0 ? options.dates : spread, onStep: options.onStep },
  );
  return {
    period,
    assets: job.settings.assets,
    data: job.market,
    memory_enabled: job.memorySettings.enabled,
    ...report,
  };
}
