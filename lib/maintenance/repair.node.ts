import { loadEmbedder } from "../embed/load.node.ts";
import { CarryoverError } from "../errors.ts";
import { countedFrom, type ForgetMark } from "../memory/forget.ts";
import { type DamagedFile, moveToQuarantine } from "../memory/load.ts";
import { healMemory, type MemoryOptions, openNoting, readOutcomes, withMemoryFolder } from "../memory/open.node.ts";
import { SIDECAR_FILE } from "../memory/sidecar.ts";
import {
  MAX_STATISTICS_BYTES,
  PROVIDER_FILE,
  providerPerformance,
  REGIME_FILE,
  regimePerformance,
} from "../memory/statistics.ts";
import { openMemory } from "../memory/store.ts";
import { countedTrades, type PerformanceRecord, type Trade } from "../memory/trade.ts";
import { VECTORS_FILE } from "../memory/vectors.ts";
import { readJsonObject } from "../storage/json-file.ts";
import { isRecord } from "../util/json.ts";
import type { Storage } from "../storage/storage.ts";
import { checkOnce, type CheckResult } from "./check.node.ts";

/** What a repair did. */
export interface Repair {
  /** What was found before it. */
  readonly before: CheckResult;
  /** Files that were moved aside, and where to. */
  readonly moved: readonly { readonly name: string; readonly to: string }[];
  /** Caches that were made anew. */
  readonly rebuilt: readonly string[];
  /** What a repair cannot heal is still among its findings. */
  readonly after: CheckResult;
}

/**
 * Heals a memory folder, under its lock: what is damaged and was written once is moved to `quarantine/`, what is counted from
 * outcomes is made anew. Nothing is removed.
 *
 * @throws {CarryoverError} `NOT_FOUND` without a memory or the embedder's model, `LOCKED`, `IO`.
 */
export async function repairMemory(options: MemoryOptions): Promise<Repair> {
  return withMemoryFolder(options.memory.dir, { what: "repair", readOnly: false }, async (storage) => {
    const before = await checkOnce(storage);
    const moved: { name: string; to: string }[] = [];
    for (const { name, remedy } of before.findings) {
      if (remedy === "quarantine" || remedy === "quarantine, run") {
        moved.push({ name, to: await moveToQuarantine(storage, name) });
      }
    }
    await healMemory(storage, { ...options, stored: await readOutcomes(storage) });
    const after = await checkOnce(storage);
    const left = new Set(after.findings.map(({ name }) => name));
    const rebuilt = before.findings
      .filter(({ name, remedy }) => (remedy === "start" || remedy === "rebuild") && !left.has(name))
      .map(({ name }) => name);
    return { before, moved, rebuilt: [...new Set(rebuilt)], after };
  });
}

/** What a provider's or a regime's statistics said, and what the outcomes say. */
export interface Recounted {
  readonly name: string;
  /** `null` where the file was missing, could not be read, or did not have it. */
  readonly before: PerformanceRecord | null;
  /** `null` where no outcome counts for it. */
  readonly after: PerformanceRecord | null;
}

/** A recount of everything. */
export interface Recount {
  /** Sorted by name, like the regimes. */
  readonly providers: readonly Recounted[];
  readonly regimes: readonly Recounted[];
  readonly outcomes: number;
  /** Outcomes and marks that are not what was once written; moved to `quarantine/`, unless nothing was to be written. */
  readonly damaged: readonly DamagedFile[];
}

/**
 * Counts providers and regimes anew, from the outcomes themselves: each of them is read and checked, and no cache is trusted.
 *
 * @param options `providers`: tell of these alone; `dryRun`: write nothing and take no lock.
 * @throws {CarryoverError} `NOT_FOUND` without a memory or for a provider that it does not know, `LOCKED`, `IO`.
 */
