/** Which run a session is: the key of what its decisions depend on, and the sessions that it may continue. */
import { readManifests, RunFiles } from "../backtest/run-files.ts";
import { type RunKey, hashTrades, highestAttempt, runIdOf } from "../backtest/run-key.ts";
import { type Config, toSettings } from "../config/config.ts";
import { quickCheck } from "../config/quick-check.ts";
import { checkConfig } from "../config/schema.ts";
import { undefinedIfCorrupt } from "../errors.ts";
import type { Memory } from "../memory/store.ts";
import { carriedInto } from "../memory/view.ts";
import type { BacktestSettings, Costs, MemorySettings } from "../settings.ts";
import { isRecord, isSameJson, type Json } from "../util/json.ts";
import { isoDate } from "../util/time.ts";
import { VERSION } from "../version.ts";
import type { OpenSessionParams, SettingsParam } from "./params.ts";
import { ParamError } from "./param-error.ts";
import { viewOptionsOf } from "./session-view.ts";

/** What a session keeps to. */
export interface SessionSettings {
  readonly backtest: BacktestSettings;
  readonly memory: MemorySettings;
  readonly chunkKind: string;
  /** Of any asset. */
  readonly costsOf: (asset: string) => Costs;
  /** What its key has of the configuration. */
  readonly keyed: Readonly<Record<string, Json>>;
}

/**
 * The server's configuration with the keys that a session sets.
 *
 * @throws {ParamError} Naming the key, such as `settings.backtest.chunks`.
 */
export async function sessionSettings(config: Config, set: SettingsParam = {}): Promise<SessionSettings> {
  const { backtest = {}, portfolio_memory = {} } = set;
  const changed = {
    ...config,
    portfolio_memory: { ...config.portfolio_memory, ...portfolio_memory },
    backtest: { ...config.backtest, ...backtest, costs: merged(config.backtest.costs, backtest["costs"]) },
  };
  const risk = merged(config.backtest.risk, backtest["risk"]);
  const used = await checkedSettings({ ...changed, backtest: { ...changed.backtest, risk } });
  const settings = toSettings(used);
  const { chunks, timeframe, decision_interval, initial_balance, costs, asset_costs, risk: usedRisk } = used.backtest;
  const keyed = {
    portfolio_memory: used.portfolio_memory,
    backtest: { chunks, timeframe, decision_interval, initial_balance, costs, asset_costs, risk: usedRisk },
  };
  return {
    ...settings,
    chunkKind: chunks,
    costsOf: (asset) =>
      toSettings({ ...used, backtest: { ...used.backtest, assets: [asset] } }).backtest.costs.get(asset)!,
    keyed: JSON.parse(JSON.stringify(keyed)) as Record<string, Json>,
  };
}

async function checkedSettings(data: object): Promise<Config> {
  const quick = quickCheck(data);
  if (quick !== undefined) return quick;
  const { z } = await import("zod");
  const checked = checkConfig(z, data);
  if ("config" in checked) return checked.config;
  const text = checked.problems.map(({ found, place, expected }) => `found ${found}${place}, expected ${expected}`);
  const field = ["settings", ...(checked.problems[0]?.path ?? [])].join(".");
  throw new ParamError(`Cannot open_session: ${text.join("; ")}`, { field });
}

/** A part of the settings, some of its keys replaced. What is no map is left for the check. */
function merged(own: object, set: unknown): unknown {
  return isRecord(set) ? { ...own, ...set } : (set ?? own);
}

/** The run that a session is. */
export interface SessionIdentity {
  readonly id: string;
  readonly key: RunKey;
  /** Whether the folder has it already, so that it continues. */
  readonly isKnown: boolean;
}

/** What a session is told from others by. */
export interface SessionFacts {
  readonly params: OpenSessionParams;
  readonly settings: SessionSettings;
  readonly memory: Memory;
  readonly startMs: number;
}

/**
 * Finds the session to continue, or makes a new one. A backtest session is known again by all that its decisions depend on, and
 * each new one is another attempt. A live one is known again by its parameters, and continues by itself until it is closed.
 */
export async function identifySession(facts: SessionFacts): Promise<SessionIdentity> {
  const { params, memory } = facts;
  const first = await firstKey(facts);
  const known = await readManifests(memory.storage);
  if (params.mode === "live") {
    const found = params.resume === false ? undefined : await lastLive(first, known, facts);
    if (found !== undefined) return { id: found, key: known.get(found)!, isKnown: true };
    if (params.resume === true) throw nothingToResume();
    return { id: runIdOf(first), key: first, isKnown: false };
  }
  const highest = highestAttempt(first, known);
  if (params.resume !== true) {
    const key = { ...first, attempt: highest + 1 };
    return { id: runIdOf(key), key, isKnown: false };
  }
  if (highest < 0) throw nothingToResume();
  const key = { ...first, attempt: highest };
  return { id: runIdOf(key), key, isKnown: true };
}

function nothingToResume(): ParamError {
  const message =
    "Cannot open_session: found no session with the same parameters and the same memory at its start, expected one to " +
    'continue: leave "resume" out';
  return new ParamError(message, { field: "resume", code: "NOT_FOUND" });
}

async function firstKey(facts: SessionFacts): Promise<RunKey> {
  const { params, settings, memory, startMs } = facts;
  const isLive = params.mode === "live";
  const carriedIn = isLive ? [] : carriedInto(memory.trades, viewOptionsOf(facts));
  const marks = memory.marks.map(({ provider, beforeMs }) => ({ provider, before: new Date(beforeMs).toISOString() }));
  return {
    version: VERSION,
    period: `${isoDate(startMs)}/`,
    config: {
      session: { engine: params.engine, mode: params.mode, start: new Date(startMs).toISOString() },
      ...settings.keyed,
      providers: params.providers.map((name) => ({ name, type: "session" })),
    },
    seed: 0,
    files: {},
    bars: {},
    market: params.market,
    embedder: memory.embedder.fingerprint,
    // A live session learns from whatever is in memory at the time.
    base: carriedIn.map(({ id, contentHash }) => [id, contentHash] as const),
    ...(isLive ? {} : { carried_in_sha256: await hashTrades(carriedIn) }),
    forget_marks: isLive ? [] : marks.toSorted((a, b) => (a.provider + a.before < b.provider + b.before ? -1 : 1)),
    attempt: 0,
  };
}

/** The newest live session with the same parameters; one that was closed only if it is asked for. */
async function lastLive(
  first: RunKey,
  known: ReadonlyMap<string, RunKey>,
  { params, memory }: SessionFacts,
): Promise<string | undefined> {
  const isClosed = async (id: string): Promise<boolean> =>
    (await undefinedIfCorrupt(() => new RunFiles(memory.storage, id).readSummary())) !== undefined;
  const same = [...known]
    .filter(([, key]) => isSameJson(withoutStart(key), withoutStart(first)))
    .toSorted(([, a], [, b]) => (startOf(a) < startOf(b) ? 1 : -1));
  for (const [id] of same) if (params.resume === true || !(await isClosed(id))) return id;
  return undefined;
}

/** The start of a session, ISO 8601; empty for the key of a run. */
export function startOf({ config }: Pick<RunKey, "config">): string {
  const session = isRecord(config) ? config["session"] : undefined;
  return isRecord(session) ? String(session["start"]) : "";
}

function withoutStart(key: RunKey): unknown {
  const { config, market, embedder, version } = key;
  if (!isRecord(config) || !isRecord(config["session"])) return undefined;
  return { ...config, session: { ...config["session"], start: "" }, market, embedder, version };
}
