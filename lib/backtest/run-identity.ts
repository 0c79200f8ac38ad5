import type { Trade } from "../memory/trade.ts";
import { isoDate } from "../util/time.ts";
import type { Json } from "../util/json.ts";
import type { BacktestJob } from "./job.ts";
import { readManifests } from "./run-files.ts";
import { changedParts, hashBars, runIdOf, type RunKey } from "./run-key.ts";

/** Which run a job is. */
export interface RunIdentity {
  readonly id: string;
  readonly key: RunKey;
  /** What is said of an older run of the same period that this one is not. */
  readonly notes: readonly string[];
}

/**
 * Works out the run key, and from it the run id. The attempt is the highest that the folder has of this run.
 *
 * @param base The outcomes that the run carries in.
 */
export async function identifyRun(job: BacktestJob, base: readonly Trade[]): Promise<RunIdentity> {
  const bars = await hashBarsByAsset(job);
  const marks = job.memory.marks.map(({ provider, beforeMs }) => ({
    provider,
    before: new Date(beforeMs).toISOString(),
  }));
  const keyOf = (attempt: number): RunKey => ({
    version: job.key.version,
    period: `${isoDate(job.period.startMs)}/${isoDate(job.period.endMs)}`,
    config: job.key.config ?? configOf(job),
    seed: job.key.seed,
    files: job.key.files,
    bars,
    market: job.market,
    embedder: job.memory.embedder.fingerprint,
    base: base.map(({ id, crc32 }) => [id, crc32] as const),
    forget_marks: marks.toSorted((a, b) => (a.provider + a.before < b.provider + b.before ? -1 : 1)),
    attempt,
  });

  const known = await readManifests(job.storage);
  const attempts = new Set([...known.values()].map((key) => key.attempt));
  const highest = Math.max(-1, ...[...attempts].filter((attempt) => known.has(runIdOf(keyOf(attempt)))));
  const key = keyOf(job.restart === true ? highest + 1 : Math.max(0, highest));
  const id = runIdOf(key);
  const isNew = !known.has(id);
  return { id, key, notes: isNew ? notesOnOlder({ id, key, known }) : [] };
}

/** SHA-256 of the bars that a job sees, by asset. */
export async function hashBarsByAsset({
  series,
  period,
}: Pick<BacktestJob, "series" | "period">): Promise<Record<string, string>> {
  const hashes: Record<string, string> = {};
  for (const [asset, each] of series) hashes[asset] = await hashBars(each, period.endMs);
  return hashes;
}

/** What a job's result depends on, for one that no configuration file describes. */
function configOf(job: BacktestJob): Json {
  const { settings, memorySettings, chunkKind, providers } = job;
  const costs = Object.fromEntries(settings.costs);
  const config = {
    settings: { ...settings, costs },
    memory: memorySettings,
    chunks: chunkKind,
    providers: providers.map(({ name }) => name),
  };
  return JSON.parse(JSON.stringify(config)) as Json;
}

/** Names the older run of the same period that is most like a new one, and what differs. */
function notesOnOlder(run: { id: string; key: RunKey; known: ReadonlyMap<string, RunKey> }): readonly string[] {
  const [closest] = [...run.known]
    .filter(([, key]) => key.period === run.key.period)
    .map(([id, key]) => ({ id, key, differs: changedParts(key, run.key) }))
    .toSorted((a, b) => a.differs.length - b.differs.length || (a.id < b.id ? -1 : 1));
  if (closest === undefined) return [];
  // The configuration has the seed as well.
  const differs = closest.differs.filter(
    (part) => part !== "seed" || !closest.differs.includes("config.backtest.seed"),
  );
  const before = closest.key.base;
  const ids = new Set(run.key.base.map(([id]) => id));
  const gone = before.filter(([id]) => !ids.has(id)).length;
  const bases = `base (${before.length} outcomes carried in then, ${ids.size} now, ${gone} of the former gone)`;
  return [
    `This is a new run, ${run.id.slice(0, 12)}: run ${closest.id.slice(0, 12)} of ${run.key.period.replace("/", " to ")} ` +
      `differs in ${differs.map((part) => (part === "base" ? bases : part)).join(", ")}. The older one stays as it is`,
  ];
}