export async function recountProviders(
  options: MemoryOptions & { providers?: readonly string[]; dryRun?: boolean },
): Promise<Recount> {
  const { providers = [], dryRun = false } = options;
  return withMemoryFolder(options.memory.dir, { what: "reset providers", readOnly: dryRun }, async (storage) => {
    const beforeProviders = await readStatistics(storage, PROVIDER_FILE);
    const beforeRegimes = await readStatistics(storage, REGIME_FILE);
    const stored = await readOutcomes(storage);
    const { trades } = countedTrades(stored.trades);
    const after = recordsOf(providerPerformance(trades, stored.marks));
    const known = new Set([...voters(stored.trades), ...beforeProviders.keys()]);
    assertKnown(providers, known);

    if (!dryRun) await healMemory(storage, { ...options, stored });
    const regimes = recordsOf(regimePerformance(trades));
    return {
      providers: compare(providers.length === 0 ? known : providers, beforeProviders, after),
      regimes: compare([...beforeRegimes.keys(), ...regimes.keys()], beforeRegimes, regimes),
      outcomes: stored.trades.length,
      damaged: stored.damaged,
    };
  });
}

/** A forget mark and what it means. */
interface Forgotten extends ForgetMark {
  /** Trades before the mark on which the provider voted BUY or SELL, and which counted until now. */
  readonly outcomes: number;
  /** Such trades that an earlier mark had forgotten already. */
  readonly alreadyForgotten: number;
  /** False where an earlier mark reaches as far: then none is written. */
  readonly isNew: boolean;
  /** What still counts for the provider; `null` where nothing does. */
  readonly after: PerformanceRecord | null;
}

/** What was forgotten. */
export interface Forgetting {
  /** Sorted by provider. */
  readonly marks: readonly Forgotten[];
  /** Exit of the newest outcome, epoch ms. */
  readonly newestExitMs: number;
  readonly damaged: readonly DamagedFile[];
}

/**
 * Lets providers start afresh: writes a durable mark for each, before which outcomes no longer count for it.
 *
 * @param options `providers`: by default all that are remembered; `beforeMs`: epoch ms, by default just after the newest
 * outcome; `dryRun`: write nothing and take no lock.
 * @throws {CarryoverError} `NOT_FOUND` without a memory, an outcome, or for a provider that it does not know, `LOCKED`, `IO`.
 */
export async function forgetProviders(
  options: MemoryOptions & { providers?: readonly string[]; beforeMs?: number; dryRun?: boolean },
): Promise<Forgetting> {
  const { dryRun = false } = options;
  return withMemoryFolder(options.memory.dir, { what: "forget providers", readOnly: dryRun }, async (storage) => {
    if (dryRun) {
      const { trades, marks, damaged } = await readOutcomes(storage);
      return { ...planMarks(trades, marks, options), damaged };
    }
    const { onEmbedded, onNote } = options;
    const embedder = await loadEmbedder(options.memory, options);
    const memory = await openMemory(storage, { embedder, onEmbedded, onNote });
    const plan = planMarks(memory.trades, memory.marks, options);
    for (const { provider, beforeMs, isNew } of plan.marks) if (isNew) await memory.forget({ provider, beforeMs });
    await memory.flush();
    return { ...plan, damaged: memory.damaged };
  });
}

function planMarks(
  trades: readonly Trade[],
  marks: readonly ForgetMark[],
  options: MemoryOptions & { providers?: readonly string[]; beforeMs?: number },
): Omit<Forgetting, "damaged"> {
  const newest = trades.at(-1);
  if (newest === undefined) {
    throw new CarryoverError(
      "NOT_FOUND",
      `Cannot forget in "${options.memory.dir}": found no outcomes, expected at least one`,
    );
  }
  const known = voters(trades);
  const { providers = [], beforeMs = newest.exitMs + 1 } = options;
  assertKnown(providers, known);
  const names = [...(providers.length === 0 ? known : new Set(providers))].toSorted(byCodeUnit);
  const counted = countedTrades(trades).trades;
  const from = countedFrom(marks);
  const after = recordsOf(
    providerPerformance(counted, [...marks, ...names.map((provider) => ({ provider, beforeMs }))]),
  );
  const forgotten = names.map((provider) => {
    const countedFromMs = from(provider);
    const older = counted.filter((trade) => trade.exitMs < beforeMs && hasSide(trade, provider));
    const outcomes = older.filter((trade) => trade.exitMs >= countedFromMs).length;
    return {
      provider,
      beforeMs,
      outcomes,
      alreadyForgotten: older.length - outcomes,
      isNew: beforeMs > countedFromMs,
      after: after.get(provider) ?? null,
    };
  });
  return { marks: forgotten, newestExitMs: newest.exitMs };
}

