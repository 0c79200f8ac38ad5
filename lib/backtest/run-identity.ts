import type { OutcomeRow } from "../memory/outcome-row.ts";
import { isoDate } from "./chunks.ts";
import type { BacktestJob } from "./run.ts";
import { differences, hashBars, runIdOf, type RunKey } from "./run-key.ts";
import { readManifests } from "./run-store.ts";

/** Which run a job is. */
export interface RunIdentity {
  readonly id: string;
  readonly key: RunKey;
  /** Whether the folder does not know it yet. */
  readonly isNew: boolean;
  /** What is said of an older run of the same period that this one is not. */
  readonly notes: readonly string[];
}

/**
 * Works out the run key, and from it the run id. The attempt is the highest that the folder has of this run.
 *
 * @param base The outcomes that the run carries in.
 */
export async function identifyRun(job: BacktestJob, base: readonly OutcomeRow[]): Promise<RunIdentity> {
  const bars: Record<string, string> = {};
  for (const [asset, series] of job.series) bars[asset] = hashBars(series, job.period.endMs);
  const marks = job.memory.marks.map(({ provider, beforeMs }) => ({
    provider,
    before: new Date(beforeMs).toISOString(),
  }));
  const keyOf = (attempt: number): RunKey => ({
    version: job.key.version,
    config: job.key.config,
    seed: job.key.seed,
    files: job.key.files,
    bars,
    market: job.market,
    base: base.map(({ id, crc32 }) => [id, crc32] as const),
    forget_marks: marks.toSorted((a, b) => (a.provider + a.before < b.provider + b.before ? -1 : 1)),
    attempt,
  });

  const known = await readManifests(job.storage);
  let attempt = -1;
  while (known.has(runIdOf(keyOf(attempt + 1)))) attempt += 1;
  if (job.restart === true || attempt === -1) attempt += 1;
  const key = keyOf(attempt);
  const id = runIdOf(key);
  const isNew = !known.has(id);
  return { id, key, isNew, notes: isNew ? notesOnOlder(job, { id, key, known }) : [] };
}

/** Names the older run that is most like a new one, and what differs. */
function notesOnOlder(
  job: BacktestJob,
  run: { id: string; key: RunKey; known: ReadonlyMap<string, RunKey> },
): readonly string[] {
  const period = `${isoDate(job.period.startMs)}/${isoDate(job.period.endMs)}`;
  const [closest] = [...run.known]
    .map(([id, key]) => ({ id, differs: differences(key, run.key) }))
    .filter(
      ({ differs }) => !differs.some((part) => part === "config.backtest.start" || part === "config.backtest.end"),
    )
    .toSorted((a, b) => a.differs.length - b.differs.length || (a.id < b.id ? -1 : 1));
  if (closest === undefined) return [];
  return [
    `This is a new run, ${run.id.slice(0, 12)}: run ${closest.id.slice(0, 12)} of ${period} differs in ` +
      `${closest.differs.join(", ")}. The older one stays as it is`,
  ];
}
