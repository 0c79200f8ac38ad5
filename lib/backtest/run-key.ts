import { hashBars } from "../market/hash-bars.ts";
import { toColumns } from "../memory/trade-columns.ts";
import type { EmbeddedTrade } from "../memory/trade.ts";
import { canonicalJson, changedPaths, isRecord, type Json } from "../util/json.ts";
import { sha256OfBytes, sha256OfText } from "../util/sha256.ts";
import { DAY_MS, isoDate, msOfTimeframe } from "../util/time.ts";
import type { BacktestJob } from "./job.ts";

/**
 * All that a run's result depends on. Its SHA-256 is the run id, so a change of anything makes another run, and an unchanged
 * run is found again.
 */
export interface RunKey {
  readonly version: string;
  /** `<start>/<end>`, the end exclusive. */
  readonly period: string;
  /** The parsed config after flags, without storage paths and the period. */
  readonly config: Json;
  readonly seed: number;
  /** SHA-256 of each file that the config names, by its path there. */
  readonly files: Readonly<Record<string, string>>;
  /** SHA-256 of each asset's bars up to the run's end. */
  readonly bars: Readonly<Record<string, string>>;
  /** SHA-256 of each asset's features that were known before the run's end, where there are some. */
  readonly features?: Readonly<Record<string, string>>;
  readonly market: string;
  /** The fingerprint of what turns sentences into vectors. */
  readonly embedder: string;
  /** Id of each outcome that the run carries in, and the start of the SHA-256 of its file; before version 1.0.0 its crc32. */
  readonly base: readonly (readonly [id: string, contentHash: string | null])[];
  /** SHA-256 of all that the run uses of these outcomes, their vectors too, wherever it has it from. */
  readonly carried_in_sha256?: string;
  readonly forget_marks: readonly { readonly provider: string; readonly before: string }[];
  /** How often the run was asked to start over. */
  readonly attempt: number;
}

/** A key without the outcomes that were carried in, which may be most of it; `carried_in_sha256` tells whether they differ. */
export type RunKeyHead = Omit<RunKey, "base">;

/** The timeframe of a run's bars, ms. A session has no bars, and marks by the day. */
export function timeframeMsOf({ config }: Pick<RunKey, "config">): number {
  const { backtest, settings } = isRecord(config) ? config : {};
  if (isRecord(backtest) && typeof backtest["timeframe"] === "string") return msOfTimeframe(backtest["timeframe"]);
  // The key of a run that was not made by a configuration, see `configOf()`.
  return isRecord(settings) && typeof settings["timeframeMs"] === "number" ? settings["timeframeMs"] : DAY_MS;
}

/**
 * Makes a job's run key and run id. The attempt is the highest that the folder has of this run.
 *
 * @param memory `carriedIn`: the outcomes that the run carries in. `known`: keys of the folder's runs, by id.
 * @returns `notes` say how a new run differs from the most similar older one of its period.
 */
export async function identifyRun(
  job: BacktestJob,
  memory: { carriedIn: readonly EmbeddedTrade[]; known: ReadonlyMap<string, RunKey> },
): Promise<{ id: string; key: RunKey; notes: readonly string[] }> {
  const { carriedIn, known } = memory;
  const first = await firstAttempt(job, carriedIn);
  const highest = highestAttempt(first, known);
  const last = { ...first, attempt: Math.max(0, highest) };
  const { restart = false } = job;
  const startsOver = typeof restart === "boolean" ? restart : highest >= 0 && (await restart(runIdOf(last)));
  const key = startsOver ? { ...first, attempt: highest + 1 } : last;
  const id = job.key.runId ?? runIdOf(key);
  return { id, key, notes: known.has(id) ? [] : notesOnOlder(id, key, { known, job }) };
}

/** The highest attempt of a run among those of a folder; -1 if there is none. */
export function highestAttempt(key: RunKey, known: ReadonlyMap<string, RunKey>): number {
  const attempts = new Set([...known.values()].map(({ attempt }) => attempt));
  return Math.max(-1, ...[...attempts].filter((attempt) => known.has(runIdOf({ ...key, attempt }))));
}

async function firstAttempt(job: BacktestJob, carriedIn: readonly EmbeddedTrade[]): Promise<RunKey> {
  const marks = job.memory.marks.map(({ provider, beforeMs }) => ({
    provider,
    before: new Date(beforeMs).toISOString(),
  }));
  return {
    version: job.key.version,
    period: `${isoDate(job.period.startMs)}/${isoDate(job.period.endMs)}`,
    config: job.key.config ?? configOf(job),
    seed: job.key.seed,
    files: job.key.files,
    bars: await hashBarsByAsset(job),
    ...hashFeatures(job),
    market: job.market,
    embedder: job.memory.embedder.fingerprint,
    base: carriedIn.map(({ id, contentHash }) => [id, contentHash] as const),
    carried_in_sha256: await hashTrades(carriedIn),
    forget_marks: marks.toSorted((a, b) => (a.provider + a.before < b.provider + b.before ? -1 : 1)),
    attempt: 0,
  };
}