/** What became of the vectors. */
export interface RebuiltVectors {
  readonly made: number;
  readonly kept: number;
  readonly dim: number;
  readonly embedder: string;
  /** Size of `vectors.f32` and its sidecar. */
  readonly vectorBytes: number;
  readonly sidecarBytes: number;
  /** Outcomes and marks that are not what was once written, moved to `quarantine/`. */
  readonly damaged: readonly DamagedFile[];
}

/**
 * Makes the vectors that are missing or damaged from their outcomes, and cuts off what belongs to none. One that is stopped or
 * killed leaves what it made, and the next (without `all`) goes on from there.
 *
 * @param options `all`: make every vector anew; `resume`: says, where this is stopped, what goes on from there, by default
 * the same command.
 * @throws {CarryoverError} `NOT_FOUND` without a memory or the embedder's model, `LOCKED`, `IO`.
 */
export async function rebuildVectors(
  options: MemoryOptions & { all?: boolean; resume?: string },
): Promise<RebuiltVectors> {
  return withMemoryFolder(options.memory.dir, { what: "rebuild vectors", readOnly: false }, async (storage) => {
    const embedder = await loadEmbedder(options.memory, options);
    const { all: rebuildAll = false, signal, resume, onEmbedded, onNote } = options;
    const { trades, embedded, damaged } = await openNoting(storage, {
      embedder,
      signal,
      resume,
      rebuildVectors: rebuildAll,
      checkLengths: true,
      onEmbedded,
      onNote,
    });
    const { files } = await storage.list();
    const sizeOf = (name: string): number => files.find((file) => file.name === name)?.size ?? 0;
    return {
      made: embedded,
      kept: trades.length - embedded,
      dim: embedder.dim,
      embedder: embedder.id,
      vectorBytes: sizeOf(VECTORS_FILE),
      sidecarBytes: sizeOf(SIDECAR_FILE),
      damaged,
    };
  });
}

/** Statistics as a file has them, as far as they make sense: it is about to be counted anew. */
async function readStatistics(storage: Storage, name: string): Promise<ReadonlyMap<string, PerformanceRecord>> {
  try {
    return recordsOf((await readJsonObject(storage, name, { maxBytes: MAX_STATISTICS_BYTES })) ?? {});
  } catch (error) {
    if (error instanceof CarryoverError && error.code === "CORRUPT") return new Map();
    throw error;
  }
}

function recordsOf(statistics: Readonly<Record<string, unknown>>): ReadonlyMap<string, PerformanceRecord> {
  const records = new Map<string, PerformanceRecord>();
  for (const [name, value] of Object.entries(statistics)) {
    if (!isRecord(value)) continue;
    const { total_trades, winning_trades, total_pnl, mean_result_r } = value;
    if (
      typeof total_trades === "number" &&
      typeof winning_trades === "number" &&
      typeof total_pnl === "number" &&
      (typeof mean_result_r === "number" || mean_result_r === null)
    ) {
      records.set(name, { total_trades, winning_trades, total_pnl, mean_result_r });
    }
  }
  return records;
}

function compare(
  names: Iterable<string>,
  before: ReadonlyMap<string, PerformanceRecord>,
  after: ReadonlyMap<string, PerformanceRecord>,
): Recounted[] {
  return [...new Set(names)].toSorted(byCodeUnit).map((name) => ({
    name,
    before: before.get(name) ?? null,
    after: after.get(name) ?? null,
  }));
}

/** Providers that voted on a remembered trade. */
function voters(trades: readonly Trade[]): ReadonlySet<string> {
  return new Set(trades.flatMap((trade) => trade.votes.map((vote) => vote.provider)));
}

function hasSide(trade: Trade, provider: string): boolean {
  return trade.votes.some((vote) => vote.provider === provider && vote.direction !== 0);
}

function assertKnown(providers: readonly string[], known: ReadonlySet<string>): void {
  const unknown = providers.filter((provider) => !known.has(provider));
  if (unknown.length === 0) return;
  const names = [...known].toSorted(byCodeUnit).map((name) => JSON.stringify(name));
  const expected = names.length === 0 ? "one that is remembered, and none is" : `one of ${names.join(", ")}`;
  const found = unknown.map((name) => JSON.stringify(name)).join(", ");
  throw new CarryoverError(
    "NOT_FOUND",
    `Cannot reset the provider ${found}: found no vote of it, expected ${expected}`,
  );
}

function byCodeUnit(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
