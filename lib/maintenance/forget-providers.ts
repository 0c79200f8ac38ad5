import { fail } from "../errors.ts";
import { countedFrom, type ForgetMark } from "../memory/forget.ts";
import { loadOutcomes } from "../memory/load.ts";
import { providerPerformance } from "../memory/statistics.ts";
import { openMemory } from "../memory/store.ts";
import { countedTrades, type PerformanceRecord, type Trade, votersOf } from "../memory/trade.ts";
import type { DamagedFile } from "../storage/damaged-file.ts";
import type { Storage } from "../storage/storage.ts";
import { assertKnownProviders, sortedNames } from "./recount.ts";
import type { RepairOptions } from "./repair.ts";

export interface ForgottenProvider {
  readonly provider: string;
  /** ISO 8601, exclusive. */
  readonly before: string;
  /** Trades before the mark on which the provider voted BUY or SELL, and which counted until now. */
  readonly outcomes: number;
  /** Such trades that an earlier mark excluded already. */
  readonly already_forgotten: number;
  /** False if an earlier mark reaches as far. Then none is written. */
  readonly is_new: boolean;
  /** What still counts for the provider; `null` if nothing does. */
  readonly after: PerformanceRecord | null;
}

export interface ForgetResult {
  /** Sorted by provider. */
  readonly marks: readonly ForgottenProvider[];
  /** Exit of the newest outcome, epoch ms. */
  readonly newestExitMs: number;
  /** Damaged outcomes and marks. They are moved to `quarantine/`, except in a dry run. */
  readonly damaged: readonly DamagedFile[];
}

/**
 * Lets providers start afresh: writes a forget mark for each. Outcomes before the mark no longer count for the provider. The
 * caller holds the storage's lock, except for a dry run.
 *
 * @param options `providers`: by default all that voted on a trade; `beforeMs`: epoch ms, by default just after the newest outcome;
 * `dryRun`: write nothing.
 * @throws {CarryoverError} `NOT_FOUND` if there is no outcome, or for a provider without a vote.
 */
export async function forgetProviders(
  storage: Storage,
  options: RepairOptions & { providers?: readonly string[]; beforeMs?: number | undefined; dryRun?: boolean },
): Promise<ForgetResult> {
  const { providers = [], beforeMs, dryRun = false, ...opening } = options;
  const opened = dryRun ? undefined : await openMemory(storage, opening);
  const remembered = opened ?? (await loadOutcomes(storage, await storage.list(), options));
  const newest = remembered.trades.at(-1);
  if (newest === undefined) {
    throw fail("NOT_FOUND", `Cannot forget in "${storage.label}"`, { found: "no outcomes", expected: "at least one" });
  }
  const voters = votersOf(remembered.trades);
  assertKnownProviders(providers, voters);
  const names = sortedNames(providers.length === 0 ? voters : providers);
  const marks = names.map((provider) => ({ provider, beforeMs: beforeMs ?? newest.exitMs + 1 }));
  const forgotten = effectsOf(marks, remembered);
  for (const [i, mark] of marks.entries()) if (forgotten[i]!.is_new) await opened?.forget(mark);
  await opened?.flush();
  return { marks: forgotten, newestExitMs: newest.exitMs, damaged: remembered.damaged };
}

/** What marks leave out, and what still counts. */
export function effectsOf(
  marks: readonly ForgetMark[],
  remembered: { readonly trades: readonly Trade[]; readonly marks: readonly ForgetMark[] },
): ForgottenProvider[] {
  const { trades } = countedTrades(remembered.trades);
  const countedSince = countedFrom(remembered.marks);
  const after = new Map(Object.entries(providerPerformance(trades, [...remembered.marks, ...marks])));
  return marks.map(({ provider, beforeMs }) => {
    const older = trades.filter(
      ({ exitMs, votes }) =>
        exitMs < beforeMs && votes.some((vote) => vote.provider === provider && vote.direction !== 0),
    );
    const outcomes = older.filter((trade) => trade.exitMs >= countedSince(provider)).length;
    return {
      provider,
      before: new Date(beforeMs).toISOString(),
      outcomes,
      already_forgotten: older.length - outcomes,
      is_new: beforeMs > countedSince(provider),
      after: after.get(provider) ?? null,
    };
  });
}
