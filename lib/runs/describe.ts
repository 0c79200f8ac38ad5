/** What a stored run is, how far it came, and how it differs from another. */
import { RunFiles, RUNS_FOLDER } from "../backtest/run-files.ts";
import { changedParts, type RunKeyHead } from "../backtest/run-key.ts";
import { isCorrupt } from "../errors.ts";
import { type Chunk, chunksThrough, planChunks } from "../results/chunks.ts";
import type { SummaryHead } from "../results/summary-shape.ts";
import type { Storage } from "../storage/storage.ts";
import { isRecord } from "../util/json.ts";

/** `stopped`: the run was interrupted, or goes on in another process. `open`: a session that was not closed. */
export type RunState = "finished" | "stopped" | "open" | "damaged";

/** A stored run, as far as it can be read. */
export interface RunDescription {
  readonly id: string;
  /** `undefined` if it is missing or damaged. */
  readonly key: RunKeyHead | undefined;
  /** Of a finished run. */
  readonly summary: SummaryHead | undefined;
  readonly chunks: readonly Chunk[];
  /** Names of the chunks whose files are all there. */
  readonly committed: readonly string[];
  readonly state: RunState;
  /** The first chunk of a stopped run that is not committed. */
  readonly stoppedIn: string | undefined;
  /** What is damaged. */
  readonly problem: string | undefined;
}

/**
 * Reads a run's key and summary, and looks which files of its chunks are there. Their bytes are `memory-stats --check`'s.
 *
 * @param names The files in its folder.
 */
export async function describeRun(
  storage: Storage,
  { id, names }: { id: string; names: readonly string[] },
): Promise<RunDescription> {
  const files = new RunFiles(storage, id);
  const problems: string[] = [];
  const readSound = async <T>(read: () => Promise<T | undefined>): Promise<T | undefined> => {
    try {
      return await read();
    } catch (error) {
      if (!isCorrupt(error)) throw error;
      problems.push(error.message);
      return undefined;
    }
  };
  const key = await readSound(() => files.readManifestHead());
  const summary = await readSound(() => files.readSummaryHead());
  if (key === undefined && problems.length === 0) {
    problems.push(`Cannot read "${RUNS_FOLDER}/${id}/manifest.json": found no such file, expected the run's key`);
  }
  const there = new Set(names);
  const chunks = key === undefined ? [] : plannedChunks(key, names);
  const parts = [".json", ".decisions.ndjson", ".equity.csv"];
  const committed = chunks.map(({ name }) => name).filter((name) => parts.every((part) => there.has(`${name}${part}`)));
  const missing = chunks.find(({ name }) => !committed.includes(name))?.name;
  if (summary !== undefined && missing !== undefined) {
    problems.push(`Cannot read chunk ${missing} of run ${id.slice(0, 12)}: found no file of it, expected three`);
  }
  const unfinished = key !== undefined && isSession(key) ? "open" : "stopped";
  const state = problems.length > 0 ? "damaged" : summary === undefined ? unfinished : "finished";
  const stoppedIn = state === "stopped" ? missing : undefined;
  return { id, key, summary, chunks, committed, state, stoppedIn, problem: problems[0] };
}

/** Whether a run is a session, whose end nobody knew when it began. */
export function isSession({ period }: RunKeyHead): boolean {
  return period.endsWith("/");
}

/**
 * The chunks of a run in the order in which it makes them; none if its key is of a kind that this version does not know.
 *
 * @param names The files in its folder.
 */
export function plannedChunks(key: RunKeyHead, names: readonly string[]): readonly Chunk[] {
  return isSession(key) ? sessionChunks(key, names) : chunksOf(key);
}

/** The chunks of a session as far as it came: through the last that has decisions. */
function sessionChunks({ period, config }: RunKeyHead, names: readonly string[]): readonly Chunk[] {
  const kind = chunkKindOf(config);
  const startMs = Date.parse(period.slice(0, -1));
  if (kind === undefined || Number.isNaN(startMs)) return [];
  const begun = names.flatMap((name) => /^(.+)\.decisions\.ndjson$/.exec(name)?.[1] ?? []);
  return chunksThrough(startMs, kind, new Set(begun));
}

/** The chunks of a run whose end is known. */
function chunksOf({ period, config }: RunKeyHead): readonly Chunk[] {
  const [start, end] = period.split("/").map((day) => Date.parse(day));
  const kind = chunkKindOf(config);
  if (kind === undefined || !(start! < end!)) return [];
  return planChunks({ startMs: start!, endMs: end! }, kind);
}

/** In the key of a job that no configuration file describes, the settings are at the top. */
function chunkKindOf(config: RunKeyHead["config"]): string | undefined {
  const settings = isRecord(config) ? (config["backtest"] ?? config) : undefined;
  const kind = isRecord(settings) ? settings["chunks"] : undefined;
  return typeof kind === "string" ? kind : undefined;
}

/** The names of a run's providers. */
export function providersOf({ config }: RunKeyHead): readonly string[] {
  const providers = isRecord(config) && Array.isArray(config["providers"]) ? config["providers"] : [];
  return providers.map((each: unknown) => (isRecord(each) ? String(each["name"]) : String(each)));
}

/** Whether a run's decisions use memory; `undefined` if its key does not say. */
export function usesMemory({ config }: RunKeyHead): boolean | undefined {
  if (!isRecord(config)) return undefined;
  const settings = config["portfolio_memory"] ?? config["memory"];
  const enabled = isRecord(settings) ? settings["enabled"] : undefined;
  return typeof enabled === "boolean" ? enabled : undefined;
}

/** In what a run differs from an older one, such as `config.backtest.chunks`; not in bars, if these are of other assets or days. */
export function differences(older: RunKeyHead, key: RunKeyHead): readonly string[] {
  const parts = changedParts(older, key);
  const followsBars = ["period", "config.backtest.assets"].some((part) => parts.includes(part));
  return followsBars ? parts.filter((part) => !part.startsWith("bars.")) : parts;
}