/** What a job's result depends on, for a job that no configuration file describes. */
function configOf({ settings, memorySettings, chunkKind, providers }: BacktestJob): Json {
  const config = {
    settings: { ...settings, costs: Object.fromEntries(settings.costs) },
    memory: memorySettings,
    chunks: chunkKind,
    providers: providers.map(({ name }) => name),
  };
  return JSON.parse(JSON.stringify(config)) as Json;
}

/** Names the most similar older run of the same period, and what differs. */
function notesOnOlder(
  id: string,
  key: RunKey,
  { known, job }: { known: ReadonlyMap<string, RunKey>; job: BacktestJob },
): readonly string[] {
  const [closest] = [...known]
    .filter(([, older]) => older.period === key.period)
    .map(([olderId, older]) => ({
      id: olderId,
      base: older.base,
      version: older.version,
      differs: changedParts(older, key),
    }))
    .toSorted((a, b) => a.differs.length - b.differs.length || (a.id < b.id ? -1 : 1));
  if (closest === undefined) return [];
  const carriedIn = `the outcomes carried in (${baseChange(closest.base, key.base)})`;
  const versions = `version (${closest.version} then, ${key.version} now; only ${closest.version} can continue it)`;
  const differs = closest.differs.map((part) =>
    part === "base" ? carriedIn : part === "version" ? versions : (PARTS[part] ?? part),
  );
  const kept = job.memorySettings.enabled ? job.memory.trades.filter(({ runId }) => runId === closest.id).length : 0;
  const { removeCommand = (runId) => `runs remove ${runId} --with-outcomes --yes` } = job;
  const trades = kept === 1 ? "trade" : `${kept} trades`;
  const remembered =
    kept === 0
      ? ""
      : `. Runs of later days remember its ${trades}, too; another --memory-dir begins afresh. To remove the older run and its ${trades}: ` +
        `${removeCommand(closest.id.slice(0, 12))}. For this one, name ${id.slice(0, 12)}`;
  return [
    `This is a new run, ${id.slice(0, 12)}: run ${closest.id.slice(0, 12)} of ${key.period.replace("/", " to ")} ` +
      `differs in ${differs.join(", ")}. The older one stays as it is${remembered}`,
  ];
}

/** The paths at which keys differ, without those that only follow from another. */
export function changedParts(older: RunKeyHead, key: RunKeyHead): readonly string[] {
  const changed = changedPaths(older, key);
  return (
    changed
      // The configuration has the seed as well.
      .filter((part) => part !== "seed" || !changed.includes("config.backtest.seed"))
      // Before version 1.0.0 there was none.
      .filter(
        (part) => part !== "carried_in_sha256" || !(older.carried_in_sha256 === undefined || changed.includes("base")),
      )
  );
}

/** How messages call parts of a key that nobody would know by their names. */
const PARTS: Readonly<Record<string, string>> = {
  carried_in_sha256: "what the caches say of the outcomes carried in (memory-stats --check)",
};

/** Such as `5 then, 6 now, 1 gone, 2 changed`. */
function baseChange(before: RunKey["base"], now: RunKey["base"]): string {
  const hashes = new Map(now);
  const gone = before.filter(([id]) => !hashes.has(id)).length;
  // Before version 1.0.0 there were checksums, of eight digits.
  const isChanged = ([id, hash]: RunKey["base"][number]): boolean =>
    hashes.has(id) && hash?.length === 32 && hashes.get(id) !== hash;
  const changed = before.filter(isChanged).length;
  return `${before.length} then, ${now.length} now, ${gone} gone${changed === 0 ? "" : `, ${changed} changed`}`;
}

/** SHA-256 over the columns of trades, as in the sidecar, and their vectors. */
export async function hashTrades(trades: readonly EmbeddedTrade[]): Promise<string> {
  const columns = new TextEncoder().encode(JSON.stringify(toColumns(trades)));
  const dim = trades[0]?.vector.length ?? 0;
  const bytes = new Uint8Array(columns.length + trades.length * dim * 4);
  bytes.set(columns);
  trades.forEach(({ vector }, i) => {
    bytes.set(new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength), columns.length + i * dim * 4);
  });
  return sha256OfBytes(bytes);
}

/** @returns 64 hexadecimal digits. The order of keys in maps does not matter. */
export function runIdOf(key: RunKey): string {
  return sha256OfText(canonicalJson(key));
}

export async function hashBarsByAsset({
  series,
  period,
  shared,
}: Pick<BacktestJob, "series" | "period" | "shared">): Promise<Record<string, string>> {
  const hashes: Record<string, string> = {};
  for (const [asset, each] of series) {
    hashes[asset] = await (shared?.hashOf(each, period.endMs) ?? hashBars(each, period.endMs));
  }
  return hashes;
}

function hashFeatures({ features, period }: Pick<BacktestJob, "features" | "period">): Pick<RunKey, "features"> {
  if (features === undefined || features.size === 0) return {};
  const hashes = [...features].map(([asset, { names, rows }]) => {
    const known = rows.filter(({ timestamp }) => timestamp < period.endMs);
    return [asset, sha256OfText(JSON.stringify([names, known.map(({ timestamp, values }) => [timestamp, ...values])]))];
  });
  return { features: Object.fromEntries(hashes) };
}
